//! Figures of this process, as the operating system tells them.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// CPU time this process has used over all threads, seconds.
pub fn cpu_s() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Memory this process holds, bytes; none where the system does not tell (it does on Linux).
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Files and sockets this process has open; none where the system does not tell.
pub fn open_files() -> Option<u64> {
    fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_time_and_memory() {
        assert!(cpu_s() > 0.0);
        if cfg!(target_os = "linux") {
            assert!(resident_bytes().unwrap() > 100_000);
            assert!(open_files().unwrap() >= 3);
        }
    }
}
