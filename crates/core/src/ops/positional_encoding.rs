//! Sines and cosines that tell a token where it stands.

use ndarray::{Array2, Zip};

use crate::{Backward, Forward, Operation, Scalar};

/// `y = x + p` with `p[t, 2i] = sin(t / 10000^(2i/D))` and `p[t, 2i+1] = cos(t / 10000^(2i/D))`,
/// tokens counted from 0.
///
/// Shapes: `x` and `y` (N, T D), `p` (1, T D).
/// Source: Vaswani et al., *Attention Is All You Need*, NIPS 2017, section 3.5.
#[derive(Debug)]
pub(crate) struct PositionalEncoding<T> {
    encoding: Array2<T>,
}

impl<T: Scalar> PositionalEncoding<T> {
    pub(crate) fn new(tokens: usize, features: usize) -> Self {
        let encoding = Array2::from_shape_fn((1, tokens * features), |(_, position)| {
            let (t, feature) = (position / features, position % features);
            let exponent = (feature - feature % 2) as f64 / features as f64;
            let angle = t as f64 / libm::pow(10_000.0, exponent);
            T::from_f64(if feature % 2 == 0 { libm::sin(angle) } else { libm::cos(angle) })
        });
        Self { encoding }
    }
}

impl<T: Scalar> Operation<T> for PositionalEncoding<T> {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        let p = self.encoding.broadcast(x.dim()).expect("every sample has the same tokens");
        Zip::from(pass.y).and(x).and(p).for_each(|y, &x, &p| *y = x + p);
    }

    /// `dx += dy`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let dy = pass.dy;
        if let Some(mut dx) = pass.dx(0) {
            dx += &dy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PositionalEncoding;

    #[test]
    fn waves_grow_longer_from_feature_to_feature() {
        let encoding = PositionalEncoding::<f64>::new(3, 5).encoding;
        let (t, long) = (2.0_f64, 10_000.0_f64.powf(0.4));
        let expected = [t.sin(), t.cos(), (t / long).sin(), (t / long).cos()];
        for (feature, expected) in expected.into_iter().enumerate() {
            assert!((encoding[[0, 10 + feature]] - expected).abs() < 1e-15);
        }
        assert_eq!([encoding[[0, 0]], encoding[[0, 1]], encoding[[0, 4]]], [0.0, 1.0, 0.0]);
    }
}
