//! The normalization of each channel by its mean and variance over the batch.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, s};

use crate::{Backward, Forward, Mode, Operation, Scalar, State};

/// Channels whose sums are taken side by side: rows are read as they lie, and the sums in `f64`
/// need no memory of their own. The sum of a channel has the same order whatever this is.
const SIDE_BY_SIDE: usize = 32;

/// `y = s x̂ + b` with `x̂ = (x - μ)/√(σ² + ε)` for each channel. In training μ and σ² are mean and
/// biased variance over the M = N P values of the batch, and the running ones follow:
/// `r += m (μ - r)`, and for the variance with `σ² M/(M - 1)`, the unbiased one. In evaluation
/// the running ones are used.
///
/// Shapes: `x` and `y` (N, C, P) with C channels of P pixels; plain features are channels of one
/// pixel, and a sequence of T tokens is taken as N T rows. `s` and `b` (1, C).
/// Source: Ioffe, Szegedy, *Batch Normalization*, ICML 2015, algorithm 1; running statistics as in
/// `torch.nn.BatchNorm2d`.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    /// Rows that one sample makes: 1, or its tokens.
    pub(crate) tokens: usize,
    /// C.
    pub(crate) channels: usize,
    /// P.
    pub(crate) pixels: usize,
    /// ε.
    pub(crate) epsilon: f64,
    /// m, the share of the batch in the running statistics.
    pub(crate) momentum: f64,
}

impl BatchNorm {
    fn sample(&self) -> usize {
        self.tokens * self.channels * self.pixels
    }

    fn by_channel<'a, T>(&self, x: ArrayView2<'a, T>) -> ArrayView3<'a, T> {
        let shape = (x.nrows() * self.tokens, self.channels, self.pixels);
        x.into_shape_with_order(shape).expect("rows lie one after the other")
    }

    fn by_channel_mut<'a, T>(&self, x: ArrayViewMut2<'a, T>) -> ArrayViewMut3<'a, T> {
        let shape = (x.nrows() * self.tokens, self.channels, self.pixels);
        x.into_shape_with_order(shape).expect("rows lie one after the other")
    }

    /// The channels in groups whose sums fit a block.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let channels = self.channels;
        (0..channels).step_by(SIDE_BY_SIDE).map(move |start| {
            let end = channels.min(start + SIDE_BY_SIDE);
            start..end
        })
    }
}

/// The sum of `term(channel, value)` over rows and pixels, for each channel of a block.
fn sums<T: Scalar>(
    x: ArrayView3<'_, T>,
    block: &Range<usize>,
    term: impl Fn(usize, f64) -> f64,
) -> [f64; SIDE_BY_SIDE] {
    let mut sums = [0.0; SIDE_BY_SIDE];
    for row in x.slice(s![.., block.clone(), ..]).outer_iter() {
        for (channel, (pixels, sum)) in row.outer_iter().zip(&mut sums).enumerate() {
            for x in pixels {
                *sum += term(channel, x.to_f64());
            }
        }
    }
    sums
}

impl<T: Scalar> Operation<T> for BatchNorm {
    /// `x̂`, and `1/√(σ² + ε)` of each channel.
    fn scratch(&self, capacity: usize) -> usize {
        capacity * self.sample() + self.channels
    }

    fn state(&self) -> Vec<State<T>> {
        vec![
            State { name: "running_mean", values: vec![T::ZERO; self.channels] },
            State { name: "running_variance", values: vec![T::ONE; self.channels] },
        ]
    }

    fn trains_otherwise(&self) -> bool {
        true
    }

    fn mixes_rows(&self) -> bool {
        true
    }

    /// A variance needs two values of a channel.
    fn least_rows(&self) -> usize {
        if self.tokens * self.pixels == 1 { 2 } else { 1 }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (s, b) = (pass.w(0), pass.w(1));
        let x = self.by_channel(pass.x(0));
        let len = x.len();
        let m = (len / self.channels) as f64;
        let mut y = self.by_channel_mut(pass.y);
        let (normalized, inverses) = pass.scratch.split_at_mut(len);
        let (means, variances) = pass.state.split_at_mut(self.channels);
        for block in self.blocks() {
            let mut mean = [0.0; SIDE_BY_SIDE];
            let mut variance = [0.0; SIDE_BY_SIDE];
            if let Mode::Train { .. } = pass.mode {
                // From the first value on, so that equal values, however large, have no variance.
                for (c, channel) in block.clone().enumerate() {
                    mean[c] = x[[0, channel, 0]].to_f64();
                }
                let above_first = sums(x, &block, |c, x| x - mean[c]);
                mean.iter_mut().zip(above_first).for_each(|(mean, sum)| *mean += sum / m);
                variance = sums(x, &block, |c, x| (x - mean[c]).powi(2)).map(|sum| sum / m);
                for (c, channel) in block.clone().enumerate() {
                    let follow = |running: T, now: f64| {
                        let running = running.to_f64();
                        T::from_f64(running + self.momentum * (now - running))
                    };
                    means[channel] = follow(means[channel], mean[c]);
                    let unbiased = variance[c] * m / (m - 1.0).max(1.0);
                    variances[channel] = follow(variances[channel], unbiased);
                }
            } else {
                for (c, channel) in block.clone().enumerate() {
                    (mean[c], variance[c]) = (means[channel].to_f64(), variances[channel].to_f64());
                }
            }
            let factor = variance.map(|variance| 1.0 / (variance + self.epsilon).sqrt());
            for (c, channel) in block.clone().enumerate() {
                inverses[channel] = T::from_f64(factor[c]);
            }
            for (row, (x, mut y)) in x.outer_iter().zip(y.outer_iter_mut()).enumerate() {
                for (c, channel) in block.clone().enumerate() {
                    let start = (row * self.channels + channel) * self.pixels;
                    let normalized = &mut normalized[start..start + self.pixels];
                    for (pixel, normalized) in normalized.iter_mut().enumerate() {
                        let x = x[[channel, pixel]].to_f64();
                        *normalized = T::from_f64((x - mean[c]) * factor[c]);
                        y[[channel, pixel]] = s[[0, channel]] * *normalized + b[[0, channel]];
                    }
                }
            }
        }
    }

    /// `ds += Σ dy x̂`, `db += Σ dy`. In training, where μ and σ² depend on `x`,
    /// `dx += s (dy - mean(dy) - x̂ mean(dy x̂))/√(σ² + ε)` with means over the batch; in
    /// evaluation `dx += s dy/√(σ² + ε)`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let s = pass.w(0);
        let is_training = matches!(pass.mode, Mode::Train { .. });
        let dy = self.by_channel(pass.dy);
        let (normalized, inverses) = std::mem::take(&mut pass.scratch).split_at_mut(dy.len());
        let normalized = ArrayView3::from_shape(dy.dim(), normalized).expect("as many as in dy");
        let m = (dy.len() / self.channels) as f64;
        for block in self.blocks() {
            let sum = sums(dy, &block, |_, dy| dy);
            let mut along = [0.0; SIDE_BY_SIDE];
            for (dy, normalized) in dy.outer_iter().zip(normalized.outer_iter()) {
                for (c, channel) in block.clone().enumerate() {
                    for pixel in 0..self.pixels {
                        let at = [channel, pixel];
                        along[c] += dy[at].to_f64() * normalized[at].to_f64();
                    }
                }
            }
            for (c, channel) in block.clone().enumerate() {
                pass.dw(0)[[0, channel]] += T::from_f64(along[c]);
                pass.dw(1)[[0, channel]] += T::from_f64(sum[c]);
            }
            let Some(dx) = pass.dx(0) else { continue };
            let (mut mean, mut mean_along) = ([T::ZERO; SIDE_BY_SIDE], [T::ZERO; SIDE_BY_SIDE]);
            if is_training {
                mean = sum.map(|sum| T::from_f64(sum / m));
                mean_along = along.map(|sum| T::from_f64(sum / m));
            }
            let rows = dy.outer_iter().zip(normalized.outer_iter());
            for (mut dx, (dy, normalized)) in self.by_channel_mut(dx).outer_iter_mut().zip(rows) {
                for (c, channel) in block.clone().enumerate() {
                    let scale = s[[0, channel]] * inverses[channel];
                    for pixel in 0..self.pixels {
                        let at = [channel, pixel];
                        dx[at] += scale * (dy[at] - mean[c] - normalized[at] * mean_along[c]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use crate::{Graph, Initialization, Layer, Loss, Mode, Program, Shape};

    /// Channel 0 holds 1, 2, 3, 6 (mean 3, biased variance 3.5, unbiased 14/3), channel 1 zeros.
    #[test]
    fn running_statistics_follow_the_batch_and_serve_evaluation() {
        let layers = [Layer::BatchNorm { epsilon: 1e-5, momentum: 0.25 }];
        let input = Shape::Image { channels: 2, height: 1, width: 2 };
        let graph = Graph::build(input, &layers, Initialization::default());
        let mut program: Program<f64> =
            Program::compile(graph.expect("the model fits"), Loss::Mse, 2);
        program.initialize(0);
        let x = arr2(&[[1.0, 2.0, 0.0, 0.0], [3.0, 6.0, 0.0, 0.0]]);
        program.load(x.view());
        program.forward(Mode::Train { step: 0 });
        let deviation = (3.5_f64 + 1e-5).sqrt();
        let wanted = [-2.0, -1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0].map(|d| d / deviation);
        let close = |got: f64, wanted: f64| (got - wanted).abs() < 1e-15;
        assert!(program.output().iter().zip(wanted).all(|(&y, w)| close(y, w)));
        let state = program.state().0.to_vec();
        let variance = 0.75 + 0.25 * 14.0 / 3.0;
        assert!(state.iter().zip([0.75, 0.0, variance, 0.75]).all(|(&s, w)| close(s, w)));

        program.forward(Mode::Evaluate);
        assert_eq!(program.state().0, state, "evaluation changes no state");
        let y = program.output()[[0, 0]];
        assert!(close(y, (1.0 - 0.75) / (variance + 1e-5).sqrt()), "{y}");
    }
}
