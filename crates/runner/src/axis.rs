//! What can be varied: one enum, so that the compiler knows every axis.

use gradus_core::{Initialization, Layer, Mistake};
use gradus_optim::{Constraint, Optimizer, Schedule, Strength, Transform, rate_mistake};
use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::range::{Range, list_mistake};
use crate::weights::Init;

/// One axis of a sweep, with its values written whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Axis {
    /// The optimizer's learning rate.
    LearningRate(Range),
    /// Samples a step.
    Batch(Vec<usize>),
    /// The number of the chain's `Momentum`.
    Momentum(Range),
    /// The number of the chain's `ClassicalMomentum`.
    ClassicalMomentum(Range),
    /// The number of the chain's `Nesterov`.
    Nesterov(Range),
    /// The number of the chain's `L2`.
    L2(Range),
    /// The number of the chain's `L1`.
    L1(Range),
    /// The number of the chain's `DecoupledDecay`, or of its `AdamW`.
    DecoupledDecay(Range),
    /// The number of the chain's `ClipNorm`.
    ClipNorm(Range),
    /// The number of the chain's `ClipValue`.
    ClipValue(Range),
    /// The bound of the constraint `ClipWeights`.
    ClipWeights(Range),
    /// The bound of the constraint `MaxNorm`.
    MaxNorm(Range),
    /// The chain as a whole, such as with and without clipping.
    Chain(Vec<Vec<Transform>>),
    /// The schedule.
    Schedule(Vec<Schedule>),
    /// The optimizer as a whole, by a name that charts show. Axes behind it change each of them.
    Optimizer(Vec<NamedOptimizer>),
    /// How the parameters begin.
    Init(Vec<Initialization>),
    /// The model, by a name that charts show.
    Model(Vec<NamedModel>),
    /// The seeds, in place of `seeds: n`.
    Seed(Vec<u64>),
}

/// A model as a point of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedModel {
    /// What charts and tables call it.
    pub name: String,
    /// Its layers.
    pub layers: Vec<Layer>,
    /// How its parameters begin; when left out, as the experiment says.
    #[serde(default)]
    pub init: Option<Initialization>,
}

/// An optimizer as a point of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedOptimizer {
    /// What charts and tables call it.
    pub name: String,
    /// All of it, with a learning rate of its own.
    pub optimizer: Optimizer,
}

/// One point of an axis, as charts and tables show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinate {
    /// Name of the axis, such as `learning rate`.
    pub axis: &'static str,
    /// The value in words.
    pub label: String,
    /// The value as a number, where it is one.
    pub number: Option<f64>,
}

impl Axis {
    /// Its name in tables and charts.
    pub fn name(&self) -> &'static str {
        match self {
            Axis::LearningRate(_) => "learning rate",
            Axis::Batch(_) => "batch",
            Axis::Momentum(_) => "momentum",
            Axis::ClassicalMomentum(_) => "classical momentum",
            Axis::Nesterov(_) => "Nesterov momentum",
            Axis::L2(_) => "L2",
            Axis::L1(_) => "L1",
            Axis::DecoupledDecay(_) => "decoupled decay",
            Axis::ClipNorm(_) => "clip norm",
            Axis::ClipValue(_) => "clip value",
            Axis::ClipWeights(_) => "weight bound",
            Axis::MaxNorm(_) => "max norm",
            Axis::Chain(_) => "chain",
            Axis::Schedule(_) => "schedule",
            Axis::Optimizer(_) => "optimizer",
            Axis::Init(_) => "init",
            Axis::Model(_) => "model",
            Axis::Seed(_) => "seed",
        }
    }

    /// Its numbers, if it is an axis of numbers.
    pub(crate) fn range(&self) -> Option<&Range> {
        match self {
            Axis::LearningRate(range)
            | Axis::Momentum(range)
            | Axis::ClassicalMomentum(range)
            | Axis::Nesterov(range)
            | Axis::L2(range)
            | Axis::L1(range)
            | Axis::DecoupledDecay(range)
            | Axis::ClipNorm(range)
            | Axis::ClipValue(range)
            | Axis::ClipWeights(range)
            | Axis::MaxNorm(range) => Some(range),
            Axis::Batch(_)
            | Axis::Chain(_)
            | Axis::Schedule(_)
            | Axis::Optimizer(_)
            | Axis::Init(_)
            | Axis::Model(_)
            | Axis::Seed(_) => None,
        }
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        match self {
            Axis::Batch(values) => values.len(),
            Axis::Chain(values) => values.len(),
            Axis::Schedule(values) => values.len(),
            Axis::Optimizer(values) => values.len(),
            Axis::Init(values) => values.len(),
            Axis::Model(values) => values.len(),
            Axis::Seed(values) => values.len(),
            _ => self.range().map_or(0, Range::len),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value `index` for people.
    pub fn coordinate(&self, index: usize) -> Coordinate {
        let (label, number) = match self {
            Axis::Batch(values) => (values[index].to_string(), Some(values[index] as f64)),
            Axis::Chain(values) => (chain_label(&values[index]), None),
            Axis::Schedule(values) => (ron_label(&values[index]), None),
            Axis::Optimizer(values) => (values[index].name.clone(), None),
            Axis::Init(values) => (ron_label(&values[index].weights), None),
            Axis::Model(values) => (values[index].name.clone(), None),
            Axis::Seed(values) => (values[index].to_string(), Some(values[index] as f64)),
            _ => {
                let value = self.range().map_or(f64::NAN, |range| range.value(index));
                (value.to_string(), Some(value))
            }
        };
        Coordinate { axis: self.name(), label, number }
    }

    /// Sets value `index` in `experiment`. An axis that names a transformation sets the number of
    /// the one of its kind in the chain, shorthands written out; the check of the file has seen to
    /// it that there is exactly one.
    pub fn apply(&self, index: usize, experiment: &mut Experiment) {
        match self {
            Axis::Batch(values) => experiment.train.batch = Some(values[index]),
            Axis::Chain(values) => experiment.optimizer.chain = values[index].clone(),
            Axis::Schedule(values) => experiment.optimizer.schedule = values[index].clone(),
            Axis::Optimizer(values) => experiment.optimizer = values[index].optimizer.clone(),
            Axis::Init(values) => experiment.init = Init::Draw(values[index]),
            Axis::Model(values) => {
                experiment.model = values[index].layers.clone();
                if let Some(own) = values[index].init {
                    experiment.init = Init::Draw(own);
                }
            }
            Axis::Seed(_) => {}
            _ => {
                let value = self.range().map_or(f64::NAN, |range| range.value(index));
                self.set_number(value, experiment);
            }
        }
    }

    fn set_number(&self, value: f64, experiment: &mut Experiment) {
        let optimizer = &mut experiment.optimizer;
        if let Axis::LearningRate(_) = self {
            optimizer.learning_rate = value;
        }
        if let Some(new) = self.transform(value) {
            optimizer.chain = Transform::written_out(&optimizer.chain);
            let same_kind = optimizer.chain.iter_mut().filter(|old| old.kind() == new.kind());
            same_kind.filter_map(Transform::number_mut).for_each(|number| *number = value);
        }
        if let Some(new) = self.constraint(value) {
            let same_kind = optimizer.constraints.iter_mut().filter(|old| old.kind() == new.kind());
            same_kind.for_each(|old| *old = new);
        }
    }

    /// The transformation that it names, with this number.
    fn transform(&self, value: f64) -> Option<Transform> {
        match self {
            Axis::Momentum(_) => Some(Transform::Momentum(value)),
            Axis::ClassicalMomentum(_) => Some(Transform::ClassicalMomentum(value)),
            Axis::Nesterov(_) => Some(Transform::Nesterov(value)),
            Axis::L2(_) => Some(Transform::L2(Strength::new(value))),
            Axis::L1(_) => Some(Transform::L1(Strength::new(value))),
            Axis::DecoupledDecay(_) => Some(Transform::DecoupledDecay(Strength::new(value))),
            Axis::ClipNorm(_) => Some(Transform::ClipNorm(value)),
            Axis::ClipValue(_) => Some(Transform::ClipValue(value)),
            _ => None,
        }
    }

    /// The kind of the transformation or constraint that it names.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        let transform = self.transform(0.0).map(|transform| transform.kind());
        transform.or_else(|| self.constraint(0.0).map(|constraint| constraint.kind()))
    }

    /// The constraint that it names, with this bound.
    fn constraint(&self, value: f64) -> Option<Constraint> {
        match self {
            Axis::ClipWeights(_) => Some(Constraint::ClipWeights(value)),
            Axis::MaxNorm(_) => Some(Constraint::MaxNorm(value)),
            _ => None,
        }
    }

    /// Everything that is wrong with it in this experiment; places are those inside the axis.
    /// At most `first` values are looked at: a plan with more is refused anyway.
    pub(crate) fn mistakes(&self, experiment: &Experiment, first: usize) -> Vec<Mistake> {
        let mut found = match self {
            Axis::Batch(values) => {
                let zeros = (0..values.len()).filter_map(|index| {
                    Mistake::unless(
                        values[index] > 0,
                        format!("[0][{index}]"),
                        "a batch",
                        0,
                        "from 1",
                    )
                });
                zeros.chain(list_mistake(values)).collect()
            }
            Axis::Chain(values) => {
                // A shorthand beside what it stands for would be the same run twice.
                let long: Vec<_> = values.iter().map(|c| Transform::written_out(c)).collect();
                list_mistake(&long).into_iter().collect()
            }
            Axis::Schedule(values) => list_mistake(values).into_iter().collect(),
            Axis::Optimizer(values) => {
                let names: Vec<&str> = values.iter().map(|named| named.name.as_str()).collect();
                let long: Vec<_> =
                    values.iter().map(|named| named.optimizer.written_out()).collect();
                list_mistake(&names).or_else(|| list_mistake(&long)).into_iter().collect()
            }
            Axis::Init(values) => list_mistake(values).into_iter().collect(),
            Axis::Model(values) => {
                let names: Vec<&str> = values.iter().map(|model| model.name.as_str()).collect();
                let models: Vec<_> =
                    values.iter().map(|model| (&model.layers, model.init)).collect();
                list_mistake(&names).or_else(|| list_mistake(&models)).into_iter().collect()
            }
            Axis::Seed(values) => list_mistake(values).into_iter().collect(),
            _ => self.range_mistakes(first),
        };
        found.extend(self.kind_mistake(experiment));
        found
    }

    /// Each number must be one that the file itself could hold.
    fn range_mistakes(&self, first: usize) -> Vec<Mistake> {
        let Some(range) = self.range() else { return Vec::new() };
        let mut found: Vec<Mistake> =
            range.mistakes().into_iter().map(|mistake| mistake.within("[0]")).collect();
        if !found.is_empty() {
            return found;
        }
        // What is allowed is an interval: the ends of a log or linear range speak for all of it.
        let indices: Vec<usize> = match range {
            Range::List(values) => (0..values.len().min(first)).collect(),
            _ => vec![0, range.len() - 1],
        };
        for index in indices {
            let value = range.value(index);
            let mistake = match (self.transform(value), self.constraint(value)) {
                (Some(transform), _) => transform.mistakes().into_iter().next(),
                (_, Some(constraint)) => constraint.mistake(),
                _ => rate_mistake(value),
            };
            if let Some(mut mistake) = mistake {
                mistake.place = match range {
                    Range::List(_) => format!("[0][0][{index}]"),
                    _ => "[0]".to_string(),
                };
                found.push(mistake);
                break;
            }
        }
        found
    }

    /// A transformation or constraint that is not there once in every optimizer that is varied.
    fn kind_mistake(&self, experiment: &Experiment) -> Option<Mistake> {
        let (kind, place) = match (self.transform(0.0), self.constraint(0.0)) {
            (Some(transform), _) => (transform.kind(), "chain"),
            (_, Some(constraint)) => (constraint.kind(), "constraints"),
            _ => return None,
        };
        optimizers(experiment).into_iter().find_map(|(owner, optimizer)| {
            let count = match place {
                "chain" => {
                    let chain = Transform::written_out(&optimizer.chain);
                    chain.iter().filter(|old| old.kind() == kind).count()
                }
                _ => optimizer.constraints.iter().filter(|old| old.kind() == kind).count(),
            };
            (count != 1).then(|| {
                Mistake::new(
                    "",
                    format!("this axis varies {kind}, of which {owner}'s {place} has {count}"),
                    format!("{owner}'s {place} must hold {kind} exactly once"),
                )
            })
        })
    }

    /// Whether it sets something in the optimizer, or replaces it.
    pub(crate) fn is_of_optimizer(&self) -> bool {
        match self {
            Axis::Chain(_) | Axis::Schedule(_) | Axis::Optimizer(_) => true,
            Axis::Batch(_) | Axis::Init(_) | Axis::Model(_) | Axis::Seed(_) => false,
            _ => self.range().is_some(),
        }
    }
}

/// Every optimizer of the file that a run has, before the other axes change it, and its owner in
/// words.
fn optimizers(experiment: &Experiment) -> Vec<(String, &Optimizer)> {
    let named = experiment.sweep.axes.iter().find_map(|axis| match axis {
        Axis::Optimizer(values) => Some(values),
        _ => None,
    });
    match named {
        Some(values) => {
            let owner = |named: &NamedOptimizer| format!("optimizer {:?}", named.name);
            values.iter().map(|named| (owner(named), &named.optimizer)).collect()
        }
        None => vec![("the optimizer".to_string(), &experiment.optimizer)],
    }
}

fn chain_label(chain: &[Transform]) -> String {
    if chain.is_empty() {
        return "plain".to_string();
    }
    chain.iter().map(Transform::to_string).collect::<Vec<_>>().join(", ")
}

/// A value as files write it.
fn ron_label(value: &(impl Serialize + std::fmt::Debug)) -> String {
    let written: Result<String, _> = ron::to_string(value);
    written.unwrap_or_else(|_| format!("{value:?}"))
}
