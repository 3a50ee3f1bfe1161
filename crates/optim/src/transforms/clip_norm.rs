//! Clipping of the whole gradient by its length, which keeps its direction.

use gradus_core::Scalar;

use super::{Apply, Step, Walk};

/// `u *= min(1, c/‖u‖)`, the norm over all parameters together, summed in `f64`.
///
/// An infinite or undefined norm is not hidden: the update becomes NaN or stays so, and the run
/// is seen to diverge.
/// Source: Pascanu, Mikolov, Bengio, ICML 2013, algorithm 1.
#[derive(Debug)]
pub(super) struct ClipNorm {
    pub(super) bound: f64,
}

impl<T: Scalar> Apply<T> for ClipNorm {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        clip(self.bound, update);
    }

    fn walk(&mut self, _place: &str, _walk: &mut dyn Walk<T>) {}
}

pub(super) fn clip<T: Scalar>(bound: f64, update: &mut [T]) {
    let squares: f64 = update.iter().map(|u| u.to_f64().powi(2)).sum();
    let norm = squares.sqrt();
    if norm > bound {
        let scale = T::from_f64(bound / norm);
        for u in update {
            *u *= scale;
        }
    }
}
