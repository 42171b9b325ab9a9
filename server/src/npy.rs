//! NumPy's `.npy` files: vectors, and the ids of their nearest neighbours.
//!
//! Parsed by hand, because the header is a line of text while the crates for it take any Python literal: npyz 0.9.1
//! spends minutes on thirty nested brackets, and lets the product of a shape wrap. Nothing here recurses, and nothing
//! is allocated before the header agrees with the length of the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use half::f16;

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy's own limit for files it does not trust. A header of plain numbers has some hundred bytes.
const HEADER_BYTES_MAX: usize = 10_000;
/// What a message quotes of a type: it is text out of a file.
const QUOTED_CHARS_MAX: usize = 32;

/// Numbers in rows of equal length, at least one of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T> {
    /// How many rows.
    pub rows: usize,
    /// Values in a row.
    pub cols: usize,
    /// Row after row.
    pub values: Vec<T>,
}

impl<T> Matrix<T> {
    /// The row `index`, which is below `rows`.
    pub fn row(&self, index: usize) -> &[T] {
        &self.values[index * self.cols..][..self.cols]
    }
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The file could not be read at all.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file was read and is not what was asked for.
    #[error("{}: {fault}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with the bytes of a file. Rows and columns count from 0, as NumPy counts them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Some other kind of file.
    #[error("this is no .npy file: one starts with \\x93NUMPY and a version")]
    Magic,
    /// A version of the format that is not known here.
    #[error("version {major}.{minor} of the .npy format; 1.0, 2.0 and 3.0 are read")]
    Version {
        /// The first of its two numbers.
        major: u8,
        /// The second.
        minor: u8,
    },
    /// The file is shorter than its header.
    #[error("the file ends within its header: {found} bytes, where the header reaches to byte {wanted}")]
    HeaderCut {
        /// Bytes up to the end of the header.
        wanted: usize,
        /// Bytes of the file.
        found: usize,
    },
    /// The header is longer than any honest one.
    #[error("a header of {found} bytes; at most {HEADER_BYTES_MAX} are read")]
    HeaderTooLong {
        /// Its bytes.
        found: usize,
    },
    /// The header does not say what a header says.
    #[error("the header is malformed at its byte {at}: {wanted} should be there")]
    Header {
        /// Bytes of the header before the place.
        at: usize,
        /// What should be there.
        wanted: &'static str,
    },
    /// The header lacks one of its three keys.
    #[error("the header does not say `{key}`")]
    NoKey {
        /// The key.
        key: &'static str,
    },
    /// The values are records.
    #[error("the values are records of several fields; plain numbers are read")]
    Structured,
    /// The values are of a type that is not read, or not in this role.
    #[error("the values are of type {found:?}; {wanted} are read, of either byte order")]
    Type {
        /// The type, as the file writes it.
        found: String,
        /// The types that are read.
        wanted: &'static str,
    },
    /// The values lie column after column.
    #[error("the array is in Fortran order; C order is read (numpy.ascontiguousarray makes it)")]
    FortranOrder,
    /// The array is not a matrix.
    #[error("dimensions of the array: {found}; 2 are wanted, rows and columns")]
    Dimensions {
        /// How many it has.
        found: usize,
    },
    /// The matrix holds no value.
    #[error("rows of the array: {rows}, columns: {cols}; at least one of each is wanted")]
    Empty {
        /// Its rows.
        rows: usize,
        /// Its columns.
        cols: usize,
    },
    /// The file was cut, or something was appended, or the header is wrong.
    #[error(
        "{rows} rows of {cols} values take {wanted} bytes; exactly that must follow the header, {found} do"
    )]
    Length {
        /// Rows by the header.
        rows: usize,
        /// Columns by the header.
        cols: usize,
        /// Bytes they take.
        wanted: u128,
        /// Bytes after the header.
        found: usize,
    },
    /// A value of a vector is not a number, or no `f32`. Written as Debug does, or 1e300 would be 301 digits.
    #[error("row {row}, column {column} is {found:?}; every value must be finite as an f32 (counted from 0)")]
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// The value.
        found: f64,
    },
    /// A value cannot be the id of a vector.
    #[error(
        "row {row}, column {column} is {found}; an id is at least 0 and below {} (counted from 0)",
        u32::MAX
    )]
    NotAnId {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// The value.
        found: i128,
    },
}

/// Vectors of a file: a matrix of `f2`, `f4` or `f8`, every value finite as an `f32`.
///
/// File and matrix are in memory together for as long as this takes.
pub fn read_vectors(path: &Path) -> Result<Matrix<f32>, NpyError> {
    read(path, parse_vectors)
}

/// Ids of a file: a matrix of `i4`, `i8`, `u4` or `u8`, every value in `0..u32::MAX`.
pub fn read_ids(path: &Path) -> Result<Matrix<u32>, NpyError> {
    read(path, parse_ids)
}

fn read<T>(path: &Path, parse: fn(&[u8]) -> Result<T, Fault>) -> Result<T, NpyError> {
    let bytes = fs::read(path).map_err(|source| NpyError::Read { path: path.into(), source })?;
    parse(&bytes).map_err(|fault| NpyError::Refused { path: path.into(), fault })
}

/// What [`read_vectors`] does, over the bytes of a file.
pub fn parse_vectors(bytes: &[u8]) -> Result<Matrix<f32>, Fault> {
    let (header, data) = header_and_data(bytes)?;
    match header.descr.as_str() {
        "<f2" => header.vectors(data, |bytes| f16::from_le_bytes(bytes).to_f64()),
        ">f2" => header.vectors(data, |bytes| f16::from_be_bytes(bytes).to_f64()),
        "<f4" => header.vectors(data, |bytes| f32::from_le_bytes(bytes).into()),
        ">f4" => header.vectors(data, |bytes| f32::from_be_bytes(bytes).into()),
        "<f8" => header.vectors(data, f64::from_le_bytes),
        ">f8" => header.vectors(data, f64::from_be_bytes),
        _ => Err(header.type_fault("f2, f4 and f8")),
    }
}

/// What [`read_ids`] does, over the bytes of a file.
pub fn parse_ids(bytes: &[u8]) -> Result<Matrix<u32>, Fault> {
    let (header, data) = header_and_data(bytes)?;
    match header.descr.as_str() {
        "<i4" => header.ids(data, |bytes| i32::from_le_bytes(bytes).into()),
        ">i4" => header.ids(data, |bytes| i32::from_be_bytes(bytes).into()),
        "<i8" => header.ids(data, |bytes| i64::from_le_bytes(bytes).into()),
        ">i8" => header.ids(data, |bytes| i64::from_be_bytes(bytes).into()),
        "<u4" => header.ids(data, |bytes| u32::from_le_bytes(bytes).into()),
        ">u4" => header.ids(data, |bytes| u32::from_be_bytes(bytes).into()),
        "<u8" => header.ids(data, |bytes| u64::from_le_bytes(bytes).into()),
        ">u8" => header.ids(data, |bytes| u64::from_be_bytes(bytes).into()),
        _ => Err(header.type_fault("i4, i8, u4 and u8")),
    }
}

/// The header, which is read, and what follows it.
fn header_and_data(bytes: &[u8]) -> Result<(Header, &[u8]), Fault> {
    let Some(([magic @ .., major, minor], _)) = bytes.split_first_chunk::<8>() else {
        return Err(Fault::Magic);
    };
    if magic != MAGIC {
        return Err(Fault::Magic);
    }
    let (start, length) = match (*major, *minor) {
        (1, 0) => (10, u16::from_le_bytes(length_field(bytes)?).into()),
        // Where it does not fit a usize it is too long as well.
        (2 | 3, 0) => (12, usize::try_from(u32::from_le_bytes(length_field(bytes)?)).unwrap_or(usize::MAX)),
        (major, minor) => return Err(Fault::Version { major, minor }),
    };
    if length > HEADER_BYTES_MAX {
        return Err(Fault::HeaderTooLong { found: length });
    }
    let end = start + length;
    let (head, data) =
        bytes.split_at_checked(end).ok_or(Fault::HeaderCut { wanted: end, found: bytes.len() })?;
    Ok((Header::parse(&head[start..])?, data))
}

/// The length of the header, which stands behind magic and version.
fn length_field<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Fault> {
    let field = bytes.get(8..).and_then(|rest| rest.first_chunk());
    field.copied().ok_or(Fault::HeaderCut { wanted: 8 + N, found: bytes.len() })
}

/// What a header says.
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Three keys in any order, each once: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &[u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor { text, at: 0 };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        cursor.expect(b'{', "the { of the header")?;
        while !cursor.accept(b'}') {
            let at = cursor.at;
            let key = cursor.string()?;
            cursor.expect(b':', "a colon")?;
            match key {
                b"descr" if descr.is_none() => descr = Some(cursor.descr()?),
                b"fortran_order" if fortran_order.is_none() => fortran_order = Some(cursor.truth()?),
                b"shape" if shape.is_none() => shape = Some(cursor.shape()?),
                _ => return Err(Fault::Header { at, wanted: "descr, fortran_order or shape, each once," }),
            }
            if !cursor.accept(b',') {
                cursor.expect(b'}', "a comma or the } of the header")?;
                break;
            }
        }
        cursor.end()?;
        Ok(Self {
            descr: descr.ok_or(Fault::NoKey { key: "descr" })?,
            fortran_order: fortran_order.ok_or(Fault::NoKey { key: "fortran_order" })?,
            shape: shape.ok_or(Fault::NoKey { key: "shape" })?,
        })
    }

    fn type_fault(&self, wanted: &'static str) -> Fault {
        Fault::Type { found: self.descr.chars().take(QUOTED_CHARS_MAX).collect(), wanted }
    }

    fn vectors<const N: usize>(
        &self,
        data: &[u8],
        decode: impl Fn([u8; N]) -> f64,
    ) -> Result<Matrix<f32>, Fault> {
        // After narrowing: 1e300 is finite, and infinite as an f32.
        let narrow = |value| Some(value as f32).filter(|value| value.is_finite());
        self.matrix(data, decode, narrow, |row, column, found| Fault::NotFinite { row, column, found })
    }

    fn ids<const N: usize>(
        &self,
        data: &[u8],
        decode: impl Fn([u8; N]) -> i128,
    ) -> Result<Matrix<u32>, Fault> {
        let narrow = |value| u32::try_from(value).ok().filter(|id| *id < u32::MAX);
        self.matrix(data, decode, narrow, |row, column, found| Fault::NotAnId { row, column, found })
    }

    /// Every value decoded, then narrowed or else refused.
    fn matrix<const N: usize, W: Copy, T>(
        &self,
        data: &[u8],
        decode: impl Fn([u8; N]) -> W,
        narrow: impl Fn(W) -> Option<T>,
        refuse: impl Fn(usize, usize, W) -> Fault,
    ) -> Result<Matrix<T>, Fault> {
        let (rows, cols) = self.rows_and_cols(data.len(), N)?;
        let (cells, _) = data.as_chunks::<N>();
        let mut values = Vec::with_capacity(cells.len());
        for (at, cell) in cells.iter().enumerate() {
            let wide = decode(*cell);
            values.push(narrow(wide).ok_or_else(|| refuse(at / cols, at % cols, wide))?);
        }
        Ok(Matrix { rows, cols, values })
    }

    /// Rows and columns, once it is certain that `found` bytes hold just so many values of `size` bytes.
    fn rows_and_cols(&self, found: usize, size: usize) -> Result<(usize, usize), Fault> {
        let [rows, cols] = self.shape[..] else {
            return Err(Fault::Dimensions { found: self.shape.len() });
        };
        if self.fortran_order {
            return Err(Fault::FortranOrder);
        }
        // No columns would let a file of a hundred bytes have 10^15 rows.
        if rows == 0 || cols == 0 {
            return Err(Fault::Empty { rows, cols });
        }
        let wanted = [rows, cols, size].iter().fold(1, |product: u128, n| product.saturating_mul(*n as u128));
        if wanted != found as u128 {
            return Err(Fault::Length { rows, cols, wanted, found });
        }
        Ok((rows, cols))
    }
}

/// A place in the text of a header.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn fault(&self, wanted: &'static str) -> Fault {
        Fault::Header { at: self.at, wanted }
    }

    /// Passes the bytes that fit, from here on.
    fn pass(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| !fits(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        self.pass(|byte| byte.is_ascii_whitespace());
        self.text.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8, wanted: &'static str) -> Result<(), Fault> {
        if self.accept(byte) { Ok(()) } else { Err(self.fault(wanted)) }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.peek().map_or(Ok(()), |_| Err(self.fault("the end of the header")))
    }

    /// What stands between quotes of either kind. No key and no type has a backslash, so escapes are not read.
    fn string(&mut self) -> Result<&'a [u8], Fault> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.fault("a text in quotes"));
        };
        self.at += 1;
        let text = self.pass(|byte| byte != quote && byte != b'\\');
        // Not by `expect`: it would pass blanks.
        if self.text.get(self.at) != Some(&quote) {
            return Err(self.fault("a closing quote"));
        }
        self.at += 1;
        Ok(text)
    }

    fn descr(&mut self) -> Result<String, Fault> {
        if matches!(self.peek(), Some(b'[' | b'(')) {
            return Err(Fault::Structured);
        }
        Ok(String::from_utf8_lossy(self.string()?).into_owned())
    }

    fn truth(&mut self) -> Result<bool, Fault> {
        self.peek();
        let at = self.at;
        match self.pass(|byte| byte.is_ascii_alphanumeric()) {
            b"True" => Ok(true),
            b"False" => Ok(false),
            _ => Err(Fault::Header { at, wanted: "True or False" }),
        }
    }

    /// A tuple of counts: `()`, `(3,)`, `(2, 3)`.
    fn shape(&mut self) -> Result<Vec<usize>, Fault> {
        self.expect(b'(', "the ( of a shape")?;
        let mut counts = Vec::new();
        while !self.accept(b')') {
            counts.push(self.count()?);
            if !self.accept(b',') {
                self.expect(b')', "a comma or the ) of the shape")?;
                break;
            }
        }
        Ok(counts)
    }

    fn count(&mut self) -> Result<usize, Fault> {
        self.peek();
        let at = self.at;
        let digits = str::from_utf8(self.pass(|byte| byte.is_ascii_digit())).unwrap_or_default();
        digits.parse().map_err(|_| Fault::Header { at, wanted: "a whole number of at most 64 bits" })
    }
}

// The path is spelled out because the fuzz target includes this file from elsewhere.
#[cfg(test)]
#[path = "npy/tests.rs"]
mod tests;
