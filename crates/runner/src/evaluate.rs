//! Loss and metrics of a part of the data at the present weights.

use gradus_core::{Loss, Mode, Program, Scalar, Targets};
use ndarray::{Array2, Axis, Slice};

use crate::curves::Curves;
use crate::data::{SampleTargets, Samples};
use crate::experiment::Experiment;
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
pub(crate) fn evaluate<T: Scalar>(
    program: &mut Program<T>,
    samples: &Samples<T>,
    metrics: &[Metric],
    scale: &[f64],
    penalty: f64,
) -> Measured {
    let rows = samples.rows();
    let mut loss = 0.0;
    let mut scores: Vec<Score> = metrics.iter().map(|&metric| Score::new(metric)).collect();
    for start in (0..rows).step_by(program.capacity()) {
        let end = rows.min(start + program.capacity());
        let inputs = samples.inputs.slice_axis(Axis(0), Slice::from(start..end));
        program.begin(end - start).assign(&inputs);
        program.forward(Mode::Evaluate);
        let targets = samples.targets_of(start, end);
        loss += program.loss(targets) * (end - start) as f64;
        for score in &mut scores {
            score.add(program.output(), targets, scale);
        }
    }
    let loss = loss / rows as f64;
    let value = |score: &Score| match score.metric {
        Metric::Loss => loss,
        Metric::PenalizedLoss => loss + penalty,
        _ => score.value(),
    };
    Measured { loss, metrics: scores.iter().map(value).collect() }
}

/// The loss alone.
pub(crate) fn evaluate_loss<T: Scalar>(program: &mut Program<T>, samples: &Samples<T>) -> f64 {
    evaluate(program, samples, &[], &[], 0.0).loss
}

/// The loss of the best prediction that is the same for every sample: the mean target for the
/// squared losses, the frequencies of the classes for cross-entropy (whose loss is the entropy).
pub(crate) fn constant_loss<T: Scalar>(loss: Loss, samples: &Samples<T>) -> f64 {
    match &samples.targets {
        SampleTargets::Classes(classes) => {
            let mut counts = std::collections::BTreeMap::new();
            for class in classes {
                *counts.entry(class).or_insert(0.0) += 1.0;
            }
            let n = classes.len() as f64;
            counts.values().map(|&count: &f64| -(count / n) * libm::log(count / n)).sum()
        }
        SampleTargets::Values(values) => {
            let values = values.mapv(|value| value.to_f64());
            let n = values.nrows() as f64;
            let means = values.columns().into_iter().map(|column| column.sum() / n);
            let means: Vec<f64> = means.collect();
            let constant = Array2::from_shape_fn(values.dim(), |(_, column)| means[column]);
            loss.value(constant.view(), Targets::Values(values.view()))
        }
    }
}

/// The judged metric at the last evaluation.
pub(crate) fn judged(experiment: &Experiment, curves: &Curves) -> f64 {
    let judge = experiment.judge();
    curves.last(judge.chosen_on(), &judge.metric.name())
}
