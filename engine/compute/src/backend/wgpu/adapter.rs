//! Adapters: what graphics drivers offer on this machine, and which of them is opened.

use wgpu::{
    Adapter, Backends, DeviceDescriptor, DeviceType, ExperimentalFeatures, Features, Instance,
    InstanceDescriptor, MemoryHints, Trace,
};

use super::ready;

/// An adapter that answered, with the device opened on it.
pub(super) struct Opened {
    pub name: String,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
}

/// What a driver offers.
#[derive(Clone, Debug)]
pub struct AdapterFound {
    /// Name of the card and its driver.
    pub name: String,
    /// It is a program that plays a card: good for tests of small cases and nothing else. It is slower than the CPU forms, and
    /// Mesa's ends all loops of an invocation, without a word, once they have come to 65,535 rounds together.
    pub software: bool,
    /// Largest array that a kernel can bind.
    pub binding_bytes_max: u64,
    /// Lanes of a subgroup, fewest and most; `None` without subgroups.
    pub subgroup_lanes: Option<[u32; 2]>,
    /// If it computes with 16-bit floats.
    pub f16: bool,
    /// If it tells how long work took.
    pub timestamps: bool,
}

/// Every adapter, the one that would be opened first.
pub fn adapters() -> Vec<AdapterFound> {
    found().iter().map(describe).collect()
}

/// Discrete cards before others, programs last; in the drivers' order among equals.
fn found() -> Vec<Adapter> {
    let instance = Instance::new(InstanceDescriptor::new_without_display_handle_from_env());
    let mut found = ready(instance.enumerate_adapters(Backends::all()));
    found.sort_by_key(|adapter| match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    });
    found
}

fn describe(adapter: &Adapter) -> AdapterFound {
    let (info, features) = (adapter.get_info(), adapter.features());
    let lanes = [info.subgroup_min_size, info.subgroup_max_size];
    AdapterFound {
        name: format!("{}, {} {}", info.name, info.driver, info.driver_info).trim_end().to_owned(),
        software: info.device_type == DeviceType::Cpu,
        binding_bytes_max: binding_bytes_max(&adapter.limits()),
        subgroup_lanes: features.contains(Features::SUBGROUP).then_some(lanes),
        f16: features.contains(Features::SHADER_F16),
        timestamps: features.contains(TIMESTAMPS),
    }
}

/// What telling the time between commands takes.
pub(super) const TIMESTAMPS: Features =
    Features::TIMESTAMP_QUERY.union(Features::TIMESTAMP_QUERY_INSIDE_ENCODERS);

/// Largest buffer that is bound whole.
pub(super) fn binding_bytes_max(limits: &wgpu::Limits) -> u64 {
    // Bindings are whole words, and some drivers name odd limits.
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) & !3
}

/// Fewest lanes of a subgroup that texts want.
const SUBGROUP_LANES_MIN: u32 = 4;

/// Opens the first adapter that lets itself be opened, or says why none does: programs too where `software` allows it, and with
/// `subgroups` if they are wanted.
pub(super) fn open(software: bool, subgroups: bool) -> Result<Opened, String> {
    let adapters = found();
    if adapters.is_empty() {
        return Err("no graphics driver was found".to_owned());
    }
    let mut refused = Vec::new();
    for adapter in adapters {
        let AdapterFound { name, software: is_software, subgroup_lanes, .. } = describe(&adapter);
        if is_software && !software {
            refused.push(format!("{name}: a program that plays a card, for tests alone"));
            continue;
        }
        let subgroups = subgroups && subgroup_lanes.is_some_and(|[fewest, _]| fewest >= SUBGROUP_LANES_MIN);
        let wanted = TIMESTAMPS | if subgroups { Features::SUBGROUP } else { Features::empty() };
        let descriptor = DeviceDescriptor {
            label: None,
            required_features: adapter.features() & wanted,
            // All there is: the defaults are what a browser promises.
            required_limits: adapter.limits(),
            experimental_features: ExperimentalFeatures::disabled(),
            memory_hints: MemoryHints::Performance,
            trace: Trace::Off,
        };
        match ready(adapter.request_device(&descriptor)) {
            Ok((device, queue)) => return Ok(Opened { name, device, queue }),
            Err(error) => refused.push(format!("{name}: {error}")),
        }
    }
    Err(refused.join("; "))
}
