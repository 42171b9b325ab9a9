//! Files that are there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file under another name until it is whole: a broken one never looks like a good one, and an older one stays until then.
/// What is there and no plain file (a pipe, a terminal) is written as it is.
pub fn write<T, E: From<io::Error>>(
    path: &Path,
    body: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<T, E> {
    let fill = |file: &File| {
        let mut out = BufWriter::new(file);
        let made = body(&mut out)?;
        out.flush()?;
        Ok(made)
    };
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return fill(&File::options().write(true).open(path)?);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
    let unfinished = tempfile::NamedTempFile::new_in(folder)?;
    let made = fill(unfinished.as_file())?;
    unfinished.as_file().sync_all()?;
    unfinished.persist(path).map_err(|error| error.error)?;
    Ok(made)
}
