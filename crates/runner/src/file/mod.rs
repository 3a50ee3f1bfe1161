//! Experiment files: from text to a checked experiment, or to everything that is wrong with it.

mod tree;
mod syntax;
mod check;
mod message;

use std::fs;
use std::path::{Path, PathBuf};

use gradus_core::Mistake;

use crate::data::Dataset;
use crate::experiment::{Experiment, Part};
use crate::plan::Plan;
use crate::results::DataSummary;

pub(crate) use syntax::parse;

/// An experiment file is a page or two; this much is a mistake.
const LARGEST_FILE: u64 = 16 << 20;

/// A file that was read and found right, with its data.
#[derive(Debug)]
pub struct File {
    /// Where it stands.
    pub path: PathBuf,
    /// The data it names, as read.
    pub dataset: Dataset,
    /// Its runs.
    pub plan: Plan,
}

/// Everything that is wrong with a file, as text for people: file, line, column, the source line
/// with a caret, what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileErrors {
    /// The messages, ready to be printed.
    pub text: String,
    /// How many there are.
    pub count: usize,
}

impl File {
    /// Reads the file, checks all of it, reads its data (from `data_folder`, or relative to the
    /// file), checks the two against each other, and expands the plan. Nothing is written.
    ///
    /// # Errors
    /// Every mistake that was found, placed in the text.
    pub fn read(path: &Path, data_folder: Option<&Path>) -> Result<Self, FileErrors> {
        let text = read_text(path)?;
        let source = message::Source { path, text: &text };
        let experiment = syntax::read(&text).map_err(|problems| source.report(&problems))?;
        let refuse = |mistakes: &[Mistake]| source.report_mistakes(mistakes);
        let mut mistakes = check::alone(&experiment);
        mistakes.extend(check::name_is_free(&experiment, path));
        if !mistakes.is_empty() {
            return Err(refuse(&mistakes));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let folder = data_folder.unwrap_or(folder);
        let dataset = experiment.data.load(folder).map_err(|mistakes| refuse(&mistakes))?;
        let parts = parts(&experiment, &dataset);
        let experiment = experiment.resolved(&parts);
        let mistakes = check::with_data(&experiment, &dataset, &parts);
        if !mistakes.is_empty() {
            return Err(refuse(&mistakes));
        }
        let data = summary(&experiment, &dataset);
        let plan = Plan::new(experiment, question(&text), data);
        Ok(Self { path: path.to_path_buf(), dataset, plan })
    }
}

fn read_text(path: &Path) -> Result<String, FileErrors> {
    let refuse = |message: String| FileErrors {
        text: format!("error: {}: {message}\n", path.display()),
        count: 1,
    };
    let length = fs::metadata(path)
        .map_err(|error| refuse(format!("{error}; give the path of an experiment file")))?
        .len();
    if length > LARGEST_FILE {
        return Err(refuse(format!("{length} bytes; an experiment file has at most 16 MiB")));
    }
    let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        refuse(format!("byte {at} is not UTF-8; save the file as UTF-8 text"))
    })
}

/// The comment on the first line.
fn question(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("//").unwrap_or_default().trim().to_string()
}

/// The parts that the data holds.
fn parts(experiment: &Experiment, dataset: &Dataset) -> Vec<Part> {
    let split = &experiment.data.split;
    let mut parts = vec![Part::Train];
    if split.validation > 0.0 {
        parts.push(Part::Validation);
    }
    if split.test > 0.0 || dataset.test_rows > 0 {
        parts.push(Part::Test);
    }
    parts
}

fn summary(experiment: &Experiment, dataset: &Dataset) -> DataSummary {
    let prepared =
        dataset.prepare::<f64>(&experiment.data, experiment.loss.target_kind(), experiment.seed(0));
    DataSummary {
        train_rows: prepared.train.rows(),
        validation_rows: prepared.validation.as_ref().map_or(0, |part| part.rows()),
        test_rows: prepared.test.as_ref().map_or(0, |part| part.rows()),
        input: dataset.input_shape.to_string(),
        target_width: dataset.target_width(),
        classes: matches!(dataset.targets, crate::data::RawTargets::Classes { .. }),
        digest: dataset.digest.clone(),
        notes: prepared.notes,
    }
}
