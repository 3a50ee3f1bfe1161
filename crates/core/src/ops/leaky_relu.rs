//! The rectifier that lets a share of negative values through.

use crate::elementwise::{add_gradient, map};
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
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let slope = T::from_f64(self.slope);
        map(pass, |x| if x > T::ZERO { x } else { slope * x });
    }

    /// `dx += dy` where `x > 0`, else `slope dy`; the corner counts as below.
    fn backward(&self, pass: Backward<'_, T>) {
        let slope = T::from_f64(self.slope);
        add_gradient(pass, |x, _, dy| if x > T::ZERO { dy } else { slope * dy });
    }
}
