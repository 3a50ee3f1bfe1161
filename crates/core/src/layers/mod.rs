//! The registry of layers: what a model in an experiment file is made of.

mod activations;
mod dense;
mod norms;
mod conv2d;
mod pool;
mod tokens;
mod recurrent;
mod attention;
mod residual;
mod scope;
mod short_form;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use attention::MultiHeadAttention;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use pool::Pool2d;
pub use recurrent::Lstm;
pub use scope::Scope;

use crate::graph::{Graph, NodeId};
use crate::ops::{Elu, Gelu, HardTanh, Relu, Sigmoid, Silu, Softplus, Softsign, Tanh};
use crate::{Distribution, Initializer, Mistake, Scalar, Shape};

/// One layer of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Layer {
    /// `y = x W + b`; a picture is taken as one long vector, a sequence token by token.
    Dense(Dense),
    /// Filters that slide over an image.
    Conv2d(Conv2d),
    /// The largest value under a window that slides over each channel of an image.
    MaxPool2d(Pool2d),
    /// The mean under a window; padding counts as zeros, as PyTorch does by default.
    AvgPool2d(Pool2d),
    /// The mean of each channel of an image.
    GlobalAvgPool,
    /// `y = 1/(1 + exp(-x))`.
    Sigmoid,
    /// `y = tanh(x)`.
    Tanh,
    /// `y = max(x, 0)`.
    Relu,
    /// `y = x` for `x > 0`, else `slope x`.
    LeakyRelu(f64),
    /// `y = x` for `x > 0`, else `α (exp(x) - 1)`.
    Elu(f64),
    /// `Elu` with the constants that draw mean and variance towards 0 and 1.
    Selu,
    /// `y = x Φ(x)`, Φ the normal distribution function.
    Gelu,
    /// `y = x/(1 + exp(-x))`, also called swish.
    Silu,
    /// `y = ln(1 + exp(x))`.
    Softplus,
    /// `y = x/(1 + |x|)`.
    Softsign,
    /// `y = min(max(x, -1), 1)`.
    HardTanh,
    /// `yₖ = exp(xₖ)/Σⱼ exp(xⱼ)` over the features of each row or token.
    Softmax,
    /// In training each value is 0 with this probability p, else `x/(1 - p)`; in evaluation `y = x`.
    Dropout(f64),
    /// `y = x`: says that a layer has no activation; costs nothing.
    Identity,
    /// The same numbers as one long vector; costs nothing.
    Flatten,
    /// Each row, token or whole picture by its own mean and variance, then a scale and a bias for
    /// each feature: `y = s (x - μ)/√(σ² + ε) + b`.
    LayerNorm {
        /// ε, which keeps equal numbers from a division by 0.
        #[serde(default = "norms::epsilon")]
        epsilon: f64,
    },
    /// Each row, token or whole picture by its root mean square, then a scale for each feature:
    /// `y = s x/√(mean(x²) + ε)`.
    RmsNorm {
        /// ε, which keeps zeros from a division by 0.
        #[serde(default = "norms::epsilon")]
        epsilon: f64,
    },
    /// Each feature, or each channel of a picture, by its mean and variance over the batch, then
    /// a scale and a bias: `y = s (x - μ)/√(σ² + ε) + b`. Evaluation takes running statistics.
    BatchNorm {
        /// ε, which keeps equal numbers from a division by 0.
        #[serde(default = "norms::epsilon")]
        epsilon: f64,
        /// The share of a batch in the running statistics.
        #[serde(default = "norms::momentum")]
        momentum: f64,
    },
    /// A vector for each token number of the data.
    Embedding {
        /// Numbers from 0 to one below this are known.
        vocabulary: usize,
        /// Length of the vectors.
        features: usize,
    },
    /// Adds sines and cosines that tell where a token stands.
    PositionalEncoding,
    /// `hₜ = tanh(xₜ W + hₜ₋₁ U + b)` with so many units; gives every token's state.
    SimpleRnn(usize),
    /// Long short-term memory; gives every token's state.
    Lstm(Lstm),
    /// The gated recurrent unit with so many units, as in PyTorch; gives every token's state.
    Gru(usize),
    /// Every token as a mixture of all tokens of its sequence.
    MultiHeadAttention(MultiHeadAttention),
    /// The last token of a sequence.
    LastToken,
    /// The mean over the tokens of a sequence.
    MeanOverTokens,
    /// `y = x + body(x)`; the body must give back the shape that it is given.
    Residual(Vec<Layer>),
    /// The same layers again and again, each time with parameters of their own.
    Repeat {
        /// How many times.
        times: usize,
        /// What is repeated.
        layers: Vec<Layer>,
    },
    /// Layers with a learning rate or initializers of their own.
    Scope(Scope),
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
    /// Weights from a state to the next one; by default orthogonal, so that neither signals nor
    /// gradients fade or grow at first.
    pub recurrent: Initializer,
    /// Vectors of an embedding; by default normal of deviation 1, as in PyTorch.
    pub embeddings: Initializer,
}

impl Default for Initialization {
    fn default() -> Self {
        Self {
            weights: Initializer::Glorot(Distribution::Uniform),
            biases: Initializer::Zeros,
            recurrent: Initializer::Orthogonal(1.0),
            embeddings: Initializer::Normal(1.0),
        }
    }
}

impl Initialization {
    /// Everything that is wrong with it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let parts = [
            ("weights", self.weights),
            ("biases", self.biases),
            ("recurrent", self.recurrent),
            ("embeddings", self.embeddings),
        ];
        let within = |(name, part): (&str, Initializer)| Some(part.mistake()?.within(name));
        let mut found: Vec<Mistake> = parts.into_iter().filter_map(within).collect();
        if self.biases.is_for_matrices() {
            let message = "biases are a row, not a matrix to be made orthogonal or the identity";
            found.push(Mistake::new("biases", message, "allowed: any other initializer"));
        }
        found
    }
}

impl Layer {
    /// A dense layer with biases.
    pub fn dense(units: usize) -> Self {
        Layer::Dense(Dense { units, bias: true })
    }

    /// The name of its kind, as files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Layer::Dense(_) => "Dense",
            Layer::Conv2d(_) => "Conv2d",
            Layer::MaxPool2d(_) => "MaxPool2d",
            Layer::AvgPool2d(_) => "AvgPool2d",
            Layer::GlobalAvgPool => "GlobalAvgPool",
            Layer::Sigmoid => "Sigmoid",
            Layer::Tanh => "Tanh",
            Layer::Relu => "Relu",
            Layer::LeakyRelu(_) => "LeakyRelu",
            Layer::Elu(_) => "Elu",
            Layer::Selu => "Selu",
            Layer::Gelu => "Gelu",
            Layer::Silu => "Silu",
            Layer::Softplus => "Softplus",
            Layer::Softsign => "Softsign",
            Layer::HardTanh => "HardTanh",
            Layer::Softmax => "Softmax",
            Layer::Dropout(_) => "Dropout",
            Layer::Identity => "Identity",
            Layer::Flatten => "Flatten",
            Layer::LayerNorm { .. } => "LayerNorm",
            Layer::RmsNorm { .. } => "RmsNorm",
            Layer::BatchNorm { .. } => "BatchNorm",
            Layer::Embedding { .. } => "Embedding",
            Layer::PositionalEncoding => "PositionalEncoding",
            Layer::SimpleRnn(_) => "SimpleRnn",
            Layer::Lstm(_) => "Lstm",
            Layer::Gru(_) => "Gru",
            Layer::MultiHeadAttention(_) => "MultiHeadAttention",
            Layer::LastToken => "LastToken",
            Layer::MeanOverTokens => "MeanOverTokens",
            Layer::Residual(_) => "Residual",
            Layer::Repeat { .. } => "Repeat",
            Layer::Scope(_) => "Scope",
        }
    }

    /// Several layers on one line, for people.
    pub fn list(layers: &[Layer]) -> String {
        layers.iter().map(Layer::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The layers that it holds, and how often; none for most.
    fn body(&self) -> Option<(&[Layer], usize)> {
        match self {
            Layer::Residual(layers) => Some((layers, 1)),
            Layer::Repeat { times, layers } => Some((layers, *times)),
            Layer::Scope(scope) => Some((&scope.layers, 1)),
            _ => None,
        }
    }

    /// Whether it has a number of its own: what only repeats or holds other layers has none.
    pub(crate) fn is_counted(&self) -> bool {
        !matches!(self, Layer::Repeat { .. } | Layer::Scope(_))
    }

    /// Whether it or a layer inside of it is one that `wanted` accepts.
    pub fn any(layers: &[Layer], wanted: &impl Fn(&Layer) -> bool) -> bool {
        layers.iter().any(|layer| {
            wanted(layer) || layer.body().is_some_and(|(body, _)| Layer::any(body, wanted))
        })
    }

    /// Refuses more layers than a model may have.
    pub(crate) fn check_count(layers: &[Layer]) -> Result<(), String> {
        let count = count(layers).filter(|&count| count <= LARGEST_LAYER_COUNT);
        count
            .map(|_| ())
            .ok_or_else(|| format!("more than {LARGEST_LAYER_COUNT} layers, repeats written out"))
    }

    /// Adds the layer to `graph` behind `input`; returns the node of its output.
    pub(crate) fn build<T: Scalar>(
        &self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        match self {
            Layer::Dense(dense) => dense.build(graph, input),
            Layer::Conv2d(conv) => conv.build(graph, input),
            Layer::MaxPool2d(pool) => pool.build_max(graph, input),
            Layer::AvgPool2d(pool) => pool.build_average(graph, input),
            Layer::GlobalAvgPool => pool::build_global_average(graph, input),
            Layer::Sigmoid => graph.push_elementwise(Sigmoid, input),
            Layer::Tanh => graph.push_elementwise(Tanh, input),
            Layer::Relu => graph.push_elementwise(Relu, input),
            Layer::LeakyRelu(slope) => activations::leaky_relu(graph, input, *slope),
            Layer::Elu(alpha) => activations::elu(graph, input, *alpha),
            Layer::Selu => graph.push_elementwise(Elu::SELU, input),
            Layer::Gelu => graph.push_elementwise(Gelu, input),
            Layer::Silu => graph.push_elementwise(Silu, input),
            Layer::Softplus => graph.push_elementwise(Softplus, input),
            Layer::Softsign => graph.push_elementwise(Softsign, input),
            Layer::HardTanh => graph.push_elementwise(HardTanh, input),
            Layer::Softmax => activations::softmax(graph, input),
            Layer::Dropout(rate) => activations::dropout(graph, input, *rate),
            Layer::Identity => Ok(input),
            Layer::Flatten => {
                let shape = Shape::Features(graph.shape(input).len());
                Ok(graph.push_view(input, shape))
            }
            Layer::LayerNorm { epsilon } => norms::layer_norm(graph, input, *epsilon),
            Layer::RmsNorm { epsilon } => norms::rms_norm(graph, input, *epsilon),
            Layer::BatchNorm { epsilon, momentum } => {
                norms::batch_norm(graph, input, *epsilon, *momentum)
            }
            Layer::Embedding { vocabulary, features } => {
                tokens::build_embedding(graph, input, *vocabulary, *features)
            }
            Layer::PositionalEncoding => tokens::build_positional_encoding(graph, input),
            Layer::SimpleRnn(units) => recurrent::build_simple_rnn(graph, input, *units),
            Layer::Lstm(lstm) => lstm.build(graph, input),
            Layer::Gru(units) => recurrent::build_gru(graph, input, *units),
            Layer::MultiHeadAttention(attention) => attention.build(graph, input),
            Layer::LastToken => tokens::build_last_token(graph, input),
            Layer::MeanOverTokens => tokens::build_mean_over_tokens(graph, input),
            Layer::Residual(body) => residual::build(graph, input, body),
            Layer::Repeat { layers, .. } if count(layers) == Some(0) => {
                Err("nothing to repeat; name at least one layer".to_string())
            }
            Layer::Repeat { times, layers } => Ok(repeat(graph, input, *times, layers)),
            Layer::Scope(scope) => scope.build(graph, input),
        }
    }
}

/// The body again and again; a mistake in it is named once.
fn repeat<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    times: usize,
    layers: &[Layer],
) -> NodeId {
    let before = graph.error_count();
    let mut last = input;
    for _ in 0..times {
        if graph.error_count() == before {
            last = graph.extend(layers, last, ".layers");
        }
    }
    last
}

/// Layers in all; `None` where that is beyond a machine word.
fn count(layers: &[Layer]) -> Option<usize> {
    layers.iter().try_fold(0_usize, |sum, layer| {
        let inside = match layer.body() {
            Some((body, times)) => count(body)?.checked_mul(times)?,
            None => 0,
        };
        sum.checked_add(inside)?.checked_add(usize::from(layer.is_counted()))
    })
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Dense(dense) => dense.fmt(formatter),
            Layer::Conv2d(conv) => conv.fmt(formatter),
            Layer::MaxPool2d(pool) | Layer::AvgPool2d(pool) => {
                write!(formatter, "{}({pool})", self.kind())
            }
            Layer::Embedding { vocabulary, features } => {
                write!(formatter, "Embedding({vocabulary} to {features})")
            }
            Layer::SimpleRnn(units) | Layer::Gru(units) => {
                write!(formatter, "{}({units})", self.kind())
            }
            Layer::Lstm(lstm) if *lstm == Lstm::from(lstm.units) => {
                write!(formatter, "Lstm({})", lstm.units)
            }
            Layer::Lstm(Lstm { units, forget_bias }) => {
                write!(formatter, "Lstm({units}, forget bias {forget_bias})")
            }
            Layer::MultiHeadAttention(MultiHeadAttention { heads, causal }) => {
                let causal = if *causal { ", causal" } else { "" };
                write!(formatter, "MultiHeadAttention({heads} heads{causal})")
            }
            Layer::Residual(body) => write!(formatter, "Residual[{}]", Layer::list(body)),
            Layer::Repeat { times, layers } => {
                write!(formatter, "{times} x [{}]", Layer::list(layers))
            }
            Layer::Scope(scope) => formatter.write_str(&Layer::list(&scope.layers)),
            Layer::LeakyRelu(number) | Layer::Elu(number) | Layer::Dropout(number) => {
                write!(formatter, "{}({number})", self.kind())
            }
            other => formatter.write_str(other.kind()),
        }
    }
}
