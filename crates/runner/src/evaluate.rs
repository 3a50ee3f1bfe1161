//! Loss and metrics of a part of the data at the present weights.

use gradus_core::{Loss, Mode, Program, Scalar, Targets};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Slice};

use crate::curves::Curves;
use crate::data::{SampleTargets, Samples};
use crate::experiment::{Experiment, Metric};

/// What was measured of a part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The loss, without penalties.
    pub(crate) loss: f64,
    /// One value for each metric that was asked for, in its order.
    pub(crate) metrics: Vec<f64>,
}

/// Runs the program over all samples, as many at a time as it holds, and averages in row order.
pub(crate) fn evaluate<T: Scalar>(
    program: &mut Program<T>,
    samples: &Samples<T>,
    metrics: &[Metric],
) -> Measured {
    let rows = samples.rows();
    let mut loss = 0.0;
    let mut sums = vec![0.0; metrics.len()];
    for start in (0..rows).step_by(program.capacity()) {
        let end = rows.min(start + program.capacity());
        let inputs = samples.inputs.slice_axis(Axis(0), Slice::from(start..end));
        program.begin(end - start).assign(&inputs);
        program.forward(Mode::Evaluate);
        let targets = samples.targets.between(start, end);
        loss += program.loss(targets) * (end - start) as f64;
        for (sum, metric) in sums.iter_mut().zip(metrics) {
            *sum += match metric {
                Metric::Accuracy => count_right(program.output(), targets),
                Metric::Mse => Loss::Mse.value(program.output(), targets) * (end - start) as f64,
            };
        }
    }
    let mean = |sum: f64| sum / rows as f64;
    Measured { loss: mean(loss), metrics: sums.into_iter().map(mean).collect() }
}

/// Samples whose largest output is the one of their class; the first of equal ones counts.
fn count_right<T: Scalar>(outputs: ArrayView2<'_, T>, targets: Targets<'_, T>) -> f64 {
    let right = match targets {
        Targets::Classes(classes) => outputs
            .rows()
            .into_iter()
            .zip(classes)
            .filter(|(row, class)| largest(*row) == **class as usize)
            .count(),
        Targets::Values(values) => outputs
            .rows()
            .into_iter()
            .zip(values.rows())
            .filter(|(row, one_hot)| largest(*row) == largest(*one_hot))
            .count(),
    };
    right as f64
}

fn largest<T: Scalar>(row: ArrayView1<'_, T>) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
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

/// The judged metric at the last evaluation, turned so that lower is better.
pub(crate) fn judged(experiment: &Experiment, curves: &Curves) -> f64 {
    let judge = experiment.judge();
    let value = curves.last(judge.split, judge.metric.name());
    if judge.metric.higher_is_better() { -value } else { value }
}
