//! The shape of one sample as it flows through a network.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Axes of one sample, by name; the batch is never part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Shape {
    /// A plain vector of numbers.
    Features(usize),
    /// A picture, stored channel by channel, each row by row.
    Image {
        /// Number of channels (1 for grey).
        channels: usize,
        /// Number of rows of pixels.
        height: usize,
        /// Number of pixels a row.
        width: usize,
    },
    /// A sequence, token after token. A sequence of token numbers has one feature a token.
    Tokens {
        /// Length of the sequence.
        tokens: usize,
        /// Numbers a token.
        features: usize,
    },
}

impl Shape {
    /// Numbers per sample, or `None` when that does not fit a machine word.
    pub fn checked_len(self) -> Option<usize> {
        match self {
            Shape::Features(features) => Some(features),
            Shape::Image { channels, height, width } => {
                channels.checked_mul(height)?.checked_mul(width)
            }
            Shape::Tokens { tokens, features } => tokens.checked_mul(features),
        }
    }

    /// Numbers per sample.
    ///
    /// # Panics
    /// If the product of the axes overflows; compilation and the data readers check this first.
    pub fn len(self) -> usize {
        self.checked_len().expect("shapes are checked when they are made")
    }

    /// How many predictions a sample of this shape makes, and how wide each is: one for each token
    /// of a sequence, else a single one.
    pub fn predictions(self) -> (usize, usize) {
        match self {
            Shape::Tokens { tokens, features } => (tokens, features),
            other => (1, other.len()),
        }
    }

    /// Whether a sample of this shape holds no number at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Features(features) => write!(formatter, "{features} features"),
            Shape::Image { channels, height, width } => {
                write!(formatter, "image {channels}x{height}x{width}")
            }
            Shape::Tokens { tokens, features } => {
                write!(formatter, "{tokens} tokens of {features} features")
            }
        }
    }
}
