//! What a plan will cost, before it is run.

use std::time::Instant;

use gradus_core::Scalar;

use crate::experiment::Precision;
use crate::file::File;
use crate::memory::{Memory, Threads};
use crate::needs::Needs;
use crate::pool::cores;
use crate::store::Presence;
use crate::train::Run;

/// The cost of the runs that are missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Steps of all of them.
    pub steps: u64,
    /// Seconds on this machine with all its cores, from a few steps of the first; evaluation
    /// between epochs comes on top.
    pub seconds: f64,
    /// Bytes of their records.
    pub bytes: u64,
    /// Bytes of memory that the first of them takes, its data included.
    pub memory: u64,
    /// Why the first of them can never be trained here, where it cannot; then nothing is measured.
    pub refused: Option<String>,
}

/// Steps that are measured after one that is not.
const MEASURED_STEPS: usize = 5;

/// Measures a few steps of the first missing run, and counts the rest.
pub fn estimate(file: &File, presence: &[Presence]) -> Estimate {
    let plan = &file.plan;
    let rows = file.dataset.sizes(&plan.experiment.data.split).train;
    let mut estimate = Estimate { steps: 0, seconds: 0.0, bytes: 0, memory: 0, refused: None };
    let mut first = None;
    for (position, _) in presence.iter().enumerate().filter(|(_, p)| **p == Presence::Missing) {
        let experiment = plan.experiment_at(plan.cell(position));
        let per_epoch = experiment.train.steps_per_epoch(rows);
        let steps = experiment.train.total_steps(per_epoch);
        estimate.steps = estimate.steps.saturating_add(steps);
        // 24 bytes a point; about 1 KiB for the rest of a record.
        let curves = 1 + experiment.evaluated().len() * (1 + experiment.metrics().len());
        let points = steps.div_ceil(per_epoch).saturating_add(1);
        let bytes = points.saturating_mul(24 * curves as u64).saturating_add(1024);
        estimate.bytes = estimate.bytes.saturating_add(bytes);
        first.get_or_insert(position);
    }
    let Some(first) = first else { return estimate };
    let (memory, seconds) = match plan.experiment.train.precision {
        Precision::F32 => measure::<f32>(file, first),
        Precision::F64 => measure::<f64>(file, first),
    };
    estimate.memory = memory;
    match seconds {
        Ok(seconds) => estimate.seconds = seconds * estimate.steps as f64 / cores() as f64,
        Err(refused) => (estimate.seconds, estimate.refused) = (f64::NAN, Some(refused)),
    }
    estimate
}

/// Bytes that a run takes, and how long a step of it.
fn measure<T: Scalar>(file: &File, position: usize) -> (u64, Result<f64, String>) {
    let experiment = file.plan.experiment_at(file.plan.cell(position));
    let needs = Needs::new::<T>(&file.dataset, &experiment);
    let bytes = needs.data.saturating_add(needs.of_run::<T>(&experiment));
    if let Some(refused) = Memory::of_machine(Threads::of_tiles()).refusal(bytes) {
        return (bytes, Err(refused));
    }
    let seed = file.plan.seed(position);
    let kind = experiment.loss.target_kind();
    let data = file.dataset.prepare::<T>(&experiment.data, kind, seed);
    let mut run = Run::start(&experiment, seed, &data);
    let batch = experiment.train.batch_rows(data.train.rows());
    let rows: Vec<u32> = (0..batch as u32).collect();
    run.step(&rows);
    let started = Instant::now();
    for _ in 0..MEASURED_STEPS {
        run.step(&rows);
    }
    (bytes, Ok(started.elapsed().as_secs_f64() / MEASURED_STEPS as f64))
}
