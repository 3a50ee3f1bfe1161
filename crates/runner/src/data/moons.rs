//! Two interleaving half circles, as scikit-learn's `make_moons` draws them.

use std::f64::consts::PI;

use gradus_core::{Mistake, Stream};

use super::Dataset;
use super::source::{Recipe, check_noise, check_samples, made};

/// Checks the description; what it returns makes the points.
pub(super) fn recipe(
    samples: usize,
    noise: f64,
    seed: u64,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    check_samples(samples, 2, &mut mistakes);
    check_noise(noise, &mut mistakes);
    made(mistakes, move || points(samples, noise, seed))
}

/// Point `i` of the `n` on a moon, at the angle `t = π i/(n - 1)`, before the noise:
///
/// outer moon (class 0, the first half, rounded down) `(cos t, sin t)`; inner moon (class 1)
/// `(1 - cos t, 1/2 - sin t)`. The noise is normal, drawn for x, then y, point after point.
/// Source: `make_moons` in scikit-learn 1.9.1, without its shuffle.
fn points(samples: usize, noise: f64, seed: u64) -> Dataset {
    let mut stream = Stream::new(seed, "data", 0, 0);
    let (mut inputs, mut rows) = (Vec::with_capacity(2 * samples), Vec::with_capacity(samples));
    for (class, n) in [(0, samples / 2), (1, samples - samples / 2)] {
        // A single point stands at the start.
        let step = PI / n.saturating_sub(1).max(1) as f64;
        for i in 0..n {
            let (sine, cosine) = (libm::sin(step * i as f64), libm::cos(step * i as f64));
            let (x, y) = if class == 0 { (cosine, sine) } else { (1.0 - cosine, 0.5 - sine) };
            inputs.push(x + noise * stream.normal());
            inputs.push(y + noise * stream.normal());
            rows.push(class);
        }
    }
    Dataset::in_plane(inputs, rows, ["outer", "inner"].map(String::from).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RawTargets;

    #[test]
    fn points_lie_on_the_half_circles() {
        let dataset = points(101, 0.0, 0);
        let all = dataset.coordinates();
        for &[x, y] in &all[..50] {
            assert!((x * x + y * y - 1.0).abs() < 1e-12 && y > -1e-12);
        }
        for &[x, y] in &all[50..] {
            let (x, y) = (x - 1.0, y - 0.5);
            assert!((x * x + y * y - 1.0).abs() < 1e-12 && y < 1e-12);
        }
        let near = |point: [f64; 2], x: f64, y: f64| (point[0] - x).hypot(point[1] - y) < 1e-12;
        assert!(near(all[0], 1.0, 0.0) && near(all[49], -1.0, 0.0));
        assert!(near(all[50], 0.0, 0.5) && near(all[100], 2.0, 0.5));
        let expected = [vec![0; 50], vec![1; 51]].concat();
        assert!(matches!(&dataset.targets, RawTargets::Classes { rows, .. } if *rows == expected));
    }

    #[test]
    fn noise_has_the_deviation_that_was_asked() {
        let (calm, noisy) = (points(20_000, 0.0, 3), points(20_000, 0.3, 3));
        let square: f64 = calm
            .coordinates()
            .concat()
            .iter()
            .zip(noisy.coordinates().concat())
            .map(|(calm, noisy)| (noisy - calm) * (noisy - calm))
            .sum();
        let n = 40_000.0_f64;
        // Five standard errors of a deviation, σ/√(2n).
        assert!(((square / n).sqrt() - 0.3).abs() < 5.0 * 0.3 / (2.0 * n).sqrt());
    }

    #[test]
    fn the_fewest_points_are_one_a_moon() {
        assert_eq!(points(2, 0.0, 0).coordinates(), [[1.0, 0.0], [0.0, 0.5]]);
        assert!(recipe(1, 0.0, 0).is_err());
    }
}
