//! How parameters begin.

use serde::{Deserialize, Serialize};

use crate::orthogonal::orthogonal;
use crate::{Mistake, Scalar, Stream};

/// How a parameter's first values are drawn.
///
/// `in` and `out` are the numbers of inputs and outputs of the layer that owns the parameter; for
/// its biases they are the same two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Initializer {
    /// Variance `2/(in + out)`: keeps the scale of signals in both directions for tanh.
    /// Source: Glorot and Bengio, AISTATS 2010, equation 16.
    Glorot(Distribution),
    /// Variance `2/in`: keeps the scale of signals through relu.
    /// Source: He et al., ICCV 2015, equation 10.
    He(Distribution),
    /// Variance `1/in`. Source: LeCun et al., *Efficient BackProp* (1998), section 4.6.
    LeCun(Distribution),
    /// Uniform on `±√(6/(in + out))`, as scikit-learn's `MLPClassifier` begins its weights and its
    /// biases: `init: (weights: Sklearn, biases: Sklearn)`. The same draws as `Glorot(Uniform)`.
    Sklearn,
    /// Uniform on `±√(2/(in + out))`: scikit-learn's for `activation="logistic"`.
    SklearnLogistic,
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Normal with mean 0 and this standard deviation, drawn anew beyond two of them. What is left
    /// has a deviation of 0.8796 of the number; as in Keras and TensorFlow that is not corrected.
    TruncatedNormal(f64),
    /// Uniform on `[-bound, bound)`.
    Uniform(f64),
    /// This gain times a random matrix with orthonormal columns, or rows where it is wider than
    /// tall; each gate of a recurrent layer has a matrix of its own.
    /// Source: Saxe, McClelland, Ganguli, ICLR 2014.
    Orthogonal(f64),
    /// Ones on the diagonal, of each gate. For `recurrent` of a layer that begins by copying its
    /// state. Source: Le, Jaitly, Hinton, arXiv:1504.00941 (2015).
    Identity,
    /// All zero.
    Zeros,
    /// All this number.
    Constant(f64),
}

/// Which distribution of the wanted variance is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Distribution {
    /// Uniform on `[-√(3v), √(3v))`, which has variance `v`.
    Uniform,
    /// Normal with mean 0 and variance `v`.
    Normal,
}

impl Initializer {
    /// Fills `values`, a matrix of `shape` row by row, for a layer of these fans (inputs, outputs).
    /// Its columns are `blocks` equal groups, such as the gates of a recurrent layer: what is true
    /// of a matrix as a whole, such as being orthogonal, is made true of each.
    ///
    /// # Panics
    /// If the values are not as many as the shape says, or the blocks do not divide the columns.
    pub fn fill<T: Scalar>(
        self,
        values: &mut [T],
        shape: [usize; 2],
        fans: (usize, usize),
        blocks: usize,
        stream: &mut Stream,
    ) {
        let [rows, columns] = shape;
        assert!(
            values.len() == rows * columns && columns % blocks == 0,
            "{} values for {rows} by {columns} in {blocks} blocks",
            values.len()
        );
        let width = columns / blocks;
        match self {
            Initializer::Orthogonal(gain) => {
                for block in 0..blocks {
                    let q = orthogonal(rows, width, stream);
                    for ((row, column), q) in q.indexed_iter() {
                        values[row * columns + block * width + column] = T::from_f64(gain * q);
                    }
                }
            }
            Initializer::Identity => {
                for (position, value) in values.iter_mut().enumerate() {
                    let (row, column) = (position / columns, position % columns % width);
                    *value = if row == column { T::ONE } else { T::ZERO };
                }
            }
            one_by_one => {
                for value in values {
                    *value = T::from_f64(one_by_one.draw(fans, stream));
                }
            }
        }
    }

    /// One value for a layer of these fans.
    fn draw(self, (inputs, outputs): (usize, usize), stream: &mut Stream) -> f64 {
        let (inputs, outputs) = (inputs as f64, outputs as f64);
        let scaled = |distribution, variance: f64, stream: &mut Stream| match distribution {
            Distribution::Uniform => symmetric((3.0 * variance).sqrt(), stream),
            Distribution::Normal => variance.sqrt() * stream.normal(),
        };
        match self {
            Initializer::Glorot(distribution) => {
                scaled(distribution, 2.0 / (inputs + outputs), stream)
            }
            Initializer::Sklearn => scaled(Distribution::Uniform, 2.0 / (inputs + outputs), stream),
            Initializer::He(distribution) => scaled(distribution, 2.0 / inputs, stream),
            Initializer::LeCun(distribution) => scaled(distribution, 1.0 / inputs, stream),
            Initializer::SklearnLogistic => symmetric((2.0 / (inputs + outputs)).sqrt(), stream),
            Initializer::Normal(deviation) => deviation * stream.normal(),
            Initializer::TruncatedNormal(deviation) => loop {
                let normal = stream.normal();
                if normal.abs() <= 2.0 {
                    return deviation * normal;
                }
            },
            Initializer::Uniform(bound) => symmetric(bound, stream),
            Initializer::Zeros => 0.0,
            Initializer::Constant(value) => value,
            Initializer::Orthogonal(_) | Initializer::Identity => {
                unreachable!("a matrix is filled as a whole")
            }
        }
    }

    /// Whether it makes matrices, which a row of biases is not.
    pub(crate) fn is_for_matrices(self) -> bool {
        matches!(self, Initializer::Orthogonal(_) | Initializer::Identity)
    }

    /// What is wrong with its number, if it has one.
    pub fn mistake(self) -> Option<Mistake> {
        match self {
            Initializer::Normal(scale)
            | Initializer::TruncatedNormal(scale)
            | Initializer::Uniform(scale)
            | Initializer::Orthogonal(scale) => Mistake::unless(
                scale.is_finite() && scale >= 0.0,
                "[0]",
                "the scale of an initializer",
                scale,
                "a finite number from 0",
            ),
            Initializer::Constant(value) => Mistake::unless(
                value.is_finite(),
                "[0]",
                "the constant of an initializer",
                value,
                "a finite number",
            ),
            _ => None,
        }
    }
}

fn symmetric(bound: f64, stream: &mut Stream) -> f64 {
    bound * (2.0 * stream.uniform() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::{Distribution, Initializer};
    use crate::Stream;

    /// `1 - 2 φ(2)·2 / (2 Φ(2) - 1)`: what two deviations leave of a normal's variance.
    const TRUNCATED_VARIANCE: f64 = 0.773_741_3;

    #[test]
    fn variance_and_bound_follow_the_formula() {
        use Distribution::{Normal, Uniform};
        let table = [
            (Initializer::Glorot(Uniform), 2.0 / 80.0, Some((6.0_f64 / 80.0).sqrt())),
            (Initializer::Glorot(Normal), 2.0 / 80.0, None),
            (Initializer::He(Uniform), 2.0 / 30.0, Some((6.0_f64 / 30.0).sqrt())),
            (Initializer::He(Normal), 2.0 / 30.0, None),
            (Initializer::LeCun(Uniform), 1.0 / 30.0, Some((3.0_f64 / 30.0).sqrt())),
            (Initializer::LeCun(Normal), 1.0 / 30.0, None),
            (Initializer::Normal(0.3), 0.09, None),
            (Initializer::Uniform(0.3), 0.03, Some(0.3)),
            (Initializer::Sklearn, 2.0 / 80.0, Some((6.0_f64 / 80.0).sqrt())),
            (Initializer::SklearnLogistic, 2.0 / 240.0, Some((2.0_f64 / 80.0).sqrt())),
            (Initializer::TruncatedNormal(0.3), 0.09 * TRUNCATED_VARIANCE, Some(0.6)),
            (Initializer::Zeros, 0.0, Some(0.0)),
            (Initializer::Constant(0.5), 0.25, Some(0.5)),
        ];
        let n = 100_000;
        for (initializer, variance, bound) in table {
            let mut stream = Stream::new(5, "test", 0, 0);
            let mut draws = vec![0.0_f64; n];
            initializer.fill(&mut draws, [n / 100, 100], (30, 50), 4, &mut stream);
            let measured = draws.iter().map(|x| x * x).sum::<f64>() / n as f64;
            // Five standard errors of a normal's variance; a bounded one's is smaller.
            let allowed = 5.0 * variance * (2.0 / n as f64).sqrt();
            assert!((measured - variance).abs() <= allowed, "{initializer:?}: {measured}");
            let largest = draws.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
            if let Some(bound) = bound {
                assert!(largest <= bound && largest >= 0.99 * bound, "{initializer:?}: {largest}");
            } else {
                assert!(largest > 3.0 * variance.sqrt(), "{initializer:?}: {largest}");
            }
        }
    }

    #[test]
    fn each_gate_has_an_orthogonal_matrix_of_its_own() {
        let (rows, width, blocks, gain) = (5, 5, 3, 1.5);
        let mut values = vec![0.0_f64; rows * width * blocks];
        let mut stream = Stream::new(5, "test", 0, 0);
        let shape = [rows, width * blocks];
        Initializer::Orthogonal(gain).fill(&mut values, shape, (5, 15), blocks, &mut stream);
        let all = ndarray::Array2::from_shape_vec(shape, values).expect("as many as the shape");
        let gates: Vec<_> = all.axis_chunks_iter(ndarray::Axis(1), width).collect();
        for gate in &gates {
            let error = gate.t().dot(gate) - ndarray::Array2::<f64>::eye(width) * gain * gain;
            assert!(error.iter().all(|error| error.abs() < 1e-12), "{error}");
        }
        assert_ne!(gates[0], gates[1]);
    }

    #[test]
    fn the_identity_has_ones_on_the_diagonal_of_each_block() {
        let mut values = [9.0_f32; 12];
        let mut stream = Stream::new(5, "test", 0, 0);
        Initializer::Identity.fill(&mut values, [2, 6], (2, 6), 2, &mut stream);
        assert_eq!(values, [1., 0., 0., 1., 0., 0., 0., 1., 0., 0., 1., 0.]);
    }

    /// scikit-learn draws weights and biases by the fans of the layer; so does `Glorot(Uniform)`.
    #[test]
    fn a_bias_is_drawn_by_the_fans_of_its_layer() {
        use crate::{Graph, Initialization, Layer, Shape};
        let glorot = Initializer::Glorot(Distribution::Uniform);
        for biases in [Initializer::Sklearn, glorot] {
            let init = Initialization { biases, ..Initialization::default() };
            let graph = Graph::<f64>::build(Shape::Features(30), &[Layer::dense(5_000)], init);
            let mut parameters = crate::Parameters::<f64>::new(graph.expect("it fits").parameters);
            parameters.initialize(1);
            let bias = &parameters.values[parameters.ranges[1].range.clone()];
            let largest = bias.iter().fold(0.0_f64, |largest, b| largest.max(b.abs()));
            let bound = (6.0_f64 / 5_030.0).sqrt();
            assert!(largest <= bound && largest > 0.99 * bound, "{largest} of {bound}");
        }
    }
}
