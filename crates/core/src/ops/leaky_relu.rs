//! The rectifier that lets a share of negative values through.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = x` for `x > 0`, else `slope x`.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Maas, Hannun, Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models*,
/// ICML 2013, section 2.
#[derive(Debug)]
pub(crate) struct LeakyRelu {
    pub(crate) slope: f64,
}

impl<T: Scalar> Operation<T> for LeakyRelu {
    fn forward(&self, pass: Forward<'_, T>) {
        let (x, slope) = (pass.x(0), T::from_f64(self.slope));
        Zip::from(pass.y).and(x).for_each(|y, &x| *y = if x > T::ZERO { x } else { slope * x });
    }

    /// `dx += dy` where `x > 0`, else `slope dy`; the corner counts as below.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, dy, slope) = (pass.x(0), pass.dy, T::from_f64(self.slope));
        if let Some(dx) = pass.dx(0) {
            Zip::from(dx).and(x).and(dy).for_each(|dx, &x, &dy| {
                *dx += if x > T::ZERO { dy } else { slope * dy };
            });
        }
    }
}
