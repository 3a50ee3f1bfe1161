//! The largest value under a window.

use pulp::{Simd, WithSimd};

use crate::simd;
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

    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0).to_slice().expect("a slot holds its rows");
        let y = pass.y.into_slice().expect("a slot holds its rows");
        if self.window.is_halving() {
            return simd::dispatch(Halve { window: self.window, x, y });
        }
        let stride = self.window.width.stride;
        let planes = x.chunks_exact(self.window.input_len());
        for (x, y) in planes.zip(y.chunks_exact_mut(self.window.output_len())) {
            y.fill(T::from_f64(f64::NEG_INFINITY));
            for tap in self.window.taps() {
                let stretches = self.window.stretches(tap);
                for (to, from) in stretches.starts() {
                    let (x, y) = (&x[from..], &mut y[to..][..stretches.len]);
                    for (y, x) in y.iter_mut().zip(x.chunks(stride)) {
                        *y = larger(*y, x[0]);
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
        let beta = pass.beta(0);
        let Some(dx) = pass.dx(0) else { return };
        let dx = dx.into_slice().expect("a slot holds its rows");
        if beta == T::ZERO && self.window.is_halving() && input_len == 4 * output_len {
            return simd::dispatch(HalveBackward { window: self.window, x, y, dy, dx });
        }
        if beta == T::ZERO {
            dx.fill(T::ZERO);
        }
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

#[inline(always)]
fn larger<T: Scalar>(best: T, x: T) -> T {
    if x > best || x.is_nan() { x } else { best }
}

/// The forward pass of a window that [`Window::is_halving`], by pairs of rows.
struct Halve<'a, T> {
    window: Window,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> WithSimd for Halve<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { window, x, y } = self;
        let width = window.width;
        let planes = x.chunks_exact(window.input_len());
        for (x, y) in planes.zip(y.chunks_exact_mut(window.output_len())) {
            let rows = x.chunks_exact(2 * width.input).zip(y.chunks_exact_mut(width.output));
            for (x, y) in rows {
                let (upper, lower) = x.split_at(width.input);
                let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                for (y, (upper, lower)) in y.iter_mut().zip(pairs) {
                    *y = larger(larger(larger(upper[0], upper[1]), lower[0]), lower[1]);
                }
            }
        }
    }
}

/// The backward pass of a window that [`Window::is_halving`] and reads every pixel: nothing is left
/// of what stood in `dx`.
struct HalveBackward<'a, T> {
    window: Window,
    x: &'a [T],
    y: &'a [T],
    dy: &'a [T],
    dx: &'a mut [T],
}

impl<T: Scalar> WithSimd for HalveBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { window, x, y, dy, dx } = self;
        let width = window.width;
        let (input_len, output_len) = (window.input_len(), window.output_len());
        let planes = x.chunks_exact(input_len).zip(dx.chunks_exact_mut(input_len));
        let outputs = y.chunks_exact(output_len).zip(dy.chunks_exact(output_len));
        for ((x, dx), (y, dy)) in planes.zip(outputs) {
            let x = x.chunks_exact(2 * width.input).zip(dx.chunks_exact_mut(2 * width.input));
            let outputs = y.chunks_exact(width.output).zip(dy.chunks_exact(width.output));
            for ((x, dx), (y, dy)) in x.zip(outputs) {
                let (upper, lower) = x.split_at(width.input);
                let (dx_upper, dx_lower) = dx.split_at_mut(width.input);
                let x = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                let dx_upper = dx_upper.as_chunks_mut::<2>().0.iter_mut();
                let dx = dx_upper.zip(dx_lower.as_chunks_mut::<2>().0);
                let outputs = y.iter().zip(dy);
                for (((upper, lower), (dx_upper, dx_lower)), (&y, &dy)) in x.zip(dx).zip(outputs) {
                    // Without a branch, as every pixel is as likely as the next.
                    let mut rest = dy;
                    let mut take = |x: T| {
                        let share = if x == y { rest } else { T::ZERO };
                        rest = if x == y { T::ZERO } else { rest };
                        share
                    };
                    dx_upper[0] = take(upper[0]);
                    dx_upper[1] = take(upper[1]);
                    dx_lower[0] = take(lower[0]);
                    dx_lower[1] = take(lower[1]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView2, ArrayViewMut2, arr2};

    use super::MaxPool2d;
    use crate::layers::{Conv2d, Pool2d};
    use crate::operation::{Backward, Forward, Slot, Use};
    use crate::window::{Window, WindowShape};
    use crate::{Graph, Initialization, Initializer, Layer, Loss, Mode, Operation, Pair, Program};
    use crate::{Scalar, Shape, Stream, StreamName, Targets};

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

    /// The slow twin of a window of 2x2 moved by 2: each output by itself.
    fn by_definition<T: Scalar>(window: Window, x: &[T], dy: &[T]) -> (Vec<T>, Vec<T>) {
        let mut dx = vec![T::ZERO; x.len()];
        let mut y = Vec::new();
        for (output, &dy) in dy.iter().enumerate() {
            let (plane, pixel) = (output / window.output_len(), output % window.output_len());
            let (row, column) = (pixel / window.width.output, pixel % window.width.output);
            let corner = plane * window.input_len() + 2 * row * window.width.input + 2 * column;
            let places = [0, 1, window.width.input, window.width.input + 1].map(|at| corner + at);
            let any_nan = places.iter().any(|&place| x[place].is_nan());
            let largest = places
                .iter()
                .copied()
                .reduce(|best, next| if x[next] > x[best] { next } else { best });
            let largest = largest.expect("four places");
            if any_nan {
                y.push(T::from_f64(f64::NAN));
            } else {
                y.push(x[largest]);
                dx[largest] += dy;
            }
        }
        (y, dx)
    }

    /// One sample of `planes` channels through both passes; `dx` begins as 0.25.
    fn both_passes<T: Scalar>(window: Window, x: &[T], dy: &[T], reach: Use) -> (Vec<T>, Vec<T>) {
        let pool = MaxPool2d { window };
        let (mut y, mut dx) = (vec![T::ONE; dy.len()], vec![T::from_f64(0.25); x.len()]);
        let mut scratch = vec![T::ONE; Operation::<T>::scratch(&pool, 1)];
        let inputs = [Slot { offset: 0, len: x.len() }];
        pool.forward(Forward {
            rows: 1,
            inputs: &inputs,
            values: x,
            parameters: &[],
            ranges: &[],
            seed: 0,
            stream: StreamName::new("test"),
            tile: 0,
            mode: Mode::Evaluate,
            scratch: &mut scratch,
            state: &mut [],
            y: ArrayViewMut2::from_shape((1, dy.len()), &mut y).expect("one row"),
        });
        pool.backward(Backward {
            rows: 1,
            inputs: &inputs,
            uses: &[reach],
            values: x,
            input_gradients: &mut dx,
            parameters: &[],
            parameter_gradients: &mut [],
            ranges: &[],
            mode: Mode::Evaluate,
            scratch: &mut scratch,
            state: &[],
            y: ArrayView2::from_shape((1, dy.len()), &y).expect("one row"),
            dy: ArrayView2::from_shape((1, dy.len()), dy).expect("one row"),
        });
        (y, dx)
    }

    fn check_halving<T: Scalar>(height: usize, width: usize, reach: Use) {
        let two = Pair::both(2);
        let shape = WindowShape {
            kernel: two,
            stride: two,
            padding: Pair::both(0),
            dilation: Pair::both(1),
        };
        let window = shape.over(Pair { height, width }, "the data").expect("it fits");
        let mut stream = Stream::new(7, "test", height as u64, width as u64);
        // Few values, so that many are equal, and some that are no numbers.
        let values =
            [0.0, -0.0, 1.0, -1.0, 2.0, 3.0, f64::NEG_INFINITY, f64::INFINITY, f64::NAN, -2.0];
        let mut draw = |_| T::from_f64(values[stream.below(values.len() as u64) as usize]);
        let x: Vec<T> = (0..3 * window.input_len()).map(&mut draw).collect();
        let dy: Vec<T> =
            (0..3 * window.output_len()).map(|k| T::from_f64(1.0 + k as f64)).collect();
        let (y, dx) = both_passes(window, &x, &dy, reach);
        let (expected_y, expected_dx) = by_definition(window, &x, &dy);
        for (y, expected) in y.iter().zip(&expected_y) {
            assert!(y == expected || y.is_nan() && expected.is_nan(), "{y} against {expected}");
        }
        let before = T::from_f64(if reach == Use::Adds { 0.25 } else { 0.0 });
        let expected_dx: Vec<T> = expected_dx.into_iter().map(|dx| before + dx).collect();
        assert_eq!(dx, expected_dx, "{height}x{width}, {reach:?}");
    }

    #[test]
    fn windows_of_two_by_two_agree_with_their_definition() {
        for height in 2..8 {
            for width in 2..40 {
                for reach in [Use::First, Use::Adds] {
                    check_halving::<f32>(height, width, reach);
                    check_halving::<f64>(height, width, reach);
                }
            }
        }
    }
}
