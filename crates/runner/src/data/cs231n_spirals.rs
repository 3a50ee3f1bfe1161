//! The spirals of Stanford's course CS231n, evenly spaced in radius and noisy in angle.

use gradus_core::{Mistake, Stream};

use super::Dataset;
use super::source::{Recipe, check_arms, check_noise, check_samples, made};

/// Radians from the start of an arm to its end, and from each arm to the next.
const SWEEP: f64 = 4.0;

pub(super) fn default_samples() -> usize {
    300
}

pub(super) fn default_arms() -> usize {
    3
}

pub(super) fn default_noise() -> f64 {
    0.2
}

/// Checks the description; what it returns makes the points.
pub(super) fn recipe(
    samples: usize,
    arms: usize,
    noise: f64,
    seed: u64,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let arms = check_arms(arms, &mut mistakes);
    check_samples(samples, arms, &mut mistakes);
    check_noise(noise, &mut mistakes);
    made(mistakes, move || points(samples, arms, noise, seed))
}

/// Point `i` of the `n` on arm `a`: `r = i/(n - 1)`, `t = 4 (a + i/(n - 1)) + noise ε`,
/// `(x, y) = (r sin t, r cos t)`, class `a`.
///
/// ε is standard normal, drawn point after point.
/// Source: CS231n, *Putting it together: Minimal Neural Network Case Study*, 3 arms of 100 points,
/// noise 0.2.
fn points(samples: usize, arms: usize, noise: f64, seed: u64) -> Dataset {
    let mut stream = Stream::new(seed, "data", 0, 0);
    Dataset::on_arms(samples, arms, |arm, i, n| {
        // A single point stands in the center.
        let r = i as f64 / n.saturating_sub(1).max(1) as f64;
        let t = SWEEP * (arm as f64 + r) + noise * stream.normal();
        [r * libm::sin(t), r * libm::cos(t)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RawTargets;

    /// `r = linspace(0, 1, 100)`, `t = linspace(4 j, 4 (j + 1), 100)`, as numpy counts.
    #[test]
    fn without_noise_the_points_are_those_of_the_course() {
        let dataset = points(300, 3, 0.0, 0);
        for (index, [x, y]) in dataset.coordinates().into_iter().enumerate() {
            let (j, i) = ((index / 100) as f64, (index % 100) as f64);
            let (r, t) = (i / 99.0, 4.0 * j + i * (4.0 / 99.0));
            assert!((x - r * t.sin()).abs() < 1e-12 && (y - r * t.cos()).abs() < 1e-12, "{index}");
        }
        let expected = [vec![0; 100], vec![1; 100], vec![2; 100]].concat();
        assert!(matches!(&dataset.targets, RawTargets::Classes { rows, .. } if *rows == expected));
    }

    /// The noise turns a point around the center and leaves its radius.
    #[test]
    fn noise_is_normal_on_the_angle_and_of_the_seed() {
        let (calm, noisy) = (points(3000, 3, 0.0, 1), points(3000, 3, 0.2, 1));
        let pairs = calm.coordinates().into_iter().zip(noisy.coordinates());
        let mut turns = Vec::new();
        for ([x, y], [u, v]) in pairs {
            assert!((x.hypot(y) - u.hypot(v)).abs() < 1e-12);
            if x.hypot(y) > 0.0 {
                turns.push((x * v - y * u).atan2(x * u + y * v));
            }
        }
        let n = turns.len() as f64;
        let deviation = (turns.iter().map(|turn| turn * turn).sum::<f64>() / n).sqrt();
        // Five standard errors of a deviation, sd/√(2n).
        assert!((deviation - 0.2).abs() < 5.0 * 0.2 / (2.0 * n).sqrt(), "{deviation}");
        assert_eq!(noisy, points(3000, 3, 0.2, 1));
        assert_ne!(noisy.digest, points(3000, 3, 0.2, 2).digest);
    }

    #[test]
    fn impossible_values_are_refused_together() {
        let mistakes = recipe(1, 3, f64::NAN, 0).err().unwrap_or_default();
        let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        assert_eq!(places, ["data.source.samples", "data.source.noise"]);
        assert!(recipe(10, 1, 0.0, 0).is_err());
        assert_eq!(points(4, 3, 0.0, 0).rows(), 4);
    }
}
