//! What is wrong with an experiment file, and where: gathered first, shown all at once.

/// One mistake in an experiment, found after its text was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where the value stands: field names and list positions from the top of the file, such as
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
}
