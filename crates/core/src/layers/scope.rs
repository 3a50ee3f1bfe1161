//! Layers with settings of their own.

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, NodeId};
use crate::{Initialization, Layer, Scalar};

/// Settings for the layers inside; what it leaves out is as around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// A factor on the learning rate, times that of the scope around; 0 freezes the parameters.
    #[serde(default = "one")]
    pub rate: f64,
    /// How the parameters begin.
    #[serde(default)]
    pub init: Option<Initialization>,
    /// The layers.
    pub layers: Vec<Layer>,
}

fn one() -> f64 {
    1.0
}

impl Scope {
    pub(super) fn build<T: Scalar>(
        &self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        if !(self.rate.is_finite() && self.rate >= 0.0) {
            return Err(format!("a rate of {}; a finite factor from 0 is needed", self.rate));
        }
        let init = self.init.unwrap_or(graph.initialization);
        if let Some(mistake) = init.mistakes().first() {
            return Err(format!("init.{}: {}", mistake.place, mistake.message));
        }
        let outer = (graph.initialization, graph.rate_multiplier);
        graph.initialization = init;
        graph.rate_multiplier *= self.rate;
        let output = graph.extend(&self.layers, input, ".layers");
        (graph.initialization, graph.rate_multiplier) = outer;
        Ok(output)
    }
}
