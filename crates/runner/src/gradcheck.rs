//! `gradcheck`: the very net, loss and penalties of a file against finite differences.

use std::ops::Range;

use gradus_core::{GradientCheck, Graph, Mode, ParameterRange, Program, check_gradients_of};

use crate::batch::{Batch, gather};
use crate::data::Prepared;
use crate::experiment::Experiment;
use crate::file::File;
use crate::memory::{RELIEF, shortage_of};
use crate::needs::Needs;
use crate::plan::Plan;

/// Samples that the gradient is taken over: enough for every unit to be active somewhere.
const ROWS: usize = 16;
/// Of a parameter with more numbers than this, so many are compared, evenly spread.
const MOST_COORDINATES: usize = 400;

/// The check of one cell's network.
#[derive(Clone, Debug)]
pub struct CheckedCell {
    /// The first cell with this model, loss and penalties.
    pub cell: usize,
    /// What tells it from the others, for people.
    pub label: String,
    /// What was found, over all parameters.
    pub check: GradientCheck,
    /// Trained values of the network; not all are compared when it is large.
    pub parameter_count: usize,
}

/// Checks every different combination of model, initialisation and penalties of the file, at the
/// initial weights of the first seed, in `f64`, on its first training rows.
///
/// # Errors
/// When one of them takes more memory than there is; nothing is computed then.
pub fn gradcheck(file: &File) -> Result<Vec<CheckedCell>, String> {
    let plan = &file.plan;
    let first = &plan.experiment;
    let cells = different_cells(plan);
    let needs = Needs::new::<f64>(&file.dataset, first);
    let rows = ROWS.min(file.dataset.sizes(&first.data.split).train);
    let of_models = cells.iter().map(|(_, experiment)| needs.of_gradients(experiment, rows));
    let bytes = needs.data.saturating_add(of_models.max().unwrap_or(0));
    if let Some(why) = shortage_of(bytes) {
        return Err(format!("the gradients cannot be compared: {why}; {RELIEF}"));
    }
    let seed = first.seed(0);
    let data = file.dataset.prepare::<f64>(&first.data, first.loss.target_kind(), seed);
    let checked = cells.into_iter().map(|(cell, experiment)| {
        let coordinates = plan.coordinates(cell);
        let labels = coordinates.iter().map(|c| format!("{} {}", c.axis, c.label));
        let label = labels.collect::<Vec<_>>().join(", ");
        let (check, parameter_count) = check_cell(&experiment, &data, seed);
        CheckedCell { cell, label, check, parameter_count }
    });
    Ok(checked.collect())
}

/// The first cell of each combination of what the gradient at the initial weights depends on.
fn different_cells(plan: &Plan) -> Vec<(usize, Experiment)> {
    let mut seen: Vec<(usize, Experiment)> = Vec::new();
    for cell in 0..plan.experiment.cell_count() {
        let experiment = plan.experiment_at(cell);
        let is_same = |(_, other): &(usize, Experiment)| {
            other.model == experiment.model
                && other.init == experiment.init
                && other.optimizer.chain == experiment.optimizer.chain
        };
        if !seen.iter().any(is_same) {
            seen.push((cell, experiment));
        }
    }
    seen
}

fn check_cell(experiment: &Experiment, data: &Prepared<f64>, seed: u64) -> (GradientCheck, usize) {
    let rows: Vec<u32> = (0..data.train.rows().min(ROWS) as u32).collect();
    let graph = Graph::build(data.input_shape, &experiment.model, experiment.init.drawn())
        .expect("the model was checked against the data");
    let mut program: Program<f64> = Program::compile(graph, experiment.loss.clone(), rows.len());
    program.initialize(seed);
    if let Some(weights) = experiment.init.content() {
        weights.put_into(&mut program);
    }
    let mut batch = Batch::new(rows.len(), &data.train);
    batch.load(&data.train, &rows);
    let inputs = data.train.inputs.view();
    let fill = |some: Range<usize>, to: &mut [f64]| gather(inputs, &rows[some], to);
    program.differentiate((rows.len(), 0), &fill, batch.targets());

    let optimizer = &experiment.optimizer;
    let mut analytic = program.parameters.gradients.clone();
    let ranges = program.parameters.ranges.clone();
    let mut point = program.parameters.values.clone();
    optimizer.add_penalty_gradient(&point, &ranges, rows.len() as u64, &mut analytic);
    let compared = thinned(&ranges);
    let check = check_gradients_of(&compared, &mut point, &analytic, |values| {
        program.parameters.values.copy_from_slice(values);
        program.forward(Mode::Train { step: 0 });
        program.loss(batch.targets()) + optimizer.penalty(values, &ranges, rows.len() as u64)
    });
    (check, point.len())
}

/// Ranges of single numbers, evenly spread, in place of the large ones.
fn thinned(ranges: &[ParameterRange]) -> Vec<ParameterRange> {
    let mut thin = Vec::new();
    for parameter in ranges {
        let length = parameter.range.len();
        if length <= MOST_COORDINATES {
            thin.push(parameter.clone());
            continue;
        }
        for share in 0..MOST_COORDINATES {
            let at = parameter.range.start + share * length / MOST_COORDINATES;
            let name = format!("{} at {}", parameter.name, at - parameter.range.start);
            thin.push(ParameterRange { name, range: at..at + 1, ..parameter.clone() });
        }
    }
    thin
}
