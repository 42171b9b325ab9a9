//! Appends each line of standard input as a record, 1,000 at a time, then says what the folder holds.
//!
//! `seq 1 5000 | cargo run -p cortexkg-journal --example append -- /tmp/log`

use std::io::BufRead;

use cortexkg_journal::{DiskStorage, Log, LogOptions, SegmentLog, verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("give a folder")?;
    let mut log = SegmentLog::open(DiskStorage::create(&folder)?, LogOptions::default())?;
    println!("opened: {:?}", log.recovery());
    let lines: Vec<String> = std::io::stdin().lock().lines().collect::<Result<_, _>>()?;
    for batch in lines.chunks(1000) {
        let batch: Vec<&[u8]> = batch.iter().map(|line| line.as_bytes()).collect();
        let tail = log.append(&batch, log.tail())?;
        println!("durable up to record {tail}");
    }
    log.close()?;
    println!("{:?}", verify::verify(&DiskStorage::open(&folder)?)?);
    Ok(())
}
