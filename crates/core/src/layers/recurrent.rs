//! Recurrent layers: a state that is carried from token to token.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{short_form, tokens::sequence};
use crate::graph::{Graph, NewParameter, NodeId};
use crate::ops::{Gru, Lstm as LstmOperation, SimpleRnn};
use crate::{Scalar, Shape};

/// Long short-term memory. A file writes `Lstm(32)`, or `Lstm(units: 32, forget_bias: 0.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lstm {
    /// Numbers of the state.
    pub units: usize,
    /// How much higher than drawn the biases of the forget gate begin, so that a state is kept at
    /// first: 1 as in Keras, while PyTorch has 0.
    /// Source: Jozefowicz, Zaremba, Sutskever, ICML 2015, section 2.3.
    pub forget_bias: f64,
}

/// Weights (D, G H) for the input, (H, G H) for the state and biases (1, G H), a block for each of
/// the G gates. The fans are those of the whole matrices, as in Keras and in PyTorch's packed ones.
struct Gates {
    count: usize,
    raised: Option<(usize, f64)>,
    has_recurrent_bias: bool,
}

/// Adds the parameters behind `input`; returns the length of the sequence and the first of them.
fn push_parameters<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    units: usize,
    gates: &Gates,
) -> Result<(usize, usize), String> {
    let (tokens, features) = sequence(graph, input)?;
    if units == 0 {
        return Err("0 units; at least 1 is needed".to_string());
    }
    // What is too wide is refused as too many parameters.
    let width = units.saturating_mul(gates.count);
    let first = graph.parameters.len();
    let blocks = gates.count;
    let recurrent = Some(graph.initialization.recurrent);
    let weight = NewParameter::weight("weight", [features, width]);
    graph.push_parameter(NewParameter { blocks, ..weight })?;
    let weight = NewParameter::weight("recurrent_weight", [units, width]);
    graph.push_parameter(NewParameter { blocks, initializer: recurrent, ..weight })?;
    let bias = NewParameter::bias("bias", width, (features, width));
    graph.push_parameter(NewParameter { blocks, raised: gates.raised, ..bias })?;
    if gates.has_recurrent_bias {
        let bias = NewParameter::bias("recurrent_bias", width, (units, width));
        graph.push_parameter(NewParameter { blocks, ..bias })?;
    }
    Ok((tokens, first))
}

/// The layer of [`SimpleRnn`].
pub(super) fn build_simple_rnn<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    units: usize,
) -> Result<NodeId, String> {
    let gates = Gates { count: 1, raised: None, has_recurrent_bias: false };
    let (tokens, first) = push_parameters(graph, input, units, &gates)?;
    let shape = Shape::Tokens { tokens, features: units };
    graph.push(SimpleRnn { tokens, units }, &[input], first, shape)
}

/// The layer of [`Gru`].
pub(super) fn build_gru<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    units: usize,
) -> Result<NodeId, String> {
    let gates = Gates { count: 3, raised: None, has_recurrent_bias: true };
    let (tokens, first) = push_parameters(graph, input, units, &gates)?;
    let shape = Shape::Tokens { tokens, features: units };
    graph.push(Gru { tokens, units }, &[input], first, shape)
}

impl Lstm {
    pub(super) fn build<T: Scalar>(
        self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        if !self.forget_bias.is_finite() {
            return Err(format!(
                "a forget_bias of {}; a finite number is needed",
                self.forget_bias
            ));
        }
        let units = self.units;
        let raised = Some((1, self.forget_bias));
        let gates = Gates { count: 4, raised, has_recurrent_bias: false };
        let (tokens, first) = push_parameters(graph, input, units, &gates)?;
        let shape = Shape::Tokens { tokens, features: units };
        graph.push(LstmOperation { tokens, units }, &[input], first, shape)
    }
}

const USUAL_FORGET_BIAS: f64 = 1.0;

/// The long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "Lstm")]
struct Fields {
    units: usize,
    #[serde(default = "usual")]
    forget_bias: f64,
}

fn usual() -> f64 {
    USUAL_FORGET_BIAS
}

impl From<usize> for Lstm {
    fn from(units: usize) -> Self {
        Self { units, forget_bias: USUAL_FORGET_BIAS }
    }
}

impl From<Fields> for Lstm {
    fn from(Fields { units, forget_bias }: Fields) -> Self {
        Self { units, forget_bias }
    }
}

impl Serialize for Lstm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::from(self.units) {
            return self.units.serialize(serializer);
        }
        Fields { units: self.units, forget_bias: self.forget_bias }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Lstm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a number of units, or `units: 32, forget_bias: 0.0`";
        short_form::read::<_, Fields, _>(deserializer, expected)
    }
}
