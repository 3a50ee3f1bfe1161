//! How often a check may look at its seeds, and what each look may spend of the error rate.

use super::flips::number_of;

/// Of all checks of a file without any change, at most this share says `worse` or `better`.
pub const ERROR_RATE: f64 = 0.05;

/// Seeds at the first look, where there are more to come: `worse` in 30 cells can be told from 8.
const FIRST: usize = 8;

/// The numbers of seeds at which a check looks, with the share of the error rate of each look.
///
/// The rate is spent in proportion to the seeds: the look at `n_k` of `n` has the level
/// `α (n_k - n_(k-1)) / n`. Levels add up to α, and so the chance of a false alarm at any look is at
/// most α, however looks hang together; what a level cannot spend because a p is a multiple of
/// 2⁻ⁿ is lost.
/// Source: Kim and DeMets, *Biometrika* 74 (1987), with ρ = 1; Bonferroni's bound over the looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Looks {
    looks: Vec<Look>,
}

/// One look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// The seeds that it sees, from the first on.
    pub(super) seeds: usize,
    /// The level of its tests.
    pub(super) level: f64,
}

impl Looks {
    /// The usual ones for a baseline of `n_seeds`: the first 8, twice as many as long as those are
    /// at most three quarters of all, then all of them.
    ///
    /// # Panics
    /// If there are no seeds, or the rate is not above 0 and below 1.
    pub fn of(n_seeds: usize, error_rate: f64) -> Self {
        let doubled = std::iter::successors(Some(FIRST), |seeds| Some(2 * seeds));
        let mut seeds: Vec<usize> = doubled.take_while(|&seeds| 4 * seeds <= 3 * n_seeds).collect();
        seeds.push(n_seeds);
        Self::at(&seeds, error_rate)
    }

    /// Looks at these numbers of seeds.
    ///
    /// # Panics
    /// If there is no look, numbers do not rise from at least 1, or the rate is not above 0 and
    /// below 1.
    pub fn at(seeds: &[usize], error_rate: f64) -> Self {
        assert!(error_rate > 0.0 && error_rate < 1.0, "an error rate of {error_rate}");
        let all = *seeds.last().expect("at least one look");
        let mut seen = 0;
        let look = |&seeds: &usize| {
            assert!(seeds > seen, "looks at {seeds} after {seen} seeds");
            let level = error_rate * (seeds - seen) as f64 / all as f64;
            seen = seeds;
            Look { seeds, level }
        };
        Self { looks: seeds.iter().map(look).collect() }
    }

    /// Seeds at the first look.
    pub fn first(&self) -> usize {
        self.looks[0].seeds
    }

    /// Seeds at the last look: all.
    pub fn last(&self) -> usize {
        self.last_look().seeds
    }

    /// Seeds at the look after one at `seeds`; none after the last.
    pub fn after(&self, seeds: usize) -> Option<usize> {
        self.looks.iter().map(|look| look.seeds).find(|&next| next > seeds)
    }

    /// The looks that so many seeds allow.
    pub(super) fn within(&self, seeds: usize) -> impl Iterator<Item = Look> {
        self.looks.iter().copied().take_while(move |look| look.seeds <= seeds)
    }

    pub(super) fn last_look(&self) -> Look {
        *self.looks.last().expect("there is a look")
    }
}

impl Look {
    /// What a test in two directions can spend of the level: a multiple of two flips.
    pub(super) fn spent_two_sided(self, seeds: usize) -> f64 {
        let half = number_of(seeds) as f64 / 2.0;
        (self.level * half).floor() / half
    }

    /// What a test in one direction can spend of the level.
    pub(super) fn spent(self, seeds: usize) -> f64 {
        let flips = number_of(seeds) as f64;
        (self.level * flips).floor() / flips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_looks_spend_the_rate_and_no_more() {
        let seeds = |n: usize| -> Vec<usize> {
            Looks::of(n, ERROR_RATE).looks.iter().map(|look| look.seeds).collect()
        };
        assert_eq!(seeds(5), [5]);
        assert_eq!(seeds(8), [8]);
        assert_eq!(seeds(10), [10]);
        assert_eq!(seeds(12), [8, 12]);
        assert_eq!(seeds(24), [8, 16, 24]);
        assert_eq!(seeds(100), [8, 16, 32, 64, 100]);
        for n in 1..100 {
            let spent: f64 = Looks::of(n, ERROR_RATE).looks.iter().map(|look| look.level).sum();
            assert!((spent - ERROR_RATE).abs() < 1e-12, "{n}: {spent}");
        }
        let looks = Looks::of(24, ERROR_RATE);
        assert_eq!((looks.first(), looks.last()), (8, 24));
        assert_eq!([looks.after(8), looks.after(9), looks.after(24)], [Some(16), Some(16), None]);
    }

    #[test]
    fn so_few_seeds_cannot_spend_anything() {
        // 2 of 32 flips are above 5 %, 2 of 64 are not.
        let spent = |n: usize| Looks::of(n, ERROR_RATE).last_look().spent_two_sided(n);
        assert_eq!(spent(5), 0.0);
        assert_eq!(spent(6), 2.0 / 64.0);
        assert_eq!(Looks::of(5, ERROR_RATE).last_look().spent(5), 1.0 / 32.0);
    }
}
