//! `implied`: counted work of the CUDA texts, and the least time that it takes on an H200.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Target};

use crate::card::H200;
use crate::record::{Table, rounded};
use crate::shapes::{Size, all};

/// Arguments of `implied`.
#[derive(Args)]
pub struct ImpliedArgs {
    /// Largest shapes to count. They are played on the CPU, because some of the work follows from the answers.
    #[arg(long, value_enum, default_value_t = Size::Medium)]
    size: Size,
    /// Only shapes whose KERNEL/SHAPE holds this.
    #[arg(long, default_value = "")]
    filter: String,
    /// Write the table to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Kernels whose counts were made before their texts and are still those of the law.
const COUNTED_FROM_LAW: [&str; 3] = ["ttfs_encode", "column_compete", "lateral_inhibit"];

const HEAD: &[&str] = &[
    "kernel",
    "shape",
    "text",
    "item",
    "items",
    "read_bytes_per_item",
    "written_bytes_per_item",
    "asked_bytes_per_item",
    "integer_ops_per_item",
    "float_ops_per_item",
    "double_ops_per_item",
    "tensor_ops_per_item",
    "atomics_per_item",
    "barriers_per_workgroup",
    "workgroups",
    "meetings",
    "launches",
    "least_memory_us",
    "memory_us",
    "instructions_us",
    "atomics_us",
    "barriers_us",
    "meetings_us",
    "launches_us",
    "implied_us",
    "bound_by",
    "items_per_s_at_most",
];

/// Counts and tells.
pub fn run(args: &ImpliedArgs) -> anyhow::Result<ExitCode> {
    let options =
        DeviceOptions { choice: DeviceChoice::Cpu, memory_bytes_max: 1 << 40, ..Default::default() };
    let mut device = Device::open(&options)?;
    let mut table = Table::new(HEAD);
    table.remarks = vec![
        format!("Least times on one {}, implied by counted work of the CUDA texts: a limit, no measurement.", H200.name),
        format!(
            "Memory {} TB/s; {} multiprocessors at {} GHz, each {} instructions a cycle: integers {}, f32 {}, f64 {}, tensor cores {} of 128 products of bytes.",
            H200.memory_bytes_per_s / 1e12,
            H200.multiprocessors,
            H200.clock_hz / 1e9,
            H200.issued_per_cycle,
            H200.integer_per_cycle,
            H200.float_per_cycle,
            H200.double_per_cycle,
            H200.tensor_per_cycle
        ),
        format!(
            "Assumed until measured: {} G atomics/s, {} us a launch, {} ns a barrier, {} us a meeting of all workgroups.",
            H200.atomics_per_s / 1e9,
            H200.launch_s * 1e6,
            H200.barrier_s * 1e9,
            H200.meeting_s * 1e6
        ),
        "least_memory_us: each number moved once; memory_us: what the text asks for, repeats and whole sectors counted, as if from memory."
            .into(),
        "implied_us: launches, meetings and the longest of the others. text: counted from it, or from the law of the kernel.".into(),
        "Made by: cortexkg-benches implied --size large --csv benches/record/h200-implied.csv".into(),
    ];
    let shapes = all().into_iter().filter(|shape| shape.size <= args.size);
    for shape in shapes.filter(|shape| shape.title().contains(&args.filter)) {
        eprintln!("{}", shape.title());
        let case = (shape.make)();
        let played = case.play(shape.kernel, &mut device).with_context(|| shape.title())?;
        let work = (shape.count)(&case, &played);
        let spread = shape.spread(&case);
        let implied = H200.implied(&work, spread);
        let per_item = |count: u64| rounded(count as f64 / shape.items as f64);
        let is_read =
            shape.kernel.source(Target::Cuda).is_ok() && !COUNTED_FROM_LAW.contains(&shape.kernel.name);
        let text = if is_read { "text" } else { "law" };
        table.push(vec![
            shape.kernel.name.into(),
            shape.name.clone().into(),
            text.into(),
            shape.item.into(),
            shape.items.into(),
            per_item(work.read_bytes),
            per_item(work.written_bytes),
            per_item(work.asked_bytes),
            per_item(work.integer_ops),
            per_item(work.float_ops),
            per_item(work.double_ops),
            per_item(work.tensor_ops),
            per_item(work.atomics),
            work.barriers.into(),
            spread.workgroups.into(),
            work.meetings.into(),
            work.launches.into(),
            rounded(implied.least_memory_us),
            rounded(implied.memory_us),
            rounded(implied.compute_us),
            rounded(implied.atomics_us),
            rounded(implied.barriers_us),
            rounded(implied.meetings_us),
            rounded(implied.launches_us),
            rounded(implied.us()),
            implied.bound_by().into(),
            rounded(shape.items as f64 / implied.us() * 1e6),
        ]);
    }
    if let Some(file) = &args.csv {
        table.save(file)?;
    }
    table.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}
