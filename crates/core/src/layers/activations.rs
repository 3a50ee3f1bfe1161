//! Activations with a number of their own, and those that look at a whole row.

use crate::Scalar;
use crate::graph::{Graph, NodeId};
use crate::ops::{Dropout, Elu, LeakyRelu, Softmax};

pub(super) fn leaky_relu<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    slope: f64,
) -> Result<NodeId, String> {
    if !(slope.is_finite() && slope >= 0.0) {
        return Err(format!("a slope of {slope}; a finite number from 0 is needed"));
    }
    graph.push_elementwise(LeakyRelu { slope }, input)
}

pub(super) fn elu<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    alpha: f64,
) -> Result<NodeId, String> {
    if !(alpha.is_finite() && alpha > 0.0) {
        return Err(format!("an alpha of {alpha}; a finite number above 0 is needed"));
    }
    graph.push_elementwise(Elu { alpha, scale: 1.0 }, input)
}

pub(super) fn softmax<T: Scalar>(graph: &mut Graph<T>, input: NodeId) -> Result<NodeId, String> {
    let features = graph.shape(input).predictions().1;
    if features < 2 {
        return Err(format!(
            "the share of {features} feature, from {}, is always 1; at least 2 features are needed",
            graph.origin(input)
        ));
    }
    graph.push_elementwise(Softmax { features }, input)
}

pub(super) fn dropout<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    rate: f64,
) -> Result<NodeId, String> {
    if !(0.0..1.0).contains(&rate) {
        return Err(format!(
            "a rate of {rate}; the probability of leaving a value out must be from 0 to below 1"
        ));
    }
    graph.push_elementwise(Dropout { sample: graph.shape(input).len(), rate }, input)
}
