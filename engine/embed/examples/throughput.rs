//! Texts a second, by wall clock and by CPU time of this process:
//!
//!     cargo run --release --example throughput -- TEXTS.txt [MODEL_FOLDER] [BATCH]
//!
//! TEXTS.txt holds a text a line; without a folder the encoder in the binary is measured. CPU time is what a core
//! costs when other programs share the machine; threads: RAYON_NUM_THREADS.

use std::time::Instant;

use cortexkg_embed::{ModelChoice, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: throughput TEXTS.txt [MODEL_FOLDER] [BATCH]")?;
    let choice = match arguments.next().filter(|folder| !folder.is_empty()) {
        Some(folder) => ModelChoice::Folder(folder.into()),
        None => ModelChoice::Default,
    };
    let batch = arguments.next().map_or(Ok(1024), |n| n.parse::<usize>())?.max(1);

    let content = std::fs::read_to_string(path)?;
    let texts: Vec<&str> = content.lines().filter(|line| !line.trim().is_empty()).collect();
    if texts.is_empty() {
        return Err("the file holds no text".into());
    }
    let words: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();

    let opening = Instant::now();
    let embedder = open(&choice)?;
    println!("{}", embedder.identity());
    println!("opened in {:.0} ms", opening.elapsed().as_secs_f64() * 1e3);

    // Once to wake threads and fill caches, then for at least two seconds.
    embedder.embed(&texts[..texts.len().min(batch)])?;
    let (start, cpu_start) = (Instant::now(), cpu_seconds());
    let mut count = 0;
    while start.elapsed().as_secs_f64() < 2.0 {
        for batch in texts.chunks(batch) {
            embedder.embed(batch)?;
        }
        count += texts.len();
    }
    let wall = start.elapsed().as_secs_f64();
    println!("{count} texts of {:.1} words, batches of {batch}", words as f64 / texts.len() as f64);
    println!("{:.0} texts/s wall on {} threads", count as f64 / wall, rayon::current_num_threads());
    match cpu_start.zip(cpu_seconds()) {
        Some((before, after)) => println!("{:.0} texts per CPU-second", count as f64 / (after - before)),
        None => println!("CPU time is not known on this system"),
    }
    Ok(())
}

/// CPU time of this process, all threads, where `/proc` tells it: ticks of 10 ms.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name may hold spaces; it ends at the last parenthesis. Then utime and stime are fields 12 and 13.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}
