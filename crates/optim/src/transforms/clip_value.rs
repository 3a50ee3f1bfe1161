//! Clipping of the gradient number by number.

use gradus_core::{ParameterRange, Scalar};

use super::Apply;

/// `u = min(max(u, -c), c)`; NaN stays NaN.
///
/// Source: Mikolov, *Statistical Language Models Based on Neural Networks* (2012), section 3.2.2.
#[derive(Debug)]
pub(super) struct ClipValue<T> {
    pub(super) bound: T,
}

impl<T: Scalar> Apply<T> for ClipValue<T> {
    fn apply(&mut self, _values: &[T], _ranges: &[ParameterRange], update: &mut [T]) {
        for u in update {
            if *u > self.bound {
                *u = self.bound;
            } else if *u < -self.bound {
                *u = -self.bound;
            }
        }
    }
}
