//! A circle inside a circle, as scikit-learn's `make_circles` draws them.

use std::f64::consts::TAU;

use gradus_core::{Mistake, Stream};

use super::Dataset;
use super::source::{Recipe, check_noise, check_samples, made};

pub(super) fn default_factor() -> f64 {
    0.8
}

/// Checks the description; what it returns makes the points.
pub(super) fn recipe(
    samples: usize,
    noise: f64,
    factor: f64,
    seed: u64,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    check_samples(samples, 2, &mut mistakes);
    check_noise(noise, &mut mistakes);
    if !(0.0..1.0).contains(&factor) {
        mistakes.push(Mistake::new(
            "data.source.factor",
            format!("{factor} is no radius inside the circle of radius 1"),
            "a number from 0 to below 1, such as 0.5",
        ));
    }
    made(mistakes, move || points(samples, noise, factor, seed))
}

/// Point `i` of the `n` on a circle, at the angle `t = 2π i/n`, before the noise:
///
/// outer circle (class 0, the first half, rounded down) `(cos t, sin t)`; inner circle (class 1)
/// `factor · (cos t, sin t)`. The noise is normal, drawn for x, then y, point after point.
/// Source: `make_circles` in scikit-learn 1.9.1, without its shuffle.
fn points(samples: usize, noise: f64, factor: f64, seed: u64) -> Dataset {
    let mut stream = Stream::new(seed, "data", 0, 0);
    let (mut inputs, mut rows) = (Vec::with_capacity(2 * samples), Vec::with_capacity(samples));
    for (class, n, radius) in [(0, samples / 2, 1.0), (1, samples - samples / 2, factor)] {
        for i in 0..n {
            let angle = TAU * i as f64 / n as f64;
            inputs.push(radius * libm::cos(angle) + noise * stream.normal());
            inputs.push(radius * libm::sin(angle) + noise * stream.normal());
            rows.push(class);
        }
    }
    Dataset::in_plane(inputs, rows, ["outer", "inner"].map(String::from).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{RawTargets, Values};

    #[test]
    fn points_stand_at_equal_angles_on_their_circles() {
        let dataset = points(9, 0.0, 0.5, 0);
        let Values::Numbers(values) = &dataset.inputs else { panic!("points are numbers") };
        for (index, point) in values.chunks(2).enumerate() {
            let (radius, angle) = if index < 4 {
                (1.0, TAU * index as f64 / 4.0)
            } else {
                (0.5, TAU * (index - 4) as f64 / 5.0)
            };
            let (x, y) = (radius * angle.cos(), radius * angle.sin());
            assert!((point[0] - x).hypot(point[1] - y) < 1e-12, "{index}");
        }
        let expected = [0, 0, 0, 0, 1, 1, 1, 1, 1];
        assert!(matches!(&dataset.targets, RawTargets::Classes { rows, .. } if *rows == expected));
    }

    #[test]
    fn the_inner_circle_stays_inside() {
        assert!(recipe(10, 0.0, 1.0, 0).is_err());
        assert!(recipe(10, 0.0, -0.1, 0).is_err());
        assert!(recipe(10, 0.0, 0.0, 0).is_ok());
    }
}
