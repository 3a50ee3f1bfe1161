//! The registry of layers: what a model in an experiment file is made of.

mod dense;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, NodeId};
use crate::ops::{Relu, Sigmoid, Tanh};
use crate::{Distribution, Initializer, Mistake, Scalar};

/// One layer of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Layer {
    /// `y = x W + b` with this many units; a picture is taken as one long vector.
    Dense(usize),
    /// `y = 1/(1 + exp(-x))`.
    Sigmoid,
    /// `y = tanh(x)`.
    Tanh,
    /// `y = max(x, 0)`.
    Relu,
    /// `y = x`: says that a layer has no activation; costs nothing.
    Identity,
    /// The same layers again and again, each time with parameters of their own.
    Repeat {
        /// How many times.
        times: usize,
        /// What is repeated.
        layers: Vec<Layer>,
    },
}

/// The largest number of layers of one model, written out: far beyond what trains, and small
/// enough to hold.
const LARGEST_LAYER_COUNT: usize = 10_000;

/// How the parameters of a network begin, by their role.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Initialization {
    /// Weights; by default Glorot's uniform distribution.
    pub weights: Initializer,
    /// Biases; by default zero.
    pub biases: Initializer,
}

impl Default for Initialization {
    fn default() -> Self {
        Self { weights: Initializer::Glorot(Distribution::Uniform), biases: Initializer::Zeros }
    }
}

impl Initialization {
    /// Everything that is wrong with it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let weights = self.weights.mistake().map(|mistake| mistake.within("weights"));
        let biases = self.biases.mistake().map(|mistake| mistake.within("biases"));
        weights.into_iter().chain(biases).collect()
    }
}

impl Layer {
    /// The name of its kind, as files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Layer::Dense(_) => "Dense",
            Layer::Sigmoid => "Sigmoid",
            Layer::Tanh => "Tanh",
            Layer::Relu => "Relu",
            Layer::Identity => "Identity",
            Layer::Repeat { .. } => "Repeat",
        }
    }

    /// Several layers on one line, for people.
    pub fn list(layers: &[Layer]) -> String {
        layers.iter().map(Layer::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The layers one after the other, with every `Repeat` written out.
    ///
    /// # Errors
    /// When that makes more layers than a model may have.
    pub fn written_out(layers: &[Layer]) -> Result<Vec<Layer>, String> {
        let count = count(layers).filter(|&count| count <= LARGEST_LAYER_COUNT);
        if count.is_none() {
            return Err(format!("more than {LARGEST_LAYER_COUNT} layers, repeats written out"));
        }
        let mut flat = Vec::new();
        write_out(layers, &mut flat);
        Ok(flat)
    }

    /// Adds the layer to `graph` behind `input`; returns the node of its output.
    pub(crate) fn build<T: Scalar>(
        &self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        match self {
            Layer::Dense(units) => dense::build(graph, input, *units),
            Layer::Sigmoid => Ok(graph.push_elementwise(Sigmoid, input)),
            Layer::Tanh => Ok(graph.push_elementwise(Tanh, input)),
            Layer::Relu => Ok(graph.push_elementwise(Relu, input)),
            Layer::Identity => Ok(input),
            Layer::Repeat { layers, .. } => {
                // A graph is built of layers that are written out; a repeat is never among them.
                unreachable!("{} repeated layers left over", layers.len())
            }
        }
    }
}

fn count(layers: &[Layer]) -> Option<usize> {
    layers.iter().try_fold(0_usize, |sum, layer| match layer {
        Layer::Repeat { times, layers } => sum.checked_add(count(layers)?.checked_mul(*times)?),
        _ => sum.checked_add(1),
    })
}

fn write_out(layers: &[Layer], flat: &mut Vec<Layer>) {
    for layer in layers {
        match layer {
            Layer::Repeat { times, layers } => (0..*times).for_each(|_| write_out(layers, flat)),
            other => flat.push(other.clone()),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Dense(units) => write!(formatter, "Dense({units})"),
            Layer::Repeat { times, layers } => {
                write!(formatter, "{times} x [{}]", Layer::list(layers))
            }
            other => formatter.write_str(other.kind()),
        }
    }
}
