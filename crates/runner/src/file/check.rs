//! What an experiment must keep beside its form: ranges, sizes, and that its parts fit each other.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gradus_core::{
    BuildError, Graph, Initialization, Layer, Loss, Mistake, Program, Shape, TargetKind,
};

use super::tree::{Kind, Node};
use super::{LARGEST_FILE, averages, loss_and_batch, token_numbers};
use crate::axis::Axis;
use crate::checks;
use crate::data::{Dataset, RawTargets};
use crate::experiment::{Experiment, Part, Quantity};
use crate::gate;
use crate::memory::{RELIEF, shortage_of};
use crate::metric::{At, Metric};
use crate::plan::LARGEST_PLAN;
use crate::sabotage::is_removed;
use crate::stop::Stop;
use crate::weights::{Init, Weights};

/// Everything that can be said without the data.
pub(super) fn alone(experiment: &Experiment) -> Vec<Mistake> {
    let mut found = name(experiment);
    found.extend(experiment.data.mistakes());
    found.extend(
        experiment.init.drawn().mistakes().into_iter().map(|mistake| mistake.within("init")),
    );
    found.extend(within("loss", experiment.loss.mistakes()));
    found.extend(within("optimizer", experiment.optimizer.mistakes()));
    found.extend(within("train", train(experiment)));
    found.extend(sweep(experiment));
    found.extend(checks::alone(experiment));
    found.extend(gate::alone(experiment));
    if let Some(judge) = experiment.judge
        && let At::Window(0) = judge.at
    {
        found.push(Mistake::new("judge.at", "a window of 0 epochs", "allowed: from 1"));
    }
    found.extend(metrics(experiment));
    for (position, quantity) in experiment.record.iter().enumerate() {
        if *quantity == Quantity::Sharpness && experiment.train.batch.is_some() {
            found.push(Mistake::new(
                format!("record[{position}]"),
                "Sharpness is recorded for the full batch only",
                "leave `batch` out of `train`, or Sharpness out of `record`",
            ));
        }
    }
    found
}

fn within(field: &str, mistakes: Vec<Mistake>) -> impl Iterator<Item = Mistake> {
    mistakes.into_iter().map(move |mistake| mistake.within(field))
}

/// The name is that of a folder, on every system.
fn name(experiment: &Experiment) -> Vec<Mistake> {
    let name = experiment.name.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let holds = (1..=64).contains(&name.len())
        && name.chars().all(is_plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && !["baselines", "examples"].contains(&name)
        && !is_device(name);
    let allowed = "1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit; \
                   not a name the system or `results` keeps for itself";
    let holds = holds || is_removed("names");
    Mistake::unless(holds, "name", "the name", format!("{name:?}"), allowed).into_iter().collect()
}

/// Whether Windows takes it for a device, whatever follows a dot: `nul.txt` is one.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_port = |port: &str| {
        let number = stem.strip_prefix(port);
        number.is_some_and(|number| number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()))
    };
    ["con", "prn", "aux", "nul"].contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

/// Two files of one folder with the same name would share one folder of results.
pub(super) fn name_is_free(experiment: &Experiment, path: &Path) -> Option<Mistake> {
    let own = path.file_name()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let others = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let other = others.flatten().map(|entry| entry.path()).find(|other| {
        other.extension().is_some_and(|extension| extension == "ron")
            && other.file_name() != Some(own)
            && fs::metadata(other).is_ok_and(|file| file.is_file() && file.len() <= LARGEST_FILE)
            && fs::read_to_string(other).is_ok_and(|text| has_name(&text, &experiment.name))
    })?;
    let other = other.file_name()?.to_string_lossy().into_owned();
    Some(Mistake::new(
        "name",
        format!("{other} beside this file has the same name {:?}", experiment.name),
        "give each experiment a name of its own: it is the folder of its results",
    ))
}

fn has_name(text: &str, name: &str) -> bool {
    let Some(Node { kind: Kind::Fields(fields), .. }) = Node::scan(text) else { return false };
    fields.iter().any(|field| {
        &text[field.name.clone()] == "name"
            && text[field.value.span.clone()].trim_matches('"') == name
    })
}

fn train(experiment: &Experiment) -> Vec<Mistake> {
    let train = &experiment.train;
    let mut found = Vec::new();
    for (place, count) in [("epochs", train.epochs), ("steps", train.steps)] {
        let allowed = "a whole number from 1 to 1000000000000";
        if let Some(count) = count {
            let holds = (1..=1_000_000_000_000).contains(&count);
            found.extend(Mistake::unless(holds, place, place, count, allowed));
        }
    }
    if train.epochs.is_some() == train.steps.is_some() {
        let message = if train.epochs.is_some() { "both are there" } else { "neither is there" };
        let message = format!("the length of a run is either `epochs` or `steps`; {message}");
        found.push(Mistake::new("", message, "keep exactly one, such as `epochs: 20`"));
    }
    if let Some(batch) = train.batch {
        found.extend(Mistake::unless(batch > 0, "batch", "the batch", batch, "from 1"));
    }
    for (position, rule) in train.stop.iter().enumerate() {
        found.extend(within(&format!("stop[{position}]"), stop(*rule)));
    }
    let holds = train.diverged_above.is_finite() && train.diverged_above > 0.0;
    let (place, value) = ("diverged_above", train.diverged_above);
    found.extend(Mistake::unless(holds, place, place, value, "a finite number above 0"));
    found.extend(Mistake::unless(train.window > 0, "window", "the window", 0, "from 1 epoch"));
    found
}

fn stop(rule: Stop) -> Vec<Mistake> {
    let found = match rule {
        Stop::LossBelow(bound) => {
            let holds = bound.is_finite();
            vec![Mistake::unless(holds, "[0]", "the bound", bound, "a finite number")]
        }
        Stop::Stale { epochs, by, .. } => vec![
            Mistake::unless(epochs > 0, "epochs", "epochs", epochs, "from 1"),
            Mistake::unless(by.is_finite() && by >= 0.0, "by", "by", by, "a finite number from 0"),
        ],
        Stop::Patience { steps, factor, improvement, .. } => {
            let is_factor = factor.is_finite() && factor >= 1.0;
            let is_share = improvement > 0.0 && improvement <= 1.0;
            let share = "a share of the least error so far, above 0, up to 1";
            vec![
                Mistake::unless(steps > 0, "steps", "steps", steps, "from 1"),
                Mistake::unless(is_factor, "factor", "factor", factor, "a finite number from 1"),
                Mistake::unless(is_share, "improvement", "improvement", improvement, share),
            ]
        }
    };
    found.into_iter().flatten().collect()
}

/// Each metric once, and none that is measured anyway.
fn metrics(experiment: &Experiment) -> Vec<Mistake> {
    let metrics = experiment.metrics();
    let mistake = |position: usize| {
        let (message, help) = match metrics[position] {
            Metric::Loss => ("Loss is always measured", "leave it out of `metrics`"),
            metric if metrics[..position].contains(&metric) => {
                ("the metric stands twice", "name each metric once")
            }
            _ => return None,
        };
        Some(Mistake::new(format!("metrics[{position}]"), message, help))
    };
    (0..metrics.len()).filter_map(mistake).collect()
}

fn sweep(experiment: &Experiment) -> Vec<Mistake> {
    let sweep = &experiment.sweep;
    let mut found = Vec::new();
    for (position, axis) in sweep.axes.iter().enumerate() {
        let place = format!("sweep.axes[{position}]");
        // A chain that is varied as a whole is what the other axes will find.
        found.extend(within(&place, axis.mistakes(experiment, LARGEST_PLAN)));
        if sweep.axes[..position].iter().any(|earlier| earlier.name() == axis.name()) {
            let message = format!("a second axis over {}", axis.name());
            found.push(Mistake::new(&place, message, "keep one axis of each kind"));
        }
        let before = sweep.axes[..position].iter().find(|earlier| earlier.is_of_optimizer());
        if let (Axis::Optimizer(_), Some(before)) = (axis, before) {
            let name = before.name();
            let message = format!("Optimizer behind the axis {name} would undo what that axis set");
            let help = "move Optimizer before it: then it changes each of the optimizers";
            found.push(Mistake::new(&place, message, help));
        }
        found.extend(within(&place, values(experiment, axis)));
    }
    let has_seed_axis = sweep.axes.iter().any(|axis| matches!(axis, Axis::Seed(_)));
    if has_seed_axis && sweep.seeds != 1 {
        let message = "`seeds` and an axis Seed both name the seeds";
        found.push(Mistake::new("sweep.seeds", message, "keep one of the two"));
    }
    let allowed = format!("1 to {LARGEST_PLAN} seeds");
    let holds = (1..=LARGEST_PLAN as u64).contains(&sweep.seeds);
    found.extend(Mistake::unless(
        holds,
        "sweep.seeds",
        "the number of seeds",
        sweep.seeds,
        &allowed,
    ));
    if found.is_empty() && experiment.run_count().is_none_or(|runs| runs > LARGEST_PLAN) {
        let runs = experiment.run_count().map_or("more than 2^64".to_string(), |n| n.to_string());
        found.push(Mistake::new(
            "sweep",
            format!("a plan of {runs} runs"),
            format!("allowed: up to {LARGEST_PLAN}; take fewer points, axes or seeds"),
        ));
    }
    found
}

/// The whole values of an axis, each by the rules of the place it goes to.
fn values(experiment: &Experiment, axis: &Axis) -> Vec<Mistake> {
    let mut found = Vec::new();
    for index in 0..axis.len().min(LARGEST_PLAN) {
        let place = format!("[0][{index}]");
        let mistakes = match axis {
            Axis::Chain(chains) => {
                let mut optimizer = experiment.optimizer.clone();
                optimizer.chain.clone_from(&chains[index]);
                let in_chain = |m: Mistake| {
                    let inside = m.place.strip_prefix("chain")?.to_string();
                    Some(Mistake { place: inside, ..m })
                };
                optimizer.mistakes().into_iter().filter_map(in_chain).collect()
            }
            Axis::Schedule(schedules) => schedules[index].mistakes(),
            Axis::Optimizer(optimizers) => {
                within("optimizer", optimizers[index].optimizer.mistakes()).collect()
            }
            Axis::Init(inits) => inits[index].mistakes(),
            Axis::Model(models) => {
                let init = models[index].init.unwrap_or_default();
                within("init", init.mistakes()).collect()
            }
            _ => break,
        };
        found.extend(within(&place, mistakes));
    }
    found
}

/// Everything that needs the data.
pub(super) fn with_data(
    experiment: &Experiment,
    dataset: &Dataset,
    parts: &[Part],
) -> Vec<Mistake> {
    let mut found = dataset.check(&experiment.data, experiment.loss.target_kind());
    found.extend(seeds(experiment, dataset));
    if !found.is_empty() {
        return found;
    }
    found.extend(loss_and_batch::loss(experiment, dataset));
    found.extend(models(experiment, dataset));
    found.extend(batches(experiment, dataset));
    found.extend(averages::mistakes(experiment, dataset));
    found.extend(measures(experiment, dataset, parts));
    found.extend(checks::measured(experiment));
    found.extend(gate::of_data(experiment));
    found
}

/// A seed beyond the lists of test rows; each has a place of its own only on an axis.
fn seeds(experiment: &Experiment, dataset: &Dataset) -> Vec<Mistake> {
    let axis = experiment.sweep.axes.iter().position(|axis| matches!(axis, Axis::Seed(_)));
    let n = experiment.seed_count().min(LARGEST_PLAN);
    let wrong = (0..n).filter_map(|index| {
        let place = axis.map_or("sweep.seeds".to_string(), |position| {
            format!("sweep.axes[{position}][0][{index}]")
        });
        dataset.check_seed(&experiment.data.split, &place, experiment.seed(index))
    });
    wrong.take(if axis.is_some() { LARGEST_PLAN } else { 1 }).collect()
}

fn models(experiment: &Experiment, dataset: &Dataset) -> Vec<Mistake> {
    let mut found = Vec::new();
    let axis = experiment.sweep.axes.iter().enumerate().find_map(|(position, axis)| match axis {
        Axis::Model(models) => Some((position, models)),
        _ => None,
    });
    let Some((position, models)) = axis else {
        return model(experiment, dataset, &experiment.model, "model");
    };
    for (index, named) in models.iter().enumerate() {
        let place = format!("sweep.axes[{position}][0][{index}].layers");
        found.extend(model(experiment, dataset, &named.layers, &place));
    }
    found
}

fn model(
    experiment: &Experiment,
    dataset: &Dataset,
    layers: &[Layer],
    place: &str,
) -> Vec<Mistake> {
    let graph = Graph::<f64>::build(dataset.input_shape, layers, Initialization::default());
    let graph = match graph {
        Ok(graph) => graph,
        Err(errors) => {
            let explain = |error: BuildError| {
                let help = "change this layer or the one before it";
                Mistake::new(format!("{place}{}", error.place), error.to_string(), help)
            };
            return errors.into_iter().map(explain).collect();
        }
    };
    let width = dataset.target_width();
    let mut found = Vec::new();
    let output = graph.output_shape();
    let ((made, outputs), wanted) = (output.predictions(), dataset.predictions_per_row());
    if made != wanted {
        let message =
            format!("predictions the network makes of a sample: {made}; the data has {wanted}");
        let help = if wanted == 1 {
            "end in one prediction: `LastToken` or `MeanOverTokens` before the last Dense layer"
        } else {
            "end in a prediction for each token: no `LastToken`, `MeanOverTokens` or `Flatten`"
        };
        found.push(Mistake::new(place, message, help));
        return found;
    }
    let output = if made == 1 { output } else { Shape::Features(outputs) };
    let kind = if dataset.has_classes() { TargetKind::Classes } else { TargetKind::Values };
    if let Err(message) = experiment.loss.check_output(output, kind, width) {
        let outputs = experiment.loss.outputs(kind, width);
        let units = outputs.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
        let help = format!("the last Dense layer must have {units} units: `Dense({})`", outputs[0]);
        let last = layers.iter().rposition(|layer| matches!(layer, Layer::Dense(_)));
        let at = last.map_or(place.to_string(), |last| format!("{place}[{last}]"));
        found.push(Mistake::new(at, message, help));
    }
    let tokens = (&dataset.inputs, dataset.vocabulary);
    found.extend(token_numbers::mistakes(experiment.data.inputs, tokens, &graph, place));
    found.extend(loss_and_batch::batches(experiment, dataset, &graph));
    if graph.parameter_count() == 0 {
        let message = "the model has no parameters: there is nothing to train";
        found.push(Mistake::new(place, message, "add a layer such as `Dense(10)`"));
    }
    found
}

/// Reads the weights that training begins with, and holds them against every model that they are
/// for.
pub(super) fn weights(
    experiment: &mut Experiment,
    dataset: &Dataset,
    folder: &Path,
) -> Vec<Mistake> {
    let Init::Weights { path, content } = &mut experiment.init else { return Vec::new() };
    let read = match Weights::read(&folder.join(&*path)) {
        Ok(read) => read,
        Err(mistake) => return vec![mistake],
    };
    let mut models = vec![("the model", &experiment.model)];
    for axis in &experiment.sweep.axes {
        if let Axis::Model(named) = axis {
            let without_own = named.iter().filter(|named| named.init.is_none());
            models = without_own.map(|named| (named.name.as_str(), &named.layers)).collect();
        }
    }
    let mut found = Vec::new();
    for (name, layers) in models {
        let graph = Graph::<f32>::build(dataset.input_shape, layers, Initialization::default());
        let graph = graph.expect("the models were checked before");
        if let Some(why) = shortage_of(graph.room(2, 2) as u64) {
            let message = format!("{path}: cannot be held against {name}: {why}");
            found.push(Mistake::new("init", message, RELIEF));
            continue;
        }
        // Some operations need two rows; none of them is run.
        let program = Program::compile(graph, experiment.loss.clone(), 2);
        let misfits = read.misfits(&program, experiment.train.precision);
        if !misfits.is_empty() {
            let message = format!("{path}: does not fit {name}: {}", misfits.join("; "));
            let help = "save the weights of this very model (F64 only under `precision: F64`), or change the model";
            found.push(Mistake::new("init", message, help));
        }
    }
    *content = Some(Arc::new(read));
    found
}

fn batches(experiment: &Experiment, dataset: &Dataset) -> Vec<Mistake> {
    let rows = dataset.sizes(&experiment.data.split).train;
    let check = |place: String, batch: usize| {
        let allowed = format!("1 to {rows}, the training rows; leave it out for the full batch");
        Mistake::unless(batch <= rows, place, "the batch", batch, &allowed)
    };
    let mut found: Vec<Mistake> = Vec::new();
    found.extend(experiment.train.batch.and_then(|batch| check("train.batch".into(), batch)));
    for (position, axis) in experiment.sweep.axes.iter().enumerate() {
        let Axis::Batch(values) = axis else { continue };
        let place = |index| format!("sweep.axes[{position}][0][{index}]");
        found.extend(values.iter().enumerate().filter_map(|(index, &b)| check(place(index), b)));
    }
    found
}

/// What is measured and judged must be there to be measured.
fn measures(experiment: &Experiment, dataset: &Dataset, parts: &[Part]) -> Vec<Mistake> {
    let mut found = Vec::new();
    let names = parts.iter().map(|part| format!("{part:?}")).collect::<Vec<_>>().join(", ");
    for (position, part) in experiment.evaluated().iter().enumerate() {
        if !parts.contains(part) {
            found.push(Mistake::new(
                format!("evaluate[{position}]"),
                format!("the data has no part {part:?}"),
                format!("allowed: {names}; `split` in `data` makes the others"),
            ));
        }
    }
    for (position, &metric) in experiment.metrics().iter().enumerate() {
        if let Some((reason, help)) = misfit(metric, &experiment.loss, dataset) {
            let message = format!("{metric:?} cannot be measured here: {reason}");
            found.push(Mistake::new(format!("metrics[{position}]"), message, help));
        }
    }
    let judge = experiment.judge();
    // Where a part of `evaluate` is wrong, that comes first.
    if found.is_empty() {
        let mut needed = vec![("judge.split", "judged", judge.split)];
        if let At::BestOf(part) = judge.at {
            needed.push(("judge.at", "chosen", part));
        }
        for (place, verb, part) in needed {
            let help = if experiment.evaluated().contains(&part) {
                continue;
            } else if parts.contains(&part) {
                "name the part in `evaluate`".to_string()
            } else {
                format!("allowed: {names}; `split` in `data` makes the others")
            };
            let message = format!("runs are {verb} on {part:?}, which is not evaluated");
            found.push(Mistake::new(place, message, help));
        }
    }
    if judge.metric != Metric::Loss && !experiment.metrics().contains(&judge.metric) {
        let message = format!("runs are judged by {:?}, which is not measured", judge.metric);
        found.push(Mistake::new("judge.metric", message, "name it in `metrics`"));
    }
    found
}

/// Why a metric has no meaning for this loss and these targets, and what helps.
fn misfit(metric: Metric, loss: &Loss, dataset: &Dataset) -> Option<(String, String)> {
    let has_classes = matches!(dataset.targets, RawTargets::Classes { .. });
    let classes = dataset.target_width();
    let reason = match metric {
        Metric::Accuracy | Metric::BalancedAccuracy | Metric::TopK(_) if !has_classes => {
            "the targets are numbers"
        }
        Metric::TopK(k) if k < 2 || k >= classes => {
            let reason = format!("the data has {classes} classes");
            let help = match classes {
                0..=2 => "use Accuracy, which is the only one of two".to_string(),
                _ => format!("allowed: TopK(2) to TopK({}); TopK(1) is Accuracy", classes - 1),
            };
            return Some((reason, help));
        }
        Metric::Perplexity
            if !matches!(loss, Loss::CrossEntropy | Loss::CrossEntropyWith { .. }) =>
        {
            "the loss is not CrossEntropy"
        }
        Metric::Mse | Metric::Rmse | Metric::Mae | Metric::R2
            if loss.target_kind() != TargetKind::Values =>
        {
            "the outputs are logits"
        }
        _ => return None,
    };
    let help = "leave it out, or choose a loss and data that it fits";
    Some((reason.to_string(), help.to_string()))
}
