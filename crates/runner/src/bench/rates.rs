//! Rates, measured in turns.

use std::time::{Duration, Instant};

/// How long and how often something is measured.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// About how many seconds a repetition takes.
    pub seconds: f64,
    /// How many repetitions there are, after a warm-up.
    pub repetitions: usize,
}

impl Pace {
    /// What the tables are measured with, and the harness of the other frameworks.
    pub const USUAL: Self = Self { seconds: 0.6, repetitions: 5 };

    /// What growth is measured with: many points, of which only ratios count.
    pub const QUICK: Self = Self { seconds: 0.15, repetitions: 5 };
}

/// Median, least and greatest of the repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of values that are all finite.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let median = (values[last / 2] + values[values.len() / 2]) / 2.0;
        Self { median, min: values[0], max: values[last] }
    }

    /// Each value passed through `change`, which rises or falls all the way.
    #[must_use]
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let (one, other) = (change(self.min), change(self.max));
        Self { median: change(self.median), min: one.min(other), max: one.max(other) }
    }
}

/// Between two turns of work on several threads: those of a product library look for more work for
/// about a tenth of a second before they sleep, and would take it from the other's time.
const REST: Duration = Duration::from_millis(120);

/// What is measured: does so many units of its work.
pub(super) type Work<'a> = &'a mut dyn FnMut(u64);

/// Units a second of each of `works`, which take turns so that a machine that slows down slows all
/// of them down. `threads` is how many each may use.
pub(super) fn in_turns<const N: usize>(
    pace: Pace,
    threads: usize,
    mut works: [Work<'_>; N],
) -> [Spread; N] {
    let counts: Vec<u64> = works.iter_mut().map(|work| warm_up(pace, work)).collect();
    let mut rates = [const { Vec::new() }; N];
    for _ in 0..pace.repetitions {
        for ((work, &count), rates) in works.iter_mut().zip(&counts).zip(&mut rates) {
            if threads > 1 {
                std::thread::sleep(REST);
            }
            rates.push(count as f64 / seconds(|| work(count)));
        }
    }
    rates.map(Spread::of)
}

/// Works for at least half a repetition at a stretch, and says how many units make a whole one.
fn warm_up(pace: Pace, work: &mut Work<'_>) -> u64 {
    let mut count = 1;
    loop {
        let taken = seconds(|| work(count));
        if taken > pace.seconds / 2.0 {
            return ((count as f64 * pace.seconds / taken) as u64).max(1);
        }
        let factor = (1.1 * pace.seconds / taken.max(1e-9)).clamp(1.5, 20.0);
        count = (count as f64 * factor).ceil() as u64;
    }
}

/// How long `work` takes.
pub(super) fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_all_repetitions() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0, 10.0]);
        assert_eq!(spread, Spread { median: 2.5, min: 1.0, max: 10.0 });
        assert_eq!(spread.map(|x| 1.0 / x), Spread { median: 0.4, min: 0.1, max: 1.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { median: 7.0, min: 7.0, max: 7.0 });
    }

    #[test]
    fn works_take_turns_and_each_is_counted_by_itself() {
        let pace = Pace { seconds: 0.002, repetitions: 3 };
        let turns = std::cell::RefCell::new(Vec::new());
        let work = |name: char, nanoseconds: u64| {
            let turns = &turns;
            move |count: u64| {
                turns.borrow_mut().push(name);
                let until = Duration::from_nanos(nanoseconds * count);
                let start = Instant::now();
                while start.elapsed() < until {
                    std::hint::spin_loop();
                }
            }
        };
        let (mut slow, mut fast) = (work('s', 100_000), work('f', 10_000));
        let [slow, fast] = in_turns(pace, 1, [&mut slow, &mut fast]);
        assert!(slow.max <= 10_000.0 && fast.max <= 100_000.0, "{slow:?} {fast:?}");
        let turns = turns.into_inner();
        assert_eq!(turns[turns.len() - 6..], ['s', 'f', 's', 'f', 's', 'f']);
    }
}
