//! A body of numbered fields, so that a later release can add one without a new version.
//!
//! A field is its number, the length of its value (both varints of 32 bits, as postcard writes them) and the value: what
//! postcard writes of a number, a text or a list, or another body of fields. Absent options and empty lists are not written.
//! A reader skips an unknown field of an even number and refuses one of an odd number: **even numbers are for what may be
//! ignored, odd ones for what must be understood**. Numbers are never used again for something else, and the type of a field
//! never changes.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Fields being written.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Fields behind what is in `bytes` already.
    pub(crate) fn after(bytes: Vec<u8>) -> Self {
        Writer { bytes }
    }

    /// Writes a field.
    pub(crate) fn put(&mut self, number: u32, value: &(impl Serialize + ?Sized)) {
        self.put_bytes(number, &encode(value));
    }

    /// Writes a field unless it is absent.
    pub(crate) fn put_some(&mut self, number: u32, value: &Option<impl Serialize>) {
        if let Some(value) = value {
            self.put(number, value);
        }
    }

    /// Writes a list unless it is empty.
    pub(crate) fn put_many<T: Serialize>(&mut self, number: u32, values: &[T]) {
        if !values.is_empty() {
            self.put(number, values);
        }
    }

    /// Writes a value that is bytes already.
    pub(crate) fn put_bytes(&mut self, number: u32, value: &[u8]) {
        let len = u32::try_from(value.len()).expect("a field of more than 4 GB; this is a bug");
        self.bytes.extend(encode(&(number, len)));
        self.bytes.extend_from_slice(value);
    }

    /// Writes a body inside this one.
    pub(crate) fn put_fields(&mut self, number: u32, write: impl FnOnce(&mut Writer)) {
        let mut inner = Writer::default();
        write(&mut inner);
        self.put_bytes(number, &inner.bytes);
    }

    /// The body.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Fields being read, each taken once.
pub(crate) struct Reader<'a> {
    /// What is read, for messages.
    what: &'static str,
    fields: Vec<(u32, &'a [u8])>,
}

impl<'a> Reader<'a> {
    /// Cuts a body into its fields.
    pub(crate) fn new(what: &'static str, mut bytes: &'a [u8]) -> Result<Self, Error> {
        let mut fields: Vec<(u32, &[u8])> = Vec::new();
        while !bytes.is_empty() {
            let ((number, len), rest): ((u32, u32), _) =
                postcard::take_from_bytes(bytes).map_err(|error| wrong(what, error.to_string()))?;
            let Some((value, rest)) = rest.split_at_checked(len as usize) else {
                return Err(wrong(what, format!("field {number} is cut off")));
            };
            if fields.iter().any(|&(known, _)| known == number) {
                return Err(wrong(what, format!("field {number} comes twice")));
            }
            fields.push((number, value));
            bytes = rest;
        }
        Ok(Reader { what, fields })
    }

    /// The bytes of a field, if it is there.
    pub(crate) fn bytes(&mut self, number: u32) -> Option<&'a [u8]> {
        let at = self.fields.iter().position(|&(known, _)| known == number)?;
        Some(self.fields.remove(at).1)
    }

    /// A field that may be absent.
    pub(crate) fn some<T: Deserialize<'a>>(&mut self, number: u32) -> Result<Option<T>, Error> {
        let what = self.what;
        self.bytes(number).map(|bytes| decode(what, number, bytes)).transpose()
    }

    /// A field that is always there.
    pub(crate) fn need<T: Deserialize<'a>>(&mut self, number: u32) -> Result<T, Error> {
        self.some(number)?.ok_or_else(|| self.missing(number))
    }

    /// A list.
    pub(crate) fn many<T: Deserialize<'a>>(&mut self, number: u32) -> Result<Vec<T>, Error> {
        Ok(self.some(number)?.unwrap_or_default())
    }

    /// A body inside this one, if it is there.
    pub(crate) fn fields<T>(
        &mut self,
        number: u32,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(bytes) = self.bytes(number) else { return Ok(None) };
        let mut inner = Reader::new(self.what, bytes)?;
        let value = read(&mut inner)?;
        inner.done()?;
        Ok(Some(value))
    }

    /// Says that a field is not there.
    pub(crate) fn missing(&self, number: u32) -> Error {
        wrong(self.what, format!("field {number} is missing"))
    }

    /// Refuses what was not read and must not be ignored.
    pub(crate) fn done(self) -> Result<(), Error> {
        match self.fields.iter().find(|(number, _)| number % 2 == 1) {
            Some((number, _)) => {
                Err(wrong(self.what, format!("field {number} is of a later release, and must be understood")))
            }
            None => Ok(()),
        }
    }
}

/// A value as postcard writes it.
pub(crate) fn encode(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    postcard::to_extend(value, Vec::new()).expect("nothing is stored that cannot be encoded; this is a bug")
}

fn decode<'a, T: Deserialize<'a>>(what: &'static str, number: u32, bytes: &'a [u8]) -> Result<T, Error> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(wrong(what, format!("field {number} has {} bytes after its end", rest.len()))),
        Err(error) => Err(wrong(what, format!("field {number}: {error}"))),
    }
}

pub(crate) fn wrong(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Format { why: format!("{what}: {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_ignored_is_skipped_and_what_must_be_understood_is_not() {
        let mut writer = Writer::default();
        writer.put(17, "text");
        writer.put_some(19, &None::<u32>);
        writer.put(40, &7u32);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new("test", &bytes).unwrap();
        assert_eq!(reader.need::<String>(17).unwrap(), "text");
        assert_eq!(reader.some::<u32>(19).unwrap(), None);
        reader.done().unwrap();

        let mut writer = Writer::after(bytes);
        writer.put(41, &7u32);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new("test", &bytes).unwrap();
        reader.need::<String>(17).unwrap();
        assert!(matches!(reader.done(), Err(Error::Format { why }) if why.contains("field 41")));
        let mut reader = Reader::new("test", &bytes).unwrap();
        assert!(
            matches!(reader.need::<String>(19), Err(Error::Format { why }) if why.contains("19 is missing"))
        );
        assert!(Reader::new("test", &bytes[..bytes.len() - 1]).is_err());
        assert!(Reader::new("test", &[bytes.clone(), bytes].concat()).is_err());
    }
}
