//! CUDA's run-time compiler: texts to machine code of one architecture.
//!
//! Machine code and not PTX, because a driver refuses PTX of a newer compiler than itself. cudarc's own wrapper gives PTX alone, so
//! the compiler is called here.

use std::ffi::{CString, c_char};

use cudarc::nvrtc::{result, sys};

/// As texts are compiled in tests without a card too: floats that are those of a host, nothing fused.
pub(super) const OPTIONS: [&str; 2] = ["--std=c++17", "--fmad=false"];

/// If the compiler's library is found.
pub(super) fn is_present() -> bool {
    // SAFETY: loading the compiler's library runs what it runs in every program that uses it.
    unsafe { sys::is_culib_present() }
}

/// Major and minor number of the compiler.
pub(super) fn version() -> Result<(i32, i32), String> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: places for two numbers.
    let told = unsafe { sys::nvrtcVersion(&mut major, &mut minor) };
    told.result().map_err(|error| error.to_string())?;
    Ok((major, minor))
}

/// A program on its way through the compiler.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by `compile` and destroyed once. There is nobody to tell of a failure.
        _ = unsafe { result::destroy_program(self.0) };
    }
}

/// Machine code for an architecture such as `sm_90`, or what the compiler complains of.
pub(super) fn compile(name: &str, text: &str, arch: &str) -> Result<Vec<u8>, String> {
    let inner_zero = "a zero byte in a text, this is a bug";
    let (text, name) = (CString::new(text).expect(inner_zero), CString::new(name).expect(inner_zero));
    // `text` and `name` outlive the program.
    let program = Program(result::create_program(&text, Some(&name)).map_err(|error| error.to_string())?);
    let mut options = vec![format!("--gpu-architecture={arch}")];
    options.extend(OPTIONS.map(str::to_owned));
    // SAFETY: a program that lives.
    if let Err(error) = unsafe { result::compile_program(program.0, &options) } {
        // SAFETY: as before.
        let log = unsafe { result::get_program_log(program.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|byte| byte as u8).filter(|&byte| byte != 0).collect();
        return Err(format!("{error}: {}", String::from_utf8_lossy(&log).trim()));
    }
    let mut bytes = 0;
    // SAFETY: a program that was compiled, and a place for a number.
    unsafe { sys::nvrtcGetCUBINSize(program.0, &mut bytes) }.result().map_err(|error| error.to_string())?;
    let mut cubin = vec![0u8; bytes];
    // SAFETY: room for as many bytes as the compiler says it will write.
    let written = unsafe { sys::nvrtcGetCUBIN(program.0, cubin.as_mut_ptr().cast::<c_char>()) };
    written.result().map_err(|error| error.to_string())?;
    Ok(cubin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Target;
    use crate::kernels::KERNELS;

    /// If there is a compiler; says so if there is none. `CORTEXKG_REQUIRE_NVRTC=1` turns that into a failure.
    fn compiler_is_there() -> bool {
        let required = std::env::var("CORTEXKG_REQUIRE_NVRTC").is_ok_and(|value| value == "1");
        assert!(is_present() || !required, "CORTEXKG_REQUIRE_NVRTC asks for libnvrtc, which is not found");
        if !is_present() {
            println!("SKIPPED: no libnvrtc");
        }
        is_present()
    }

    #[test]
    fn texts_become_machine_code() {
        if compiler_is_there() {
            for kernel in KERNELS {
                let Ok(source) = kernel.source(Target::Cuda) else { continue };
                let cubin = compile(kernel.name, &source.text(kernel), "sm_90").expect(kernel.name);
                assert!(cubin.starts_with(b"\x7fELF"), "{}", kernel.name);
            }
        }
    }

    #[test]
    fn complaints_of_the_compiler_are_told() {
        if compiler_is_there() {
            let wrong = compile("wrong", "__global__ void kernel() { nothing(); }", "sm_90");
            assert!(wrong.as_ref().is_err_and(|why| why.contains("nothing")), "{wrong:?}");
            assert!(compile("none", "", "sm_1").is_err_and(|why| why.contains("gpu-architecture")));
        }
    }
}
