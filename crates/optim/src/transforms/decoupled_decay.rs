//! Weight decay that no adaptive method rescales.

use gradus_core::Scalar;

use super::{Apply, Step, Strength, Walk};

/// `u += λ w` behind the rest of the chain, so that the step takes `w -= rate λ w` beside the
/// method's own; for weights unless other roles are named.
///
/// `λ` is multiplied by the whole learning rate, as PyTorch's `AdamW` does; the paper multiplies
/// it by the schedule alone. Source: Loshchilov and Hutter, ICLR 2019, algorithm 2, line 12.
#[derive(Debug)]
pub(super) struct DecoupledDecay(pub(super) Strength);

impl<T: Scalar> Apply<T> for DecoupledDecay {
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
