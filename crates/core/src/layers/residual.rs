//! A body with a way around it.

use crate::graph::{Graph, NodeId};
use crate::ops::Add;
use crate::{Layer, Scalar};

/// `y = x + body(x)`, as long as the body gives back the shape that it is given.
///
/// Source: He et al., *Deep Residual Learning for Image Recognition*, CVPR 2016, equation 1.
pub(super) fn build<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    body: &[Layer],
) -> Result<NodeId, String> {
    let before = graph.error_count();
    let output = graph.extend(body, input, "[0]");
    if graph.error_count() > before {
        // What is wrong inside is named there; its shape says nothing.
        return Ok(input);
    }
    let (from, to) = (graph.shape(input), graph.shape(output));
    if from != to {
        return Err(format!("the body turns {from} into {to}; it must give back {from}"));
    }
    graph.push(Add, &[input, output], graph.parameters.len(), from)
}
