//! The mean under a window.

use crate::window::Window;
use crate::{Backward, Forward, Operation, Scalar};

/// `y[c, o, p] = 1/(kh kw) Σ x[c, o s + i - q, p s + j - q]` over the taps `(i, j)`, with stride `s`
/// and padding `q` of each axis; outside the image `x` is 0, and it counts: the divisor is always
/// the whole window (PyTorch's default, `count_include_pad=True`).
///
/// Shapes: `x` (N, C H W), `y` (N, C OH OW) with `OH = ⌊(H + 2q - kh)/s⌋ + 1`, and `OW` alike.
/// Source: LeCun et al., *Gradient-Based Learning Applied to Document Recognition* (1998),
/// section II.B, without its trained factors.
#[derive(Debug)]
pub(crate) struct AvgPool2d {
    pub(crate) window: Window,
}

impl AvgPool2d {
    fn factor<T: Scalar>(&self) -> T {
        T::from_f64(1.0 / self.window.kernel_len() as f64)
    }
}

impl<T: Scalar> Operation<T> for AvgPool2d {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0).to_slice().expect("a slot holds its rows");
        let y = pass.y.into_slice().expect("a slot holds its rows");
        let stride = self.window.width.stride;
        let planes = x.chunks_exact(self.window.input_len());
        for (x, y) in planes.zip(y.chunks_exact_mut(self.window.output_len())) {
            y.fill(T::ZERO);
            for tap in self.window.taps() {
                let stretches = self.window.stretches(tap);
                for (to, from) in stretches.starts() {
                    let (x, y) = (&x[from..], &mut y[to..][..stretches.len]);
                    y.iter_mut().zip(x.chunks(stride)).for_each(|(y, x)| *y += x[0]);
                }
            }
            let factor = self.factor();
            y.iter_mut().for_each(|y| *y *= factor);
        }
    }

    /// `dx += dy/(kh kw)` for each window that a pixel lies in.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let dy = pass.dy.to_slice().expect("a slot holds its rows");
        let Some(dx) = pass.dx(0) else { return };
        let dx = dx.into_slice().expect("a slot holds its rows");
        let stride = self.window.width.stride;
        let factor: T = self.factor();
        let planes = dx.chunks_exact_mut(self.window.input_len());
        for (dx, dy) in planes.zip(dy.chunks_exact(self.window.output_len())) {
            for tap in self.window.taps() {
                let stretches = self.window.stretches(tap);
                for (from, to) in stretches.starts() {
                    let (dx, dy) = (&mut dx[to..], &dy[from..][..stretches.len]);
                    dx.chunks_mut(stride).zip(dy).for_each(|(dx, &dy)| dx[0] += dy * factor);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use crate::layers::Pool2d;
    use crate::{Graph, Initialization, Layer, Loss, Mode, Program, Shape};

    fn check(layer: Layer, expected: &[f64]) {
        let image = Shape::Image { channels: 2, height: 2, width: 3 };
        let graph = Graph::build(image, &[layer], Initialization::default()).expect("it fits");
        let mut program: Program<f64> = Program::compile(graph, Loss::HalfMse, 1);
        let x = [1.0, 2.0, 9.0, 3.0, 6.0, 12.0, -1.0, 0.0, 0.0, 1.0, 1.0, 5.0];
        program.load(arr2(&[x]).view());
        program.forward(Mode::Evaluate);
        assert_eq!(program.output().as_slice(), Some(expected));
    }

    #[test]
    fn the_mean_is_over_the_whole_window_and_padding_counts() {
        check(Layer::AvgPool2d(Pool2d::new(2)), &[3.0, 0.25]);
        let padded = Pool2d { padding: (1, 0).into(), ..Pool2d::new(2) };
        check(Layer::AvgPool2d(padded), &[0.75, 2.25, -0.25, 0.5]);
        check(Layer::GlobalAvgPool, &[5.5, 1.0]);
    }
}
