//! Jobs in child processes, a few at a time.

use std::collections::VecDeque;
use std::env;
use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use iopo_cli::say;

use super::job::Job;
use super::store::Store;
use crate::bench::measure::RETURN_FREED_MEMORY;

/// Runs the jobs that have no result yet, in order, `workers` at a time.
///
/// Every job is a process with one thread, so that a failed job leaves the results of the others, and a study that was
/// killed resumes with the missing jobs.
pub fn run_all(store: &Store, study: &str, jobs: &[Job], workers: usize) -> Result<()> {
    let missing: VecDeque<&Job> = jobs.iter().filter(|job| !store.has(job)).collect();
    let total = missing.len();
    let queue = Mutex::new(missing);
    let work = || -> Result<()> {
        loop {
            let (job, left) = {
                let mut queue = queue.lock().map_err(|_| anyhow!("another worker died"))?;
                let Some(job) = queue.pop_front() else { return Ok(()) };
                (job, queue.len())
            };
            let started = Instant::now();
            if let Err(error) = run_one(store, study, job) {
                // The others finish what they have begun.
                queue.lock().map_err(|_| anyhow!("another worker died"))?.clear();
                return Err(error);
            }
            let seconds = started.elapsed().as_secs_f64();
            say(format_args!("{}/{total} {} {seconds:.0} s", total - left, job.name()))?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        let ended: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ended.into_iter().try_for_each(|result| result.unwrap_or_else(|_| Err(anyhow!("a worker died"))))
    })
}

fn run_one(store: &Store, study: &str, job: &Job) -> Result<()> {
    let path = store.log(job);
    let log = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut command = Command::new(env::current_exe().context("this program has no path")?);
    if job.measures_memory() {
        command.envs(RETURN_FREED_MEMORY);
    }
    let status = command
        .args(["reproduce", "--study", study, "--out"])
        .arg(store.root())
        .args(["--job", &serde_json::to_string(job)?])
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .context("cannot start a job")?;
    if status.success() {
        return Ok(());
    }
    bail!("{} failed; what it printed is in {}", job.name(), path.display())
}
