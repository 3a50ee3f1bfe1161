//! Multi-head self-attention.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{short_form, tokens::sequence};
use crate::graph::{Graph, LARGEST_SAMPLE, NewParameter, NodeId};
use crate::ops::{Affine, ScaledDotAttention};
use crate::{Scalar, Shape};

/// `y = Attention(x W + b) W' + b'`, every token over the tokens of its sequence. A file writes
/// `MultiHeadAttention(4)`, or `MultiHeadAttention(heads: 4, causal: true)`.
///
/// Source: Vaswani et al., *Attention Is All You Need*, NIPS 2017, section 3.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiHeadAttention {
    /// How many distributions each token attends by, each over its share of the features.
    pub heads: usize,
    /// Whether a token sees only itself and what stands before it.
    pub causal: bool,
}

impl MultiHeadAttention {
    /// Weights (D, 3D) and biases (1, 3D) of queries, keys and values side by side, as PyTorch
    /// packs them; then (D, D) and (1, D) of the output.
    pub(super) fn build<T: Scalar>(
        self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        let (tokens, features) = sequence(graph, input)?;
        let Self { heads, causal } = self;
        if heads == 0 || !features.is_multiple_of(heads) {
            return Err(format!(
                "{heads} heads do not share the {features} features of {}; their number must \
                 divide {features}",
                graph.origin(input)
            ));
        }
        let scores = tokens.checked_mul(tokens).and_then(|square| square.checked_mul(heads));
        if scores.is_none_or(|scores| scores > LARGEST_SAMPLE) {
            return Err(format!(
                "{heads} heads over {tokens} tokens make more than {LARGEST_SAMPLE} scores a sample"
            ));
        }
        let packed = features.saturating_mul(3);
        let first = graph.parameters.len();
        let weight = NewParameter::weight("in_weight", [features, packed]);
        graph.push_parameter(NewParameter { blocks: 3, ..weight })?;
        let bias = NewParameter::bias("in_bias", packed, (features, packed));
        graph.push_parameter(NewParameter { blocks: 3, ..bias })?;
        let shape = Shape::Tokens { tokens, features: packed };
        let projected = graph.push(Affine, &[input], first, shape)?;

        let none = graph.parameters.len();
        let shape = Shape::Tokens { tokens, features };
        let attention = ScaledDotAttention { tokens, features, heads, causal };
        let attended = graph.push(attention, &[projected], none, shape)?;

        let first = graph.parameters.len();
        graph.push_parameter(NewParameter::weight("out_weight", [features, features]))?;
        graph.push_parameter(NewParameter::bias("out_bias", features, (features, features)))?;
        graph.push(Affine, &[attended], first, shape)
    }
}

/// The long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "MultiHeadAttention")]
struct Fields {
    heads: usize,
    #[serde(default)]
    causal: bool,
}

impl From<usize> for MultiHeadAttention {
    fn from(heads: usize) -> Self {
        Self { heads, causal: false }
    }
}

impl From<Fields> for MultiHeadAttention {
    fn from(Fields { heads, causal }: Fields) -> Self {
        Self { heads, causal }
    }
}

impl Serialize for MultiHeadAttention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.causal {
            return self.heads.serialize(serializer);
        }
        Fields { heads: self.heads, causal: self.causal }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MultiHeadAttention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a number of heads, or `heads: 4, causal: true`";
        short_form::read::<_, Fields, _>(deserializer, expected)
    }
}
