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
}

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
        }
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
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Dense(units) => write!(formatter, "Dense({units})"),
            other => formatter.write_str(other.kind()),
        }
    }
}
