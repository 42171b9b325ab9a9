//! `network_run_f64`: the law of `network_run` in f64, for results that are compared with other simulators to the spike.

use crate::element::Element;
use crate::kernel::{Kernel, Params, Target, Tolerance};
use crate::kernels::network_run::{
    GRID, NetworkParams, STEPS, bindings, cases_f64, cpu_f64, reference_f64, resident,
};
use crate::simd::{Real, philox};
use crate::source::{Constant, Text};

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "network_run_f64",
    bindings: &bindings(Element::F64),
    params: NetworkParams::FIELDS,
    workgroup: [64, 1, 1],
    grid: GRID,
    tolerance: Tolerance::Exact,
    reference: reference_f64,
    cpu: cpu_f64,
    sources: &[resident(&[&philox::CUDA, &CUDA, &STEPS])],
    absent: &[(Target::Wgsl, "WGSL has no f64")],
    cases: cases_f64,
};

/// Numbers of the CUDA form.
static CUDA: Text = Text {
    constants: &[("TINY", Constant::F64(<f64 as Real>::TINY))],
    text: include_str!("../../../../kernels/network_run_f64.cu"),
};
