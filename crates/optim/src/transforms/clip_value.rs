//! Clipping of the gradient number by number.

use gradus_core::Scalar;

use super::{Apply, Step, Walk};

/// `u = min(max(u, -c), c)`; NaN stays NaN.
///
/// Source: Mikolov, *Statistical Language Models Based on Neural Networks* (2012), section 3.2.2.
#[derive(Debug)]
pub(super) struct ClipValue<T> {
    pub(super) bound: T,
}

impl<T: Scalar> Apply<T> for ClipValue<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        for u in update {
            if *u > self.bound {
                *u = self.bound;
            } else if *u < -self.bound {
                *u = -self.bound;
            }
        }
    }

    fn walk(&mut self, _place: &str, _walk: &mut dyn Walk<T>) {}
}
