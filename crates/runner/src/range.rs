//! Numbers along an axis, and what every list of values must keep.

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

/// Numbers along an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Range {
    /// Equal ratios, both ends included.
    Log {
        /// The first value.
        from: f64,
        /// The last value.
        to: f64,
        /// How many values.
        points: usize,
    },
    /// Equal differences, both ends included.
    Linear {
        /// The first value.
        from: f64,
        /// The last value.
        to: f64,
        /// How many values.
        points: usize,
    },
    /// These values.
    List(Vec<f64>),
}

impl Range {
    /// How many values it has.
    pub fn len(&self) -> usize {
        match self {
            Range::Log { points, .. } | Range::Linear { points, .. } => *points,
            Range::List(values) => values.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value `index`, rounded to 12 significant digits, so that it is what one would write.
    pub fn value(&self, index: usize) -> f64 {
        let share = |points: usize| index as f64 / (points.max(2) - 1) as f64;
        match *self {
            Range::Log { from, to, points } => {
                // Decades are exact this way: the exponent of 1e-3 is -3, not its rounded logarithm.
                let (low, high) = (libm::log10(from), libm::log10(to));
                rounded(libm::pow(10.0, low + (high - low) * share(points)))
            }
            Range::Linear { from, to, points } => rounded(from + (to - from) * share(points)),
            Range::List(ref values) => values[index],
        }
    }

    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        match *self {
            Range::Log { from, to, points } => {
                for (place, end) in [("from", from), ("to", to)] {
                    let holds = end.is_finite() && end > 0.0;
                    let allowed = "a finite number above 0";
                    found.extend(Mistake::unless(holds, place, place, end, allowed));
                }
                found.extend(points_mistake(points, from == to));
            }
            Range::Linear { from, to, points } => {
                found.extend(points_mistake(points, from == to));
            }
            Range::List(ref values) => found.extend(list_mistake(values)),
        }
        found
    }
}

fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().expect("a printed number can be read")
}

fn points_mistake(points: usize, is_one_value: bool) -> Option<Mistake> {
    let holds = if is_one_value { points == 1 } else { points >= 2 };
    let allowed = "at least 2, with two different ends";
    Mistake::unless(holds, "points", "the number of points", points, allowed)
}

/// What is wrong with a list of values as such.
pub(crate) fn list_mistake<Value: std::fmt::Debug>(values: &[Value]) -> Option<Mistake> {
    if values.is_empty() {
        return Some(Mistake::new("[0]", "an axis without values", "give at least one value"));
    }
    // By what is written, which is in order and in linear time; equal values are written equally.
    let mut seen = std::collections::BTreeSet::new();
    let double = values.iter().position(|value| !seen.insert(format!("{value:?}")))?;
    Some(Mistake::new(
        format!("[0][{double}]"),
        "the value stands twice on this axis",
        "name each value once; `seeds` repeats runs",
    ))
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn ranges_hold_their_ends_and_are_what_one_would_write() {
        let log = Range::Log { from: 1e-3, to: 10.0, points: 13 };
        let values: Vec<f64> = (0..13).map(|index| log.value(index)).collect();
        assert_eq!(
            [values[0], values[3], values[6], values[9], values[12]],
            [1e-3, 1e-2, 0.1, 1.0, 10.0]
        );
        assert_eq!(values[1], 0.00215443469003);
        let linear = Range::Linear { from: 0.20, to: 0.28, points: 9 };
        let values: Vec<f64> = (0..9).map(|index| linear.value(index)).collect();
        assert_eq!(values, [0.20, 0.21, 0.22, 0.23, 0.24, 0.25, 0.26, 0.27, 0.28]);
    }
}
