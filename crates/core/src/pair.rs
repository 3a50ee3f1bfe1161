//! Two counts, one for the rows and one for the columns of an image.

use std::fmt;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A count along the height and one along the width. A file writes `3` for 3 and 3, or `(3, 5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Along the height, in rows.
    pub height: usize,
    /// Along the width, in columns.
    pub width: usize,
}

impl Pair {
    /// The same along both.
    pub fn both(count: usize) -> Self {
        Self { height: count, width: count }
    }
}

impl From<(usize, usize)> for Pair {
    fn from((height, width): (usize, usize)) -> Self {
        Self { height, width }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.height, self.width)
    }
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.height == self.width {
            return self.height.serialize(serializer);
        }
        (self.height, self.width).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

/// Reads both forms.
struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Pair;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number from 0, or a pair of them `(height, width)`")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Pair, E> {
        Ok(Pair::both(usize::try_from(count).map_err(E::custom)?))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pair, A::Error> {
        let mut next = |length| {
            list.next_element()?
                .ok_or_else(|| A::Error::invalid_length(length, &"two numbers, (height, width),"))
        };
        let pair = Pair { height: next(0)?, width: next(1)? };
        match list.next_element::<IgnoredAny>()? {
            None => Ok(pair),
            Some(_) => {
                Err(A::Error::custom("expected two numbers, (height, width), but found more"))
            }
        }
    }
}
