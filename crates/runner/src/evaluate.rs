//! Loss and metrics of a part of the data at the present weights.

use gradus_core::{Mode, Program, Scalar};
use ndarray::{Axis, Slice};

use crate::curves::Curves;
use crate::data::Samples;
use crate::experiment::Experiment;
use crate::interruption::{Interrupted, Interruption};
use crate::metric::Metric;
use crate::score::Score;

/// What was measured of a part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The loss, without penalties.
    pub(crate) loss: f64,
    /// One value for each metric that was asked for, in its order.
    pub(crate) metrics: Vec<f64>,
}

/// Runs the program over all samples, as many at a time as it holds, and averages in row order.
/// `scale` is what each target column was divided by, `penalty` that of the present weights.
///
/// # Errors
/// When it is interrupted.
pub(crate) fn evaluate<T: Scalar>(
    program: &mut Program<T>,
    samples: &Samples<T>,
    metrics: &[Metric],
    scale: &[f64],
    penalty: f64,
    interruption: &Interruption,
) -> Result<Measured, Interrupted> {
    let rows = samples.rows();
    let (mut loss, mut weight) = (0.0, 0.0);
    let mut scores: Vec<Score> = metrics.iter().map(|&metric| Score::new(metric)).collect();
    for start in (0..rows).step_by(program.capacity()) {
        interruption.check()?;
        let end = rows.min(start + program.capacity());
        let inputs = samples.inputs.slice_axis(Axis(0), Slice::from(start..end));
        program.load(inputs.view());
        program.forward(Mode::Evaluate);
        let targets = samples.targets_of(start, end);
        let batch_weight = program.loss_kind().total_weight(targets);
        loss += program.loss(targets) * batch_weight;
        weight += batch_weight;
        for (predictions, output) in program.outputs() {
            let targets = targets.slice(predictions);
            scores.iter_mut().for_each(|score| score.add(output, targets, scale));
        }
    }
    // Where nothing weighs anything there is nothing to lose.
    let loss = if weight == 0.0 { 0.0 } else { loss / weight };
    let value = |score: &Score| match score.metric {
        Metric::Loss => loss,
        Metric::PenalizedLoss => loss + penalty,
        _ => score.value(),
    };
    Ok(Measured { loss, metrics: scores.iter().map(value).collect() })
}

/// The loss alone.
///
/// # Errors
/// When it is interrupted.
pub(crate) fn evaluate_loss<T: Scalar>(
    program: &mut Program<T>,
    samples: &Samples<T>,
    interruption: &Interruption,
) -> Result<f64, Interrupted> {
    evaluate(program, samples, &[], &[], 0.0, interruption).map(|measured| measured.loss)
}

/// The judged metric at the last evaluation.
pub(crate) fn judged(experiment: &Experiment, curves: &Curves) -> f64 {
    let judge = experiment.judge();
    curves.last(judge.chosen_on(), &judge.metric.name())
}
