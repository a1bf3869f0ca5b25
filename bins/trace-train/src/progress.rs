//! The progress bar and the log lines beside it.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};
use iopo_cli::{bar_style, note_above};
use iopo_train::{AnswerProgress, LogEntry, Notice, Observer, Progress, ReferenceProgress};

/// Shows loss, margin, tokens a second and the time left.
pub struct Bar {
    bar: ProgressBar,
    margin: f64,
}

impl Bar {
    /// A bar whose length the first update gives; hidden where standard error is not a terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(bar_style("{msg} ETA {eta}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, margin: 0.0 }
    }

    /// A line above the bar, or on standard error where there is no bar.
    pub fn line(&self, text: &str) {
        note_above(&self.bar, text);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Bar {
    fn on_step(&mut self, progress: &Progress<'_>) {
        let outcome = progress.outcome;
        self.margin = outcome.metrics.get("rewards/margins").unwrap_or(self.margin);
        let tokens_per_second = outcome.tokens as f64 / progress.elapsed.as_secs_f64().max(1e-9);
        self.bar.set_length(progress.total_steps as u64);
        self.bar.set_position(progress.step as u64);
        self.bar.set_message(format!(
            "loss {:.4} margin {:+.3} {tokens_per_second:.0} tokens/s",
            outcome.loss, self.margin
        ));
    }

    fn on_reference(&mut self, progress: &ReferenceProgress<'_>) {
        let &ReferenceProgress { file, total, found, computed } = progress;
        if computed == 0 {
            self.line(&format!(
                "reference log-probs: {found} of {total} sequences are in {}, {} are to be computed",
                file.display(),
                total - found
            ));
        }
        let message = if found + computed < total {
            format!("reference log-probs {}/{total}", found + computed)
        } else {
            String::new()
        };
        self.bar.set_message(message);
    }

    fn on_answering(&mut self, progress: &AnswerProgress) {
        let &AnswerProgress { is_reference, done, total } = progress;
        let who = if is_reference { "reference" } else { "policy" };
        let message = if done < total { format!("{who} answers {done}/{total}") } else { String::new() };
        self.bar.set_message(message);
    }

    fn on_answers(&mut self, file: &Path) {
        self.line(&format!("answers: {}", file.display()));
    }

    fn on_notice(&mut self, notice: &Notice) {
        self.line(&format!("note: {}: {}", notice.key, notice.text));
    }

    fn on_log(&mut self, entry: &LogEntry) {
        self.line(&describe(entry));
    }

    fn on_save(&mut self, dir: &Path) {
        self.line(&format!("saved {}", dir.display()));
    }

    fn on_resume(&mut self, step: usize, dir: &Path) {
        self.bar.set_position(step as u64);
        self.line(&format!("resuming after update {step} of {}", dir.display()));
    }
}

/// A log line for people: the few numbers that show how training goes.
fn describe(entry: &LogEntry) -> String {
    const SHOWN: [(&str, &str); 5] = [
        ("loss", "loss"),
        ("rewards/margins", "margin"),
        ("rewards/accuracies", "accuracy"),
        ("grad_norm", "gradient norm"),
        ("learning_rate", "learning rate"),
    ];
    let evaluated = entry.values.keys().any(|name| name.starts_with("eval_"));
    let mut text = format!(
        "step {}/{} epoch {:.2}{}",
        entry.step,
        entry.total_steps,
        entry.epoch,
        if evaluated { " evaluated:" } else { "" }
    );
    for (name, label) in SHOWN {
        let value = if evaluated { entry.get(&format!("eval_{name}")) } else { entry.get(name) };
        match value {
            Some(value) if name == "learning_rate" => text.push_str(&format!(" {label} {value:.2e}")),
            Some(value) => text.push_str(&format!(" {label} {value:.4}")),
            None => {}
        }
    }
    for (name, label) in [("if", "followed"), ("if_strict", "followed strictly"), ("if_loose", "loosely")] {
        if let Some(share) = entry.get(&format!("eval_{name}")) {
            text.push_str(&format!(" {label} {share:.4}"));
        }
        if let Some(share) = entry.get(&format!("eval_ref_{name}")) {
            text.push_str(&format!(" (reference {share:.4})"));
        }
    }
    text
}
