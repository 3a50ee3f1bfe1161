//! Interleaved spirals, the classic problem that bends a boundary; after TensorFlow Playground.

use std::f64::consts::TAU;

use gradus_core::{Mistake, Stream};

use super::Dataset;
use super::source::{Recipe, check_arms, check_noise, check_samples, made};

const RADIUS: f64 = 5.0;

pub(super) fn default_arms() -> usize {
    2
}

pub(super) fn default_turns() -> f64 {
    1.75
}

/// Checks the description; what it returns makes the points.
pub(super) fn recipe(
    samples: usize,
    arms: usize,
    noise: f64,
    turns: f64,
    seed: u64,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let arms = check_arms(arms, &mut mistakes);
    check_samples(samples, arms, &mut mistakes);
    check_noise(noise, &mut mistakes);
    if !turns.is_finite() {
        mistakes.push(Mistake::new(
            "data.source.turns",
            format!("{turns} is not a number of turns"),
            "a finite number, such as 1.75",
        ));
    }
    made(mistakes, move || points(samples, arms, noise, turns, seed))
}

/// Point `i` of the `n` on arm `a` of `A`, before the noise:
///
/// `r = 5 i/n`, `t = 2π (turns · i/n + a/A)`, `(x, y) = (r sin t, r cos t)`, class `a`.
/// The noise is uniform on `[-noise, noise)`, drawn for x, then y, point after point.
/// Source: `classifySpiralData` in github.com/tensorflow/playground, `src/dataset.ts`.
fn points(samples: usize, arms: usize, noise: f64, turns: f64, seed: u64) -> Dataset {
    let mut stream = Stream::new(seed, "data", 0, 0);
    Dataset::on_arms(samples, arms, |arm, i, n| {
        let along = i as f64 / n as f64;
        let angle = TAU * (turns * along + arm as f64 / arms as f64);
        [libm::sin(angle), libm::cos(angle)]
            .map(|side| RADIUS * along * side + noise * (2.0 * stream.uniform() - 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RawTargets;

    #[test]
    fn two_arms_are_those_of_the_playground() {
        let dataset = points(200, 2, 0.0, 1.75, 0);
        for (index, [x, y]) in dataset.coordinates().into_iter().enumerate() {
            let (i, offset) = ((index % 100) as f64, if index < 100 { 0.0 } else { TAU / 2.0 });
            let (r, t) = (i / 100.0 * 5.0, 1.75 * i / 100.0 * TAU + offset);
            assert!((x - r * t.sin()).abs() < 1e-12 && (y - r * t.cos()).abs() < 1e-12, "{index}");
        }
        let expected = [vec![0; 100], vec![1; 100]].concat();
        assert!(matches!(&dataset.targets, RawTargets::Classes { rows, .. } if *rows == expected));
    }

    #[test]
    fn arms_share_the_points_and_turn_evenly() {
        let dataset = points(8, 3, 0.0, 1.0, 0);
        let expected = [0, 0, 0, 1, 1, 1, 2, 2];
        assert!(matches!(&dataset.targets, RawTargets::Classes { rows, .. } if *rows == expected));
        let second = dataset.coordinates()[4];
        let angle = TAU * (1.0 / 3.0 + 1.0 / 3.0);
        assert!((second[0] - 5.0 / 3.0 * angle.sin()).abs() < 1e-12);
    }

    #[test]
    fn noise_is_bounded_and_of_the_seed() {
        let (calm, noisy) = (points(300, 2, 0.0, 1.75, 1), points(300, 2, 0.5, 1.75, 1));
        let shifts: Vec<f64> = calm
            .coordinates()
            .concat()
            .iter()
            .zip(noisy.coordinates().concat())
            .map(|(calm, noisy)| noisy - calm)
            .collect();
        assert!(shifts.iter().all(|shift| shift.abs() <= 0.5 + 1e-12));
        assert!(
            shifts.iter().any(|&shift| shift > 0.4) && shifts.iter().any(|&shift| shift < -0.4)
        );
        assert_eq!(noisy, points(300, 2, 0.5, 1.75, 1));
        assert_ne!(noisy.digest, points(300, 2, 0.5, 1.75, 2).digest);
    }

    #[test]
    fn impossible_values_are_refused_together() {
        let mistakes = recipe(1, 3, f64::NAN, f64::INFINITY, 0).err().unwrap_or_default();
        let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        assert_eq!(places, ["data.source.samples", "data.source.noise", "data.source.turns"]);
        assert!(recipe(10, 1, 0.0, 1.0, 0).is_err());
        assert!(recipe(20_000_000, 2, 0.0, 1.0, 0).is_err());
    }
}
