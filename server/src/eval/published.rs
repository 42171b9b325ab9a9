//! Evaluation files: JSON, gzipped where the name ends in `.gz`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;

/// Reads a file; errors name it.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let told = || format!("{}", path.display());
    let file = BufReader::new(File::open(path).with_context(told)?);
    let zipped = path.extension().is_some_and(|extension| extension == "gz");
    let input: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    serde_json::from_reader(BufReader::new(input)).with_context(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn gzip_is_told_by_the_name() {
        let file = tempfile::Builder::new().suffix(".json.gz").tempfile().unwrap();
        let mut zip = flate2::write::GzEncoder::new(file.as_file(), flate2::Compression::fast());
        zip.write_all(br#"["zipped"]"#).unwrap();
        zip.finish().unwrap();
        assert_eq!(read::<Vec<String>>(file.path()).unwrap(), ["zipped"]);
        assert!(read::<u8>(file.path()).unwrap_err().to_string().ends_with(".json.gz"));
    }
}
