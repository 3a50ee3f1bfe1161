//! The registry of charts: one file each, three lines here (its `mod`, its entry, its name in
//! the entry's text).
//!
//! A chart is a function from the survey to a finished picture, or to nothing where it has
//! nothing to say.

mod sheet;
mod key;
mod learning_rate;
mod curves;
pub(crate) mod gradients;
mod accuracy;
pub(crate) mod growth;
pub(crate) mod moved;

use crate::canvas::Canvas;
use crate::cells::Survey;

/// One chart.
pub(crate) struct Chart {
    /// Its file.
    pub(crate) file: &'static str,
    /// What the report says above it.
    pub(crate) heading: &'static str,
    /// How to read it.
    pub(crate) caption: &'static str,
    /// Draws it, where there is something to draw.
    pub(crate) draw: fn(&Survey<'_>) -> Option<Canvas>,
}

/// All charts, in the order of the report.
pub(crate) const CHARTS: [Chart; 4] = [
    Chart {
        file: "learning_rate.png",
        heading: "Learning rate",
        caption: learning_rate::CAPTION,
        draw: learning_rate::draw,
    },
    Chart { file: "curves.png", heading: "Curves", caption: curves::CAPTION, draw: curves::draw },
    Chart {
        file: "gradients.png",
        heading: "Gradients by depth",
        caption: gradients::CAPTION,
        draw: gradients::draw,
    },
    Chart {
        file: "accuracy.png",
        heading: "Accuracy",
        caption: accuracy::CAPTION,
        draw: accuracy::draw,
    },
];
