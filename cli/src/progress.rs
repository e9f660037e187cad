//! How a run is shown while it goes on: live in a terminal, one line for each change elsewhere.

use crate::output::printable;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;
use stepwell_runtime::driver::Progress;
use stepwell_runtime::model::run::{Reason, RunPhase, RunStatus, StepPhase, StepStatus};

/// Where a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Beside nothing else: the progress is the result.
    Stdout,
    /// Beside a result on standard output.
    Stderr,
}

/// Shows a run. What has not changed is not shown again.
pub(crate) struct Show {
    name: String,
    to: To,
    live: Option<Live>,
    run: Option<(RunPhase, String)>,
    steps: HashMap<String, String>,
}

/// The lines of a terminal, one for each step.
struct Live {
    all: MultiProgress,
    bars: HashMap<String, ProgressBar>,
    footer: ProgressBar,
}

impl Show {
    /// Shows the run of this name; `live` where a person watches.
    pub(crate) fn new(name: &str, to: To, live: bool) -> Show {
        let target = match to {
            To::Stdout => ProgressDrawTarget::stdout(),
            To::Stderr => ProgressDrawTarget::stderr(),
        };
        let live = live.then(|| {
            let all = MultiProgress::with_draw_target(target);
            let footer = all.add(ProgressBar::new_spinner());
            footer.set_style(style("{wide_msg}"));
            Live { all, bars: HashMap::new(), footer }
        });
        Show { name: printable(name), to, live, run: None, steps: HashMap::new() }
    }

    /// Whether a person watches.
    pub(crate) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Something has happened.
    pub(crate) fn progress(&mut self, progress: &Progress) {
        match progress {
            Progress::Run { phase, message, .. } => self.run(*phase, message),
            Progress::Step { group, step } => self.step(group.as_deref(), step),
        }
    }

    /// Everything is as this status says.
    pub(crate) fn status(&mut self, status: &RunStatus) {
        for step in &status.steps {
            self.step(None, step);
            for sub in &step.sub_steps {
                self.step(Some(&step.name), sub);
            }
        }
        self.run(status.phase, &status.message);
    }

    fn run(&mut self, phase: RunPhase, message: &str) {
        let now = (phase, printable(message));
        if self.run.as_ref() == Some(&now) {
            return;
        }
        let text = match now.1.is_empty() {
            true => format!("{}: {}", self.name, run_word(phase)),
            false => format!("{}: {}: {}", self.name, run_word(phase), now.1),
        };
        match &self.live {
            Some(live) if phase == RunPhase::Suspending => {
                // Short, so that it fits into a line; what it waits for stands at its step.
                let how =
                    format!("waits: `stepwell workflow resume {}` goes on, Ctrl-C leaves it", self.name);
                live.footer.set_message(how);
            }
            Some(live) => live.footer.set_message(text),
            None => self.line(&text),
        }
        self.run = Some(now);
    }

    fn step(&mut self, group: Option<&str>, step: &StepStatus) {
        let text = step_text(step);
        if self.steps.get(&step.name) == Some(&text) {
            return;
        }
        let first = self.steps.insert(step.name.clone(), text.clone()).is_none();
        let name = match group {
            Some(group) => printable(&format!("{group}/{}", step.name)),
            None => printable(&step.name),
        };
        let Some(live) = &mut self.live else {
            let kind = if first { format!(" ({})", printable(&step.kind)) } else { String::new() };
            return self.line(&format!("{name}{kind}: {text}"));
        };
        let bar = live.bars.entry(step.name.clone()).or_insert_with(|| {
            let bar = live.all.insert_before(&live.footer, ProgressBar::new_spinner());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        let mark = match step.phase {
            StepPhase::Succeeded => "✓",
            StepPhase::Failed if step.finished() => "✗",
            StepPhase::Skipped => "-",
            StepPhase::Suspending => "⏸",
            _ => "{spinner}",
        };
        // What is over shows the time it took, in its text.
        let elapsed = if step.finished() { "" } else { " {elapsed}" };
        bar.set_style(style(&format!("{mark} {{prefix}}{elapsed} {{wide_msg}}")));
        bar.set_prefix(format!("{name} ({})", printable(&step.kind)));
        bar.set_message(text);
        if step.finished() {
            bar.finish();
        }
    }

    /// The user has left: the screen stays as it is. The terminal has written `^C` to it, so that nothing can be drawn over it any more.
    pub(crate) fn leave(&mut self) {
        if let Some(live) = self.live.take() {
            live.all.set_draw_target(ProgressDrawTarget::hidden());
            self.line("");
        }
    }

    /// The run is not shown any longer: what is on the screen stays.
    pub(crate) fn end(&mut self) {
        if let Some(live) = self.live.take() {
            let text = live.footer.message();
            live.footer.finish_and_clear();
            for bar in live.bars.values().filter(|b| !b.is_finished()) {
                bar.abandon();
            }
            let end = if self.run.as_ref().is_some_and(|(p, _)| *p == RunPhase::Suspending) {
                None
            } else {
                Some(text)
            };
            if let Some(text) = end.filter(|t| !t.is_empty()) {
                self.line(&text);
            }
        }
    }

    #[allow(
        clippy::let_underscore_must_use,
        reason = "a run does not end because nobody reads of it any more"
    )]
    fn line(&self, text: &str) {
        let _ = match self.to {
            To::Stdout => writeln!(io::stdout().lock(), "{text}"),
            To::Stderr => writeln!(io::stderr().lock(), "{text}"),
        };
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// The phase of a run in its usual word.
pub(crate) fn run_word(phase: RunPhase) -> String {
    serde_json::to_value(phase).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Where a step stands, and what it says.
pub(crate) fn step_text(step: &StepStatus) -> String {
    let word = match (step.phase, step.reason) {
        (StepPhase::Running, Some(Reason::Wait)) => "waiting",
        (StepPhase::Pending, _) => "pending",
        (StepPhase::Running, _) => "running",
        (StepPhase::Suspending, _) => "suspending",
        (StepPhase::Succeeded, _) => "succeeded",
        (StepPhase::Failed, Some(Reason::Execute)) => "failed, will be tried again",
        (StepPhase::Failed, Some(Reason::Timeout)) => "timed out",
        (StepPhase::Failed, _) => "failed",
        (StepPhase::Skipped, _) => "skipped",
    };
    let took = match (step.phase, step.first_execute_time, step.last_execute_time) {
        (StepPhase::Succeeded | StepPhase::Failed, Some(first), Some(last)) if step.finished() => {
            format!(" after {} s", first.until(last).as_secs())
        }
        _ => String::new(),
    };
    match printable(&step.message).as_str() {
        "" => format!("{word}{took}"),
        message => format!("{word}{took}: {}", message.replace('\n', " ")),
    }
}
