//! What a file says of its gate.

use serde::{Deserialize, Serialize};

use crate::checks::Measure;

/// What a baseline of the experiment holds, and what a check makes of it. No part of any run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What is judged in each cell, and the change that matters.
    pub margins: Vec<Margin>,
    /// What a figure is to a check whose seeds cannot tell.
    #[serde(default)]
    pub undecided: Reaction,
    /// What it is to a check that the witness differs: formulas are not those of the baseline.
    #[serde(default)]
    pub changed: Reaction,
}

/// A number of each run, and the change of its mean over the seeds that matters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// What is measured of each run; when left out, what the file's `judge` says.
    #[serde(default)]
    pub of: Measure,
    /// The change that matters, above 0, in the unit of what is measured.
    pub margin: f64,
    /// The same for its course, the mean of the curve over all epochs, so that slower with an
    /// equal end is found; when left out, as `margin`. What has no curve has no course.
    #[serde(default)]
    pub course: Option<f64>,
}

/// Whether a check fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Reaction {
    /// It does.
    #[default]
    Fail,
    /// It is said, and passes.
    Pass,
}
