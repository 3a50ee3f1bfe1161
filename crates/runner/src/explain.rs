//! Where each value of a run came from: an axis, a line of the file, or a default.

use std::path::PathBuf;

use gradus_optim::Transform;

use crate::axis::Axis;
use crate::experiment::{Experiment, Sweep};
use crate::file::{Kind, Node, write};
use crate::plan::Plan;

/// The file that an experiment was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Where it stood.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is written in the file.
    File {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// An axis set it.
    Axis {
        /// The name of the axis.
        axis: &'static str,
        /// Which of its values, from 1.
        value: usize,
        /// How many it has.
        values: usize,
        /// Where the axis, or the value, is written: from 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// The file does not say it.
    Default,
}

/// A value of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Its place in the experiment, such as `optimizer.chain[1]`.
    pub place: String,
    /// As a file would say it; of a value that holds others, its kind.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Every value of the run at `position` of the plan, in the order of the experiment, the seed last.
/// What is no part of a run, name, checks, gate and the sweep itself, is left out.
pub fn explain(plan: &Plan, position: usize) -> Vec<Explained> {
    let cell = plan.cell(position);
    let experiment = plan.experiment_at(cell);
    let bare = Experiment {
        sweep: Sweep::default(),
        checks: Vec::new(),
        gate: None,
        ..experiment.clone()
    };
    let text = write(&bare);
    let file = FileText::new(&plan.source.text);
    let indices = plan.experiment.indices(cell);
    let axes: Vec<(usize, &Axis, usize)> = plan
        .experiment
        .sweep
        .axes
        .iter()
        .enumerate()
        .filter(|(_, axis)| !matches!(axis, Axis::Seed(_)))
        .zip(indices)
        .map(|((place, axis), index)| (place, axis, index))
        .collect();
    let mut values = Vec::new();
    if let Some(tree) = Node::scan(&text) {
        list(&tree, &text, String::new(), &mut values);
    }
    let is_of_run = |place: &str| {
        !["name", "sweep", "checks", "gate"]
            .iter()
            .any(|other| place.split('.').next() == Some(other))
    };
    let mut explained: Vec<Explained> = values
        .into_iter()
        .filter(|(place, _)| is_of_run(place))
        .map(|(place, value)| {
            let by_axis = axes.iter().rev().find_map(|&(number, axis, index)| {
                sets(axis, index, &experiment, &place).then(|| file.axis(number, axis, index))
            });
            let origin = by_axis.unwrap_or_else(|| file.origin(&place));
            Explained { place, value, origin }
        })
        .collect();
    explained.push(seed(plan, position, &file));
    explained
}

fn seed(plan: &Plan, position: usize, file: &FileText<'_>) -> Explained {
    let axes = &plan.experiment.sweep.axes;
    let by_axis = axes.iter().enumerate().find_map(|(number, axis)| {
        let Axis::Seed(seeds) = axis else { return None };
        let index = seeds.iter().position(|&seed| seed == plan.seed(position))?;
        Some(file.axis(number, axis, index))
    });
    let origin = by_axis.unwrap_or_else(|| file.origin("sweep.seeds"));
    Explained { place: "seed".to_string(), value: plan.seed(position).to_string(), origin }
}

/// Every place of the text with its value, those that hold others by the name before their bracket.
fn list(node: &Node, text: &str, place: String, found: &mut Vec<(String, String)>) {
    let word: String =
        text[node.span.clone()].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    match &node.kind {
        Kind::Leaf => found.push((place, text[node.span.clone()].to_string())),
        Kind::Items(items) => {
            if !word.is_empty() || items.is_empty() {
                let whole = if items.is_empty() { &text[node.span.clone()] } else { &word };
                found.push((place.clone(), whole.to_string()));
            }
            for (index, item) in items.iter().enumerate() {
                list(item, text, format!("{place}[{index}]"), found);
            }
        }
        Kind::Fields(fields) => {
            if !word.is_empty() {
                found.push((place.clone(), word));
            }
            for field in fields {
                let name = &text[field.name.clone()];
                let dot = if place.is_empty() { "" } else { "." };
                list(&field.value, text, format!("{place}{dot}{name}"), found);
            }
        }
    }
}

/// Whether the value at `place` of the run is one that this axis sets.
fn sets(axis: &Axis, index: usize, experiment: &Experiment, place: &str) -> bool {
    let within = |whole: &str| {
        place
            .strip_prefix(whole)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    match axis {
        Axis::LearningRate(_) => within("optimizer.learning_rate"),
        Axis::Batch(_) => within("train.batch"),
        Axis::Chain(_) => within("optimizer.chain"),
        Axis::Schedule(_) => within("optimizer.schedule"),
        Axis::Optimizer(_) => within("optimizer"),
        Axis::Init(_) => within("init"),
        Axis::Model(models) => within("model") || (models[index].init.is_some() && within("init")),
        Axis::Seed(_) => false,
        _ => {
            // The number of the link of its kind, whatever else the link says.
            let is_number = |rest: &str| ["[0]", ".lambda", "[0].lambda"].contains(&rest);
            let (list, links): (&str, Vec<&str>) = match axis {
                Axis::ClipWeights(_) | Axis::MaxNorm(_) => {
                    let constraints = &experiment.optimizer.constraints;
                    let kinds = constraints.iter().map(|constraint| constraint.kind());
                    ("optimizer.constraints", kinds.collect())
                }
                _ => {
                    let chain = &experiment.optimizer.chain;
                    ("optimizer.chain", chain.iter().map(Transform::kind).collect())
                }
            };
            links.iter().enumerate().any(|(number, &kind)| {
                let link = format!("{list}[{number}]");
                Some(kind) == axis.kind()
                    && place.strip_prefix(link.as_str()).is_some_and(is_number)
            })
        }
    }
}

/// The text of the file with its places.
struct FileText<'a> {
    text: &'a str,
    tree: Option<Node>,
}

impl<'a> FileText<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, tree: Node::scan(text) }
    }

    /// Line and column, from 1, of a byte.
    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Where a value stands in the file, if it does.
    fn origin(&self, place: &str) -> Origin {
        let exact = self.tree.as_ref().and_then(|tree| tree.exact(self.text, place));
        exact.map_or(Origin::Default, |node| {
            let (line, column) = self.line_and_column(node.span.start);
            Origin::File { line, column }
        })
    }

    /// Value `index` of axis `number`, or the axis where its values are not written one by one.
    fn axis(&self, number: usize, axis: &Axis, index: usize) -> Origin {
        let place = format!("sweep.axes[{number}]");
        let list = if axis.range().is_some() { "[0][0]" } else { "[0]" };
        let in_file = |place: &str| self.tree.as_ref()?.exact(self.text, place);
        let value = in_file(&format!("{place}{list}")).and_then(|list| match &list.kind {
            Kind::Items(items) if items.len() == axis.len() => Some(&items[index]),
            _ => None,
        });
        let node = value.or_else(|| in_file(&place));
        let (line, column) = node.map_or((1, 1), |node| self.line_and_column(node.span.start));
        Origin::Axis { axis: axis.name(), value: index + 1, values: axis.len(), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, explain};
    use crate::File;

    fn check(model: &str, axes: &str, place: &str, expected: (&str, Origin)) {
        let text = format!(
            "// Where from?\n(name: \"explained\", data: (source: Adding(length: 4, samples: 8)),\n\
             model: {model}, loss: Mse,\noptimizer: (chain: [AdamW()], learning_rate: 0.1),\n\
             train: (epochs: 1), sweep: (axes: [{axes}]))"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("explained.ron");
        std::fs::write(&path, text).expect("it is written");
        let file = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
        let all = explain(&file.plan, file.plan.len() - 1);
        let found = all.iter().find(|explained| explained.place == place);
        let found = found.unwrap_or_else(|| panic!("{place} is not in {all:?}"));
        assert_eq!((found.value.as_str(), found.origin.clone()), expected, "{place}");
    }

    const MODEL: &str = "[Lstm(16), LastToken, Dense(1)]";

    #[test]
    fn short_forms_are_found_where_they_stand() {
        let file = |line, column| Origin::File { line, column };
        check(MODEL, "", "model[0]", ("Lstm", file(3, 9)));
        check(MODEL, "", "model[0][0]", ("16", file(3, 14)));
        let long = "[Lstm(units: 16), LastToken, Dense(1)]";
        check(long, "", "model[0][0]", ("16", file(3, 9)));
        let longer = "[Lstm(units: 16, forget_bias: 0.0), LastToken, Dense(1)]";
        check(longer, "", "model[0].units", ("16", file(3, 21)));
        check(MODEL, "", "optimizer.chain[0].decay", ("0.01", Origin::Default));
        check(MODEL, "", "seed", ("0", Origin::Default));
    }

    #[test]
    fn an_axis_answers_for_what_it_sets_and_for_nothing_else() {
        let axis =
            |axis, values, column| Origin::Axis { axis, value: values, values, line: 5, column };
        let models = "Model([(name: \"a\", layers: [Lstm(4), LastToken, Dense(1)]),
                             (name: \"b\", layers: [Lstm(5), LastToken, Dense(1)])])";
        let line_6 = |origin| match origin {
            Origin::Axis { axis, value, values, .. } => {
                Origin::Axis { axis, value, values, line: 6, column: 30 }
            }
            other => other,
        };
        check(MODEL, models, "model[0][0]", ("5", line_6(axis("model", 2, 0))));
        check(MODEL, models, "train.epochs", ("1", Origin::File { line: 5, column: 17 }));
        let seeds = "Seed([4, 9])";
        check(MODEL, seeds, "seed", ("9", axis("seed", 2, 45)));
        // The shorthand is written out, so that its decay is a link of its own.
        let decays = "DecoupledDecay(Log(from: 0.01, to: 0.1, points: 2))";
        check(MODEL, decays, "optimizer.chain[1][0]", ("0.1", axis("decoupled decay", 2, 36)));
    }
}
