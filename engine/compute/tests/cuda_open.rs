//! A build with the CUDA back end on machines that lack CUDA, or parts of it: it starts and says what is missing.
#![cfg(feature = "cuda")]

use std::path::Path;
use std::process::{Command, Stdio};

use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Error, cards};

fn open(choice: DeviceChoice) -> Result<Device, Error> {
    Device::open(&DeviceOptions { choice, ..Default::default() })
}

#[test]
fn a_machine_without_cuda_is_told_what_is_missing() {
    match open(DeviceChoice::Cuda) {
        Err(Error::NoDevice { asked, why }) => {
            assert_eq!(asked, "cuda");
            let told = ["libcuda", "libnvrtc", "the CUDA driver refuses"];
            assert!(told.iter().any(|part| why.contains(part)), "{why}");
            let shown = cards();
            assert!(shown.is_ok() || !why.contains("libnvrtc"), "a driver alone shows its cards: {shown:?}");
        }
        Err(other) => panic!("{other}"),
        Ok(device) => {
            println!("SKIPPED: {} is here", device.info().name);
            let found = cards().expect("a card was opened");
            assert!(device.info().name.contains(&found[0].name), "{found:?}");
        }
    }
}

/// Run by [`libraries_without_functions_are_refused`] in a process of its own, which finds other libraries.
#[test]
#[ignore = "half of another test"]
fn opened_in_a_process_of_its_own() {
    match open(DeviceChoice::Cuda) {
        Err(Error::NoDevice { why, .. }) => println!("refused: {why}"),
        Err(other) => panic!("{other}"),
        Ok(device) => panic!("{} was opened", device.info().name),
    }
}

/// Makes a library without a single function.
fn empty_library(path: &Path) -> bool {
    let mut command = Command::new("g++");
    command.args(["-shared", "-x", "c++", "/dev/null", "-o"]).arg(path).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn libraries_without_functions_are_refused() {
    let folder = std::env::temp_dir().join(format!("cortexkg-cuda-open-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let refusal = || {
        let own = std::env::current_exe().expect("this program");
        let run = Command::new(own)
            .args(["--exact", "opened_in_a_process_of_its_own", "--ignored", "--nocapture"])
            .env("LD_LIBRARY_PATH", &folder)
            .output()
            .expect("this program again");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("words")
    };
    if empty_library(&folder.join("libcuda.so")) {
        // A compiler that this machine has may be found all the same.
        let only_a_driver = refusal();
        let told = ["libnvrtc", "lack functions"];
        assert!(told.iter().any(|part| only_a_driver.contains(part)), "{only_a_driver}");
        assert!(empty_library(&folder.join("libnvrtc.so")), "made one before");
        let both = refusal();
        assert!(both.contains("refused: the CUDA libraries found lack functions"), "{both}");
    } else {
        println!("SKIPPED: no g++ to make libraries with");
    }
    std::fs::remove_dir_all(&folder).expect("made above");
}
