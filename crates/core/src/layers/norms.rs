//! The layers that normalize, and what they are built over.

use crate::graph::{Graph, NewParameter, NodeId};
use crate::ops::{BatchNorm, LayerNorm, RmsNorm};
use crate::{Scalar, Shape};

/// ε when a file leaves it out, as in PyTorch and Keras's layer normalization.
pub(super) fn epsilon() -> f64 {
    1e-5
}

/// The share of a batch in the running statistics when a file leaves it out, as in PyTorch.
pub(super) fn momentum() -> f64 {
    0.1
}

/// Scale and bias for each feature of a row; a picture is taken as one row.
pub(super) fn layer_norm<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    epsilon: f64,
) -> Result<NodeId, String> {
    check_epsilon(epsilon)?;
    let shape = graph.shape(input);
    let features = features(shape);
    if features < 2 {
        return Err(format!(
            "a row of {features} feature, from {}, minus its mean is always 0; at least 2 \
             features are needed",
            graph.origin(input)
        ));
    }
    let first = graph.parameters.len();
    graph.push_parameter(NewParameter::scale("scale", features))?;
    graph.push_parameter(NewParameter::bias("bias", features, (features, features)))?;
    graph.push(LayerNorm { sample: shape.len(), features, epsilon }, &[input], first, shape)
}

/// A scale for each feature of a row; a picture is taken as one row.
pub(super) fn rms_norm<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    epsilon: f64,
) -> Result<NodeId, String> {
    check_epsilon(epsilon)?;
    let shape = graph.shape(input);
    let features = features(shape);
    let first = graph.parameters.len();
    graph.push_parameter(NewParameter::scale("scale", features))?;
    graph.push(RmsNorm { sample: shape.len(), features, epsilon }, &[input], first, shape)
}

/// Scale and bias for each feature, or each channel of a picture.
pub(super) fn batch_norm<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    epsilon: f64,
    momentum: f64,
) -> Result<NodeId, String> {
    check_epsilon(epsilon)?;
    if !(momentum > 0.0 && momentum <= 1.0) {
        return Err(format!(
            "a momentum of {momentum}; the share of a batch in the running statistics must be \
             above 0 and at most 1"
        ));
    }
    let shape = graph.shape(input);
    let (tokens, channels, pixels) = match shape {
        Shape::Features(features) => (1, features, 1),
        Shape::Image { channels, height, width } => (1, channels, height * width),
        Shape::Tokens { tokens, features } => (tokens, features, 1),
    };
    let first = graph.parameters.len();
    graph.push_parameter(NewParameter::scale("scale", channels))?;
    graph.push_parameter(NewParameter::bias("bias", channels, (channels, channels)))?;
    let operation = BatchNorm { tokens, channels, pixels, epsilon, momentum };
    graph.push(operation, &[input], first, shape)
}

/// Numbers that are normalized together.
fn features(shape: Shape) -> usize {
    shape.predictions().1
}

fn check_epsilon(epsilon: f64) -> Result<(), String> {
    if epsilon.is_finite() && epsilon > 0.0 {
        return Ok(());
    }
    Err(format!("an epsilon of {epsilon}; a finite number above 0 is needed"))
}
