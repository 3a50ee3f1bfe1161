//! Shares that sum to one.

use crate::shares::exponentials;
use crate::simd::{sum, vectorized};
use crate::{Backward, Forward, Operation, Scalar};

/// `yₖ = exp(xₖ - m)/Σⱼ exp(xⱼ - m)` over the D features of a row, m the largest of them, so that
/// nothing can overflow.
///
/// Shapes: `x` and `y` (N, D); a sequence of T tokens is taken as N T rows.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), sections 4.1 and 6.2.2.3.
#[derive(Debug)]
pub(crate) struct Softmax {
    /// D.
    pub(crate) features: usize,
}

impl<T: Scalar> Operation<T> for Softmax {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0).to_slice().expect("values lie one after the other");
        let y = pass.y.into_slice().expect("values lie one after the other");
        exponentials(
            x,
            y,
            self.features,
            #[inline(always)]
            |_, _, total, y| {
                let scale = T::from_f64(1.0 / total);
                y.iter_mut().for_each(|y| *y *= scale);
            },
        );
    }

    /// `dxₖ += yₖ (dyₖ - Σⱼ yⱼ dyⱼ)`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let y = pass.y.to_slice().expect("values lie one after the other");
        let dy = pass.dy.to_slice().expect("values lie one after the other");
        let Some(dx) = pass.dx(0) else { return };
        let dx = dx.into_slice().expect("values lie one after the other");
        vectorized(
            #[inline(always)]
            || self.add_gradient(dx, y, dy),
        );
    }
}

impl Softmax {
    #[inline(always)]
    fn add_gradient<T: Scalar>(&self, dx: &mut [T], y: &[T], dy: &[T]) {
        let rows = y.chunks_exact(self.features).zip(dy.chunks_exact(self.features));
        for (dx, (y, dy)) in dx.chunks_exact_mut(self.features).zip(rows) {
            let mean = sum(y, dy, |y, dy| y * dy);
            let mean = T::from_f64(mean);
            for (dx, (&y, &dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                *dx += y * (dy - mean);
            }
        }
    }
}
