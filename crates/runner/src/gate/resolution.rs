//! What so many seeds can resolve: which margin a baseline may declare, and how many it needs.

use super::judge::DIVERGED_MARGIN;
use super::looks::{ERROR_RATE, Look, Looks};
use crate::statistics::standard_deviation;

/// A change of one margin in one figure is found in at least this share of all checks.
pub const POWER: f64 = 0.9;

/// Without any change, at most this share of the checks of a file end with a figure that is not
/// equivalent.
pub const UNSURE: f64 = 1e-3;

/// More seeds than this are not proposed.
const MOST_SEEDS: usize = 1_000;

/// The values of one figure in a baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// One a seed; infinite where the run diverged.
    pub values: Vec<f64>,
    /// The declared margin, above 0.
    pub margin: f64,
}

/// What seeds make of the margin of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Whether the looks resolve the declared margin.
    pub resolves: bool,
    /// The smallest margin that they do; infinite where none.
    pub smallest_margin: f64,
    /// Seeds of which the usual looks resolve the declared margin; `None` above 1,000.
    pub seeds: Option<usize>,
}

/// Whether the seeds of `looks` resolve each margin: a change of it in one figure is found in 90 %
/// of all checks, and without a change all figures together are equivalent in 99.9 %.
///
/// No change means two independent draws of what the seeds show: with a standard deviation σ of the
/// values the mean of `p` paired differences has the standard error `e = σ √(2/p)`. With `t(q)` the
/// value that Student's t of `p - 1` degrees exceeds with chance `q`, `z(q)` the same of the normal,
/// `α` the level of the last look, `m` figures and `w(t) = √(1 + t²/(2(p - 1)))`, a margin is
/// resolved that is at least `e` times the largest of
///
/// - `t(α/2) + z(0.1) w`, and `z(α/2m) + z(0.1)`: the change is found, in its cell and in the family;
/// - `2 z(0.1)`: its estimate is beyond half the margin;
/// - `2 z(0.00025/mk)`: without change no estimate of `k` looks is beyond half the margin, or the
///   more that an earlier look demands;
/// - `t(α) + z(0.00025/m) w`: without change both one-sided tests refute a margin at the last look.
///
/// Where a share `q` of the runs diverged, `p` is what is left of the seeds in both, less three
/// standard deviations, and the share must resolve [`DIVERGED_MARGIN`] with `σ² = q(1 - q)`; above
/// a half it is the share alone.
/// Source of `w`: Johnson and Welch, *Biometrika* 31 (1940), the normal approximation of the
/// noncentral t; that a sign-flip test has the critical value of Student's t: Hoeffding, *Annals of
/// Mathematical Statistics* 23 (1952). `crates/runner/tests/gate.rs` holds it against the procedure.
pub fn resolve(spreads: &[Spread], looks: &Looks) -> Vec<Resolution> {
    let parts: Vec<Measured> = spreads.iter().map(Measured::of).collect();
    let n_parts = parts.iter().map(Measured::n_parts).sum();
    let resolution = |(part, spread): (&Measured, &Spread)| {
        let smallest_margin = part.smallest(looks, n_parts);
        let is_enough =
            |n: &usize| part.smallest(&Looks::of(*n, ERROR_RATE), n_parts) <= spread.margin;
        Resolution {
            resolves: smallest_margin <= spread.margin,
            smallest_margin,
            seeds: least(is_enough),
        }
    };
    parts.iter().zip(spreads).map(resolution).collect()
}

/// The least number of seeds that is enough, by halves: what is enough stays so with more.
fn least(is_enough: impl Fn(&usize) -> bool) -> Option<usize> {
    let (mut low, mut high) = (1, MOST_SEEDS);
    if !is_enough(&high) {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_enough(&middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// A figure's values in two numbers.
struct Measured {
    deviation: f64,
    diverged: f64,
}

impl Measured {
    fn of(spread: &Spread) -> Self {
        let finite: Vec<f64> =
            spread.values.iter().copied().filter(|value| value.is_finite()).collect();
        let diverged = 1.0 - finite.len() as f64 / spread.values.len() as f64;
        Self { deviation: standard_deviation(&finite), diverged }
    }

    fn n_parts(&self) -> usize {
        usize::from(self.diverged <= 0.5) + usize::from(self.diverged > 0.0)
    }

    /// The smallest margin that `looks` resolve in a family of `n_parts`.
    fn smallest(&self, looks: &Looks, n_parts: usize) -> f64 {
        let n = looks.last();
        // The share of two draws that are 0 or 1.
        let spread_of_share = (self.diverged * (1.0 - self.diverged)).sqrt();
        if times_error(n, looks, n_parts) * error(spread_of_share, n) > DIVERGED_MARGIN {
            return f64::INFINITY;
        }
        if self.diverged > 0.5 {
            return 0.0;
        }
        let both = (1.0 - self.diverged).powi(2);
        let mean = n as f64 * both;
        let pairs = (mean - 3.0 * (mean * (1.0 - both)).sqrt()).max(0.0) as usize;
        if pairs < 2 {
            return f64::INFINITY;
        }
        times_error(pairs, looks, n_parts) * error(self.deviation, pairs)
    }
}

fn error(deviation: f64, pairs: usize) -> f64 {
    // No spread resolves any margin with seeds enough, and infinity times 0 has no value.
    (deviation * (2.0 / pairs as f64).sqrt()).max(f64::MIN_POSITIVE)
}

/// How many standard errors of the mean difference of `pairs` make a margin that is resolved.
fn times_error(pairs: usize, looks: &Looks, n_parts: usize) -> f64 {
    let look = looks.last_look();
    let (both, one) = (look.spent_two_sided(pairs), look.spent(pairs));
    if both == 0.0 || pairs < 2 {
        return f64::INFINITY;
    }
    let m = n_parts.max(1) as f64;
    let power = normal_above(1.0 - POWER);
    let degrees = (pairs - 1) as f64;
    let widening = |t: f64| (1.0 + t * t / (2.0 * degrees)).sqrt();
    let (t_both, t_one) = (student_above(both / 2.0, degrees), student_above(one, degrees));
    let n_looks = looks.within(looks.last()).count() as f64;
    [
        t_both + power * widening(t_both),
        normal_above(both / 2.0 / m) + power,
        2.0 * power,
        2.0 * normal_above(UNSURE / 4.0 / m / n_looks),
        t_one + normal_above(UNSURE / 4.0 / m) * widening(t_one),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

/// The smallest change, in margins, that is found in 90 % of all cases by one look at `pairs`
/// differences with this standard deviation, where an estimate must be beyond `bound`: half a
/// margin, or what chance makes of the rest of the family.
pub(super) fn smallest_shown(deviation: f64, pairs: usize, look: Look, bound: f64) -> f64 {
    let level = look.spent_two_sided(pairs);
    if level == 0.0 || pairs < 2 {
        return f64::INFINITY;
    }
    let error = deviation / (pairs as f64).sqrt();
    let power = normal_above(1.0 - POWER);
    let degrees = (pairs - 1) as f64;
    let t = student_above(level / 2.0, degrees);
    let alone = t + power * (1.0 + t * t / (2.0 * degrees)).sqrt();
    (alone * error).max(bound + power * error)
}

/// The value that a standard normal exceeds with this chance, below one half.
fn normal_above(chance: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        let above = 0.5 * libm::erfc(middle / std::f64::consts::SQRT_2);
        if above > chance { low = middle } else { high = middle }
    }
    high
}

/// The value that Student's t exceeds with this chance, to 1 % from 5 degrees on.
///
/// Source: Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.7.5.
fn student_above(chance: f64, degrees: f64) -> f64 {
    let z = normal_above(chance);
    let (z2, n) = (z * z, degrees);
    let first = (z2 + 1.0) / 4.0;
    let second = ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let third = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    z * (1.0 + first / n + second / (n * n) + third / (n * n * n))
}

#[cfg(test)]
mod tests {
    use gradus_core::Stream;

    use super::*;
    use crate::gate::{Figure, Verdict, judge};

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (chance, z) in [(0.1, 1.281_552), (0.025, 1.959_964), (0.000_5, 3.290_527)] {
            assert!((normal_above(chance) - z).abs() < 1e-6, "{chance}");
        }
        // Abramowitz and Stegun, table 26.10.
        for (chance, degrees, t) in
            [(0.025, 5.0, 2.571), (0.005, 7.0, 3.499), (0.01, 23.0, 2.500), (0.05, 11.0, 1.796)]
        {
            let got = student_above(chance, degrees);
            assert!((got / t - 1.0).abs() < 0.01, "{chance} {degrees}: {got}");
        }
    }

    #[test]
    fn more_seeds_resolve_a_smaller_margin_and_the_number_proposed_is_the_least() {
        let values: Vec<f64> = (0..24).map(|seed| f64::from(seed % 5)).collect();
        let spreads = vec![Spread { values, margin: 2.0 }; 30];
        let at = |n: usize| resolve(&spreads, &Looks::of(n, ERROR_RATE))[7];
        let seeds = at(24).seeds.expect("some number is enough");
        assert!(at(seeds).resolves && !at(seeds - 1).resolves, "{seeds}");
        assert_eq!(at(5).smallest_margin, f64::INFINITY);
        assert!(at(48).smallest_margin < at(24).smallest_margin);
    }

    #[test]
    fn divergence_needs_seeds_of_its_own() {
        let with = |diverged: usize| {
            let value = |seed: usize| if seed < diverged { f64::INFINITY } else { 1.0 };
            let spread = Spread { values: (0..24).map(value).collect(), margin: 0.1 };
            resolve(&[spread], &Looks::of(24, ERROR_RATE))[0]
        };
        assert!(with(0).resolves && with(24).resolves);
        // A run that may or may not diverge is a coin: 24 seeds are too few for half of them.
        assert!(!with(12).resolves);
        assert!(with(12).seeds.is_some_and(|seeds| seeds > 24), "{:?}", with(12));
    }

    #[test]
    fn the_smallest_change_shown_is_found_in_nine_of_ten() {
        for (n_seeds, deviation) in [(8, 0.5), (8, 2.0), (24, 0.1), (24, 1.0)] {
            let looks = Looks::at(&[n_seeds], ERROR_RATE);
            let change = smallest_shown(deviation, n_seeds, looks.last_look(), 0.5);
            let n_trials = 400;
            let found = (0..n_trials).filter(|&trial| {
                let mut stream = Stream::new(trial, "shown", 0, n_seeds as u64);
                let now = (0..n_seeds).map(|_| change + deviation * stream.normal()).collect();
                let before = vec![0.0; n_seeds];
                let figure = Figure { before, now, margin: 1.0, higher_is_better: false };
                judge(&[figure], &looks).figures[0].verdict == Verdict::Worse
            });
            let share = found.count() as f64 / n_trials as f64;
            // Five standard errors of a share of 400, and what the normal approximation leaves.
            assert!((share - POWER).abs() < 0.095, "{n_seeds} seeds, {deviation}: {share}");
        }
    }
}
