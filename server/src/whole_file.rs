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
    let mut builder = tempfile::Builder::new();
    // Unlike other temporary files it will be what the user asked for, and readable for whom the umask says.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let unfinished = builder.tempfile_in(folder)?;
    let made = fill(unfinished.as_file())?;
    unfinished.as_file().sync_all()?;
    unfinished.persist(path).map_err(|error| error.error)?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_leaves_the_old_one_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        write(&path, |out| out.write_all(b"whole")).unwrap();
        let broken: io::Result<()> = write(&path, |out| {
            out.write_all(b"ha")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(broken.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let plain = folder.path().join("plain");
            File::create(&plain).unwrap();
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&plain));
        }
    }
}
