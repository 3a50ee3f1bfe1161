//! The parameters of a network: one flat vector with named ranges.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use crate::simd::{sum, vectorized};
use crate::{Initializer, Scalar, Stream};

/// What a parameter does; penalties and constraints act by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Multiplies an input; penalties and norms apply to it.
    Weight,
    /// Is added to an output; penalties spare it.
    Bias,
    /// Multiplies a normalized value and begins at 1; penalties spare it.
    Scale,
}

/// One named parameter and where it lies in the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterRange {
    /// Position of the layer, kind of layer and name: `0.Dense.weight`.
    pub name: String,
    /// Position of the layer in the model, from 0.
    pub layer: usize,
    /// Rows and columns; row-major.
    pub shape: [usize; 2],
    /// The axis along which each index is one unit: a column of weights feeds one unit.
    pub unit_axis: usize,
    /// Inputs of the layer.
    pub fan_in: usize,
    /// Outputs of the layer.
    pub fan_out: usize,
    /// What it does.
    pub role: Role,
    /// A factor on the learning rate of its own; 1 unless the model says otherwise.
    pub rate_multiplier: f64,
    /// How it begins.
    pub initializer: Initializer,
    /// Equal groups of columns that are matrices of their own, such as the gates of a recurrent
    /// layer; 1 for most.
    pub blocks: usize,
    /// The block that begins higher than drawn, and by how much: an LSTM's forget gate.
    pub raised: Option<(usize, f64)>,
    /// Where it lies.
    pub range: Range<usize>,
}

/// All parameters of a network with the gradient of each.
#[derive(Clone, Debug)]
pub struct Parameters<T> {
    /// The values, range after range in graph order.
    pub values: Vec<T>,
    /// The gradient of the loss by each value. A training step's optimizer works in place here.
    pub gradients: Vec<T>,
    /// Names and places.
    pub ranges: Vec<ParameterRange>,
}

impl<T: Scalar> Parameters<T> {
    /// Zeros for every range.
    pub(crate) fn new(ranges: Vec<ParameterRange>) -> Self {
        let len = ranges.last().map_or(0, |last| last.range.end);
        Self { values: vec![T::ZERO; len], gradients: vec![T::ZERO; len], ranges }
    }

    /// Draws every value anew. Each parameter has a stream of its own, named after it, so that it
    /// begins equal wherever name and shape agree, whatever else the network holds.
    pub fn initialize(&mut self, seed: u64) {
        for parameter in &self.ranges {
            let mut stream = Stream::new(seed, &format!("init/{}", parameter.name), 0, 0);
            let values = &mut self.values[parameter.range.clone()];
            let fans = (parameter.fan_in, parameter.fan_out);
            let (shape, blocks) = (parameter.shape, parameter.blocks);
            parameter.initializer.fill(values, shape, fans, blocks, &mut stream);
            if let Some((block, by)) = parameter.raised {
                let width = shape[1] / blocks;
                for row in values.chunks_exact_mut(shape[1]) {
                    row[block * width..][..width].iter_mut().for_each(|v| *v += T::from_f64(by));
                }
            }
        }
    }

    /// Bytes of all values, little-endian, in order and in pieces of a few thousand: what a digest
    /// of the weights is taken over, without a second copy of them.
    pub fn value_bytes(&self, mut take: impl FnMut(&[u8])) {
        const VALUES: usize = 1024;
        let mut bytes = Vec::with_capacity(VALUES * size_of::<T>());
        for values in self.values.chunks(VALUES) {
            bytes.clear();
            values.iter().for_each(|value| value.extend_bytes(&mut bytes));
            take(&bytes);
        }
    }

    /// The first range that holds a value that is not finite.
    pub fn first_not_finite(&self) -> Option<&ParameterRange> {
        self.ranges.iter().find(|parameter| {
            self.values[parameter.range.clone()].iter().any(|value| !value.is_finite())
        })
    }

    /// Positions of the layers that have parameters, in order.
    pub fn layers(&self) -> Vec<usize> {
        let mut layers: Vec<usize> = self.ranges.iter().map(|parameter| parameter.layer).collect();
        layers.dedup();
        layers
    }

    /// Adds the Euclidean norm of each layer's gradient to `sums`, one for each of
    /// [`Parameters::layers`]; summed in `f64`, without allocating.
    pub fn add_gradient_norms(&self, sums: &mut [f64]) {
        let mut ranges = self.ranges.iter().peekable();
        for sum in sums {
            let mut squares = 0.0;
            while let Some(parameter) = ranges.next() {
                let gradients = &self.gradients[parameter.range.clone()];
                squares += sum_of_squares(gradients);
                if ranges.peek().is_none_or(|next| next.layer != parameter.layer) {
                    break;
                }
            }
            *sum += squares.sqrt();
        }
    }
}

fn sum_of_squares<T: Scalar>(values: &[T]) -> f64 {
    vectorized(
        #[inline(always)]
        || sum(values, values, |value, _| value * value),
    )
}

impl ParameterRange {
    /// The parameter as a matrix, out of the flat vector.
    pub fn view<'a, T>(&self, flat: &'a [T]) -> ArrayView2<'a, T> {
        ArrayView2::from_shape(self.shape, &flat[self.range.clone()])
            .expect("a range is as long as its shape says")
    }

    /// The same, to be written.
    pub fn view_mut<'a, T>(&self, flat: &'a mut [T]) -> ArrayViewMut2<'a, T> {
        ArrayViewMut2::from_shape(self.shape, &mut flat[self.range.clone()])
            .expect("a range is as long as its shape says")
    }
}
