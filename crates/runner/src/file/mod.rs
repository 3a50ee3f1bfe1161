//! Experiment files: from text to a checked experiment, or to everything that is wrong with it.

mod tree;
mod syntax;
mod check;
mod token_numbers;
mod loss_and_batch;
mod averages;
mod message;

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use gradus_core::Mistake;

use crate::data::Dataset;
use crate::experiment::{Experiment, Part};
use crate::explain::Source;
use crate::plan::Plan;
use crate::results::DataSummary;

pub(crate) use syntax::{parse, write};
pub(crate) use tree::{Kind, Node};

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
    /// Whether nothing is wrong but that files of data are not there.
    pub only_missing_data: bool,
}

impl File {
    /// Reads the file, checks all of it, reads its data (relative to the file, but what lies in
    /// `data/` from `data_folder`, if that is given), checks the two against each other, and
    /// expands the plan. Nothing is written.
    ///
    /// # Errors
    /// Every mistake that was found, placed in the text.
    pub fn read(path: &Path, data_folder: Option<&Path>) -> Result<Self, FileErrors> {
        let text = read_text(path)?;
        let source = message::Source { path, text: &text };
        let syntax::Reading { experiment, mut problems, blanked } = syntax::read(&text);
        let Some(experiment) = experiment else { return Err(source.report(&problems)) };
        let mut mistakes = check::alone(&experiment);
        mistakes.extend(check::name_is_free(&experiment, path));
        let folder = path.parent().unwrap_or(Path::new(""));
        if !problems.is_empty() {
            // What an axis varies may be among the pieces that were blanked out.
            let is_axis = |place: &str| place.starts_with("sweep.axes") && place.ends_with(']');
            mistakes.retain(|m| !is_axis(&m.place) || m.place.matches('[').count() > 1);
        }
        let is_of_data = |mistake: &Mistake| mistake.place.starts_with("data");
        let dataset = if !problems.is_empty() || mistakes.iter().any(is_of_data) {
            Err(vec![])
        } else {
            experiment.data.load(folder, data_folder)
        };
        let fitted = dataset.and_then(|dataset| {
            let parts = parts(&experiment, &dataset);
            let mut experiment = experiment.resolved(&parts, dataset.has_classes());
            let mut found = check::with_data(&experiment, &dataset, &parts);
            if found.is_empty() {
                found = check::weights(&mut experiment, &dataset, folder);
            }
            if found.is_empty() { Ok((experiment, dataset)) } else { Err(found) }
        });
        let (experiment, dataset) = match fitted {
            Ok(fitted) if mistakes.is_empty() && problems.is_empty() => fitted,
            fitted => {
                let mut of_data = fitted.err().unwrap_or_default();
                // One value is not wrong in two ways; a file of data may be.
                of_data.retain(|new| mistakes.iter().all(|known| known.place != new.place));
                mistakes.extend(of_data);
                let only_missing_data =
                    problems.is_empty() && mistakes.iter().all(crate::data::is_missing);
                let of_content = source.problems(&mistakes).into_iter().filter(|problem| {
                    // What was blanked out has been named already.
                    let Range { start, end } = problem.span;
                    !blanked.iter().any(|piece| piece.start < end && start < piece.end)
                });
                problems.extend(of_content);
                problems.sort_by_key(|problem| problem.span.start);
                return Err(FileErrors { only_missing_data, ..source.report(&problems) });
            }
        };
        let data = summary(&experiment, &dataset);
        // Found again from any folder.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let file = Source { path: absolute, text: text.clone() };
        let plan = Plan::new(experiment, question(&text), data, file);
        Ok(Self { path: path.to_path_buf(), dataset, plan })
    }
}

fn read_text(path: &Path) -> Result<String, FileErrors> {
    let refuse = |message: String| FileErrors {
        text: format!("error: {}: {message}\n", path.display()),
        count: 1,
        only_missing_data: false,
    };
    let next = "give the path of an experiment file";
    let file = fs::File::open(path).map_err(|error| refuse(format!("{error}; {next}")))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(refuse(format!("it is a folder; {next}")));
    }
    let mut bytes = Vec::new();
    // Devices and pipes have no length to ask for.
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| refuse(format!("{error}; {next}")))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(refuse(format!("more than 16 MiB; {next}, which is a page or two of text")));
    }
    // Some editors begin a file with a mark that shows nowhere.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        FileErrors {
            text: format!(
                "error: {}:{line}:{column}: byte {} is not UTF-8; save the file as UTF-8 text\n",
                path.display(),
                error.valid_up_to()
            ),
            count: 1,
            only_missing_data: false,
        }
    })?;
    Ok(text.to_string())
}

/// Whether an experiment file says what its results must show; its data is not read. A text whose
/// brackets do not match may say so, and [`File::read`] tells what is wrong with it.
///
/// # Errors
/// When it cannot be read as text.
pub fn has_checks(path: &Path) -> Result<bool, FileErrors> {
    let text = read_text(path)?;
    let Some(Node { kind: Kind::Fields(fields), .. }) = Node::scan(&text) else { return Ok(true) };
    Ok(fields.iter().any(|field| ["checks", "gate"].contains(&&text[field.name.clone()])))
}

impl Plan {
    /// Reads the data of a stored plan, and the weights that its runs begin with, as [`File::read`]
    /// does: relative to the file that the plan was read from.
    ///
    /// # Errors
    /// When it is not there, or not what the runs were trained on.
    pub fn load(&mut self, data_folder: Option<&Path>) -> Result<Dataset, String> {
        let said = |mistakes: Vec<Mistake>| {
            let lines = mistakes.iter().map(|m| format!("{}: {}; {}", m.place, m.message, m.help));
            lines.collect::<Vec<_>>().join("\n")
        };
        let folder = self.source.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let dataset = self.experiment.data.load(&folder, data_folder).map_err(said)?;
        let found = check::weights(&mut self.experiment, &dataset, &folder);
        if !found.is_empty() {
            return Err(said(found));
        }
        let weights =
            self.experiment.init.content().map_or(String::new(), |content| content.digest.clone());
        for (what, then, now) in [
            ("data", &self.data.digest, &dataset.digest),
            ("weights", &self.data.weights, &weights),
        ] {
            if then != now {
                return Err(format!(
                    "the {what} now have the digest {now}, and {then} when the runs were trained; \
                     bring those {what} back, or `run` the experiment on these"
                ));
            }
        }
        Ok(dataset)
    }
}

/// The comment on the first line.
fn question(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("//").unwrap_or_default().trim().to_string()
}

/// The parts that the data holds.
fn parts(experiment: &Experiment, dataset: &Dataset) -> Vec<Part> {
    let sizes = dataset.sizes(&experiment.data.split);
    let sized = [
        (Part::Train, sizes.train),
        (Part::Validation, sizes.validation),
        (Part::Test, sizes.test),
    ];
    sized
        .into_iter()
        .filter(|&(part, rows)| rows > 0 || part == Part::Train)
        .map(|(part, _)| part)
        .collect()
}

fn summary(experiment: &Experiment, dataset: &Dataset) -> DataSummary {
    let sizes = dataset.sizes(&experiment.data.split);
    DataSummary {
        train_rows: sizes.train,
        validation_rows: sizes.validation,
        test_rows: sizes.test,
        input: dataset.input_shape.to_string(),
        target_width: dataset.target_width(),
        classes: matches!(dataset.targets, crate::data::RawTargets::Classes { .. }),
        digest: dataset.digest.clone(),
        weights: experiment.init.content().map_or(String::new(), |content| content.digest.clone()),
        notes: dataset.notes(&experiment.data, experiment.loss.target_kind(), experiment.seed(0)),
    }
}
