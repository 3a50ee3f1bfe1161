//! The Gaussian error linear unit.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = x Φ(x)`, exactly and not by its approximation through `tanh`; Φ is the normal
/// distribution function, `Φ(x) = erfc(-x/√2)/2`, which keeps its digits where it is small.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Hendrycks, Gimpel, *Gaussian Error Linear Units*, arXiv:1606.08415 (2016), section 2.
#[derive(Debug)]
pub(crate) struct Gelu;

#[inline(always)]
fn distribution<T: Scalar>(x: T) -> T {
    T::from_f64(0.5) * (x * T::from_f64(-FRAC_1_SQRT_2)).erfc()
}

impl<T: Scalar> Operation<T> for Gelu {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(
            pass,
            #[inline(always)]
            |x| x * distribution(x),
        );
    }

    /// `dx += dy (Φ(x) + x φ(x))` with the normal density `φ(x) = exp(-x²/2)/√(2π)`.
    fn backward(&self, pass: Backward<'_, T>) {
        let (half, peak) = (T::from_f64(-0.5), T::from_f64(1.0 / (2.0 * PI).sqrt()));
        add_gradient(
            pass,
            #[inline(always)]
            |x, _, dy| dy * (distribution(x) + x * peak * (half * x * x).exp()),
        );
    }
}
