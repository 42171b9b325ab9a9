//! A player that is lost on purpose: a fault for tests of whoever must survive the loss of a device.

use super::{Backend, BackendInfo, Reads, Receipt};
use crate::buffer::BufferId;
use crate::kernel::Kernel;
use crate::recording::Recording;
use crate::{Error, Result};

/// Plays on another back end until a number of submissions, then fails for ever.
pub(crate) struct Lossy {
    inner: Box<dyn Backend>,
    submissions_left: u64,
}

impl Lossy {
    pub fn new(inner: Box<dyn Backend>, submissions: u64) -> Self {
        Lossy { inner, submissions_left: submissions }
    }

    fn check(&self) -> Result<()> {
        if self.submissions_left > 0 {
            return Ok(());
        }
        let device = self.inner.info().name.clone();
        Err(Error::DeviceLost { device, why: "a test asked for it".to_owned() })
    }
}

impl Backend for Lossy {
    fn info(&self) -> &BackendInfo {
        self.inner.info()
    }

    fn create_buffer(&mut self, id: BufferId, label: &'static str, bytes: u64) -> Result<()> {
        self.check()?;
        self.inner.create_buffer(id, label, bytes)
    }

    fn destroy_buffer(&mut self, id: BufferId) {
        self.inner.destroy_buffer(id);
    }

    fn prepare(&mut self, kernel: &'static Kernel) -> Result<()> {
        self.check()?;
        self.inner.prepare(kernel)
    }

    /// The submission that uses up the number is accepted, and lost while it is under way.
    fn submit(&mut self, recording: Recording) -> Result<Receipt> {
        self.check()?;
        self.submissions_left -= 1;
        self.inner.submit(recording)
    }

    fn wait(&mut self, receipt: Receipt) -> Result<Reads> {
        let reads = self.inner.wait(receipt)?;
        self.check()?;
        Ok(reads)
    }
}
