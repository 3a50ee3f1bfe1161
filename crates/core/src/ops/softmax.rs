//! Shares that sum to one.

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
    fn forward(&self, mut pass: Forward<'_, T>) {
        let x = pass.x(0).to_slice().expect("values lie one after the other");
        let y = pass.y.as_slice_mut().expect("values lie one after the other");
        for (x, y) in x.chunks_exact(self.features).zip(y.chunks_exact_mut(self.features)) {
            let largest = x.iter().fold(x[0], |m, &x| if x > m { x } else { m });
            let mut total = 0.0;
            for (y, &x) in y.iter_mut().zip(x) {
                *y = (x - largest).exp();
                total += y.to_f64();
            }
            let scale = T::from_f64(1.0 / total);
            y.iter_mut().for_each(|y| *y *= scale);
        }
    }

    /// `dxₖ += yₖ (dyₖ - Σⱼ yⱼ dyⱼ)`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let y = pass.y.to_slice().expect("values lie one after the other");
        let dy = pass.dy.to_slice().expect("values lie one after the other");
        let Some(mut dx) = pass.dx(0) else { return };
        let dx = dx.as_slice_mut().expect("values lie one after the other");
        let rows = y.chunks_exact(self.features).zip(dy.chunks_exact(self.features));
        for (dx, (y, dy)) in dx.chunks_exact_mut(self.features).zip(rows) {
            let mean = y.iter().zip(dy).map(|(y, dy)| y.to_f64() * dy.to_f64()).sum::<f64>();
            let mean = T::from_f64(mean);
            for (dx, (&y, &dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                *dx += y * (dy - mean);
            }
        }
    }
}
