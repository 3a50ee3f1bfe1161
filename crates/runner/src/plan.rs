//! The list of runs: a pure function of the experiment and the content of its data.

use std::sync::Arc;

use serde::Serialize;

use gradus_core::{Initialization, Layer, Loss};
use gradus_optim::{Optimizer, Schedule};

use crate::axis::{Axis, Coordinate};
use crate::data::{Scaling, Split};
use crate::digest;
use crate::experiment::{Experiment, Part, Quantity, Train};
use crate::explain::Source;
use crate::metric::{Judge, Metric};
use crate::results::DataSummary;
use crate::sabotage::is_removed;
use crate::stop::Watched;
use crate::weights::Init;

/// The most runs of one plan.
pub const LARGEST_PLAN: usize = 1_000_000;

/// Every run of an experiment in order: seed after seed, within a seed cell after cell, so that
/// the whole range of a sweep is there after the first seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The resolved experiment.
    pub experiment: Experiment,
    /// The question its file asks.
    pub question: String,
    /// What the data is.
    pub data: DataSummary,
    /// The file it was read from; nothing that is computed depends on it.
    pub source: Source,
    /// The key of each run.
    pub keys: Vec<Arc<str>>,
}

/// Everything that a run's bits depend on, and nothing else: no name, no path, no chart.
#[derive(Serialize)]
struct Identity<'a> {
    data: &'a str,
    split: &'a Split,
    inputs: Scaling,
    targets: Scaling,
    model: &'a [Layer],
    init: Option<Initialization>,
    /// Digest of the weights that are read in its place.
    weights: Option<&'a str>,
    loss: &'a Loss,
    metrics: &'a [Metric],
    evaluate: &'a [Part],
    /// With shorthands written out: what they stand for is the same run.
    optimizer: Optimizer,
    train: &'a Train,
    record: &'a [Quantity],
    /// Training listens to it only under `Plateau` and where a rule stops by it.
    judge: Option<Judge>,
    seed: u64,
}

impl Plan {
    /// Expands a resolved experiment.
    ///
    /// # Panics
    /// If the plan is too large; [`crate::File::read`] refuses that before.
    pub fn new(
        experiment: Experiment,
        question: String,
        data: DataSummary,
        source: Source,
    ) -> Self {
        let runs = experiment.run_count().filter(|&runs| runs <= LARGEST_PLAN);
        let runs = runs.expect("the size of the plan was checked");
        let mut plan = Self { experiment, question, data, source, keys: Vec::with_capacity(runs) };
        let cells: Vec<Experiment> =
            (0..plan.experiment.cell_count()).map(|cell| plan.experiment_at(cell)).collect();
        for position in 0..runs {
            let cell = &cells[plan.cell(position)];
            plan.keys.push(key(&description(cell, plan.seed(position), &plan.data)).into());
        }
        plan
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The cell of a run.
    pub fn cell(&self, position: usize) -> usize {
        position % self.experiment.cell_count()
    }

    /// The seed of a run.
    pub fn seed(&self, position: usize) -> u64 {
        self.experiment.seed(position / self.experiment.cell_count())
    }

    /// Where a cell lies on each axis but `Seed`.
    pub fn coordinates(&self, cell: usize) -> Vec<Coordinate> {
        self.indices(cell).map(|(axis, index)| axis.coordinate(index)).collect()
    }

    /// A cell in words: `learning rate 0.1, momentum 0.9`; empty where there is one only.
    pub fn cell_label(&self, cell: usize) -> String {
        let label = |(axis, index): (&Axis, usize)| {
            format!("{} {}", axis.name(), axis.coordinate(index).label)
        };
        self.indices(cell).map(label).collect::<Vec<_>>().join(", ")
    }

    /// The experiment of one cell: no sweep is left in it.
    pub fn experiment_at(&self, cell: usize) -> Experiment {
        let mut experiment = self.experiment.clone();
        for (axis, index) in self.indices(cell) {
            axis.apply(index, &mut experiment);
        }
        experiment
    }

    /// What is digested into the key of a run, as RON; `cell` is the experiment of its cell.
    pub(crate) fn description_of(&self, cell: &Experiment, seed: u64) -> String {
        description(cell, seed, &self.data)
    }

    /// A digest over the whole plan.
    pub fn digest(&self) -> String {
        let mut digest = digest::Digest::default();
        for key in &self.keys {
            digest.add(key.as_bytes());
        }
        digest.finish()
    }

    fn indices(&self, cell: usize) -> impl Iterator<Item = (&Axis, usize)> {
        self.experiment.cell_axes().zip(self.experiment.indices(cell))
    }
}

fn description(experiment: &Experiment, seed: u64, data: &DataSummary) -> String {
    let identity = Identity {
        data: &data.digest,
        split: &experiment.data.split,
        inputs: experiment.data.inputs,
        targets: experiment.data.targets,
        model: &experiment.model,
        init: matches!(experiment.init, Init::Draw(_)).then(|| experiment.init.drawn()),
        weights: match experiment.init {
            _ if is_removed("weights") => None,
            Init::Draw(_) => None,
            Init::Weights { .. } => Some(&data.weights),
        },
        loss: &experiment.loss,
        metrics: experiment.metrics(),
        evaluate: experiment.evaluated(),
        optimizer: experiment.optimizer.written_out(),
        train: &experiment.train,
        record: &experiment.record,
        judge: listens_to_judge(experiment).then(|| experiment.judge()),
        seed,
    };
    ron::to_string(&identity).expect("a description is plain data")
}

fn listens_to_judge(experiment: &Experiment) -> bool {
    matches!(experiment.optimizer.schedule, Schedule::Plateau { .. })
        || experiment.stops_by(Watched::Judged)
}

/// 128 bits are far more than any number of runs needs.
fn key(description: &str) -> String {
    let mut key = digest::of(description.as_bytes());
    key.truncate(32);
    key
}

impl Experiment {
    /// The axes that make cells.
    pub(crate) fn cell_axes(&self) -> impl Iterator<Item = &Axis> {
        self.sweep.axes.iter().filter(|axis| !matches!(axis, Axis::Seed(_)))
    }

    /// Which value of each of these axes a cell has.
    pub(crate) fn indices(&self, cell: usize) -> Vec<usize> {
        // The first axis varies slowest.
        let mut rest = self.cell_count();
        let index = |axis: &Axis| {
            rest /= axis.len();
            cell / rest % axis.len()
        };
        self.cell_axes().map(index).collect()
    }

    /// Number of cells. The plan's size was checked, so the product fits.
    pub(crate) fn cell_count(&self) -> usize {
        self.cell_axes().map(Axis::len).product()
    }

    fn seed_list(&self) -> Option<&[u64]> {
        self.sweep.axes.iter().find_map(|axis| match axis {
            Axis::Seed(seeds) => Some(seeds.as_slice()),
            _ => None,
        })
    }

    /// Number of seeds.
    pub fn seed_count(&self) -> usize {
        self.seed_list().map_or(self.sweep.seeds as usize, <[u64]>::len)
    }

    /// Seed `index`.
    pub(crate) fn seed(&self, index: usize) -> u64 {
        self.seed_list().map_or(index as u64, |seeds| seeds[index])
    }

    /// Number of runs, or `None` when that does not fit a machine word.
    pub fn run_count(&self) -> Option<usize> {
        self.cell_axes().try_fold(self.seed_count(), |runs, axis| runs.checked_mul(axis.len()))
    }
}
