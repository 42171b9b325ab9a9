//! `network_run_f64`: the law of `network_run` in f64, for results that are compared with other simulators to the spike.

use crate::element::Element;
use crate::kernel::{Grid, Kernel, Params, Target, Tolerance};
use crate::kernels::network_run::{NetworkParams, bindings, cases_f64, cpu_f64, reference_f64};

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "network_run_f64",
    bindings: &bindings(Element::F64),
    params: NetworkParams::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("neurons", 64),
    tolerance: Tolerance::Exact,
    reference: reference_f64,
    cpu: cpu_f64,
    sources: &[],
    absent: &[(Target::Wgsl, "WGSL has no f64"), (Target::Cuda, "comes with the GPU back ends")],
    cases: cases_f64,
};
