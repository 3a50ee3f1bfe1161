//! A mean over epochs that a run does not reach would never be there.

use gradus_core::Mistake;
use gradus_optim::{Average, Optimizer};

use super::loss_and_batch::chosen;
use crate::axis::Axis;
use crate::data::Dataset;
use crate::experiment::{Experiment, Train};

/// Every optimizer whose mean begins where the shortest of its runs is over, or behind.
pub(super) fn mistakes(experiment: &Experiment, dataset: &Dataset) -> Vec<Mistake> {
    let rows = dataset.sizes(&experiment.data.split).train;
    // Epochs of a run, the last perhaps cut short; `steps` make the fewer the smaller the batch.
    let epochs = |batch: usize| {
        let train = Train { batch: Some(batch), ..experiment.train.clone() };
        let per_epoch = train.steps_per_epoch(rows).max(1);
        train.total_steps(per_epoch).div_ceil(per_epoch)
    };
    let batches = chosen(experiment, rows).into_iter().map(|(_, batch)| batch);
    let fewest = batches.filter(|batch| (1..=rows).contains(batch)).map(epochs).min();
    let Some(fewest) = fewest else { return Vec::new() };
    let mistake = |(place, optimizer): (String, &Optimizer)| {
        let Some(Average::Mean { from_epoch }) = optimizer.average else { return None };
        let message = format!("the mean begins after {from_epoch} epochs");
        let help = format!("allowed: 0 to {}, for a run has {fewest} epochs", fewest - 1);
        let holds = from_epoch < fewest;
        (!holds).then(|| Mistake::new(format!("{place}.average.from_epoch"), message, help))
    };
    optimizers(experiment).into_iter().filter_map(mistake).collect()
}

/// Every optimizer that a run can have, and where the file says so.
fn optimizers(experiment: &Experiment) -> Vec<(String, &Optimizer)> {
    for (position, axis) in experiment.sweep.axes.iter().enumerate() {
        if let Axis::Optimizer(values) = axis {
            let place = |index| format!("sweep.axes[{position}][0][{index}].optimizer");
            let values = values.iter().enumerate();
            return values.map(|(index, named)| (place(index), &named.optimizer)).collect();
        }
    }
    vec![("optimizer".to_string(), &experiment.optimizer)]
}
