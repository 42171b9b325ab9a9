//! Writes the texts that a device's compiler gets, generated parts and all, to a folder: `kernel_texts cuda FOLDER` makes
//! `FOLDER/NAME.cu` of every kernel with a CUDA form, `kernel_texts wgsl FOLDER` the same of shaders. For compilers outside of the
//! program: `.ci/cuda.py` compiles the former.

use std::path::Path;
use std::process::ExitCode;

use cortexkg_compute::{KERNELS, Target};

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let (target, extension, folder) = match given.as_slice() {
        [target, folder] if target == "cuda" => (Target::Cuda, "cu", folder),
        [target, folder] if target == "wgsl" => (Target::Wgsl, "wgsl", folder),
        _ => {
            eprintln!("usage: kernel_texts cuda|wgsl FOLDER");
            return ExitCode::FAILURE;
        }
    };
    for kernel in KERNELS {
        let Ok(source) = kernel.source(target) else { continue };
        let path = Path::new(folder).join(format!("{}.{extension}", kernel.name));
        if let Err(error) = std::fs::write(&path, source.text(kernel)) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
