//! `matrix`: every kernel in every shape on every device that opens.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Error};
use serde_json::Value;

use crate::measure::{Effort, Measured, copy_bytes_per_s, measure};
use crate::record::{Table, place, rounded, slug, today};
use crate::shapes::{Shape, Size, all};

/// Arguments of `matrix`.
#[derive(Args)]
pub struct MatrixArgs {
    /// Devices to measure, which must open; all that open if none is named.
    #[arg(long, value_name = "DEVICE", value_delimiter = ',')]
    device: Vec<DeviceChoice>,
    /// Only shapes whose KERNEL/SHAPE holds this.
    #[arg(long, default_value = "")]
    filter: String,
    /// Largest shapes to play.
    #[arg(long, value_enum, default_value_t = Size::Medium)]
    size: Size,
    /// Threads of the CPU; 0 for all.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Times everything is measured; the quickest counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    passes: u32,
    /// Least length of a pass, ms.
    #[arg(long, default_value_t = 200)]
    pass_ms: u64,
    /// Take a program that plays a card for one, to try this out. Its figures cannot be kept.
    #[arg(long, conflicts_with_all = ["csv", "record"])]
    software: bool,
    /// Write the table to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the table to FOLDER/MACHINE/DATE-matrix.csv.
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Name of the machine, for the record; by default that of the card, or of the CPU if none is measured.
    #[arg(long)]
    machine: Option<String>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

const HEAD: &[&str] = &[
    "kernel",
    "size",
    "shape",
    "device",
    "dispatches",
    "cpu_us",
    "wall_us",
    "device_us",
    "prepare_ms",
    "item",
    "items_per_s",
    "bytes",
    "gb_per_s",
    "share_of_copy_percent",
];

/// A device with what it copies a second.
struct Player {
    name: String,
    device: Device,
    copy_bytes_per_s: f64,
}

/// Measures and tells. Fails if a device fails, but not if it is too small for a shape.
pub fn run(args: &MatrixArgs) -> anyhow::Result<ExitCode> {
    let mut players = open(args)?;
    let mut table = Table::new(HEAD);
    table.remarks = vec![
        format!("Kernels on devices, {}. One dispatch, the quickest of {} passes.", today(), args.passes),
        "bytes: each number that is touched, once; share: of what the device copies a second, over 100 where caches serve.".into(),
        "items_per_s and gb_per_s: by the device's clock where it has one, on a CPU a second of CPU time (all threads), else by wall.".into(),
    ];
    for player in &players {
        table.remarks.push(format!("{}: copies {:.1} GB/s", player.name, player.copy_bytes_per_s / 1e9));
    }
    let effort = Effort { passes: args.passes, pass: Duration::from_millis(args.pass_ms) };
    let mut failures = 0;
    let shapes = all().into_iter().filter(|shape| shape.size <= args.size);
    for shape in shapes.filter(|shape| shape.title().contains(&args.filter)) {
        for player in &mut players {
            eprint!("{} on {}: ", shape.title(), player.name);
            match measure(&shape, &mut player.device, effort) {
                Ok(measured) => {
                    eprintln!("{:.1} us", measured.us(&player.device));
                    table.push(row(&shape, player, &measured));
                }
                Err(
                    error @ (Error::NoForm { .. } | Error::OutOfMemory { .. } | Error::BufferTooLarge { .. }),
                ) => eprintln!("SKIPPED: {error}"),
                Err(error) => {
                    eprintln!("FAILED: {error}");
                    failures += 1;
                }
            }
        }
    }
    if let Some(file) = &args.csv {
        table.save(file)?;
    }
    if let Some(folder) = &args.record {
        table.save(&place(folder, &machine(args, &players), "matrix"))?;
    }
    table.print(args.json)?;
    anyhow::ensure!(!table.rows.is_empty(), "nothing was measured");
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(args: &MatrixArgs) -> anyhow::Result<Vec<Player>> {
    let choices = match args.device.as_slice() {
        [] => vec![DeviceChoice::Cpu, DeviceChoice::Wgpu, DeviceChoice::Cuda],
        named => named.to_vec(),
    };
    let mut players = Vec::new();
    for choice in choices {
        let options = DeviceOptions {
            choice,
            // What there really is, the driver knows.
            memory_bytes_max: 1 << 40,
            threads: args.threads,
            software: args.software,
            ..Default::default()
        };
        let mut device = match Device::open(&options) {
            Ok(device) => device,
            Err(Error::NoDevice { asked, why }) if args.device.is_empty() => {
                eprintln!("SKIPPED {asked}: {why}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let copy_bytes_per_s = copy_bytes_per_s(&mut device)?;
        players.push(Player { name: device.info().name.clone(), device, copy_bytes_per_s });
    }
    Ok(players)
}

fn row(shape: &Shape, player: &Player, measured: &Measured) -> Vec<Value> {
    let seconds = measured.us(&player.device) / 1e6;
    let bytes = measured.work.least_bytes();
    let bytes_per_s = bytes as f64 / seconds;
    vec![
        shape.kernel.name.into(),
        format!("{:?}", shape.size).to_lowercase().into(),
        shape.name.clone().into(),
        player.name.clone().into(),
        measured.dispatches.into(),
        rounded(measured.cpu_us),
        rounded(measured.wall_us),
        measured.device_us.map_or(Value::Null, rounded),
        rounded(measured.prepare_ms),
        shape.item.into(),
        rounded(shape.items as f64 / seconds),
        bytes.into(),
        rounded(bytes_per_s / 1e9),
        rounded(100.0 * bytes_per_s / player.copy_bytes_per_s),
    ]
}

/// The folder of this machine's figures.
fn machine(args: &MatrixArgs, players: &[Player]) -> String {
    let named = args.machine.clone();
    let card = players.iter().rev().find(|player| player.device.info().is_card());
    named.unwrap_or_else(|| {
        let name = card.or(players.first()).map_or("nothing", |player| &player.name);
        // Without the back end's name and the brackets around the rest.
        slug(name.split_once('(').map_or(name, |(_, card)| card))
    })
}
