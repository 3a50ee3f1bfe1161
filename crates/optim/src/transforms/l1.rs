//! The penalty that favors weights of exactly zero.

use gradus_core::Scalar;

use super::{Apply, Step, Strength, Walk};

/// `u += λ sign(w)` with `sign(0) = 0`, for weights unless other roles are named.
///
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 7.1.2.
#[derive(Debug)]
pub(super) struct L1(pub(super) Strength);

impl<T: Scalar> Apply<T> for L1 {
    fn apply(&mut self, step: &Step<'_, T>, update: &mut [T]) {
        let lambda = T::from_f64(self.0.over(step.rows));
        for parameter in self.0.of(step.ranges) {
            let range = parameter.range.clone();
            for (u, &w) in update[range.clone()].iter_mut().zip(&step.values[range]) {
                if w > T::ZERO {
                    *u += lambda;
                } else if w < T::ZERO {
                    *u -= lambda;
                }
            }
        }
    }

    fn walk(&mut self, _place: &str, _walk: &mut dyn Walk<T>) {}
}

/// `λ Σ |w|`, summed in `f64`.
pub(super) fn penalty<T: Scalar>(strength: &Strength, step: &Step<'_, T>) -> f64 {
    let sum: f64 = strength
        .of(step.ranges)
        .flat_map(|parameter| &step.values[parameter.range.clone()])
        .map(|w| w.to_f64().abs())
        .sum();
    strength.over(step.rows) * sum
}
