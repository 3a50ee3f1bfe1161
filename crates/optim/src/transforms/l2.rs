//! Weight decay as a penalty.

use gradus_core::Scalar;

use super::{Apply, Step, Strength, Walk};

/// `u += λ w`, for weights unless other roles are named.
///
/// Keras's `L2(c)` penalizes by `c ‖w‖²` and is `L2(2c)` here; PyTorch's `weight_decay` is for
/// parameters of every role. Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016),
/// section 7.1.1.
#[derive(Debug)]
pub(super) struct L2(pub(super) Strength);

impl<T: Scalar> Apply<T> for L2 {
    fn apply(&mut self, step: &Step<'_, T>, update: &mut [T]) {
        let lambda = T::from_f64(self.0.over(step.rows));
        for parameter in self.0.of(step.ranges) {
            let range = parameter.range.clone();
            for (u, &w) in update[range.clone()].iter_mut().zip(&step.values[range]) {
                *u += lambda * w;
            }
        }
    }

    fn walk(&mut self, _place: &str, _walk: &mut dyn Walk<T>) {}
}

/// `½ λ Σ w²`, summed in `f64`.
pub(super) fn penalty<T: Scalar>(strength: &Strength, step: &Step<'_, T>) -> f64 {
    let lambda = strength.over(step.rows);
    let squares: f64 = strength
        .of(step.ranges)
        .flat_map(|parameter| &step.values[parameter.range.clone()])
        .map(|w| w.to_f64().powi(2))
        .sum();
    0.5 * lambda * squares
}
