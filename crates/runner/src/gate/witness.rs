//! The witness of a program: the first steps of each model in `f64`, whose last digits alone
//! depend on the matrix product.
//!
//! A formula that is changed, however little it does to the end of a training, shows here at once;
//! another kernel, sum order or number of threads does not. Where rounding alone moves a quantity
//! by more than that, as it does behind a gradient that is nothing but rounding and an optimizer that
//! normalizes it, the baseline leaves the quantity out: it is NaN there, and holds nobody.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::axis::Axis;
use crate::data::{Dataset, Prepared};
use crate::experiment::{Experiment, Precision, Quantity};
use crate::interruption::{Interrupted, Interruption};
use crate::memory::{Memory, Threads};
use crate::needs::shortage_of_run;
use crate::plan::Plan;
use crate::train::{Disturbance, Run};

/// Steps from the initial weights.
const FIRST_STEPS: u64 = 20;

/// Steps around the second epoch's first, whose order is drawn anew, and around the first change of
/// the rate, where they come later: two before it, two after it.
const AROUND: u64 = 2;

/// Models of a plan that have a witness, at most; beyond, they are spread over its cells.
const MOST_CELLS: usize = 8;

/// Seeds of each: two tell whether the seed is listened to at all.
const SEEDS: usize = 2;

/// Relative difference that another matrix product may make, which rounds by some 1e-15.
const TOLERANCE: f64 = 1e-9;

/// Relative change of each parameter and gradient in each step that stands for the rounding of another
/// matrix product, a hundred times as large.
const ROUNDING: f64 = 1e-13;

/// A gradient that is nothing but rounding may be exactly 0 by one matrix product and not by another.
/// An optimizer that looks at its sign alone moves then or stays: each way is tried.
const DISTURBANCES: [Disturbance; 2] =
    [Disturbance::Moves(ROUNDING), Disturbance::Vanishes(ROUNDING)];

/// What that moves by more than this share is noise, and not held.
const NOISE: f64 = 1e-9;

/// The witness of one model and seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// The cell, in words.
    pub cell: String,
    /// The seed.
    pub seed: u64,
    /// The first steps, and those around the second epoch and the first change of the rate.
    pub steps: Vec<WitnessStep>,
    /// What was evaluated after them, in the order of the file's parts and metrics.
    pub evaluated: Vec<Evaluated>,
}

/// One step: number from 1, then rate, loss before it, norm of the gradient, norm of the
/// parameters after it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WitnessStep(pub u64, pub f64, pub f64, pub f64, pub f64);

/// One evaluation: the measure, and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated(pub String, pub f64);

/// Where a witness first differs from another.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    /// The cell, in words.
    pub cell: String,
    /// The seed.
    pub seed: u64,
    /// The step, from 1; none in what is evaluated after them.
    pub step: Option<u64>,
    /// What differs.
    pub quantity: String,
    /// Its value in the baseline.
    pub before: f64,
    /// Its value now.
    pub now: f64,
}

/// Why there is no witness.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WitnessError {
    /// It takes more memory than there is.
    #[error("the witness, whose steps are in double precision, cannot be had: {0}")]
    Shortage(String),
    /// It was interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl From<Interrupted> for WitnessError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// The witnesses of a plan for its baseline, in which what is noise is NaN.
///
/// # Errors
/// When it is interrupted, between two steps, or takes more memory than there is.
pub fn steady_witnesses(
    plan: &Plan,
    dataset: &Dataset,
    interruption: &Interruption,
) -> Result<Vec<Witness>, WitnessError> {
    let mut found = witnesses(plan, dataset, interruption)?;
    for disturbance in DISTURBANCES {
        let others = disturbed(plan, dataset, Some(disturbance), interruption)?;
        for (witness, other) in found.iter_mut().zip(&others) {
            witness.forget_noise(other);
        }
    }
    Ok(found)
}

/// The witnesses of a plan: of each of its cells, those that differ in the learning rate alone as
/// one, by its middle value.
///
/// # Errors
/// When it is interrupted, between two steps, or takes more memory than there is.
pub fn witnesses(
    plan: &Plan,
    dataset: &Dataset,
    interruption: &Interruption,
) -> Result<Vec<Witness>, WitnessError> {
    let memory = Memory::of_machine(Threads::of_tiles());
    for cell in cells(&plan.experiment) {
        let why = shortage_of_run(dataset, &witnessed(plan, cell), &memory);
        why.map_or(Ok(()), |why| Err(WitnessError::Shortage(why)))?;
    }
    Ok(disturbed(plan, dataset, None, interruption)?)
}

fn disturbed(
    plan: &Plan,
    dataset: &Dataset,
    disturbance: Option<Disturbance>,
    interruption: &Interruption,
) -> Result<Vec<Witness>, Interrupted> {
    let seeds: Vec<u64> = (0..plan.experiment.seed_count().min(SEEDS))
        .map(|index| plan.experiment.seed(index))
        .collect();
    let cells: Vec<(usize, Experiment)> =
        cells(&plan.experiment).into_iter().map(|cell| (cell, witnessed(plan, cell))).collect();
    let mut found = Vec::new();
    for &seed in &seeds {
        let (data, kind) = (&plan.experiment.data, plan.experiment.loss.target_kind());
        let prepared = dataset.prepare(data, kind, seed);
        for (cell, experiment) in &cells {
            let (steps, evaluated) =
                steps(experiment, (seed, disturbance), &prepared, interruption)?;
            found.push(Witness { cell: plan.cell_label(*cell), seed, steps, evaluated });
        }
    }
    Ok(found)
}

/// A cell as its witness is trained.
fn witnessed(plan: &Plan, cell: usize) -> Experiment {
    let mut experiment = plan.experiment_at(cell);
    experiment.train.precision = Precision::F64;
    if !experiment.records(Quantity::GradientNorms) {
        experiment.record.push(Quantity::GradientNorms);
    }
    experiment
}

/// The cells at the middle of the axis of rates, as many as are looked at.
fn cells(experiment: &Experiment) -> Vec<usize> {
    let axes: Vec<_> = experiment.cell_axes().collect();
    let is_middle = |cell: &usize| {
        let indices = experiment.indices(*cell);
        axes.iter()
            .zip(indices)
            .all(|(axis, index)| !matches!(axis, Axis::LearningRate(_)) || index == axis.len() / 2)
    };
    let all: Vec<usize> = (0..experiment.cell_count()).filter(is_middle).collect();
    let count = all.len().min(MOST_CELLS);
    (0..count).map(|place| all[place * all.len() / count]).collect()
}

fn steps(
    experiment: &Experiment,
    (seed, disturbance): (u64, Option<Disturbance>),
    data: &Prepared<f64>,
    interruption: &Interruption,
) -> Result<(Vec<WitnessStep>, Vec<Evaluated>), Interrupted> {
    let mut run = Run::start(experiment, seed, data);
    if let Some(disturbance) = disturbance {
        run.set_disturbance(disturbance);
    }
    let mut order: Vec<u32> = (0..data.train.rows() as u32).collect();
    let mut steps = Vec::new();
    let total = run.last_step();
    let mut stretch = |run: &mut Run<'_, f64>, until: u64| -> Result<(), Interrupted> {
        while run.steps() < until {
            run.forget_sums();
            let at = run.steps();
            // Ends after one step: the second call of `between` is in its place.
            let mut calls = 0;
            let one = run.train_epoch(&mut order, &mut |_| {
                calls += 1;
                if calls > 1 { Err(Interrupted) } else { interruption.check() }
            });
            if run.steps() == at {
                return one.map(|_| ());
            }
            let now = run.sums();
            let loss = now.loss / now.rows as f64;
            let gradient = now.gradient_norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
            let [loss, gradient, parameters] = [loss, gradient, now.parameter_norm].map(lost);
            steps.push(WitnessStep(at + 1, run.rate_at(at), loss, gradient, parameters));
            if matches!(one, Ok(Some(_))) {
                break;
            }
        }
        Ok(())
    };
    stretch(&mut run, FIRST_STEPS.min(total))?;
    let is_change = |step: &u64| run.rate_at(*step) != run.rate_at(step - 1);
    let change = (FIRST_STEPS + 1..total).find(is_change);
    // A rate that changes at each step has shown it already.
    let is_seen = (1..FIRST_STEPS.min(total)).any(|step| is_change(&step));
    let epoch = run.steps_per_epoch();
    let epoch = (epoch > FIRST_STEPS && epoch < total).then_some(epoch);
    let mut places: Vec<u64> = change.filter(|_| !is_seen).into_iter().chain(epoch).collect();
    places.sort_unstable();
    for place in places {
        run.jump_to((place - AROUND).max(run.steps()));
        stretch(&mut run, (place + AROUND).min(total))?;
    }
    let measured = run.measure(interruption)?;
    let evaluated = experiment.evaluated().iter().zip(&measured).flat_map(|(part, measured)| {
        let loss = Evaluated(format!("{} loss", part.name()), lost(measured.loss));
        let metrics = experiment.metrics().iter().zip(&measured.metrics);
        let named = metrics.map(|(metric, &value)| {
            Evaluated(format!("{} {}", part.name(), metric.name()), lost(value))
        });
        std::iter::once(loss).chain(named)
    });
    Ok((steps, evaluated.collect()))
}

/// A value that is no number as infinity, for NaN says here that a value is not held.
fn lost(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

impl Witness {
    /// Leaves out what a disturbance has moved, a quantity of the steps from the first such step on.
    fn forget_noise(&mut self, disturbed: &Self) {
        let mut is_steady = [true; 3];
        for (place, step) in self.steps.iter_mut().enumerate() {
            let other = disturbed.steps.get(place);
            let theirs = other.map_or([f64::NAN; 3], |other| [other.2, other.3, other.4]);
            let ours = [&mut step.2, &mut step.3, &mut step.4];
            for ((ours, theirs), is_steady) in ours.into_iter().zip(theirs).zip(&mut is_steady) {
                *is_steady &= is_near(*ours, theirs, NOISE);
                if !*is_steady {
                    *ours = f64::NAN;
                }
            }
        }
        for (ours, theirs) in self.evaluated.iter_mut().zip(&disturbed.evaluated) {
            if !is_near(ours.1, theirs.1, NOISE) {
                ours.1 = f64::NAN;
            }
        }
    }

    /// The share of its quantities that are held.
    pub fn held(&self) -> f64 {
        let steps = self.steps.iter().flat_map(|step| [step.2, step.3, step.4]);
        let all: Vec<f64> = steps.chain(self.evaluated.iter().map(|value| value.1)).collect();
        all.iter().filter(|value| !value.is_nan()).count() as f64 / all.len() as f64
    }
}

/// Where the witnesses first differ by more than a matrix product can make of them; by steps, so
/// that the earliest is named.
pub fn departure(before: &[Witness], now: &[Witness]) -> Option<Departure> {
    let mut found: Option<Departure> = None;
    for (before, now) in before.iter().zip(now) {
        let candidate = first(before, now);
        let order = |departure: &Departure| departure.step.unwrap_or(u64::MAX);
        if let Some(candidate) = candidate
            && found.as_ref().is_none_or(|found| order(&candidate) < order(found))
        {
            found = Some(candidate);
        }
    }
    let numbers = [before.len(), now.len()].map(|count| count as f64);
    let others = (numbers[0] != numbers[1]).then(|| Departure {
        cell: String::new(),
        seed: 0,
        step: None,
        quantity: "number of witnesses".to_string(),
        before: numbers[0],
        now: numbers[1],
    });
    found.or(others)
}

fn first(before: &Witness, now: &Witness) -> Option<Departure> {
    let differs = |step: Option<u64>, quantity: &str, before: f64, value: f64| Departure {
        cell: now.cell.clone(),
        seed: now.seed,
        step,
        quantity: quantity.to_string(),
        before,
        now: value,
    };
    if (&before.cell, before.seed) != (&now.cell, now.seed) {
        return Some(differs(None, "seed of the witness", before.seed as f64, now.seed as f64));
    }
    for (was, is) in before.steps.iter().zip(&now.steps) {
        let quantities = [
            ("number of the step", was.0 as f64, is.0 as f64),
            ("learning rate", was.1, is.1),
            ("loss", was.2, is.2),
            ("norm of the gradient", was.3, is.3),
            ("norm of the parameters", was.4, is.4),
        ];
        let differing = quantities.into_iter().find(|&(_, was, is)| !agree(was, is));
        if let Some((quantity, was, value)) = differing {
            return Some(differs(Some(is.0), quantity, was, value));
        }
    }
    let lengths = (before.steps.len(), now.steps.len());
    if lengths.0 != lengths.1 {
        return Some(differs(None, "number of steps", lengths.0 as f64, lengths.1 as f64));
    }
    let lengths = (before.evaluated.len(), now.evaluated.len());
    if lengths.0 != lengths.1 {
        return Some(differs(None, "number of values", lengths.0 as f64, lengths.1 as f64));
    }
    let pairs = before.evaluated.iter().zip(&now.evaluated);
    let differing = pairs.into_iter().find(|(a, b)| a.0 != b.0 || !agree(a.1, b.1));
    differing.map(|(a, b)| differs(None, &b.0, a.1, b.1))
}

/// Whether a baseline's value holds now, or holds nobody.
fn agree(held: f64, now: f64) -> bool {
    held.is_nan() || is_near(held, now, TOLERANCE)
}

fn is_near(a: f64, b: f64, share: f64) -> bool {
    let is_finite = a.is_finite() && b.is_finite();
    a == b || (is_finite && (a - b).abs() <= share * a.abs().max(b.abs()))
}
