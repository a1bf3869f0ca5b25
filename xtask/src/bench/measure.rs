//! Clocks and memory.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// Wall time and CPU time of the whole process, all threads, user and system.
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: process_cpu_time() }
    }

    /// Seconds since the start: wall, CPU.
    pub fn seconds(&self) -> (f64, f64) {
        let cpu = process_cpu_time().saturating_sub(self.cpu);
        (self.wall.elapsed().as_secs_f64(), cpu.as_secs_f64())
    }
}

fn process_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Resident memory of this process now, in megabytes (2²⁰ bytes).
pub fn resident_mb() -> Result<f64> {
    status_mb("VmRSS")
}

/// The highest resident memory since [`forget_peak`], in megabytes.
pub fn peak_mb() -> Result<f64> {
    status_mb("VmHWM")
}

/// Takes what is resident now as the highest so far.
///
/// # Errors
/// A system without Linux's `/proc`.
pub fn forget_peak() -> Result<()> {
    // 5 sets the highest resident size to the present one; see proc(5).
    fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of resident memory")
}

/// A line of `/proc/self/status`, in megabytes.
fn status_mb(name: &str) -> Result<f64> {
    let path = "/proc/self/status";
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    parse_status(&text, name).with_context(|| format!("{path} has no {name} in kB"))
}

fn parse_status(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_read_by_their_whole_name() {
        let text = "VmHWMx:\t 9 kB\nVmHWM:\t  2048 kB\nThreads:\t3\n";
        assert_eq!(parse_status(text, "VmHWM"), Some(2.0));
        assert_eq!(parse_status(text, "Threads"), None);
        assert_eq!(parse_status(text, "VmRSS"), None);
    }
}
