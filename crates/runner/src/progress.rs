//! What a person sees while runs go on: a bar on a terminal, plain lines elsewhere.

use std::fmt::Arguments;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Progress over all runs of a sweep, on stderr. Runs count once they are durable.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    plain: Mutex<Plain>,
    total: usize,
}

#[derive(Debug)]
struct Plain {
    done: usize,
    started: Instant,
    last_line: Instant,
}

/// Time between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

fn counted(runs: usize) -> String {
    if runs == 1 { "1 run".to_string() } else { format!("{runs} runs") }
}

impl Progress {
    /// Begins with nothing done of `total` runs.
    pub(crate) fn start(total: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            let form = "{bar:32} {pos} of {len} runs  {per_sec}  {eta} left";
            bar.set_style(ProgressStyle::with_template(form).expect("the form is a constant"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            say(format_args!("training {}", counted(total)));
        }
        let now = Instant::now();
        Self { bar, plain: Mutex::new(Plain { done: 0, started: now, last_line: now }), total }
    }

    /// So many more runs are durable.
    pub(crate) fn add(&self, runs: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(runs as u64);
            return;
        }
        // Only the writer reports, so nobody waits here.
        let Ok(mut plain) = self.plain.lock() else { return };
        plain.done += runs;
        if plain.last_line.elapsed() >= LINE_INTERVAL && plain.done < self.total {
            let rate = plain.done as f64 / plain.started.elapsed().as_secs_f64();
            let left = (self.total - plain.done) as f64 / rate;
            say(format_args!(
                "{} of {} runs, {rate:.1} runs/s, {left:.0} s left",
                plain.done, self.total
            ));
            plain.last_line = Instant::now();
        }
    }

    /// A line that is worth reading while runs go on.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => say(format_args!("{line}")),
        }
    }

    /// Takes the bar away and says how long it took.
    pub(crate) fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let Ok(plain) = self.plain.into_inner() else { return };
        let done = self.bar.as_ref().map_or(plain.done, |bar| bar.position() as usize);
        let seconds = plain.started.elapsed().as_secs_f64();
        say(format_args!(
            "trained {} in {seconds:.2} s ({:.1} runs/s)",
            counted(done),
            done as f64 / seconds
        ));
    }
}

/// A line on stderr, unless nobody listens any more: that is no reason to stop training.
fn say(line: Arguments<'_>) {
    // In one piece: stderr has no buffer, and each piece would be a call of the system.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
