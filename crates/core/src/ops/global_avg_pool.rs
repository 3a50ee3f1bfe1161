//! The mean of each channel.

use crate::{Backward, Forward, Operation, Scalar};

/// `y[c] = 1/(H W) Σ x[c, h, v]` over the pixels `(h, v)`.
///
/// Shapes: `x` (N, C H W), `y` (N, C).
/// Source: Lin, Chen, Yan, *Network In Network*, ICLR 2014, section 3.2.
#[derive(Debug)]
pub(crate) struct GlobalAvgPool {
    /// Pixels a channel, H W.
    pub(crate) pixels: usize,
}

impl GlobalAvgPool {
    fn factor<T: Scalar>(&self) -> T {
        T::from_f64(1.0 / self.pixels as f64)
    }
}

impl<T: Scalar> Operation<T> for GlobalAvgPool {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0).to_slice().expect("a slot holds its rows");
        let factor: T = self.factor();
        for (y, x) in pass.y.into_iter().zip(x.chunks_exact(self.pixels)) {
            *y = x.iter().copied().sum::<T>() * factor;
        }
    }

    /// `dx += dy/(H W)` at every pixel.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let dy = pass.dy;
        let Some(dx) = pass.dx(0) else { return };
        let dx = dx.into_slice().expect("a slot holds its rows");
        let factor: T = self.factor();
        for (dx, &dy) in dx.chunks_exact_mut(self.pixels).zip(dy) {
            dx.iter_mut().for_each(|dx| *dx += dy * factor);
        }
    }
}
