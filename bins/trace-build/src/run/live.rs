//! Showing how far a run has come: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chat_client::JournaledClient;
use indicatif::{HumanDuration, ProgressBar};
use iopo_cli::{bar_style, note};
use trace_synthesis::pipeline::{Progress, Stage};

/// Time between two looks on a terminal.
const FRAME: Duration = Duration::from_millis(250);

/// Looks between two lines elsewhere: ten seconds.
const FRAMES_A_LINE: u32 = 40;

/// A thread that looks at a run.
pub(super) struct Live {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

struct Shown {
    progress: Arc<Progress>,
    clients: Vec<JournaledClient>,
    seeds: u64,
    started: Instant,
}

impl Live {
    pub(super) fn start(progress: Arc<Progress>, clients: Vec<JournaledClient>, seeds: u64) -> Self {
        let shown = Shown { progress, clients, seeds, started: Instant::now() };
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || match std::io::stderr().is_terminal() {
            true => shown.draw(&over),
            false => shown.tell(&over),
        });
        Self { is_over, thread }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        self.is_over.store(true, Ordering::Relaxed);
        // A bar that panicked is no reason to lose a run.
        let _ = self.thread.join();
    }
}

impl Shown {
    fn draw(&self, over: &AtomicBool) {
        let bar = ProgressBar::new(self.seeds).with_style(bar_style("seeds {elapsed}\n{msg}"));
        while !over.load(Ordering::Relaxed) {
            bar.set_position(self.progress.finished());
            bar.set_message(format!("{}\n{}", self.stages(), self.totals()));
            std::thread::sleep(FRAME);
        }
        bar.finish_and_clear();
    }

    fn tell(&self, over: &AtomicBool) {
        let mut frames = 0;
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(FRAME);
            frames += 1;
            if frames % FRAMES_A_LINE == 0 {
                let (done, seeds) = (self.progress.finished(), self.seeds);
                note(format!("{done}/{seeds} seeds; {}; {}", self.totals(), self.stages()));
            }
        }
    }

    /// Rows that came to each stage, and the share that it rejected.
    fn stages(&self) -> String {
        let stage = |stage: &Stage| {
            let entered = self.progress.entered(*stage);
            let rejected = self.progress.rejected(*stage);
            let share = 100.0 * rejected as f64 / entered as f64;
            let rejected = if rejected > 0 { format!(" (-{share:.0}%)") } else { String::new() };
            (entered > 0).then(|| format!("{stage} {entered}{rejected}"))
        };
        Stage::ALL.iter().filter_map(stage).collect::<Vec<_>>().join(", ")
    }

    fn totals(&self) -> String {
        let progress = self.clients.iter().map(JournaledClient::progress);
        let (mut under_way, mut failed, mut tokens, mut cost) = (0, 0, 0, 0.0);
        for progress in progress {
            under_way += progress.in_flight;
            failed += progress.failed;
            tokens += progress.spent.tokens();
            cost += progress.spent.cost;
        }
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        format!("{under_way} questions under way{failed}, {tokens} tokens, cost {cost:.2}{}", self.left())
    }

    /// The time left, once there is something to reckon it from.
    fn left(&self) -> String {
        let done = self.progress.finished();
        if done == 0 {
            return String::new();
        }
        let elapsed = self.started.elapsed().as_secs_f64();
        let left = elapsed / done as f64 * self.seeds.saturating_sub(done) as f64;
        let left = Duration::try_from_secs_f64(left).unwrap_or_default();
        format!(", about {} left", HumanDuration(left))
    }
}
