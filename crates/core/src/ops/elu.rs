//! The exponential linear unit, plain and self-normalizing.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = λ x` for `x > 0`, else `λ α (exp(x) - 1)`, where λ is 1 but for Selu.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Clevert, Unterthiner, Hochreiter, *Fast and Accurate Deep Network Learning by
/// Exponential Linear Units*, ICLR 2016, equation 15.
#[derive(Debug)]
pub(crate) struct Elu {
    /// α.
    pub(crate) alpha: f64,
    /// λ.
    pub(crate) scale: f64,
}

impl Elu {
    /// The constants that draw mean and variance towards 0 and 1 from layer to layer.
    ///
    /// Source: Klambauer et al., *Self-Normalizing Neural Networks*, NeurIPS 2017, equation 14;
    /// more digits from the authors' code, as PyTorch has them.
    pub(crate) const SELU: Self =
        Self { alpha: 1.673_263_242_354_377_2, scale: 1.050_700_987_355_480_5 };
}

impl<T: Scalar> Operation<T> for Elu {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (above, below) = (T::from_f64(self.scale), T::from_f64(self.scale * self.alpha));
        map(
            pass,
            #[inline(always)]
            |x| {
                // Both sides are computed: a choice costs less than a branch.
                let exponential = below * x.exp_m1();
                if x > T::ZERO { above * x } else { exponential }
            },
        );
    }

    /// `dx += λ dy` where `x > 0`, else `(y + λ α) dy`, as `λ α exp(x) = y + λ α`.
    fn backward(&self, pass: Backward<'_, T>) {
        let (above, below) = (T::from_f64(self.scale), T::from_f64(self.scale * self.alpha));
        add_gradient(pass, |x, y, dy| {
            let below = y + below;
            dy * if x > T::ZERO { above } else { below }
        });
    }
}
