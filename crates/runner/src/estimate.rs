//! What a plan will cost, before it is run.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use gradus_core::Scalar;

use crate::data::Prepared;
use crate::experiment::{Experiment, Precision};
use crate::file::File;
use crate::memory::{Memory, Threads};
use crate::needs::Needs;
use crate::pool::cores;
use crate::store::Presence;
use crate::train::Run;

/// The cost of the runs that `run` would train: those that are missing, and those that are there
/// with another stamp only.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Steps of all of them, but for those that will fail.
    pub steps: u64,
    /// Seconds on this machine with all its cores, from a few steps of each kind of them; evaluation
    /// between epochs comes on top.
    pub seconds: f64,
    /// Bytes of their records.
    pub bytes: u64,
    /// Bytes of memory that the largest of them takes, its data included.
    pub memory: u64,
    /// How many of them can never be trained here.
    pub refused: usize,
    /// Position of the first of those, and why.
    pub refusal: Option<(usize, String)>,
}

/// Steps that are measured after one that is not, and the time after which no more are.
const MEASURED_STEPS: u32 = 5;
const MEASURED_TIME: Duration = Duration::from_millis(500);

/// Runs whose steps take the same time: with the same model, batch and state.
struct Kind {
    experiment: Experiment,
    position: usize,
    steps: u64,
    bytes: u64,
}

/// Measures a few steps of each kind of run that is to be trained, and counts the rest.
pub fn estimate(file: &File, presence: &[Presence]) -> Estimate {
    match file.plan.experiment.train.precision {
        Precision::F32 => estimate_all::<f32>(file, presence),
        Precision::F64 => estimate_all::<f64>(file, presence),
    }
}

fn estimate_all<T: Scalar>(file: &File, presence: &[Presence]) -> Estimate {
    let (plan, dataset) = (&file.plan, &file.dataset);
    let rows = dataset.sizes(&plan.experiment.data.split).train;
    let needs = Needs::new::<T>(dataset, &plan.experiment);
    let memory = Memory::of_machine(Threads::of_tiles());
    let mut estimate =
        Estimate { steps: 0, seconds: 0.0, bytes: 0, memory: 0, refused: 0, refusal: None };
    let mut kinds: Vec<Kind> = Vec::new();
    // Known once for all seeds.
    let mut of_cells = HashMap::new();
    for (position, _) in presence.iter().enumerate().filter(|(_, p)| **p != Presence::Here) {
        let cell = plan.cell(position);
        let experiment = plan.experiment_at(cell);
        let of_run = of_cells.entry(cell).or_insert_with(|| needs.of_run::<T>(&experiment));
        let bytes = needs.data.saturating_add(*of_run);
        estimate.memory = estimate.memory.max(bytes);
        if let Some(why) = memory.refusal(bytes) {
            estimate.refused += 1;
            estimate.refusal.get_or_insert((position, why));
            continue;
        }
        let per_epoch = experiment.train.steps_per_epoch(rows);
        let steps = experiment.train.total_steps(per_epoch);
        estimate.steps = estimate.steps.saturating_add(steps);
        // 24 bytes a point; about 1 KiB for the rest of a record.
        let curves = 1 + experiment.evaluated().len() * (1 + experiment.metrics().len());
        let points = steps.div_ceil(per_epoch).saturating_add(1);
        let record = points.saturating_mul(24 * curves as u64).saturating_add(1024);
        estimate.bytes = estimate.bytes.saturating_add(record);
        let is_same = |kind: &&mut Kind| {
            kind.bytes == bytes
                && kind.experiment.model == experiment.model
                && kind.experiment.train.batch == experiment.train.batch
        };
        match kinds.iter_mut().find(is_same) {
            Some(kind) => kind.steps = kind.steps.saturating_add(steps),
            None => kinds.push(Kind { experiment, position, steps, bytes }),
        }
    }
    let Some(first) = kinds.first() else { return estimate };
    let (seed, target) = (plan.seed(first.position), plan.experiment.loss.target_kind());
    let data = dataset.prepare::<T>(&plan.experiment.data, target, seed);
    let seconds = |kind: &Kind| seconds_of_step(&kind.experiment, seed, &data) * kind.steps as f64;
    estimate.seconds = kinds.iter().map(seconds).sum::<f64>() / cores() as f64;
    estimate
}

fn seconds_of_step<T: Scalar>(experiment: &Experiment, seed: u64, data: &Prepared<T>) -> f64 {
    let mut run = Run::start(experiment, seed, data);
    let batch = experiment.train.batch_rows(data.train.rows());
    let rows: Vec<u32> = (0..batch as u32).collect();
    run.step(&rows);
    let started = Instant::now();
    let mut steps = 0;
    while steps < MEASURED_STEPS && (steps == 0 || started.elapsed() < MEASURED_TIME) {
        run.step(&rows);
        steps += 1;
    }
    started.elapsed().as_secs_f64() / f64::from(steps)
}
