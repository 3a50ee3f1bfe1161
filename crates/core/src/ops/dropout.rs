//! Values left out at random while training.

use crate::{Backward, Forward, Mode, Operation, Scalar};

/// `y = x/(1 - p)` with probability 1 - p, else 0, each value on its own; in evaluation `y = x`,
/// which is the mean of the other.
///
/// Values are decided row after row in the order of the arena: draw k of the step's stream decides
/// value 2k by its low and value 2k + 1 by its high 32 bits, which are left out when they are below
/// p 2³², rounded. So p is met to within 2⁻³³, and a mask depends on seed, layer, step and position.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Srivastava et al., *Dropout*, JMLR 15 (2014), section 10 (scaled while training).
#[derive(Debug)]
pub(crate) struct Dropout {
    /// Numbers a sample.
    pub(crate) sample: usize,
    /// p, from 0 to below 1.
    pub(crate) rate: f64,
}

impl<T: Scalar> Operation<T> for Dropout {
    /// What each value is multiplied by.
    fn scratch(&self, capacity: usize) -> usize {
        capacity * self.sample
    }

    fn trains_otherwise(&self) -> bool {
        self.rate > 0.0
    }

    fn forward(&self, mut pass: Forward<'_, T>) {
        let x = pass.x(0);
        let Mode::Train { step } = pass.mode else {
            pass.y.assign(&x);
            return;
        };
        let keep = T::from_f64(1.0 / (1.0 - self.rate));
        let bound = (self.rate * (1_u64 << 32) as f64).round() as u64;
        let mut draws = pass.draws(step);
        let mask = &mut pass.scratch[..x.len()];
        for pair in mask.chunks_mut(2) {
            let mut bits = draws.bits();
            for factor in pair {
                let is_kept = bits & u64::from(u32::MAX) >= bound;
                *factor = if is_kept { keep } else { T::ZERO };
                bits >>= 32;
            }
        }
        let y = pass.y.as_slice_mut().expect("values lie one after the other");
        for ((y, &x), &factor) in y.iter_mut().zip(x).zip(&*mask) {
            // Not a product: what is left out is 0 even where it is infinite.
            *y = if factor == T::ZERO { T::ZERO } else { x * factor };
        }
    }

    /// `dx += dy/(1 - p)` where the value was kept; in evaluation `dx += dy`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (mode, dy) = (pass.mode, pass.dy);
        let mask = std::mem::take(&mut pass.scratch);
        let Some(mut dx) = pass.dx(0) else { return };
        if mode == Mode::Evaluate {
            dx += &dy;
            return;
        }
        for ((dx, &dy), &factor) in dx.iter_mut().zip(dy).zip(&*mask) {
            *dx += dy * factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use crate::{Graph, Initialization, Layer, Loss, Mode, Program, Shape};

    /// What becomes of ones.
    fn pass(seed: u64, mode: Mode) -> Vec<f64> {
        let layers = [Layer::Dropout(0.3)];
        let graph = Graph::build(Shape::Features(101), &layers, Initialization::default());
        let mut program: Program<f64> =
            Program::compile(graph.expect("the model fits"), Loss::Mse, 99);
        program.initialize(seed);
        program.load(Array2::ones((99, 101)).view());
        program.forward(mode);
        program.output().iter().copied().collect()
    }

    #[test]
    fn a_mask_keeps_its_share_and_belongs_to_seed_and_step() {
        let here = pass(1, Mode::Train { step: 5 });
        assert!(here.iter().all(|&y| y == 0.0 || y == 1.0 / (1.0 - 0.3)));
        let n = here.len() as f64;
        let left_out = here.iter().filter(|&&y| y == 0.0).count() as f64;
        // Five standard deviations of a binomial.
        assert!((left_out - 0.3 * n).abs() < 5.0 * (n * 0.3 * 0.7).sqrt(), "{left_out} of {n}");
        assert_eq!(here, pass(1, Mode::Train { step: 5 }));
        assert_ne!(here, pass(1, Mode::Train { step: 6 }));
        assert_ne!(here, pass(2, Mode::Train { step: 5 }));
    }

    #[test]
    fn evaluation_leaves_nothing_out() {
        assert!(pass(1, Mode::Evaluate).iter().all(|&y| y == 1.0));
    }
}
