//! An experiment's results as the report reads them: the plan's cells, each with its records.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::axis::Coordinate;
use crate::experiment::Experiment;
use crate::record::{RunRecord, Timing};

/// One experiment with what is stored of exactly its plan.
#[derive(Clone, Debug)]
pub struct Results {
    /// The resolved experiment, every default written out.
    pub experiment: Experiment,
    /// The first line of its file without the `//`: the question it asks.
    pub question: String,
    /// What the data is, for people: rows of each part, inputs, classes; digest.
    pub data: DataSummary,
    /// The runs in plan order.
    pub runs: Vec<PlannedRun>,
    /// Digest over the plan and every record: equal digests draw equal reports.
    pub digest: String,
}

/// One run of the plan, and its record if it is there.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// Position in the plan, from 0.
    pub position: usize,
    /// Which cell (combination of the axes' values, without the seed) it belongs to, from 0.
    pub cell: usize,
    /// The cell's coordinates, one for each axis but `Seed`, in the order of the axes.
    pub coordinates: Arc<[Coordinate]>,
    /// The seed.
    pub seed: u64,
    /// The key.
    pub key: Arc<str>,
    /// What was trained, if it was.
    pub record: Option<RunRecord>,
    /// How long it took.
    pub timing: Option<Timing>,
}

/// What many records have in common, held once: ten thousand of them are there at a time.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    stamps: HashSet<Arc<str>>,
    times: HashSet<Arc<[u64]>>,
}

impl Shared {
    /// Lets a record share what it has in common with those before it.
    pub(crate) fn hold(&mut self, record: &mut RunRecord) {
        share(&mut self.stamps, &mut record.stamp);
        for curve in &mut record.curves {
            share(&mut self.times, &mut curve.epochs);
            share(&mut self.times, &mut curve.steps);
        }
    }
}

fn share<Value: Eq + Hash + ?Sized>(held: &mut HashSet<Arc<Value>>, value: &mut Arc<Value>) {
    match held.get(value) {
        Some(same) => *value = same.clone(),
        None => _ = held.insert(value.clone()),
    }
}

/// What the report says of the data.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DataSummary {
    /// Rows of the training part of a run.
    pub train_rows: usize,
    /// Rows of the validation part, 0 if there is none.
    pub validation_rows: usize,
    /// Rows of the test part, 0 if there is none.
    pub test_rows: usize,
    /// The shape of one sample: `image 1x8x8`.
    pub input: String,
    /// Classes, or target values a sample.
    pub target_width: usize,
    /// Whether the targets are classes.
    pub classes: bool,
    /// SHA-256 of the content.
    pub digest: String,
    /// SHA-256 of the file of weights that training begins with; empty without one.
    #[serde(default)]
    pub weights: String,
    /// What was noticed when it was prepared, such as constant columns.
    pub notes: Vec<String>,
}
