//! Sign flips of whole seeds: all of them, or a fixed sample that holds the observed one.
//!
//! If nothing has changed, before and now are two draws of one distribution, and the difference of a
//! seed has either sign with equal probability, in every cell at once. Under each choice of signs
//! the data are then as likely as they are: the share of flips with a statistic as large as the
//! observed one is an exact p, whatever the distribution and however cells hang together.
//! Source: Fisher, *The Design of Experiments* (1935), section 21.

use gradus_core::Stream;

/// Up to this many seeds every flip is looked at.
const MOST_ENUMERATED: usize = 12;

/// Flips beyond that, the observed one included, so that a p is exact for the sample as well.
/// Source: Hemerik and Goeman, *Exact Testing with Random Permutations*, TEST 27 (2018).
const SAMPLED: usize = 4_096;

/// Two sums of the same numbers in another order may differ by this share, and count as equal.
const ROUNDING: f64 = 1e-9;

/// Which seeds change sign, for each flip; the first flip changes none.
pub(super) struct Flips {
    n_seeds: usize,
    /// Eight seeds each: a byte a flip.
    columns: Vec<Vec<u8>>,
    /// How many seeds each flip changes.
    changed: Vec<f64>,
}

impl Flips {
    /// Those of this many seeds; always the same ones.
    pub(super) fn of(n_seeds: usize) -> Self {
        let n_flips = number_of(n_seeds);
        let column = |place: usize| -> Vec<u8> {
            let own = (n_seeds - 8 * place).min(8);
            let mut stream = Stream::new(0, "flips", place as u64, n_seeds as u64);
            let bits = |flip: usize| match flip {
                0 => 0,
                _ if n_seeds <= MOST_ENUMERATED => flip >> (8 * place),
                _ => stream.below(256) as usize,
            };
            (0..n_flips).map(bits).map(|bits| (bits & ((1 << own) - 1)) as u8).collect()
        };
        let columns: Vec<Vec<u8>> = (0..n_seeds.div_ceil(8)).map(column).collect();
        let mut flips = Self { n_seeds, columns, changed: Vec::new() };
        flips.changed = flips.sums(&vec![1.0; n_seeds]);
        flips
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        number_of(self.n_seeds)
    }

    /// For each flip the sum of `values`, one a seed, over the seeds that it changes.
    pub(super) fn sums(&self, values: &[f64]) -> Vec<f64> {
        assert_eq!(values.len(), self.n_seeds, "a value a seed");
        let mut sums = vec![0.0; self.len()];
        for (values, column) in values.chunks(8).zip(&self.columns) {
            let table = table(values);
            for (sum, &byte) in sums.iter_mut().zip(column) {
                *sum += table[usize::from(byte)];
            }
        }
        sums
    }

    /// For each entry of a family its p of no change in either direction, adjusted for all of them:
    /// the share of flips in which the largest of the entries has a sum at least as far from 0.
    ///
    /// Entries are taken from the largest statistic
    /// down, each against the largest of itself and those below it, and none gets a p below the one
    /// before it. The chance of any p at most α where nothing has changed is then at most α, for
    /// whatever part of the entries has not changed, and an entry that changed much does not hide
    /// one that changed less.
    /// Source: Westfall and Young, *Resampling-Based Multiple Testing* (1993), algorithm 2.8;
    /// Romano and Wolf, *Journal of the American Statistical Association* 100 (2005).
    ///
    /// `sizes` are those of [`Flips::sizes`] of each entry.
    pub(super) fn step_down(&self, sizes: &[Vec<f64>]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by(|&a, &b| sizes[b][0].total_cmp(&sizes[a][0]));
        let mut largest = vec![0.0_f64; self.len()];
        let mut p = vec![1.0; sizes.len()];
        // From the smallest up, since each maximum is over an entry and those below it.
        for &entry in order.iter().rev() {
            let bound = sizes[entry][0] * (1.0 - ROUNDING);
            let mut count = 0;
            for (largest, &size) in largest.iter_mut().zip(&sizes[entry]) {
                *largest = largest.max(size);
                count += usize::from(*largest >= bound);
            }
            p[entry] = count as f64 / self.len() as f64;
        }
        let mut before = 0.0_f64;
        for &entry in &order {
            before = before.max(p[entry]);
            p[entry] = before;
        }
        p
    }

    /// The statistic `|Σ sᵢ xᵢ|` of an entry, a value a seed, under every flip.
    pub(super) fn sizes(&self, entry: &[f64]) -> Vec<f64> {
        let total: f64 = entry.iter().sum();
        self.sums(entry).into_iter().map(|sum| (total - 2.0 * sum).abs()).collect()
    }

    /// The value that the largest of these entries reaches by chance in a share `level` of flips.
    pub(super) fn critical<'a>(
        &self,
        sizes: impl Iterator<Item = &'a Vec<f64>>,
        level: f64,
    ) -> f64 {
        let mut largest = vec![0.0_f64; self.len()];
        for sizes in sizes {
            for (largest, &size) in largest.iter_mut().zip(sizes) {
                *largest = largest.max(size);
            }
        }
        let above = ((level * self.len() as f64) as usize).min(self.len() - 1);
        *largest.select_nth_unstable_by(above, |a, b| b.total_cmp(a)).1
    }

    /// The mean of the values of the seeds that each flip changes, of those that `counts` alone;
    /// and how many flips change none of those.
    ///
    /// The one-sided test of "the mean is at most δ" has as p the share of flips that change none,
    /// or whose mean is at most δ: `Σ sᵢ(xᵢ - δ) ≥ Σ(xᵢ - δ)` says that the sum over the changed
    /// ones of `xᵢ - δ` is at most 0.
    /// Source: Hartigan, *Journal of the American Statistical Association* 64 (1969).
    pub(super) fn means(&self, values: &[f64], counts: &[bool]) -> Means {
        let kept = |(&value, &counts): (&f64, &bool)| if counts { value } else { 0.0 };
        let values: Vec<f64> = values.iter().zip(counts).map(kept).collect();
        let one: Vec<f64> = counts.iter().map(|&counts| f64::from(u8::from(counts))).collect();
        let own = (!counts.iter().all(|&counts| counts)).then(|| self.sums(&one));
        let changed = own.as_ref().unwrap_or(&self.changed);
        let pairs = self.sums(&values).into_iter().zip(changed);
        let means: Vec<f64> =
            pairs.filter(|&(_, &count)| count > 0.0).map(|(sum, &count)| sum / count).collect();
        Means { n_empty: self.len() - means.len(), n_flips: self.len(), means }
    }
}

/// What [`Flips::means`] gives.
pub(super) struct Means {
    means: Vec<f64>,
    n_empty: usize,
    n_flips: usize,
}

impl Means {
    /// p of "the mean is at most `bound`" against "it is above".
    pub(super) fn p_above(&self, bound: f64) -> f64 {
        let bound = bound + ROUNDING * bound.abs();
        self.share(|mean| mean <= bound)
    }

    /// p of "the mean is at least `bound`" against "it is below".
    pub(super) fn p_below(&self, bound: f64) -> f64 {
        let bound = bound - ROUNDING * bound.abs();
        self.share(|mean| mean >= bound)
    }

    fn share(&self, counts: impl Fn(f64) -> bool) -> f64 {
        let count = self.means.iter().filter(|&&mean| counts(mean)).count();
        (self.n_empty + count) as f64 / self.n_flips as f64
    }

    /// The means that neither one-sided test rejects at `level`; without an end where so few
    /// flips could not reject anything.
    pub(super) fn interval(mut self, level: f64) -> [f64; 2] {
        let most = (level * self.n_flips as f64) as usize;
        let last = self.means.len().saturating_sub(1);
        match most.checked_sub(self.n_empty) {
            Some(end) if end <= last => [end, last - end]
                .map(|place| *self.means.select_nth_unstable_by(place, f64::total_cmp).1),
            _ => [f64::NEG_INFINITY, f64::INFINITY],
        }
    }
}

/// Flips that are looked at for so many seeds.
pub(super) fn number_of(n_seeds: usize) -> usize {
    if n_seeds <= MOST_ENUMERATED { 1 << n_seeds } else { SAMPLED }
}

/// The sum of each selection of at most eight values; the bits of the index select.
fn table(values: &[f64]) -> [f64; 256] {
    let mut table = [0.0; 256];
    for selected in 1..1_usize << values.len() {
        let last = selected.ilog2() as usize;
        table[selected] = table[selected - (1 << last)] + values[last];
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adjusted(flips: &Flips, entries: &[Vec<f64>]) -> Vec<f64> {
        let sizes: Vec<Vec<f64>> = entries.iter().map(|entry| flips.sizes(entry)).collect();
        flips.step_down(&sizes)
    }

    #[test]
    fn all_flips_of_few_seeds_give_the_p_that_counting_by_hand_gives() {
        let flips = Flips::of(3);
        assert_eq!(flips.len(), 8);
        // Sums over all signs of 1, 2, 3: ±6, ±4, ±2 and twice 0; of -1, 2, 3 the same set.
        assert_eq!(adjusted(&flips, &[vec![1.0, 2.0, 3.0]]), [2.0 / 8.0]);
        assert_eq!(adjusted(&flips, &[vec![-1.0, 2.0, 3.0]]), [4.0 / 8.0]);
        assert_eq!(adjusted(&flips, &[vec![0.0; 3]]), [1.0]);
        // Equal sums by another order of terms are equal.
        assert_eq!(adjusted(&flips, &[vec![0.1, 0.2, 0.3]]), [2.0 / 8.0]);
    }

    #[test]
    fn a_large_change_does_not_hide_a_smaller_one_and_a_family_is_adjusted() {
        let flips = Flips::of(8);
        let (large, small) = (vec![100.0; 8], vec![1.0; 8]);
        assert_eq!(adjusted(&flips, &[small.clone(), large]), [2.0 / 256.0; 2]);
        // By itself: 4 flips reach 6.1 (7.9 and 6.1, either sign), and 18 reach 6. Together the
        // larger meets the 2 flips in which the other has 8 in its way.
        let mut seven = small.clone();
        seven[3] = -1.0;
        let mut other = small;
        other[5] = -0.9;
        assert_eq!(adjusted(&flips, &[seven.clone()]), [18.0 / 256.0]);
        assert_eq!(adjusted(&flips, &[other.clone()]), [4.0 / 256.0]);
        assert_eq!(adjusted(&flips, &[seven, other]), [18.0 / 256.0, 6.0 / 256.0]);
    }

    #[test]
    fn means_of_changed_seeds_are_the_bounds_of_the_one_sided_test() {
        let flips = Flips::of(3);
        let means = || flips.means(&[1.0, 2.0, 6.0], &[true; 3]);
        // 1, 1.5, 2, 3, 3.5, 4, 6, and one flip that changes none.
        assert_eq!(means().p_above(0.5), 1.0 / 8.0);
        assert_eq!(means().p_above(1.5), 3.0 / 8.0);
        assert_eq!(means().p_below(4.0), 3.0 / 8.0);
        assert_eq!(means().interval(1.0 / 8.0), [1.0, 6.0]);
        assert_eq!(means().interval(3.0 / 8.0), [2.0, 3.5]);
        assert_eq!(means().interval(0.1), [f64::NEG_INFINITY, f64::INFINITY]);
        // A pair that does not count changes nothing but the number of flips.
        let without = || flips.means(&[1.0, 1e9, 6.0], &[true, false, true]);
        assert_eq!(without().p_above(0.5), 2.0 / 8.0);
        assert_eq!(without().interval(2.0 / 8.0), [1.0, 6.0]);
    }

    #[test]
    fn a_sample_of_flips_agrees_with_all_of_them() {
        // 13 seeds are the first to be sampled; 2^13 sums by hand.
        let mut stream = Stream::new(4, "test", 0, 0);
        let values: Vec<f64> = (0..13).map(|_| stream.normal() + 0.4).collect();
        let observed: f64 = values.iter().sum();
        let extreme = (0..1 << 13).filter(|flip: &u32| {
            let sign = |seed: usize| if flip >> seed & 1 == 1 { -1.0 } else { 1.0 };
            let sum: f64 = values.iter().enumerate().map(|(seed, x)| sign(seed) * x).sum();
            sum.abs() >= observed.abs() * (1.0 - ROUNDING)
        });
        let exact = extreme.count() as f64 / f64::from(1 << 13);
        let flips = Flips::of(13);
        assert_eq!(flips.len(), SAMPLED);
        let sampled = adjusted(&flips, &[values])[0];
        // Five standard errors of a share of 4,096.
        let error = (exact * (1.0 - exact) / SAMPLED as f64).sqrt();
        assert!((sampled - exact).abs() < 5.0 * error, "{sampled} {exact}");
        assert_eq!(Flips::of(13).columns, Flips::of(13).columns);
    }
}
