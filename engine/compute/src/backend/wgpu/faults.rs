//! What a driver reports besides answers: errors that no call returned, and the end of the device.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;

/// Reports of one device, as its callbacks leave them.
#[derive(Clone, Default)]
pub(super) struct Faults {
    reports: Arc<Mutex<Reports>>,
}

#[derive(Default)]
struct Reports {
    /// Said once, true for ever.
    lost: Option<String>,
    /// The first error since somebody looked; those that follow are its consequences.
    error: Option<wgpu::Error>,
}

impl Faults {
    /// Listens to a device. Without it an unexpected error would end the program.
    pub fn of(device: &wgpu::Device) -> Faults {
        let faults = Faults::default();
        let listener = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| listener.note(error)));
        let listener = faults.clone();
        device.set_device_lost_callback(move |reason, why| {
            let why = if why.is_empty() { format!("{reason:?}") } else { why };
            listener.with(|reports| _ = reports.lost.get_or_insert(why));
        });
        faults
    }

    /// The error to give back for what was asked of the device since the last look, if anything went wrong.
    pub fn check(&self, device: &str) -> crate::Result<()> {
        self.take(device).map_or(Ok(()), |(error, _)| Err(error))
    }

    /// As `check`, and whether it was memory that is wanting.
    pub fn take(&self, device: &str) -> Option<(Error, bool)> {
        let device = device.to_owned();
        self.with(|reports| {
            let error = reports.error.take();
            if let Some(why) = &reports.lost {
                return Some((Error::DeviceLost { device, why: why.clone() }, false));
            }
            let error = error?;
            let memory = matches!(error, wgpu::Error::OutOfMemory { .. });
            Some((Error::Driver { device, why: error.to_string() }, memory))
        })
    }

    fn note(&self, error: wgpu::Error) {
        self.with(|reports| _ = reports.error.get_or_insert(error));
    }

    fn with<T>(&self, use_them: impl FnOnce(&mut Reports) -> T) -> T {
        // A callback that panicked half-way leaves no half-written report.
        use_them(&mut self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
