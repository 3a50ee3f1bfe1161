//! Ctrl-C and its kin: the first asks training to end, the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use gradus_runner::Interruption;

/// What was asked for from outside, and by which signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// What training looks at.
    pub(crate) interruption: Interruption,
    /// 0 as long as there was none.
    first: Arc<AtomicI32>,
}

impl Signals {
    /// The exit code of a program that was interrupted: 128 and the number of the signal.
    pub(crate) fn exit_code(&self) -> u8 {
        exit_code(self.first.load(Ordering::SeqCst))
    }

    /// Listens from now on, but to what whoever started the program told it to ignore: `nohup`
    /// and shells, for what runs in the background, say so.
    #[cfg(unix)]
    pub(crate) fn listen(&self) {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let ignored = ignored();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter();
        let wanted: Vec<i32> = wanted.filter(|signal| ignored >> (signal - 1) & 1 == 0).collect();
        // Without memory for it the program ends by signals as if it knew nothing of them.
        let Ok(signals) = signal_hook::iterator::Signals::new(wanted) else { return };
        let own = self.clone();
        let thread = std::thread::Builder::new().name("signals".to_string());
        let _ = thread.spawn(move || own.serve(signals));
    }

    /// Elsewhere the system ends the program.
    #[cfg(not(unix))]
    pub(crate) fn listen(&self) {}

    #[cfg(unix)]
    fn serve(&self, mut signals: signal_hook::iterator::Signals) {
        use std::time::{Duration, Instant};

        /// A first signal ends the program no later than this, whatever it is busy with.
        const PATIENCE: Duration = Duration::from_millis(1500);
        /// Signals that come so soon after each other are one: `timeout` sends its own to the
        /// process and to its group.
        const SAME: Duration = Duration::from_millis(50);

        let mut asked = None;
        for signal in signals.forever() {
            match asked {
                Some(at) if Instant::now().duration_since(at) < SAME => {}
                Some(_) => stop(signal),
                None => {
                    asked = Some(Instant::now());
                    self.first.store(signal, Ordering::SeqCst);
                    let watch = move || {
                        std::thread::sleep(PATIENCE);
                        say_how_to_go_on();
                        stop(signal);
                    };
                    let is_watched = std::thread::Builder::new()
                        .name("patience".to_string())
                        .spawn(watch)
                        .is_ok();
                    if !self.interruption.ask() || !is_watched {
                        say_how_to_go_on();
                        stop(signal);
                    }
                }
            }
        }
    }
}

fn exit_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Ends at once: every result that was reported is durable, and the next start removes whatever
/// was being written.
#[cfg(unix)]
fn stop(signal: i32) -> ! {
    signal_hook::low_level::exit(exit_code(signal).into())
}

#[cfg(unix)]
fn say_how_to_go_on() {
    crate::output::say(&format!(
        "interrupted; what was finished is kept; to carry on: {}",
        crate::output::command_line()
    ));
}

/// The signals that are ignored, signal 1 in the lowest bit. Nothing but the system's own account
/// of it can be read without unsafe code; where there is none, none is.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0)
}
