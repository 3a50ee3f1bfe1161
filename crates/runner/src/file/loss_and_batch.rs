//! What the loss asks of the targets, and layers of the batches that training makes.

use gradus_core::{Graph, Loss, Mistake};

use crate::axis::Axis;
use crate::data::{Dataset, RawTargets, Scaling};
use crate::experiment::{Experiment, LastBatch};

/// Options that must fit the classes, and numbers that must be probabilities.
pub(super) fn loss(experiment: &Experiment, dataset: &Dataset) -> Vec<Mistake> {
    match &dataset.targets {
        RawTargets::Classes { names, .. } => {
            let mistake = experiment.loss.mistake_for_classes(names.len());
            mistake.map(|mistake| mistake.within("loss")).into_iter().collect()
        }
        RawTargets::Numbers { rows, names } if experiment.loss == Loss::BinaryCrossEntropy => {
            let mut found = Vec::new();
            if experiment.data.targets != Scaling::AsIs {
                found.push(Mistake::new(
                    "data.targets",
                    format!(
                        "BinaryCrossEntropy takes probabilities as they are, {:?} changes them",
                        experiment.data.targets
                    ),
                    "leave `targets` out, or choose a loss on any numbers such as Mse",
                ));
            }
            if let Some(at) = rows.iter().position(|target| !(0.0..=1.0).contains(target)) {
                found.push(Mistake::new(
                    "loss",
                    format!(
                        "BinaryCrossEntropy takes targets from 0 to 1; row {} has {} as {:?}",
                        at / names.len() + 1,
                        rows[at],
                        names[at % names.len()]
                    ),
                    "choose a loss on any numbers, such as Mse, Mae or Huber(1.0)",
                ));
            }
            found
        }
        RawTargets::Numbers { .. } => Vec::new(),
    }
}

/// Batches, the short last one too, that a layer cannot be trained on.
pub(super) fn batches(
    experiment: &Experiment,
    dataset: &Dataset,
    graph: &Graph<f64>,
) -> Vec<Mistake> {
    let rows = dataset.sizes(&experiment.data.split).train;
    let mut found = Vec::new();
    for (place, batch) in chosen(experiment, rows) {
        // A batch above the training rows is refused as such.
        if !(1..=rows).contains(&batch) {
            continue;
        }
        let whole = graph.mistakes_of_batch(batch);
        let help = match rows {
            1 => "the data has a single training row: take more, or leave this layer out",
            _ => "choose a larger batch",
        };
        found.extend(whole.iter().map(|error| Mistake::new(&place, error.to_string(), help)));
        let last = rows % batch;
        if last == 0 || !whole.is_empty() || experiment.train.last_batch == LastBatch::Drop {
            continue;
        }
        for error in graph.mistakes_of_batch(last) {
            let message = format!(
                "{rows} training rows in batches of {batch} leave {last} for the last; {error}"
            );
            let help = "choose another batch, or `last_batch: Drop` in `train`";
            found.push(Mistake::new(&place, message, help));
        }
    }
    found
}

/// Every batch that a run may have, and where the file says so.
pub(super) fn chosen(experiment: &Experiment, rows: usize) -> Vec<(String, usize)> {
    let axis = experiment.sweep.axes.iter().enumerate().find_map(|(position, axis)| match axis {
        Axis::Batch(values) => Some((position, values)),
        _ => None,
    });
    match (axis, experiment.train.batch) {
        (Some((position, values)), _) => {
            let place = |index| format!("sweep.axes[{position}][0][{index}]");
            values.iter().enumerate().map(|(index, &batch)| (place(index), batch)).collect()
        }
        (None, Some(batch)) => vec![("train.batch".to_string(), batch)],
        (None, None) => vec![("train".to_string(), rows)],
    }
}
