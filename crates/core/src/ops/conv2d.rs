//! Convolution over images.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::window::Window;
use crate::{Backward, Forward, Operation, Scalar, matmul};

/// `y[f, o, p] = b[f] + Σ w[f, c, i, j] x[c, o s + i d - q, p s + j d - q]` over channels `c` and
/// taps `(i, j)`, with stride `s`, dilation `d` and padding `q` of each axis; outside the image `x`
/// is 0.
///
/// Shapes: `x` (N, C H W), `w` (F, C kh kw), `b` (1, F), `y` (N, F OH OW) with
/// `OH = ⌊(H + 2q - d(kh - 1) - 1)/s⌋ + 1`, and `OW` alike.
///
/// The samples are taken one by one, as a product of the weights with the columns of the sample
/// (what each tap reads): the columns of one sample stay in the cache, `y` needs no transpose, and
/// writing them again in the backward pass costs less than fetching those of a batch from memory.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 9.5; the product by
/// columns: Chellapilla, Puri, Simard, *High Performance Convolutional Neural Networks for
/// Document Processing*, IWFHR 2006.
#[derive(Debug)]
pub(crate) struct Conv2d {
    pub(crate) window: Window,
    pub(crate) filters: usize,
    /// Numbers a column, C kh kw.
    pub(crate) taps: usize,
    pub(crate) has_bias: bool,
}

impl Conv2d {
    /// What the taps read of one sample, (C kh kw, OH OW): the sample itself where a kernel of 1x1
    /// reads every pixel once, else written to `scratch`.
    fn columns<'a, T: Scalar>(&self, x: &'a [T], scratch: &'a mut [T]) -> ArrayView2<'a, T> {
        if self.window.is_identity() {
            return matrix(x, self.taps);
        }
        self.window.write_columns(x, scratch);
        matrix(scratch, self.taps)
    }

    fn output_len(&self) -> usize {
        self.filters * self.window.output_len()
    }
}

impl<T: Scalar> Operation<T> for Conv2d {
    fn scratch(&self, _capacity: usize) -> usize {
        if self.window.is_identity() { 0 } else { self.taps * self.window.output_len() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (x, w) = (pass.x(0), pass.w(0));
        let b = self.has_bias.then(|| pass.w(1));
        let y = pass.y.into_slice().expect("a slot holds its rows");
        let beta = if self.has_bias { T::ONE } else { T::ZERO };
        for (x, y) in x.rows().into_iter().zip(y.chunks_exact_mut(self.output_len())) {
            let x = x.to_slice().expect("a slot holds its rows");
            let mut y = matrix_mut(y, self.filters);
            for (mut y, &b) in y.rows_mut().into_iter().zip(b.iter().flatten()) {
                y.fill(b);
            }
            matmul(w, self.columns(x, pass.scratch), beta, &mut y);
        }
    }

    /// `dw += Σₙ dyₙ columns(xₙ)ᵀ`, `db += Σ dy` over samples and pixels, `columns(dxₙ) += wᵀ dyₙ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, dy, w) = (pass.x(0), pass.dy, pass.w(0));
        let scratch = std::mem::take(&mut pass.scratch);
        for (sample, (x, dy)) in x.rows().into_iter().zip(dy.rows()).enumerate() {
            let x = x.to_slice().expect("a slot holds its rows");
            let dy = matrix(dy.to_slice().expect("a slot holds its rows"), self.filters);
            matmul(dy, self.columns(x, scratch).t(), T::ONE, &mut pass.dw(0));
            if self.has_bias {
                for (db, dy) in pass.dw(1).iter_mut().zip(dy.rows()) {
                    *db += dy.sum();
                }
            }
            let Some(dx) = pass.dx(0) else { continue };
            let dx = dx.into_slice().expect("a slot holds its rows");
            let dx = &mut dx[sample * x.len()..][..x.len()];
            if self.window.is_identity() {
                matmul(w.t(), dy, T::ONE, &mut matrix_mut(dx, self.taps));
            } else {
                matmul(w.t(), dy, T::ZERO, &mut matrix_mut(scratch, self.taps));
                self.window.add_columns(scratch, dx);
            }
        }
    }
}

fn matrix<T: Scalar>(numbers: &[T], rows: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((rows, numbers.len() / rows), numbers).expect("whole rows")
}

fn matrix_mut<T: Scalar>(numbers: &mut [T], rows: usize) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape((rows, numbers.len() / rows), numbers).expect("whole rows")
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayView2;

    use crate::layers::Conv2d;
    use crate::{
        Distribution, Graph, Initialization, Initializer, Layer, Loss, Mode, Pair, Program,
    };
    use crate::{Shape, Stream};

    /// The slow twin: the definition, as seven loops over a batch, on an image padded by hand.
    fn by_definition(
        layer: Conv2d,
        [channels, height, width]: [usize; 3],
        x: &[f64],
        w: &[f64],
        b: &[f64],
    ) -> Vec<f64> {
        let Conv2d { filters, kernel, stride, padding, dilation, .. } = layer;
        let reach = |size, q, d, k, s| (size + 2 * q - d * (k - 1) - 1) / s + 1;
        let rows = reach(height, padding.height, dilation.height, kernel.height, stride.height);
        let columns = reach(width, padding.width, dilation.width, kernel.width, stride.width);
        let mut y = Vec::new();
        for x in x.chunks(channels * height * width) {
            for f in 0..filters {
                for row in 0..rows {
                    for column in 0..columns {
                        let mut sum = b.get(f).copied().unwrap_or_default();
                        for c in 0..channels {
                            for i in 0..kernel.height {
                                for j in 0..kernel.width {
                                    let h = row * stride.height + i * dilation.height;
                                    let v = column * stride.width + j * dilation.width;
                                    let inside = (padding.height..padding.height + height)
                                        .contains(&h)
                                        && (padding.width..padding.width + width).contains(&v);
                                    if inside {
                                        let (h, v) = (h - padding.height, v - padding.width);
                                        let tap = (f * channels + c) * kernel.height + i;
                                        sum += w[tap * kernel.width + j]
                                            * x[(c * height + h) * width + v];
                                    }
                                }
                            }
                        }
                        y.push(sum);
                    }
                }
            }
        }
        y
    }

    fn check(image: [usize; 3], layer: Conv2d, expected: (usize, usize)) {
        crate::use_one_thread();
        let [channels, height, width] = image;
        let shape = Shape::Image { channels, height, width };
        let normal = Initialization {
            weights: Initializer::LeCun(Distribution::Normal),
            biases: Initializer::Normal(0.5),
            ..Initialization::default()
        };
        let graph = Graph::build(shape, &[Layer::Conv2d(layer)], normal).expect("it fits");
        let (height, width) = expected;
        assert_eq!(graph.output_shape(), Shape::Image { channels: layer.filters, height, width });
        let mut program: Program<f64> = Program::compile(graph, Loss::Mse, 3);
        program.initialize(2);
        let mut stream = Stream::new(4, "test", 0, 0);
        let x: Vec<f64> = (0..3 * shape.len()).map(|_| stream.normal()).collect();
        program.load(ArrayView2::from_shape((3, shape.len()), &x).expect("three samples"));
        program.forward(Mode::Evaluate);
        let weights = layer.filters * channels * layer.kernel.height * layer.kernel.width;
        let (w, b) = program.parameters.values.split_at(weights);
        assert_eq!(b.len(), if layer.bias { layer.filters } else { 0 });
        let expected = by_definition(layer, image, &x, w, b);
        let output = program.output();
        assert_eq!(output.len(), expected.len());
        for (y, expected) in output.iter().zip(&expected) {
            // Sums of at most 60 products of numbers near 1.
            assert!((y - expected).abs() < 1e-13, "{layer:?}: {y} against {expected}");
        }
    }

    #[test]
    fn agrees_with_the_seven_loops_of_its_definition() {
        let plain = Conv2d::new(4, 3);
        check([2, 5, 7], plain, (3, 5));
        // Wide enough for rows of the image in place of columns.
        check([3, 6, 20], Conv2d { padding: (1, 2).into(), ..plain }, (6, 22));
        check([1, 6, 9], Conv2d { kernel: (2, 3).into(), bias: false, ..plain }, (5, 7));
        check([3, 5, 7], Conv2d { padding: (2, 1).into(), ..plain }, (7, 7));
        check([2, 8, 7], Conv2d { stride: (3, 2).into(), ..plain }, (2, 3));
        check(
            [2, 9, 7],
            Conv2d { dilation: (3, 2).into(), padding: (0, 1).into(), ..plain },
            (3, 5),
        );
        // More padding than the kernel is wide: whole outputs read nothing but padding.
        check([2, 3, 2], Conv2d { padding: (4, 5).into(), stride: (1, 3).into(), ..plain }, (9, 4));
        check([5, 4, 3], Conv2d { kernel: Pair::both(1), ..plain }, (4, 3));
        check([5, 4, 3], Conv2d { kernel: Pair::both(1), stride: (2, 1).into(), ..plain }, (2, 3));
        check([2, 3, 4], Conv2d { kernel: (3, 4).into(), ..plain }, (1, 1));
    }
}
