//! Results that nobody trained, for those who judge results.

use std::sync::Arc;

use gradus_runner::{Curve, Outcome, Plan, PlannedRun, Results, RunRecord};

/// Each run of the plan, by its position, with its curve of this validation metric, the first value
/// before training and one after each epoch, and how it ended.
pub(crate) fn results(
    plan: &Plan,
    metric: &'static str,
    of: impl Fn(usize) -> (Vec<f64>, Outcome),
) -> Results {
    let run = |position: usize| {
        let (values, outcome) = of(position);
        let (cell, seed) = (plan.cell(position), plan.seed(position));
        let epochs: Arc<[u64]> = (0..values.len() as u64).collect();
        let record = RunRecord {
            key: plan.keys[position].clone(),
            stamp: "here".into(),
            seed,
            description: String::new(),
            outcome,
            stopped: None,
            parameter_count: 1,
            epochs: values.len() as u64 - 1,
            steps: 4,
            initial_loss: 1.0,
            constant_loss: 1.0,
            curves: vec![Curve {
                split: "validation".into(),
                metric: metric.into(),
                layer: None,
                steps: epochs.clone(),
                epochs,
                values,
            }],
            arrays: Vec::new(),
            weights_digest: format!("{position:064}"),
        };
        PlannedRun {
            position,
            cell,
            coordinates: plan.coordinates(cell).into(),
            seed,
            key: plan.keys[position].clone(),
            record: Some(record),
            timing: None,
        }
    };
    Results {
        experiment: plan.experiment.clone(),
        question: plan.question.clone(),
        data: plan.data.clone(),
        runs: (0..plan.len()).map(run).collect(),
        digest: String::new(),
    }
}
