//! `cortexkg doctor`: what works here and what does not, in words. Everything is tried rather than looked up: devices
//! and the model by storing and recalling in a temporary folder, ports by binding them, the data folder by a read-only
//! check of every record.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use anyhow::ensure;
use cortexkg_engine::Call;
use cortexkg_engine::request::{Retrieve, Store};
use serde::Serialize;
use serde_json::json;

use super::{print, print_json};
use crate::engine::Engine;
use crate::settings::{Device, Settings, loopback};

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// It works.
    Works,
    /// It is not here, and nothing that was asked for needs it.
    Note,
    /// Something that was asked for does not work.
    Broken,
}

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    verdict: Verdict,
    words: String,
}

/// Exits with 1 when something is broken.
pub fn run(settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let mut checks = vec![processor()];
    checks.extend(devices(settings));
    checks.extend(adapters());
    checks.extend(cards());
    checks.extend([data_folder(settings), disk(settings), models(settings)]);
    checks.extend(ports(settings));
    let ok = checks.iter().all(|check| check.verdict != Verdict::Broken);
    if json {
        print_json(&json!({ "ok": ok, "version": env!("CARGO_PKG_VERSION"), "checks": checks }))?;
    } else {
        print(&as_text(&checks, ok))?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_text(checks: &[Check], ok: bool) -> String {
    let mut text = format!("cortexkg {}\n", env!("CARGO_PKG_VERSION"));
    for Check { name, verdict, words } in checks {
        let mark = match verdict {
            Verdict::Works => "works ",
            Verdict::Note => "note  ",
            Verdict::Broken => "BROKEN",
        };
        text.push_str(&format!("  {mark}  {name:<14} {words}\n"));
    }
    text.push_str(if ok { "all that is needed works" } else { "something that is needed does not work" });
    text
}

fn check(name: impl Into<String>, verdict: Verdict, words: impl Into<String>) -> Check {
    Check { name: name.into(), verdict, words: words.into() }
}

fn processor() -> Check {
    let cores =
        std::thread::available_parallelism().map_or("an unknown number of".into(), |cores| cores.to_string());
    check("processor", Verdict::Works, format!("{cores} cores, {}", simd().join(" ")))
}

#[cfg(target_arch = "x86_64")]
fn simd() -> Vec<&'static str> {
    let known = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    let found: Vec<_> = known.into_iter().filter(|feature| feature.1).map(|feature| feature.0).collect();
    if found.is_empty() { vec!["no AVX2: portable kernels"] } else { found }
}

#[cfg(not(target_arch = "x86_64"))]
fn simd() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}

/// What graphics drivers offer, and what each can do.
#[cfg(feature = "wgpu")]
fn adapters() -> Vec<Check> {
    let found = cortexkg_engine::vectors::adapters();
    found.into_iter().map(|adapter| check("graphics card", Verdict::Note, in_words(&adapter))).collect()
}

#[cfg(not(feature = "wgpu"))]
fn adapters() -> Vec<Check> {
    Vec::new()
}

#[cfg(feature = "wgpu")]
fn in_words(adapter: &cortexkg_engine::vectors::AdapterFound) -> String {
    let mut words = format!("{}: arrays up to {} MiB", adapter.name, adapter.binding_bytes_max >> 20);
    if let Some([least, most]) = adapter.subgroup_lanes {
        words += &format!(", subgroups of {least} to {most}");
    }
    words += if adapter.f16 { ", f16" } else { ", no f16" };
    words += if adapter.timestamps { ", timestamps" } else { ", no timestamps" };
    words += if adapter.software { "; a program that plays a card, for tests alone" } else { "" };
    words
}

/// What the CUDA driver shows, if there is one.
#[cfg(feature = "cuda")]
fn cards() -> Vec<Check> {
    let in_words = |card: cortexkg_engine::vectors::CardFound| {
        let (gib, (major, minor)) = (card.memory_bytes as f64 / f64::from(1 << 30), card.compute_capability);
        let words = format!("{}: {gib:.1} GiB, compute capability {major}.{minor}", card.name);
        check("cuda card", Verdict::Note, words + ", warps of 32, f16, timestamps")
    };
    // Where there is none, the device of that name says what is missing.
    cortexkg_engine::vectors::cards().into_iter().flatten().map(in_words).collect()
}

#[cfg(not(feature = "cuda"))]
fn cards() -> Vec<Check> {
    Vec::new()
}

/// The configured device with the configured model, then the other devices.
fn devices(settings: &Settings) -> Vec<Check> {
    let configured = settings.performance.device;
    let mut checks = vec![match try_engine(settings) {
        Ok(words) => check("engine", Verdict::Works, words),
        Err(error) => check("engine", Verdict::Broken, error.root_cause().to_string()),
    }];
    for device in [Device::Cpu, Device::Wgpu, Device::Cuda] {
        if device == configured {
            continue;
        }
        let mut settings = settings.clone();
        settings.performance.device = device;
        let name = format!("device {}", format!("{device:?}").to_lowercase());
        checks.push(match try_engine(&settings) {
            Ok(words) => check(name, Verdict::Works, words),
            Err(error) => check(name, Verdict::Note, error.root_cause().to_string()),
        });
    }
    checks
}

/// Stores a sentence and recalls it.
fn try_engine(settings: &Settings) -> anyhow::Result<String> {
    let engine = Engine::open_temporary(settings)?;
    let content = "The doctor looked and found everything well.";
    let stored =
        engine.store(Store { content: content.into(), ..Store::default() }, Call::default()).wait()?;
    let request =
        Retrieve { query: "what did the doctor find?".into(), threshold: Some(0.0), ..Retrieve::default() };
    let found = engine.retrieve(request, Call::default()).wait()?;
    ensure!(
        found.memories.iter().any(|found| found.memory.id == stored.id),
        "a stored sentence was not recalled"
    );
    let health = engine.health();
    let why = health.device.why.map_or_else(String::new, |why| format!("; {why}"));
    Ok(format!("stores and recalls on {}, embeds with {}{why}", health.device.name, health.model))
}

fn data_folder(settings: &Settings) -> Check {
    let data = settings.data();
    if settings.is_temporary() {
        return check("data folder", Verdict::Note, "temporary: nothing is kept");
    }
    if !data.exists() {
        return check(
            "data folder",
            Verdict::Note,
            format!("{} is not there yet; it is made on first use", data.display()),
        );
    }
    match cortexkg_engine::verify(data) {
        Ok(found) if found.problems.is_empty() => {
            let words =
                format!("{}: {} memories, {} records, sound", data.display(), found.memories, found.records);
            check("data folder", Verdict::Works, words)
        }
        Ok(found) => check(
            "data folder",
            Verdict::Broken,
            format!("{}: {}", data.display(), found.problems.join("; ")),
        ),
        Err(error) => check("data folder", Verdict::Broken, format!("{}: {error}", data.display())),
    }
}

fn disk(settings: &Settings) -> Check {
    let data = if settings.is_temporary() { std::env::temp_dir() } else { settings.data().to_path_buf() };
    // The folder itself may not be there yet.
    let here = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(here) {
        Err(error) => {
            check("disk", Verdict::Note, format!("free space of {} is not told: {error}", here.display()))
        }
        Ok(disk) => {
            let free_gib = (disk.f_bavail * disk.f_frsize) as f64 / f64::from(1 << 30);
            let verdict = if free_gib < 1.0 { Verdict::Note } else { Verdict::Works };
            check("disk", verdict, format!("{free_gib:.1} GiB free"))
        }
    }
}

fn models(settings: &Settings) -> Check {
    let folder = settings.models();
    let names = crate::model_choice::folders(&folder);
    let words = match names.is_empty() {
        true => format!("the built-in one; none in {}", folder.display()),
        false => format!("the built-in one, and in {}: {}", folder.display(), names.join(", ")),
    };
    check("models", Verdict::Works, words)
}

fn ports(settings: &Settings) -> Vec<Check> {
    let mut ports =
        vec![("http", settings.server.port, "--http"), ("grpc", settings.server.grpc_port, "--grpc")];
    if settings.monitoring.enable_metrics {
        ports.push(("metrics", settings.monitoring.metrics_port, "--metrics"));
    }
    let host = loopback(&settings.server.host)
        .unwrap_or_else(|| unreachable!("settings were checked when they were loaded; this is a bug"));
    let tried = ports.into_iter().map(|(name, port, flag)| {
        let address = SocketAddr::new(host, port);
        match TcpListener::bind(address) {
            Ok(_) => check(format!("port {name}"), Verdict::Works, format!("{address} is free")),
            Err(error) => {
                let words =
                    format!("{address}: {error}; is a server running? `serve {flag} ADDR` chooses another");
                check(format!("port {name}"), Verdict::Note, words)
            }
        }
    });
    tried.collect()
}
