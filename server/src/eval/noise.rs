//! Unrelated texts that are stored first and must not hide the gold.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, bail};
use cortexkg_engine::request::Store;

use crate::import::jsonl::{Lines, Reader};

/// Reads JSON lines as `import` does; a refused line ends the run.
pub fn read(path: &Path) -> anyhow::Result<Vec<Store>> {
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let mut stores = Vec::new();
    Lines::Memories(Reader::new(path)).read(BufReader::new(file), &mut |row| match row {
        Ok(row) => {
            stores.push(row.store);
            Ok(())
        }
        Err(refusal) => bail!("{}: {}: {}", path.display(), refusal.field, refusal.rule),
    })?;
    Ok(stores)
}
