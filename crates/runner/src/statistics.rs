//! Statistics over small samples: pure functions of slices, a leaf of the crate.
//!
//! Infinity is a value here, the worst there is: a diverged run enters as `+inf` and moves the
//! median as any bad run does. NaN counts as `+inf`.

use std::cmp::Ordering;

use gradus_core::Stream;

/// Resamples of a bootstrap: the ends of a 95 % interval are then the 50th value from each side.
pub const RESAMPLES: usize = 2_000;

/// Sorted copy of `values`, NaN as `+inf`.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().map(worst_if_nan).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn worst_if_nan(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

/// Quantile `share` (0 to 1) of `values`, linear between order statistics; NaN of an empty slice.
///
/// `h = (n - 1) share`, `x[⌊h⌋] + (h - ⌊h⌋) (x[⌊h⌋ + 1] - x[⌊h⌋])`; infinite when it leans on an
/// infinite value at all.
/// Source: Hyndman and Fan, *The American Statistician* 50 (1996), definition 7.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    quantile_of_sorted(&sorted(values), share)
}

/// [`quantile`] of values that [`sorted`] has put in order.
pub fn quantile_of_sorted(values: &[f64], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * share.clamp(0.0, 1.0);
    let low = place.floor() as usize;
    let fraction = place - low as f64;
    let (below, above) = (values[low], values[(low + 1).min(last)]);
    // The first case keeps `inf - inf` out of the second.
    if fraction == 0.0 || below == above { below } else { below + fraction * (above - below) }
}

/// Median; NaN of an empty slice.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Median of `values`, whose order is lost: linear time, for the inside of a bootstrap.
fn median_in_place(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.len() % 2 == 1 {
        return upper;
    }
    if lower == upper { upper } else { lower + 0.5 * (upper - lower) }
}

/// Arithmetic mean; NaN of an empty slice.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation with `n - 1`; NaN below two values.
pub fn standard_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// Index of the smallest value; the first of equals; none where nothing is finite.
pub fn argmin(values: &[f64]) -> Option<usize> {
    let finite = values.iter().enumerate().filter(|(_, value)| value.is_finite());
    let order =
        |a: &(usize, &f64), b: &(usize, &f64)| a.1.partial_cmp(b.1).unwrap_or(Ordering::Equal);
    finite.min_by(order).map(|(index, _)| index)
}

/// Ends of the 95 % percentile-bootstrap interval of the choice with the lowest median cost, as
/// indices of choices.
///
/// `costs[choice][seed]`, all of one length. Seeds are resampled with replacement, the same for
/// every choice, since seeds are paired; a resample in which nothing is finite is left out. The
/// ends are order statistics, so that they are values of the grid. `None` below two seeds or where
/// every resample was left out.
/// Source: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13.
pub fn bootstrap_best(costs: &[Vec<f64>]) -> Option<[usize; 2]> {
    let n_seeds = costs.first().map_or(0, Vec::len);
    if n_seeds < 2 {
        return None;
    }
    let mut stream = Stream::new(0, "bootstrap", 0, 0);
    let mut chosen = Vec::with_capacity(RESAMPLES);
    let mut medians = vec![0.0; costs.len()];
    let mut resample = vec![0.0; n_seeds];
    let mut picks = vec![0_usize; n_seeds];
    for _ in 0..RESAMPLES {
        picks.iter_mut().for_each(|pick| *pick = stream.below(n_seeds as u64) as usize);
        for (median, of_choice) in medians.iter_mut().zip(costs) {
            for (value, &pick) in resample.iter_mut().zip(&picks) {
                *value = worst_if_nan(of_choice[pick]);
            }
            *median = median_in_place(&mut resample);
        }
        chosen.extend(argmin(&medians));
    }
    chosen.sort_unstable();
    let end = |share: f64| {
        let place = (share * chosen.len() as f64) as usize;
        chosen.get(place.min(chosen.len().saturating_sub(1))).copied()
    };
    Some([end(0.025)?, end(0.975)?])
}

/// Ends of the 95 % percentile-bootstrap interval of a statistic of `values[cell][seed]`, all of one
/// length: seeds are resampled with replacement, the same for every cell, since they are paired.
///
/// The ends are values that the statistic took; infinite ones count, and NaN as the largest. `None`
/// below two seeds.
/// Source: as [`bootstrap_best`].
pub fn bootstrap(values: &[Vec<f64>], statistic: impl Fn(&[Vec<f64>]) -> f64) -> Option<[f64; 2]> {
    let n_seeds = values.first().map_or(0, Vec::len);
    if n_seeds < 2 {
        return None;
    }
    let mut stream = Stream::new(0, "bootstrap", 0, 0);
    let mut resample = values.to_vec();
    let mut picks = vec![0_usize; n_seeds];
    let mut found: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            picks.iter_mut().for_each(|pick| *pick = stream.below(n_seeds as u64) as usize);
            for (to, from) in resample.iter_mut().zip(values) {
                to.iter_mut().zip(&picks).for_each(|(to, &pick)| *to = from[pick]);
            }
            worst_if_nan(statistic(&resample))
        })
        .collect();
    found.sort_unstable_by(f64::total_cmp);
    Some([0.025, 0.975].map(|share| found[(share * found.len() as f64) as usize]))
}

/// Whether `costs` are within one standard error of `best`, by differences paired by seed:
/// `mean(d) <= sd(d)/√n`. `None` below two seeds; never where a difference is not finite.
pub fn within_one_error(costs: &[f64], best: &[f64]) -> Option<bool> {
    if costs.len() != best.len() || costs.len() < 2 {
        return None;
    }
    let differences: Vec<f64> = costs.iter().zip(best).map(|(cost, best)| cost - best).collect();
    if !differences.iter().all(|difference| difference.is_finite()) {
        return Some(false);
    }
    let error = standard_deviation(&differences) / (differences.len() as f64).sqrt();
    Some(mean(&differences) <= error)
}

/// Ends of the unbroken run of `true` around `center`, which counts as true itself.
pub fn run_around(center: usize, holds: &[bool]) -> [usize; 2] {
    let low = (0..center).rev().take_while(|&index| holds[index]).last().unwrap_or(center);
    let high = (center + 1..holds.len()).take_while(|&index| holds[index]).last();
    [low, high.unwrap_or(center)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn quantiles_follow_definition_7() {
        // R: quantile(c(1, 2, 4, 8), c(0, .25, .5, .75, 1)) is 1.00 1.75 3.00 5.00 8.00.
        let values = [8.0, 1.0, 4.0, 2.0];
        let got = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&values, share));
        assert_eq!(got, [1.0, 1.75, 3.0, 5.0, 8.0]);
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[3.0], 0.9), 3.0);
    }

    #[test]
    fn a_diverged_run_counts_as_worst_and_not_as_missing() {
        assert_eq!(median(&[1.0, 2.0, INFINITY]), 2.0);
        assert_eq!(median(&[1.0, f64::NAN, INFINITY]), INFINITY);
        assert_eq!(median(&[1.0, INFINITY]), INFINITY);
        assert_eq!(quantile(&[INFINITY, INFINITY], 0.3), INFINITY);
        assert_eq!(argmin(&[INFINITY, 2.0, f64::NAN, 2.0]), Some(1));
        assert_eq!(argmin(&[INFINITY, f64::NAN]), None);
    }

    #[test]
    fn both_medians_agree() {
        let mut stream = Stream::new(1, "test", 0, 0);
        for length in 1..20 {
            let mut values: Vec<f64> = (0..length).map(|_| stream.normal()).collect();
            if length % 3 == 0 {
                values[0] = INFINITY;
            }
            assert_eq!(median(&values), median_in_place(&mut values), "{values:?}");
        }
    }

    #[test]
    fn spread_of_known_samples() {
        assert_eq!(mean(&[2.0, 4.0, 6.0]), 4.0);
        assert_eq!(standard_deviation(&[2.0, 4.0, 6.0]), 2.0);
        assert!(standard_deviation(&[2.0]).is_nan());
    }

    #[test]
    fn bootstrap_of_a_clear_case_is_one_choice_and_of_a_tie_of_noise_is_wide() {
        let clear = vec![vec![3.0; 5], vec![1.0; 5], vec![2.0; 5], vec![INFINITY; 5]];
        assert_eq!(bootstrap_best(&clear), Some([1, 1]));
        let noisy = vec![vec![1.0, 2.0, 3.0, 1.0, 2.0], vec![2.0, 1.0, 1.0, 2.0, 3.0]];
        assert_eq!(bootstrap_best(&noisy), Some([0, 1]));
        assert_eq!(bootstrap_best(&noisy), bootstrap_best(&noisy));
        assert_eq!(bootstrap_best(&[vec![1.0]]), None);
        assert_eq!(bootstrap_best(&[vec![INFINITY; 3]]), None);
        assert_eq!(bootstrap_best(&[]), None);
    }

    #[test]
    fn a_bootstrap_pairs_seeds_and_covers_nine_in_ten() {
        // The difference of paired cells is exactly 1, however much the seeds differ.
        let values = vec![vec![1.0, 5.0, 100.0], vec![2.0, 6.0, 101.0]];
        let difference = |values: &[Vec<f64>]| mean(&values[1]) - mean(&values[0]);
        let ends = bootstrap(&values, difference).expect("there are seeds");
        assert!(ends.iter().all(|end| (end - 1.0).abs() < 1e-12), "{ends:?}");
        assert_eq!(bootstrap(&[vec![1.0]], |_| 1.0), None);
        assert_eq!(bootstrap(&[vec![1.0, 2.0]], |_| f64::NAN), Some([INFINITY; 2]));
        let holds = (0..200).filter(|&trial| {
            let mut stream = Stream::new(trial, "coverage", 0, 0);
            let values = vec![(0..20).map(|_| stream.normal()).collect::<Vec<f64>>()];
            let [low, high] = bootstrap(&values, |values| mean(&values[0])).expect("seeds");
            low <= 0.0 && 0.0 <= high
        });
        // Percentile intervals of 20 seeds cover some 93 %; five standard errors of 200 are 9 %.
        let covered = holds.count();
        assert!((168..=200).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn one_standard_error_is_of_paired_differences() {
        // Seeds differ by far more than the choices do: only pairing can tell them apart.
        let best = [1.0, 10.0, 100.0];
        assert_eq!(within_one_error(&[1.1, 10.1, 100.1], &best), Some(false));
        assert_eq!(within_one_error(&[1.1, 9.9, 100.0], &best), Some(true));
        assert_eq!(within_one_error(&[1.0, 10.0, INFINITY], &best), Some(false));
        assert_eq!(within_one_error(&[1.0], &[1.0]), None);
        assert_eq!(run_around(2, &[true, true, false, true, false, true]), [0, 3]);
        assert_eq!(run_around(0, &[false]), [0, 0]);
    }
}
