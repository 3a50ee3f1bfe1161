//! The largest value under a window.

use crate::window::Window;
use crate::{Backward, Forward, Operation, Scalar};

/// `y[c, o, p] = max x[c, o s + i - q, p s + j - q]` over the taps `(i, j)` inside the image, with
/// stride `s` and padding `q` of each axis; NaN stays NaN, so that a broken value is seen.
///
/// Shapes: `x` (N, C H W), `y` (N, C OH OW) with `OH = ⌊(H + 2q - kh)/s⌋ + 1`, and `OW` alike.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 9.3.
#[derive(Debug)]
pub(crate) struct MaxPool2d {
    pub(crate) window: Window,
}

impl<T: Scalar> Operation<T> for MaxPool2d {
    /// What is left to hand back of one channel's gradient.
    fn scratch(&self, _capacity: usize) -> usize {
        self.window.output_len()
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0).to_slice().expect("a slot holds its rows");
        let y = pass.y.into_slice().expect("a slot holds its rows");
        let stride = self.window.width.stride;
        let planes = x.chunks_exact(self.window.input_len());
        for (x, y) in planes.zip(y.chunks_exact_mut(self.window.output_len())) {
            y.fill(T::from_f64(f64::NEG_INFINITY));
            for tap in self.window.taps() {
                let stretches = self.window.stretches(tap);
                for (to, from) in stretches.starts() {
                    let (x, y) = (&x[from..], &mut y[to..][..stretches.len]);
                    for (y, x) in y.iter_mut().zip(x.chunks(stride)) {
                        let x = x[0];
                        *y = if x > *y || x.is_nan() { x } else { *y };
                    }
                }
            }
        }
    }

    /// `dx += dy` at the largest value of each window, the first in reading order among equals.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let x = pass.x(0).to_slice().expect("a slot holds its rows");
        let y = pass.y.to_slice().expect("a slot holds its rows");
        let dy = pass.dy.to_slice().expect("a slot holds its rows");
        let rest = std::mem::take(&mut pass.scratch);
        let stride = self.window.width.stride;
        let (input_len, output_len) = (self.window.input_len(), self.window.output_len());
        let Some(dx) = pass.dx(0) else { return };
        let dx = dx.into_slice().expect("a slot holds its rows");
        let planes = x.chunks_exact(input_len).zip(dx.chunks_exact_mut(input_len));
        let outputs = y.chunks_exact(output_len).zip(dy.chunks_exact(output_len));
        for ((x, dx), (y, dy)) in planes.zip(outputs) {
            // The first tap that holds the maximum takes what there is and leaves nothing.
            rest.copy_from_slice(dy);
            for tap in self.window.taps() {
                let stretches = self.window.stretches(tap);
                for (from, to) in stretches.starts() {
                    let inputs = x[to..].chunks(stride).zip(dx[to..].chunks_mut(stride));
                    let outputs = y[from..][..stretches.len].iter().zip(&mut rest[from..]);
                    for ((x, dx), (y, rest)) in inputs.zip(outputs) {
                        let is_largest = x[0] == *y;
                        dx[0] += if is_largest { *rest } else { T::ZERO };
                        *rest = if is_largest { T::ZERO } else { *rest };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};

    use crate::layers::{Conv2d, Pool2d};
    use crate::{Graph, Initialization, Initializer, Layer, Loss, Mode, Program, Shape, Targets};

    fn compile(layers: &[Layer], weights: Initializer) -> Program<f64> {
        let image = Shape::Image { channels: 1, height: 2, width: 3 };
        let init = Initialization { weights, ..Initialization::default() };
        let graph = Graph::build(image, layers, init).expect("it fits");
        let mut program = Program::compile(graph, Loss::HalfMse, 1);
        program.initialize(1);
        program
    }

    fn pooled(x: [f64; 6]) -> Array2<f64> {
        let pool = Pool2d { stride: Some((1, 1).into()), ..Pool2d::new(2) };
        let mut program = compile(&[Layer::MaxPool2d(pool)], Initializer::Zeros);
        program.load(arr2(&[x]).view());
        program.forward(Mode::Evaluate);
        program.output()
    }

    #[test]
    fn the_largest_is_taken_and_nan_stays() {
        assert_eq!(pooled([1.0, 2.0, -7.0, -1.0, 0.0, 4.0]), arr2(&[[2.0, 4.0]]));
        assert_eq!(pooled([-3.0, -5.0, f64::NEG_INFINITY, -4.0, -6.0, -9.0])[[0, 1]], -5.0);
        for place in [0, 3] {
            let mut x = [1.0; 6];
            x[place] = f64::NAN;
            let y = pooled(x);
            assert!(y[[0, 0]].is_nan() && y[[0, 1]] == 1.0, "{y}");
        }
    }

    /// Weights of zero make all that is pooled equal; the gradient by the weight tells the pixel.
    #[test]
    fn the_first_of_equal_ones_gets_the_gradient() {
        let layers = [Layer::Conv2d(Conv2d::new(1, 1)), Layer::MaxPool2d(Pool2d::new(2))];
        let mut program = compile(&layers, Initializer::Zeros);
        program.load(arr2(&[[3.0, 5.0, 1.0, 7.0, 11.0, 1.0]]).view());
        program.forward(Mode::Evaluate);
        program.backward(Targets::Values(arr2(&[[1.0]]).view()));
        assert_eq!(program.parameters.gradients, [-3.0, -1.0]);
    }
}
