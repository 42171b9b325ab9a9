//! `Opener`: how the engine comes by its device, and by another one when that fails.
//!
//! A device that was lost is opened again once; one that fails then too, or is not there any more, makes way for the CPU until
//! the engine is opened again. What a device holds is a copy, so nothing is lost with it. `auto` is settled once, by a trial.

use cortexkg_compute::{Device, DeviceChoice, DeviceOptions};
use cortexkg_memory::resident::KERNELS;

use crate::Error;
use crate::trial::choose;

/// Opens devices, and keeps count of what became of them.
pub(crate) struct Opener {
    options: DeviceOptions,
    /// Why it is this device, if nobody named one.
    pub why: Option<String>,
    /// Times a device failed.
    pub failures: u64,
    /// Why the CPU computes in place of the device that was asked for.
    pub fallback: Option<String>,
}

impl Opener {
    /// For a store of so many memories.
    pub fn new(mut options: DeviceOptions, memories: u64) -> Self {
        let mut why = None;
        if options.choice == DeviceChoice::Auto {
            let verdict = choose(&options, memories);
            (options.choice, why) = (verdict.choice, Some(verdict.why));
        }
        Opener { options, why, failures: 0, fallback: None }
    }

    /// The device asked for, or the CPU once that was given up, ready to play what a store plays.
    pub fn open(&self) -> Result<Device, Error> {
        let opened = Device::open(&self.options).and_then(|mut device| {
            device.prepare(&KERNELS)?;
            Ok(device)
        });
        opened.map_err(|error| Error::Device(error.to_string()))
    }

    /// Counts a failure.
    pub fn failed(&mut self, why: &str) {
        self.failures += 1;
        tracing::error!(why, "the device failed; it is opened again and filled from the state");
    }

    /// The CPU, from now on. None where nothing can step in: for a CPU that somebody named or that stepped in already, and for two
    /// devices that disagree, of which somebody wants to know.
    pub fn fall_back(&mut self, why: &str) -> Option<Result<Device, Error>> {
        let nothing_else = match self.options.choice {
            DeviceChoice::Cpu => self.why.is_none() || self.fallback.is_some(),
            DeviceChoice::Twin(..) => true,
            _ => false,
        };
        if nothing_else {
            return None;
        }
        tracing::error!(why, "the device failed again; from now on the CPU computes");
        self.fallback = Some(why.to_owned());
        self.options = DeviceOptions { choice: DeviceChoice::Cpu, lost_after: None, ..self.options.clone() };
        Some(self.open())
    }
}
