//! How parameters begin.

use serde::{Deserialize, Serialize};

use crate::{Mistake, Stream};

/// The distribution that a parameter's first values are drawn from.
///
/// `in` and `out` are the numbers of inputs and outputs of the layer that owns the parameter; for
/// its biases they are the same two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Initializer {
    /// Variance `2/(in + out)`: keeps the scale of signals in both directions for tanh.
    /// Source: Glorot and Bengio, AISTATS 2010, equation 16.
    Glorot(Distribution),
    /// Variance `2/in`: keeps the scale of signals through relu.
    /// Source: He et al., ICCV 2015, equation 10.
    He(Distribution),
    /// Variance `1/in`. Source: LeCun et al., *Efficient BackProp* (1998), section 4.6.
    LeCun(Distribution),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Uniform on `[-bound, bound)`.
    Uniform(f64),
    /// All zero.
    Zeros,
    /// All this number.
    Constant(f64),
}

/// Which distribution of the wanted variance is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Distribution {
    /// Uniform on `[-√(3v), √(3v))`, which has variance `v`.
    Uniform,
    /// Normal with mean 0 and variance `v`.
    Normal,
}

impl Initializer {
    /// One value from `stream` for a layer with `fan_in` inputs and `fan_out` outputs.
    pub fn draw(self, fan_in: usize, fan_out: usize, stream: &mut Stream) -> f64 {
        let (inputs, outputs) = (fan_in as f64, fan_out as f64);
        let scaled = |distribution, variance: f64, stream: &mut Stream| match distribution {
            Distribution::Uniform => symmetric((3.0 * variance).sqrt(), stream),
            Distribution::Normal => variance.sqrt() * stream.normal(),
        };
        match self {
            Initializer::Glorot(distribution) => {
                scaled(distribution, 2.0 / (inputs + outputs), stream)
            }
            Initializer::He(distribution) => scaled(distribution, 2.0 / inputs, stream),
            Initializer::LeCun(distribution) => scaled(distribution, 1.0 / inputs, stream),
            Initializer::Normal(deviation) => deviation * stream.normal(),
            Initializer::Uniform(bound) => symmetric(bound, stream),
            Initializer::Zeros => 0.0,
            Initializer::Constant(value) => value,
        }
    }

    /// What is wrong with its number, if it has one.
    pub fn mistake(self) -> Option<Mistake> {
        match self {
            Initializer::Normal(scale) | Initializer::Uniform(scale) => Mistake::unless(
                scale.is_finite() && scale >= 0.0,
                "[0]",
                "the scale of an initializer",
                scale,
                "a finite number from 0",
            ),
            Initializer::Constant(value) => Mistake::unless(
                value.is_finite(),
                "[0]",
                "the constant of an initializer",
                value,
                "a finite number",
            ),
            _ => None,
        }
    }
}

fn symmetric(bound: f64, stream: &mut Stream) -> f64 {
    bound * (2.0 * stream.uniform() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::{Distribution, Initializer};
    use crate::Stream;

    #[test]
    fn variance_and_bound_follow_the_formula() {
        use Distribution::{Normal, Uniform};
        let (fan_in, fan_out) = (30, 50);
        let table = [
            (Initializer::Glorot(Uniform), 2.0 / 80.0, Some((6.0_f64 / 80.0).sqrt())),
            (Initializer::Glorot(Normal), 2.0 / 80.0, None),
            (Initializer::He(Uniform), 2.0 / 30.0, Some((6.0_f64 / 30.0).sqrt())),
            (Initializer::He(Normal), 2.0 / 30.0, None),
            (Initializer::LeCun(Uniform), 1.0 / 30.0, Some((3.0_f64 / 30.0).sqrt())),
            (Initializer::LeCun(Normal), 1.0 / 30.0, None),
            (Initializer::Normal(0.3), 0.09, None),
            (Initializer::Uniform(0.3), 0.03, Some(0.3)),
            (Initializer::Zeros, 0.0, Some(0.0)),
        ];
        let n = 100_000;
        for (initializer, variance, bound) in table {
            let mut stream = Stream::new(5, "test", 0, 0);
            let draws: Vec<f64> =
                (0..n).map(|_| initializer.draw(fan_in, fan_out, &mut stream)).collect();
            let measured = draws.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
            // Five standard errors of a normal's variance; a uniform's is smaller.
            let allowed = 5.0 * variance * (2.0 / f64::from(n)).sqrt();
            assert!((measured - variance).abs() <= allowed, "{initializer:?}: {measured}");
            let largest = draws.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
            if let Some(bound) = bound {
                assert!(largest <= bound && largest >= 0.99 * bound, "{initializer:?}: {largest}");
            } else {
                assert!(largest > 3.0 * variance.sqrt(), "{initializer:?}: {largest}");
            }
        }
    }
}
