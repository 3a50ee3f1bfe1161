//! The fully connected layer.

use crate::graph::{Graph, NodeId};
use crate::ops::Affine;
use crate::{Role, Scalar, Shape};

/// Weights (D, units), biases (1, units), and the affine map over them.
pub(super) fn build<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    units: usize,
) -> Result<NodeId, String> {
    if units == 0 {
        return Err("0 units; at least 1 is needed".to_string());
    }
    let features = graph.shape(input).len();
    let first = graph.parameters.len();
    graph.push_parameter("weight", [features, units], (features, units), Role::Weight)?;
    graph.push_parameter("bias", [1, units], (features, units), Role::Bias)?;
    Ok(graph.push(Affine, &[input], first, Shape::Features(units)))
}
