//! One value of an axis, as checks name cells by it.

use std::cmp::Ordering;

use gradus_core::{Initialization, Mistake};
use gradus_optim::{Schedule, Transform};
use serde::{Deserialize, Serialize};

use crate::axis::Axis;
use crate::experiment::Experiment;
use crate::range::Range;

/// One value of an axis, written as the axis itself writes it; an optimizer or a model is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum AxisValue {
    /// A learning rate. Three digits are enough, here and for every number.
    LearningRate(f64),
    /// Samples a step.
    Batch(usize),
    /// The number of `Momentum`.
    Momentum(f64),
    /// The number of `ClassicalMomentum`.
    ClassicalMomentum(f64),
    /// The number of `Nesterov`.
    Nesterov(f64),
    /// The number of `L2`.
    L2(f64),
    /// The number of `L1`.
    L1(f64),
    /// The number of `DecoupledDecay`.
    DecoupledDecay(f64),
    /// The number of `ClipNorm`.
    ClipNorm(f64),
    /// The number of `ClipValue`.
    ClipValue(f64),
    /// The bound of `ClipWeights`.
    ClipWeights(f64),
    /// The bound of `MaxNorm`.
    MaxNorm(f64),
    /// A whole chain.
    Chain(Vec<Transform>),
    /// A schedule.
    Schedule(Schedule),
    /// An optimizer, by its name.
    Optimizer(String),
    /// How the parameters begin.
    Init(Initialization),
    /// A model, by its name.
    Model(String),
}

/// Half of the last of three written digits, at most: 0.00215 names 0.00215443469003.
const THREE_DIGITS: f64 = 5e-3;

/// An axis of the sweep and a value on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the axes that make cells.
    pub(super) axis: usize,
    /// Which of its values.
    pub(super) index: usize,
}

impl AxisValue {
    /// How far value `index` of `axis` is from this one, relative to it: 0 for the same; `None`
    /// for an axis of another kind.
    fn distance(&self, axis: &Axis, index: usize) -> Option<f64> {
        let number = |range: &Range, wanted: f64| {
            let value = range.value(index);
            if value == wanted { 0.0 } else { (value - wanted).abs() / value.abs() }
        };
        let same = |same: bool| if same { 0.0 } else { f64::INFINITY };
        match (axis, self) {
            (Axis::LearningRate(range), Self::LearningRate(value))
            | (Axis::Momentum(range), Self::Momentum(value))
            | (Axis::ClassicalMomentum(range), Self::ClassicalMomentum(value))
            | (Axis::Nesterov(range), Self::Nesterov(value))
            | (Axis::L2(range), Self::L2(value))
            | (Axis::L1(range), Self::L1(value))
            | (Axis::DecoupledDecay(range), Self::DecoupledDecay(value))
            | (Axis::ClipNorm(range), Self::ClipNorm(value))
            | (Axis::ClipValue(range), Self::ClipValue(value))
            | (Axis::ClipWeights(range), Self::ClipWeights(value))
            | (Axis::MaxNorm(range), Self::MaxNorm(value)) => Some(number(range, *value)),
            (Axis::Batch(values), Self::Batch(value)) => Some(same(values[index] == *value)),
            (Axis::Chain(values), Self::Chain(value)) => Some(same(values[index] == *value)),
            (Axis::Schedule(values), Self::Schedule(value)) => Some(same(values[index] == *value)),
            (Axis::Optimizer(values), Self::Optimizer(name)) => {
                Some(same(values[index].name == *name))
            }
            (Axis::Init(values), Self::Init(value)) => Some(same(values[index] == *value)),
            (Axis::Model(values), Self::Model(name)) => Some(same(values[index].name == *name)),
            // Every axis by name, so that a new one is not forgotten here.
            (
                Axis::LearningRate(_)
                | Axis::Batch(_)
                | Axis::Momentum(_)
                | Axis::ClassicalMomentum(_)
                | Axis::Nesterov(_)
                | Axis::L2(_)
                | Axis::L1(_)
                | Axis::DecoupledDecay(_)
                | Axis::ClipNorm(_)
                | Axis::ClipValue(_)
                | Axis::ClipWeights(_)
                | Axis::MaxNorm(_)
                | Axis::Chain(_)
                | Axis::Schedule(_)
                | Axis::Optimizer(_)
                | Axis::Init(_)
                | Axis::Model(_)
                | Axis::Seed(_),
                _,
            ) => None,
        }
    }

    /// The number of a value on an axis of numbers.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::LearningRate(value)
            | Self::Momentum(value)
            | Self::ClassicalMomentum(value)
            | Self::Nesterov(value)
            | Self::L2(value)
            | Self::L1(value)
            | Self::DecoupledDecay(value)
            | Self::ClipNorm(value)
            | Self::ClipValue(value)
            | Self::ClipWeights(value)
            | Self::MaxNorm(value) => Some(*value),
            Self::Batch(value) => Some(*value as f64),
            Self::Chain(_)
            | Self::Schedule(_)
            | Self::Optimizer(_)
            | Self::Init(_)
            | Self::Model(_) => None,
        }
    }

    /// How a number lies to this one, where it is one: as equal counts what three digits write
    /// alike.
    pub(super) fn order(&self, number: f64) -> Option<Ordering> {
        let own = self.number()?;
        if (number - own).abs() <= THREE_DIGITS * number.abs() {
            return Some(Ordering::Equal);
        }
        number.partial_cmp(&own)
    }

    /// The one of the axes that make cells that has values of this kind.
    pub(super) fn axis(&self, experiment: &Experiment) -> Result<usize, Mistake> {
        let axes: Vec<&Axis> = experiment.cell_axes().collect();
        let own = |axis: &&Axis| !axis.is_empty() && self.distance(axis, 0).is_some();
        axes.iter().position(own).ok_or_else(|| {
            let names: Vec<&str> = axes.iter().map(|axis| axis.name()).collect();
            let help = match names.as_slice() {
                [] => "the sweep has no axes; leave it out".to_string(),
                names => format!("the axes of the sweep: {}", names.join(", ")),
            };
            Mistake::new("", "the sweep has no axis of this kind", help)
        })
    }

    /// Where it lies among the axes that make cells.
    pub(super) fn place(&self, experiment: &Experiment) -> Result<Place, Mistake> {
        let position = self.axis(experiment)?;
        let axis = experiment.cell_axes().nth(position).expect("it was found there");
        let distance = |index: usize| self.distance(axis, index).unwrap_or(f64::INFINITY);
        let within = |most: f64| {
            let near = (0..axis.len()).filter(|&index| distance(index) <= most);
            near.collect::<Vec<usize>>()
        };
        let exact = within(0.0);
        let near = if exact.is_empty() { within(THREE_DIGITS) } else { exact };
        match near.as_slice() {
            [index] => Ok(Place { axis: position, index: *index }),
            [] => Err(Mistake::new("", self.not_on(axis), allowed(axis, 0..axis.len()))),
            several => {
                let message = "this could be more than one value of the axis";
                Err(Mistake::new("", message, allowed(axis, several.iter().copied())))
            }
        }
    }

    fn not_on(&self, axis: &Axis) -> String {
        format!("the axis {} has no such value", axis.name())
    }
}

/// More values than this are not listed.
const MOST_LISTED: usize = 20;

fn allowed(axis: &Axis, indices: impl ExactSizeIterator<Item = usize>) -> String {
    let more = indices.len().saturating_sub(MOST_LISTED);
    let labels: Vec<String> =
        indices.take(MOST_LISTED).map(|index| axis.coordinate(index).label).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("allowed: {}{more}", labels.join("; "))
}
