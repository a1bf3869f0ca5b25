//! Clocks, memory, and statistics of repeated measurements.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Variables with which mimalloc 3 returns freed memory at once, so that a peak is the memory in use.
///
/// mimalloc reads them when the process starts. Without them a block stays resident for a second after it was freed,
/// and a huge page for as long as one block in it is in use.
pub const RETURN_FREED_MEMORY: [(&str, &str); 3] =
    [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_PAGE_FULL_RETAIN", "0"), ("MIMALLOC_ALLOW_THP", "0")];

/// The same for PyTorch, which uses glibc's allocator.
pub const RETURN_FREED_MEMORY_GLIBC: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

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

/// Resident memory in megabytes (2²⁰ bytes).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// After loading.
    #[serde(rename = "rss_loaded_mb")]
    pub loaded: f64,
    /// The highest since.
    #[serde(rename = "rss_peak_mb")]
    pub peak: f64,
    /// Their difference.
    #[serde(rename = "rss_delta_mb")]
    pub delta: f64,
}

/// Measures by how much resident memory rises above its size at the start.
pub struct MemoryProbe {
    loaded: f64,
}

impl MemoryProbe {
    /// Takes the present resident size as the base, and resets the peak: memory that only loading needed is no part of
    /// a step.
    ///
    /// # Errors
    /// An allocator that keeps freed memory, because its peak would not be the memory in use; a system without Linux's
    /// `/proc`.
    pub fn start() -> Result<Self> {
        check_allocator()?;
        forget_peak()?;
        Ok(Self { loaded: resident_mb()? })
    }

    /// The peak since the start.
    pub fn finish(self) -> Result<Memory> {
        let peak = peak_mb()?;
        Ok(Memory { loaded: self.loaded, peak, delta: peak - self.loaded })
    }
}

/// Resident memory of this process now, in megabytes (2²⁰ bytes).
pub fn resident_mb() -> Result<f64> {
    status_mb("VmRSS")
}

/// The highest resident memory since [`forget_peak`], in megabytes.
pub fn peak_mb() -> Result<f64> {
    status_mb("VmHWM")
}

/// Resets the peak to the present resident size.
///
/// # Errors
/// A system without Linux's `/proc`.
pub fn forget_peak() -> Result<()> {
    // 5 sets the highest resident size to the present one; see proc(5).
    fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of resident memory")
}

/// Checks that blocks of the sizes that a step allocates are returned when they are freed.
fn check_allocator() -> Result<()> {
    const TOTAL: usize = 128 << 20;
    for size in [128 << 10, 2 << 20, 64 << 20] {
        let before = resident_mb()?;
        let blocks: Vec<Vec<u8>> = (0..TOTAL / size).map(|_| vec![1; size]).collect();
        let held = resident_mb()? - before;
        drop(black_box(blocks));
        let kept = resident_mb()? - before;
        ensure!(held > 120.0, "{size} byte blocks of 128 MB raise resident memory by {held:.0} MB only");
        let variables = RETURN_FREED_MEMORY.map(|(name, value)| format!("{name}={value}")).join(" ");
        ensure!(
            kept < 12.0,
            "the allocator keeps {kept:.0} of 128 MB freed in blocks of {size} bytes; set {variables}"
        );
    }
    Ok(())
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

/// The middle value; of an even number, the upper of the two in the middle, as the baseline takes it.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The smallest value.
pub fn minimum(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_upper_of_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(3.0));
        assert_eq!(median(&[]), None);
        assert_eq!(minimum(&[3.0, 1.0, 2.0]), Some(1.0));
    }

    #[test]
    fn status_lines_are_read_by_their_whole_name() {
        let text = "VmHWMx:\t 9 kB\nVmHWM:\t  2048 kB\nThreads:\t3\n";
        assert_eq!(parse_status(text, "VmHWM"), Some(2.0));
        assert_eq!(parse_status(text, "Threads"), None);
        assert_eq!(parse_status(text, "VmRSS"), None);
    }

    /// Tests run with the allocator's own settings, which keep freed blocks for a second.
    #[test]
    #[cfg(target_os = "linux")]
    fn an_allocator_that_keeps_freed_blocks_is_refused() {
        assert!(std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() || check_allocator().is_err());
    }

    #[test]
    fn work_takes_cpu_time_and_sleep_does_not() {
        let watch = Stopwatch::start();
        let mut sum = 0.0_f64;
        while watch.seconds().1 < 0.02 {
            sum += (0..10_000).map(|i| f64::from(i).sqrt()).sum::<f64>();
        }
        black_box(sum);
        assert!(watch.seconds().0 > 0.0);
    }
}
