//! How many rows a part takes: a share of them, or a number.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of rows. In a file, `0.2` is a share of the rows and `200` a number of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A share of all rows that are split, `round(share · rows)` of them, halves up.
    Share(f64),
    /// So many rows.
    Rows(usize),
}

impl Amount {
    /// Whether no row is asked for.
    pub fn is_none(self) -> bool {
        self == Amount::Share(0.0) || self == Amount::Rows(0)
    }

    /// Number of rows out of `rows`; perhaps more than there are.
    pub(super) fn of(self, rows: usize) -> usize {
        match self {
            Amount::Share(share) => (share * rows as f64).round() as usize,
            Amount::Rows(count) => count,
        }
    }
}

impl Default for Amount {
    fn default() -> Self {
        Amount::Share(0.0)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Share(share) => share.fmt(formatter),
            Amount::Rows(count) => count.fmt(formatter),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Amount::Share(share) => serializer.serialize_f64(share),
            Amount::Rows(count) => serializer.serialize_u64(count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Amount;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a share of the rows such as 0.2, or a number of them")
            }

            fn visit_f64<E: Error>(self, share: f64) -> Result<Amount, E> {
                Ok(Amount::Share(share))
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Amount, E> {
                Ok(Amount::Rows(usize::try_from(count).unwrap_or(usize::MAX)))
            }

            // A number below 0 is refused with its place when the section is checked.
            fn visit_i64<E: Error>(self, count: i64) -> Result<Amount, E> {
                Ok(usize::try_from(count).map_or(Amount::Share(count as f64), Amount::Rows))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_or_an_exponent_makes_a_share() {
        for (text, amount, written) in [
            ("0.2", Amount::Share(0.2), "0.2"),
            ("1.0", Amount::Share(1.0), "1.0"),
            ("1e-3", Amount::Share(1e-3), "0.001"),
            ("0", Amount::Rows(0), "0"),
            ("1", Amount::Rows(1), "1"),
            ("70_000", Amount::Rows(70_000), "70000"),
            ("-3", Amount::Share(-3.0), "-3.0"),
        ] {
            assert_eq!(ron::from_str(text), Ok(amount), "{text}");
            assert_eq!(ron::to_string(&amount).expect("a number"), written);
        }
        for text in ["\"0.2\"", "true", "[1]", "Some"] {
            assert!(ron::from_str::<Amount>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_round_halves_up() {
        assert_eq!(Amount::Share(0.5).of(3), 2);
        assert_eq!(Amount::Share(0.2).of(1797), 359);
        assert_eq!(Amount::Rows(7).of(3), 7);
        assert!(Amount::default().is_none() && Amount::Rows(0).is_none());
        assert!(!Amount::Share(1e-9).is_none());
    }
}
