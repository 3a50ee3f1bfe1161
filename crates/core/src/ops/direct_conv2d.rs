//! Convolution over images without columns, for few channels.

use pulp::{Simd, WithSimd};

use crate::correlation::{Correlation, Frame, LANES};
use crate::simd;
use crate::window::Window;
use crate::{Backward, Forward, Operation, Scalar};

/// Channels and filters up to which this beats columns; above, the matrix product of the columns
/// does more with each number it loads.
const MOST_CHANNELS: usize = 32;
/// Narrower rows leave too much of a vector empty.
const LEAST_WIDTH: usize = 8;

/// The same as [`Conv2d`](super::Conv2d) where stride and dilation are 1.
///
/// Shapes: as [`Conv2d`](super::Conv2d).
///
/// Writing columns costs as much as the arithmetic of a handful of filters. So the sums are taken
/// from the rows of the image itself, sample by sample: forward as a [`Correlation`] of the image
/// with the weights, backward of the gradient with the weights turned by half a turn.
/// Zeros at both ends of a row are multiplied. Of those above and below, [`Correlation`] leaves out
/// the ones that all the rows of its result that it computes together would read.
#[derive(Debug)]
pub(crate) struct DirectConv2d {
    has_bias: bool,
    forward: Correlation,
    backward: Correlation,
}

impl DirectConv2d {
    /// `None` where columns are quicker.
    pub(crate) fn if_quicker(
        window: Window,
        channels: usize,
        filters: usize,
        has_bias: bool,
    ) -> Option<Self> {
        let is_small = channels.max(filters) <= MOST_CHANNELS;
        let is_wide = window.width.output >= LEAST_WIDTH;
        (is_small && is_wide).then(|| Self::new(window, channels, filters, has_bias)).flatten()
    }

    /// `None` where stride, dilation or padding does not fit.
    fn new(window: Window, channels: usize, filters: usize, has_bias: bool) -> Option<Self> {
        let Window { height, width } = window;
        let fits = [height, width].iter().all(|axis| {
            (axis.stride, axis.dilation) == (1, 1)
                && axis.padding < axis.kernel
                && axis.kernel <= LANES
        });
        if !fits || window.is_identity() {
            return None;
        }
        let kernel = (height.kernel, width.kernel);
        let image = Frame {
            planes: channels,
            height: height.input,
            width: width.input,
            above: height.padding,
            left: width.padding,
            rows: height.input + 2 * height.padding,
            stride: width.input + 2 * width.padding,
        };
        let gradient = Frame {
            planes: filters,
            height: height.output,
            width: width.output,
            above: height.kernel - 1 - height.padding,
            left: width.kernel - 1 - width.padding,
            rows: height.input + height.kernel - 1,
            stride: width.input + width.kernel - 1,
        };
        let (rows, width) = (gradient.height, gradient.width);
        let forward = Correlation { source: image, targets: filters, rows, width, kernel };
        let (rows, width) = (image.height, image.width);
        let backward = Correlation { source: gradient, targets: channels, rows, width, kernel };
        Some(Self { has_bias, forward, backward })
    }

    fn weights(&self) -> usize {
        self.forward.targets * self.forward.taps()
    }

    /// Where the weight of a filter, a channel, a row and a column lies.
    fn place(&self, [f, c, i, j]: [usize; 4]) -> usize {
        let (height, width) = self.forward.kernel;
        ((f * self.forward.source.planes + c) * height + i) * width + j
    }
}

impl<T: Scalar> Operation<T> for DirectConv2d {
    /// What is listed in `backward`, and what it takes to align it.
    fn scratch(&self, _capacity: usize) -> usize {
        let Self { forward, backward, .. } = self;
        let stretches = self.weights() + (1 + forward.targets) * forward.stretches();
        let image = backward.targets * backward.rows * backward.width;
        let frames = forward.source.len() + backward.source.len();
        LANES + stretches * LANES + frames + self.weights() + image
    }

    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0).to_slice().expect("a slot holds its rows");
        let w = pass.w(0).to_slice().expect("a parameter is in one piece");
        let b = self.has_bias.then(|| pass.w(1).to_slice().expect("a parameter is in one piece"));
        let correlation = &self.forward;
        let (frame, rest) = pass.scratch.split_at_mut(correlation.source.len());
        let (weights, rest) = rest.split_at_mut(self.weights());
        let starts = &mut rest[..correlation.targets];
        frame.fill(T::ZERO);
        starts.fill(T::ZERO);
        starts.iter_mut().zip(b.iter().copied().flatten()).for_each(|(start, &b)| *start = b);
        let mut ordered = weights.iter_mut();
        correlation.for_each_weight(|f, c, i, j| {
            *ordered.next().expect("one for each weight") = w[self.place([f, c, i, j])];
        });
        let y = pass.y.into_slice().expect("a slot holds its rows");
        simd::dispatch(Apply { correlation, x, weights, starts, frame, y });
    }

    /// `dw += Σ dy x` over samples and pixels, `db += Σ dy`, `dx` the correlation of `dy` with the
    /// turned weights.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let Self { forward, backward, .. } = self;
        let x = pass.x(0).to_slice().expect("a slot holds its rows");
        let w = pass.w(0).to_slice().expect("a parameter is in one piece");
        let dy = pass.dy.to_slice().expect("a slot holds its rows");
        let scratch = std::mem::take(&mut pass.scratch);
        // Vectors that lie across two cache lines take two loads.
        let aligned = scratch.as_ptr().align_offset(64).min(LANES);
        let stretches = self.weights() + (1 + forward.targets) * forward.stretches();
        let (stretches, rest) = scratch[aligned..].split_at_mut(stretches * LANES);
        let (sums, stretches) = stretches.as_chunks_mut().0.split_at_mut(self.weights());
        let (plane, dy_stretches) = stretches.split_at_mut(forward.stretches());
        let (x_frame, rest) = rest.split_at_mut(forward.source.len());
        let (dy_frame, rest) = rest.split_at_mut(backward.source.len());
        let (weights, image) = rest.split_at_mut(self.weights());
        sums.fill([T::ZERO; LANES]);
        plane.fill([T::ZERO; LANES]);
        x_frame.fill(T::ZERO);
        dy_frame.fill(T::ZERO);
        let (height, width) = forward.kernel;
        let mut turned = weights.iter_mut();
        backward.for_each_weight(|c, f, i, j| {
            let place = self.place([f, c, height - 1 - i, width - 1 - j]);
            *turned.next().expect("one for each weight") = w[place];
        });
        let adds = pass.beta(0) != T::ZERO;
        let dx = pass.dx(0).map(|dx| dx.into_slice().expect("a slot holds its rows"));
        let image = &mut image[..backward.targets * backward.rows * backward.width];
        simd::dispatch(Differentiate {
            operation: self,
            x,
            dy,
            weights,
            x_frame,
            dy_frame,
            plane,
            dy_stretches,
            image,
            sums,
            dx,
            adds,
        });
        let mut dw = pass.dw(0);
        let dw = dw.as_slice_mut().expect("a parameter is in one piece");
        let mut sums = sums.iter();
        forward.for_each_weight(|f, c, i, j| {
            let sums = sums.next().expect("one for each weight");
            dw[self.place([f, c, i, j])] += sum_of_lanes(*sums);
        });
        if self.has_bias {
            let mut db = pass.dw(1);
            let pixels = forward.rows * forward.width;
            for dy in dy.chunks_exact(forward.targets * pixels) {
                for (db, dy) in db.iter_mut().zip(dy.chunks_exact(pixels)) {
                    let (stretches, rest) = dy.as_chunks::<LANES>();
                    let mut sums = [T::ZERO; LANES];
                    for stretch in stretches {
                        sums.iter_mut().zip(stretch).for_each(|(sum, &dy)| *sum += dy);
                    }
                    *db += rest.iter().fold(sum_of_lanes(sums), |sum, &dy| sum + dy);
                }
            }
        }
    }
}

/// Halves folded onto each other.
fn sum_of_lanes<T: Scalar>(mut lanes: [T; LANES]) -> T {
    let mut len = LANES / 2;
    while len > 0 {
        for lane in 0..len {
            lanes[lane] += lanes[lane + len];
        }
        len /= 2;
    }
    lanes[0]
}

/// The forward pass.
struct Apply<'a, T> {
    correlation: &'a Correlation,
    x: &'a [T],
    weights: &'a [T],
    starts: &'a [T],
    frame: &'a mut [T],
    y: &'a mut [T],
}

impl<T: Scalar> WithSimd for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { correlation, x, weights, starts, frame, y } = self;
        let Frame { planes, height, width, .. } = correlation.source;
        let samples = x.chunks_exact(planes * height * width);
        let pixels = correlation.rows * correlation.width;
        for (x, y) in samples.zip(y.chunks_exact_mut(correlation.targets * pixels)) {
            correlation.source.write(x, frame);
            correlation.apply(simd, frame, weights, starts, y);
        }
    }
}

/// The backward pass, but for the biases.
struct Differentiate<'a, T> {
    operation: &'a DirectConv2d,
    x: &'a [T],
    dy: &'a [T],
    weights: &'a [T],
    x_frame: &'a mut [T],
    dy_frame: &'a mut [T],
    /// Room for [`Correlation::write_targets`].
    plane: &'a mut [[T; LANES]],
    dy_stretches: &'a mut [[T; LANES]],
    /// Room for a sample of `dx`.
    image: &'a mut [T],
    sums: &'a mut [[T; LANES]],
    dx: Option<&'a mut [T]>,
    /// Whether `dx` is added to, and not overwritten.
    adds: bool,
}

impl<T: Scalar> WithSimd for Differentiate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let DirectConv2d { forward, backward, .. } = self.operation;
        let zeros = [T::ZERO; MOST_CHANNELS];
        let x_len = self.image.len();
        let dy_len = forward.targets * forward.rows * forward.width;
        let samples = self.x.chunks_exact(x_len).zip(self.dy.chunks_exact(dy_len));
        for (sample, (x, dy)) in samples.enumerate() {
            forward.source.write(x, self.x_frame);
            forward.write_targets(dy, self.plane, self.dy_stretches);
            forward.differentiate(simd, self.x_frame, self.dy_stretches, self.sums);
            let Some(dx) = &mut self.dx else { continue };
            let dx = &mut dx[sample * x_len..][..x_len];
            backward.source.write(dy, self.dy_frame);
            if self.adds {
                backward.apply(simd, self.dy_frame, self.weights, &zeros, self.image);
                dx.iter_mut().zip(&*self.image).for_each(|(dx, &more)| *dx += more);
            } else {
                backward.apply(simd, self.dy_frame, self.weights, &zeros, dx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayView2, ArrayViewMut2};

    use super::{DirectConv2d, MOST_CHANNELS};
    use crate::layers::Conv2d;
    use crate::operation::{Backward, Forward, Slot, Use};
    use crate::window::WindowShape;
    use crate::{Graph, Initialization, Layer, Mode, Operation, Pair, ParameterRange};
    use crate::{Scalar, Shape, Stream, StreamName, ops};

    /// What both passes leave.
    struct Found<T> {
        y: Vec<T>,
        dx: Vec<T>,
        dw: Vec<T>,
    }

    /// Both passes over `rows` samples; gradients begin as 0.25.
    fn run<T: Scalar>(
        operation: &dyn Operation<T>,
        ranges: &[ParameterRange],
        rows: usize,
        [x, w, dy]: [&[T]; 3],
        reach: Use,
    ) -> Found<T> {
        let quarter = T::from_f64(0.25);
        let mut y = vec![quarter; dy.len()];
        let mut dx = vec![quarter; x.len()];
        let mut dw = vec![quarter; w.len()];
        // Whatever the pass before left must not matter.
        let mut scratch = vec![quarter; operation.scratch(rows)];
        let inputs = [Slot { offset: 0, len: x.len() / rows }];
        let shape = (rows, dy.len() / rows);
        operation.forward(Forward {
            rows,
            inputs: &inputs,
            values: x,
            parameters: w,
            ranges,
            seed: 0,
            stream: StreamName::new("test"),
            tile: 0,
            mode: Mode::Evaluate,
            scratch: &mut scratch,
            state: &mut [],
            y: ArrayViewMut2::from_shape(shape, &mut y).expect("whole rows"),
        });
        if reach == Use::First && !operation.heeds_beta() {
            dx.fill(T::ZERO);
        }
        operation.backward(Backward {
            rows,
            inputs: &inputs,
            uses: &[reach],
            values: x,
            input_gradients: &mut dx,
            parameters: w,
            parameter_gradients: &mut dw,
            ranges,
            mode: Mode::Evaluate,
            scratch: &mut scratch,
            state: &[],
            y: ArrayView2::from_shape(shape, &y).expect("whole rows"),
            dy: ArrayView2::from_shape(shape, dy).expect("whole rows"),
        });
        Found { y, dx, dw }
    }

    /// The same with and without columns, the slow twin; with `broken` pixels that are no numbers.
    fn compare<T: Scalar>(image: [usize; 3], layer: Conv2d, tolerance: f64, broken: usize) {
        crate::use_one_thread();
        let ([channels, height, width], rows) = (image, 3);
        let Conv2d { filters, kernel, stride, padding, dilation, bias } = layer;
        let window = WindowShape { kernel, stride, padding, dilation }
            .over(Pair { height, width }, "the data")
            .expect("it fits");
        let shape = Shape::Image { channels, height, width };
        let graph: Graph<T> =
            Graph::build(shape, &[Layer::Conv2d(layer)], Initialization::default())
                .expect("it fits");
        let direct = DirectConv2d::new(window, channels, filters, bias).expect("it fits");
        let taps = channels * window.kernel_len();
        let columns = ops::Conv2d { window, filters, taps, has_bias: bias };
        let mut stream = Stream::new(9, "test", 0, 0);
        let mut draw = |len| -> Vec<T> { (0..len).map(|_| T::from_f64(stream.normal())).collect() };
        let mut x = draw(rows * shape.len());
        let w = draw(graph.parameter_count());
        let mut dy = draw(rows * filters * window.output_len());
        for numbers in [&mut x, &mut dy] {
            let len = numbers.len();
            for (count, wrong) in [f64::NAN, f64::INFINITY].into_iter().take(broken).enumerate() {
                numbers[(count + 1) * 7919 % len] = T::from_f64(wrong);
            }
        }
        for reach in [Use::Nothing, Use::First, Use::Adds] {
            let inputs = [&x[..], &w[..], &dy[..]];
            let fast = run(&direct, &graph.parameters, rows, inputs, reach);
            let slow = run(&columns, &graph.parameters, rows, inputs, reach);
            let agree = |what: &str, fast: &[T], slow: &[T]| {
                let sizes = slow.iter().map(|x| x.to_f64().abs()).filter(|x| x.is_finite());
                let bound = tolerance * sizes.fold(1.0, f64::max);
                for (place, (&fast, &slow)) in fast.iter().zip(slow).enumerate() {
                    let is_near = (fast.to_f64() - slow.to_f64()).abs() <= bound;
                    let is_same = fast == slow || fast.is_nan() && slow.is_nan();
                    assert!(
                        is_near || is_same,
                        "{image:?} {layer:?} {reach:?}, {what} {place}: {fast} against {slow}"
                    );
                }
            };
            agree("y", &fast.y, &slow.y);
            agree("dx", &fast.dx, &slow.dx);
            if broken == 0 {
                agree("dw", &fast.dw, &slow.dw);
            }
        }
    }

    #[test]
    fn gives_what_the_columns_give() {
        let mut stream = Stream::new(3, "shapes", 0, 0);
        let mut draw = |from: usize, to: usize| from + stream.below((to - from) as u64) as usize;
        for case in 0..150 {
            let kernel = Pair { height: draw(1, 6), width: draw(2, 7) };
            let padding = Pair { height: draw(0, kernel.height), width: draw(0, kernel.width) };
            let image = [draw(1, 8), kernel.height + draw(0, 12), kernel.width + draw(0, 40)];
            let filters = draw(1, 15);
            let layer = Conv2d { kernel, padding, bias: case % 2 == 0, ..Conv2d::new(filters, 1) };
            // Sums of a few thousand products of numbers near 1.
            compare::<f64>(image, layer, 1e-13, case % 3);
            compare::<f32>(image, layer, 3e-5, case % 3);
        }
        let widest = Conv2d { padding: Pair::both(1), ..Conv2d::new(MOST_CHANNELS, 3) };
        compare::<f32>([MOST_CHANNELS, 9, 17], widest, 3e-5, 0);
    }

    /// Scratch and sums of one sample must not reach the next, nor a short batch those before.
    #[test]
    fn a_sample_has_the_bits_that_it_has_alone() {
        let window = WindowShape {
            kernel: Pair::both(3),
            stride: Pair::both(1),
            padding: Pair::both(1),
            dilation: Pair::both(1),
        };
        let window = window.over(Pair { height: 6, width: 19 }, "the data").expect("it fits");
        let shape = Shape::Image { channels: 2, height: 6, width: 19 };
        let layer = Conv2d { padding: Pair::both(1), ..Conv2d::new(7, 3) };
        let graph: Graph<f32> =
            Graph::build(shape, &[Layer::Conv2d(layer)], Initialization::default())
                .expect("it fits");
        let direct = DirectConv2d::new(window, 2, 7, true).expect("it fits");
        let mut stream = Stream::new(11, "test", 0, 0);
        let mut draw = |len| -> Vec<f32> { (0..len).map(|_| stream.normal() as f32).collect() };
        let (x, w) = (draw(4 * shape.len()), draw(graph.parameter_count()));
        let dy = draw(4 * 7 * window.output_len());
        let all = run(&direct, &graph.parameters, 4, [&x, &w, &dy], Use::First);
        for sample in 0..4 {
            let x = &x[sample * shape.len()..][..shape.len()];
            let dy = &dy[sample * 7 * window.output_len()..][..7 * window.output_len()];
            let alone = run(&direct, &graph.parameters, 1, [x, &w, dy], Use::First);
            assert_eq!(alone.y, all.y[sample * dy.len()..][..dy.len()]);
            assert_eq!(alone.dx, all.dx[sample * x.len()..][..x.len()]);
        }
    }
}
