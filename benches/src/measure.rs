//! Measuring a shape on a device: with its buffers there, dispatch after dispatch.

use std::time::{Duration, Instant};

use cortexkg_compute::{Device, Placed, Recording, Result};
use rustix::time::{ClockId, clock_gettime};

use crate::shapes::Shape;
use crate::work::Work;

/// Most dispatches of one submission.
const DISPATCHES_MAX: f64 = 1_000.0;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Times everything is measured; the quickest counts.
    pub passes: u32,
    /// Least time of a pass, unless a thousand dispatches are done before.
    pub pass: Duration,
}

/// What a dispatch took, in the quickest pass of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Dispatches of a pass.
    pub dispatches: u32,
    /// CPU time of all threads of this process.
    pub cpu_us: f64,
    /// Time that passed.
    pub wall_us: f64,
    /// Time by the device's own clock, where it has one.
    pub device_us: Option<f64>,
    /// Time to make the kernel ready, the first time it was wanted: compiling, where there is something to compile.
    pub prepare_ms: f64,
    /// What a dispatch of the CUDA text does.
    pub work: Work,
}

impl Measured {
    /// Time that paces are told by: the device's own if it has a clock, CPU time on a CPU, which others' work disturbs least, else
    /// what passed.
    pub fn us(&self, device: &Device) -> f64 {
        let of_host = if is_cpu(device) { self.cpu_us } else { self.wall_us };
        self.device_us.unwrap_or(of_host)
    }
}

/// Measures a shape. An error leaves nothing on the device.
pub fn measure(shape: &Shape, device: &mut Device, effort: Effort) -> Result<Measured> {
    let begun = Instant::now();
    device.prepare(&[shape.kernel])?;
    let prepare_ms = begun.elapsed().as_secs_f64() * 1e3;
    let case = (shape.make)();
    // Warms everything up, and tells what there was to do.
    let work = (shape.count)(&case, &case.play(shape.kernel, device)?);
    let mut recording = Recording::new();
    let placed = case.place(shape.kernel, device, &mut recording)?;
    drop(case);
    let measured = device.run(recording).and_then(|_| repeated(shape, &placed, device, effort));
    placed.take_away(device);
    let (dispatches, cpu_us, wall_us, device_us) = measured?;
    Ok(Measured { dispatches, cpu_us, wall_us, device_us, prepare_ms, work })
}

type Times = (u32, f64, f64, Option<f64>);

fn repeated(shape: &Shape, placed: &Placed, device: &mut Device, effort: Effort) -> Result<Times> {
    // What counts its own steps goes on from where it began; that is another piece of work each time.
    let most = if shape.kernel.field("step").is_some() { 1.0 } else { DISPATCHES_MAX };
    let (once, _, _) = pass(placed, device, 1)?;
    let dispatches = (effort.pass.as_secs_f64() / once.max(1e-7)).clamp(1.0, most) as u32;
    let (mut wall, mut cpu, mut told) = (f64::INFINITY, f64::INFINITY, None::<f64>);
    for _ in 0..effort.passes {
        let (wall_s, cpu_s, device_s) = pass(placed, device, dispatches)?;
        (wall, cpu) = (wall.min(wall_s), cpu.min(cpu_s));
        told = device_s.map(|device_s| told.map_or(device_s, |told| told.min(device_s)));
    }
    let us = |seconds: f64| seconds * 1e6 / f64::from(dispatches);
    Ok((dispatches, us(cpu), us(wall), told.map(us)))
}

/// Seconds of one submission: wall, CPU, and by the device's clock.
fn pass(placed: &Placed, device: &mut Device, dispatches: u32) -> Result<(f64, f64, Option<f64>)> {
    let mut recording = Recording::new();
    (0..dispatches).for_each(|_| placed.dispatch(&mut recording));
    timed(device, recording)
}

fn timed(device: &mut Device, recording: Recording) -> Result<(f64, f64, Option<f64>)> {
    let (begun, cpu) = (Instant::now(), cpu_s());
    let reads = device.run(recording)?;
    let times = (begun.elapsed().as_secs_f64(), cpu_s() - cpu);
    Ok((times.0, times.1, reads.device_ns().map(|ns| ns as f64 / 1e9)))
}

fn is_cpu(device: &Device) -> bool {
    device.info().threads > 0
}

/// Bytes a second that a device copies within its memory, read and written both counted: the best of some passes over a buffer that no
/// cache holds. On a CPU one thread copies, and the second is one of CPU time.
pub fn copy_bytes_per_s(device: &mut Device) -> Result<f64> {
    const COPIES: u64 = 4;
    let bytes = device.info().binding_bytes_max.min(256 << 20);
    let len = (bytes / 4) as usize;
    let from = device.create::<u32>("copied from", len)?;
    let to = device.create::<u32>("copied to", len);
    let best = to.and_then(|to| {
        let mut best = f64::INFINITY;
        for _ in 0..4 {
            let mut recording = Recording::new();
            (0..COPIES).for_each(|_| recording.copy(&from, 0, &to, 0, len));
            let (wall_s, cpu_s, device_s) = timed(device, recording)?;
            best = best.min(device_s.unwrap_or(if is_cpu(device) { cpu_s } else { wall_s }));
        }
        device.destroy(to);
        Ok(best)
    });
    device.destroy(from);
    Ok((2 * COPIES * bytes) as f64 / best?)
}

/// CPU time that this process has used over all threads, seconds.
fn cpu_s() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}
