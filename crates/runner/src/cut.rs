//! A run in two stretches, as if it had been killed between them.

use gradus_core::Scalar;

use crate::data::{Dataset, Prepared};
use crate::experiment::{Experiment, Precision};
use crate::interruption::{Interrupted, Interruption};
use crate::train::{Run, Trained};

/// Where a run is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    Never,
    /// Behind the middle one of its steps.
    Middle,
    /// Behind this step, counted from 1, before the next.
    Behind(u64),
    /// While the epoch that ends with this step is evaluated.
    Evaluating(u64),
}

/// Trains a run, and cuts it: `carry` takes what was saved, and gives back what is carried on from.
/// A run that ends before it is cut is never carried.
///
/// # Errors
/// When it is interrupted; within, when it cannot be carried on from what `carry` gave, and why.
///
/// # Panics
/// If the experiment was not checked against the data (see [`crate::File`]).
pub fn train_cut(
    experiment: &Experiment,
    seed: u64,
    dataset: &Dataset,
    cut: Cut,
    carry: &mut dyn FnMut(Vec<u8>) -> Vec<u8>,
    interruption: &Interruption,
) -> Result<Result<Trained, String>, Interrupted> {
    let kind = experiment.loss.target_kind();
    match experiment.train.precision {
        Precision::F32 => {
            let data = dataset.prepare::<f32>(&experiment.data, kind, seed);
            train(experiment, seed, &data, cut, carry, interruption)
        }
        Precision::F64 => {
            let data = dataset.prepare::<f64>(&experiment.data, kind, seed);
            train(experiment, seed, &data, cut, carry, interruption)
        }
    }
}

fn train<T: Scalar>(
    experiment: &Experiment,
    seed: u64,
    data: &Prepared<T>,
    cut: Cut,
    carry: &mut dyn FnMut(Vec<u8>) -> Vec<u8>,
    interruption: &Interruption,
) -> Result<Result<Trained, String>, Interrupted> {
    let mut run = Run::start(experiment, seed, data);
    let steps_per_epoch = experiment.train.steps_per_epoch(data.train.rows());
    let (behind, evaluating) = match cut {
        Cut::Never => (None, None),
        Cut::Middle => (Some(experiment.train.total_steps(steps_per_epoch) / 2), None),
        Cut::Behind(step) => (Some(step), None),
        Cut::Evaluating(step) => (None, Some(step)),
    };
    // Asked while the last step is done, it is seen by what comes next, the evaluation.
    let own = Interruption::default();
    let mut is_cut = false;
    let outcome = run.train(&own, &mut |run| {
        interruption.check()?;
        let steps = run.steps();
        if steps > 0 && Some(steps) == behind {
            is_cut = true;
            return Err(Interrupted);
        }
        if Some(steps + 1) == evaluating {
            is_cut = true;
            own.ask();
        }
        Ok(())
    });
    match outcome {
        Ok(outcome) => return Ok(Ok(run.finish(outcome))),
        Err(Interrupted) if !is_cut => return Err(Interrupted),
        Err(Interrupted) => {}
    }
    let saved = run.checkpoint();
    drop(run);
    let mut run = match Run::carry_on(experiment, seed, data, &carry(saved)) {
        Ok(run) => run,
        Err(misfit) => return Ok(Err(misfit)),
    };
    let outcome = run.train(interruption, &mut |_| interruption.check())?;
    Ok(Ok(run.finish(outcome)))
}
