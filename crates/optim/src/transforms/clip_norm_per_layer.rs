//! Clipping of each layer's gradient by its own length.

use gradus_core::Scalar;

use super::{Apply, Step, Walk};

/// `u *= min(1, c/‖u‖)` for each layer, the norm over all of its parameters together, summed in
/// `f64`. What holds for an infinite norm in `ClipNorm` holds here.
///
/// Source: Pascanu, Mikolov, Bengio, ICML 2013, algorithm 1, layer by layer.
#[derive(Debug)]
pub(super) struct ClipNormPerLayer {
    pub(super) bound: f64,
}

impl<T: Scalar> Apply<T> for ClipNormPerLayer {
    fn apply(&mut self, step: &Step<'_, T>, update: &mut [T]) {
        for layer in step.ranges.chunk_by(|a, b| a.layer == b.layer) {
            let range = layer[0].range.start..layer[layer.len() - 1].range.end;
            super::clip_norm::clip(self.bound, &mut update[range]);
        }
    }

    fn walk(&mut self, _place: &str, _walk: &mut dyn Walk<T>) {}
}
