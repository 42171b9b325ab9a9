//! One program, so that what is carried to a machine with a card is small. What each part is for stands in the library.

mod devices;
mod engine;
mod memory;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time: who fills a card leaves nothing to others, and who soaks it wants all of it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that failed has let go of its devices.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
