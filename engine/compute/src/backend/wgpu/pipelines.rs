//! Pipelines: texts of kernels, compiled, with the layout that their descriptors ask for.
//!
//! Group 0 holds the bindings in order and, after the last, scratch where a text wants some; group 1 the parameters.

use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType,
    ComputePipeline, ComputePipelineDescriptor, Device, Features, PipelineCompilationOptions,
    PipelineLayoutDescriptor, ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

use crate::kernel::{Kernel, Target};
use crate::source::{Scratch, Source};

/// A kernel, ready to be dispatched.
pub(super) struct Prepared {
    pub source: &'static Source,
    pub arrays: BindGroupLayout,
    /// One an entry of the source.
    pub pipelines: Vec<ComputePipeline>,
}

/// The layout of parameters, the same for all kernels.
pub(super) fn params_layout(device: &Device) -> BindGroupLayout {
    let ty = BindingType::Buffer {
        ty: BufferBindingType::Uniform,
        has_dynamic_offset: true,
        min_binding_size: None,
    };
    let entry = BindGroupLayoutEntry { binding: 0, visibility: ShaderStages::COMPUTE, ty, count: None };
    device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: Some("params"), entries: &[entry] })
}

/// Compiles the WGSL form of a kernel, or says why it cannot be played here. What the driver finds wrong it reports elsewhere.
pub(super) fn prepare(
    device: &Device,
    params: &BindGroupLayout,
    kernel: &'static Kernel,
) -> Result<Prepared, String> {
    let source = kernel.source(Target::Wgsl)?;
    let scratch = usize::from(!matches!(source.scratch, Scratch::None));
    let limits = device.limits();
    let wanted = kernel.bindings.len() + scratch;
    if wanted > limits.max_storage_buffers_per_shader_stage as usize {
        let allowed = limits.max_storage_buffers_per_shader_stage;
        return Err(format!("it binds {wanted} arrays, and the device allows {allowed}"));
    }
    let readable = kernel.bindings.iter().map(|binding| !binding.access.writes());
    let entries: Vec<BindGroupLayoutEntry> = readable
        .chain(std::iter::repeat_n(false, scratch))
        .zip(0..)
        .map(|(read_only, binding)| {
            let ty = BufferBindingType::Storage { read_only };
            let ty = BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
            BindGroupLayoutEntry { binding, visibility: ShaderStages::COMPUTE, ty, count: None }
        })
        .collect();
    let label = Some(kernel.name);
    let arrays = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label, entries: &entries });
    let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&arrays), Some(params)],
        immediate_size: 0,
    });
    let text = match device.features().contains(Features::SUBGROUP) {
        true => source.text_with_subgroups(kernel),
        false => source.text(kernel),
    };
    let text = ShaderSource::Wgsl(text.into());
    let module = device.create_shader_module(ShaderModuleDescriptor { label, source: text });
    let pipeline = |&entry: &&str| {
        device.create_compute_pipeline(&ComputePipelineDescriptor {
            label,
            layout: Some(&layout),
            module: &module,
            entry_point: Some(entry),
            compilation_options: PipelineCompilationOptions::default(),
            cache: None,
        })
    };
    Ok(Prepared { source, arrays, pipelines: source.entries.iter().map(pipeline).collect() })
}
