//! Layers that are written with one number, or with options by name.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

/// Reads `Lstm(32)` as `L::from(32)`, and `Lstm(units: 32, forget_bias: 0.0)` by its fields `F`.
pub(super) fn read<'de, D, F, L>(deserializer: D, expected: &'static str) -> Result<L, D::Error>
where
    D: Deserializer<'de>,
    F: Deserialize<'de> + Into<L>,
    L: From<usize>,
{
    deserializer.deserialize_any(Form::<F, L> { expected, types: PhantomData })
}

struct Form<F, L> {
    expected: &'static str,
    types: PhantomData<(F, L)>,
}

impl<'de, F: Deserialize<'de> + Into<L>, L: From<usize>> Visitor<'de> for Form<F, L> {
    type Value = L;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<L, E> {
        usize::try_from(number).map(L::from).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<L, A::Error> {
        F::deserialize(MapAccessDeserializer::new(map)).map(F::into)
    }
}
