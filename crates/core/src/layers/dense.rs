//! The fully connected layer.

use std::fmt;

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::graph::{Graph, NewParameter, NodeId};
use crate::ops::{Affine, Linear};
use crate::{Scalar, Shape};

/// `y = x W + b`. A file writes `Dense(32)`, or `Dense(units: 32, bias: false)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Number of outputs.
    pub units: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Dense {
    /// Weights (D, units), biases (1, units), and the affine map over them.
    pub(super) fn build<T: Scalar>(
        self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        if self.units == 0 {
            return Err("0 units; at least 1 is needed".to_string());
        }
        let (features, shape) = match graph.shape(input) {
            Shape::Tokens { tokens, features } => {
                (features, Shape::Tokens { tokens, features: self.units })
            }
            flat => (flat.len(), Shape::Features(self.units)),
        };
        let first = graph.parameters.len();
        graph.push_parameter(NewParameter::weight("weight", [features, self.units]))?;
        if !self.bias {
            return graph.push(Linear, &[input], first, shape);
        }
        graph.push_parameter(NewParameter::bias("bias", self.units, (features, self.units)))?;
        graph.push(Affine, &[input], first, shape)
    }
}

/// The long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "Dense")]
struct Fields {
    units: usize,
    #[serde(default = "yes")]
    bias: bool,
}

fn yes() -> bool {
    true
}

impl Serialize for Dense {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.bias {
            return self.units.serialize(serializer);
        }
        Fields { units: self.units, bias: self.bias }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dense {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

/// Reads both forms.
struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Dense;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of units, or `units: 32, bias: false`")
    }

    fn visit_u64<E: serde::de::Error>(self, units: u64) -> Result<Dense, E> {
        let units = usize::try_from(units).map_err(E::custom)?;
        Ok(Dense { units, bias: true })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Dense, A::Error> {
        let Fields { units, bias } = Fields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Dense { units, bias })
    }
}

impl fmt::Display for Dense {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bias {
            true => write!(formatter, "Dense({})", self.units),
            false => write!(formatter, "Dense({}, no bias)", self.units),
        }
    }
}
