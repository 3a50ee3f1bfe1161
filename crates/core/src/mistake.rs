//! What is wrong with a description, and where: gathered first, shown all at once.

use std::fmt::Display;

/// One mistake in a description (a model, an optimizer, an experiment).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where the value stands: field names and list positions from the top of the description, such as
    /// `data.source.train_images` or `sweep.axes[0][2]`. Names of enum variants are no part of
    /// it; the only content of a variant such as `Momentum(0.9)` is its item `[0]`.
    pub place: String,
    /// What is wrong, with the value: lowercase, no full stop.
    pub message: String,
    /// What is allowed, or the next step.
    pub help: String,
}

impl Mistake {
    /// A mistake at `place`.
    pub fn new(
        place: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), message: message.into(), help: help.into() }
    }

    /// `name is value` with what is allowed, unless the rule `holds`.
    pub fn unless(
        holds: bool,
        place: impl Into<String>,
        name: &str,
        value: impl Display,
        allowed: &str,
    ) -> Option<Self> {
        (!holds)
            .then(|| Self::new(place, format!("{name} is {value}"), format!("allowed: {allowed}")))
    }

    /// The same mistake seen from further up: `field` holds the description it was found in.
    #[must_use]
    pub fn within(mut self, field: &str) -> Self {
        self.place = match self.place.as_str() {
            "" => field.to_string(),
            place if place.starts_with('[') => format!("{field}{place}"),
            place => format!("{field}.{place}"),
        };
        self
    }
}
