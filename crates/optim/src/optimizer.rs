//! The whole rule by which parameters change, and the state that it keeps.

use std::ops::Range;

use gradus_core::{Mistake, ParameterRange, Parameters, Scalar};
use serde::{Deserialize, Serialize};

use crate::average::{Average, Averaging};
use crate::clock::{Clock, Each};
use crate::constraint::{Constrain, Constraint};
use crate::schedule::{PlateauState, Schedule};
use crate::transforms::{Links, Step, Transform};

/// Stochastic gradient descent and its family: `w -= learning_rate factor(t) m chain(gradient)`
/// with the multiplier `m` of each parameter, then the constraints, then the average.
///
/// A parameter whose multiplier is 0 is frozen: its gradient counts as zero, and neither penalties
/// nor constraints touch it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// Transformations of the gradient, applied in the order in which they are written.
    #[serde(default)]
    pub chain: Vec<Transform>,
    /// The learning rate before any schedule.
    pub learning_rate: f64,
    /// A factor on the learning rate that changes with time.
    #[serde(default)]
    pub schedule: Schedule,
    /// How often the schedule and the warm-up set the rate.
    #[serde(default, skip_serializing_if = "is_each_step")]
    pub each: Each,
    /// Epochs over which the rate first rises linearly to its full value; 0 for none.
    #[serde(default)]
    pub warm_up: f64,
    /// What is done to the weights after each step, in this order.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    /// A running mean of the parameters, which is evaluated in their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<Average>,
}

/// What came later is written where it is used, so that the keys of older runs stay.
fn is_each_step(each: &Each) -> bool {
    *each == Each::Step
}

impl Optimizer {
    /// Plain gradient descent at a constant rate.
    pub fn plain(learning_rate: f64) -> Self {
        Self {
            chain: Vec::new(),
            learning_rate,
            schedule: Schedule::Constant,
            each: Each::Step,
            warm_up: 0.0,
            constraints: Vec::new(),
            average: None,
        }
    }

    /// Everything that is wrong with it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let chain = (0..self.chain.len()).flat_map(|position| {
            let place = format!("chain[{position}]");
            let found = self.chain[position].mistakes().into_iter().chain(self.coupled(position));
            found.map(move |mistake| mistake.within(&place))
        });
        let constraints =
            self.constraints.iter().enumerate().filter_map(|(position, constraint)| {
                constraint
                    .mistake()
                    .map(|mistake| mistake.within(&format!("constraints[{position}]")))
            });
        let schedule = self.schedule.mistakes();
        let average = self.average.and_then(|average| average.mistake());
        let own = [
            rate_mistake(self.learning_rate).map(|mistake| mistake.within("learning_rate")),
            Mistake::unless(
                self.warm_up.is_finite() && self.warm_up >= 0.0,
                "warm_up",
                "the warm-up",
                self.warm_up,
                "a finite number of epochs from 0",
            ),
        ];
        own.into_iter()
            .flatten()
            .chain(chain)
            .chain(schedule.into_iter().map(|mistake| mistake.within("schedule")))
            .chain(constraints)
            .chain(average.map(|mistake| mistake.within("average")))
            .collect()
    }

    /// A decay is decoupled only where nothing behind it works on it.
    fn coupled(&self, position: usize) -> Option<Mistake> {
        let decay = &self.chain[position];
        let is_last = |behind: &Transform| matches!(behind, Transform::DecoupledDecay(_));
        let behind = self.chain[position + 1..].iter().find(|behind| !is_last(behind))?;
        decay.is_decoupled().then(|| {
            let message = format!("{} before {} is not decoupled", decay.kind(), behind.kind());
            Mistake::new("", message, "move it to the end of the chain, or write L2 in its place")
        })
    }

    /// The same optimizer with every shorthand of the chain replaced by what it stands for.
    #[must_use]
    pub fn written_out(&self) -> Self {
        Self { chain: Transform::written_out(&self.chain), ..self.clone() }
    }

    /// The value of all penalties at these parameters: what the chain's `L2` and `L1` are the
    /// gradients of, in a step over this many samples. It is no part of the reported loss.
    pub fn penalty<T: Scalar>(&self, values: &[T], ranges: &[ParameterRange], rows: u64) -> f64 {
        let step = Step { values, ranges, rows, rate: 1.0 };
        self.chain.iter().map(|transform| transform.penalty(&step)).sum()
    }

    /// Adds the gradient of [`Optimizer::penalty`], by the chain's own transformations.
    pub fn add_penalty_gradient<T: Scalar>(
        &self,
        values: &[T],
        ranges: &[ParameterRange],
        rows: u64,
        gradient: &mut [T],
    ) {
        let step = Step { values, ranges, rows, rate: 1.0 };
        let is_penalty = |transform: &&Transform| transform.is_penalty();
        let penalties: Vec<Transform> = self.chain.iter().filter(is_penalty).cloned().collect();
        for mut penalty in Transform::start(&penalties, ranges) {
            penalty.apply(&step, gradient);
        }
    }

    /// The state for parameters of this layout, at the first step.
    pub fn start<T: Scalar>(&self, parameters: &Parameters<T>) -> Stepper<T> {
        let len = parameters.values.len();
        Stepper {
            learning_rate: self.learning_rate,
            schedule: self.schedule.clone(),
            each: self.each,
            warm_up: self.warm_up,
            plateau: PlateauState::default(),
            chain: Transform::start(&self.chain, &parameters.ranges),
            spans: spans(&parameters.ranges),
            constraints: self.constraints.iter().map(|c| Constrain::new(*c, parameters)).collect(),
            average: self.average.map(|average| Averaging::new(average, len)),
        }
    }
}

/// What is wrong with a learning rate, if anything.
pub fn rate_mistake(rate: f64) -> Option<Mistake> {
    let holds = rate.is_finite() && rate > 0.0;
    Mistake::unless(holds, "", "the learning rate", rate, "a finite number above 0")
}

/// Neighbors with the same multiplier of the rate; one span for most networks.
#[derive(Debug)]
struct Span {
    range: Range<usize>,
    rate_multiplier: f64,
}

fn spans(ranges: &[ParameterRange]) -> Vec<Span> {
    let of_neighbors = |neighbors: &[ParameterRange]| Span {
        range: neighbors[0].range.start..neighbors[neighbors.len() - 1].range.end,
        rate_multiplier: neighbors[0].rate_multiplier,
    };
    let same = |a: &ParameterRange, b: &ParameterRange| a.rate_multiplier == b.rate_multiplier;
    ranges.chunk_by(same).map(of_neighbors).collect()
}

/// An optimizer at work: its description and the state of every part.
#[derive(Debug)]
pub struct Stepper<T> {
    learning_rate: f64,
    schedule: Schedule,
    each: Each,
    warm_up: f64,
    plateau: PlateauState,
    chain: Links<T>,
    spans: Vec<Span>,
    constraints: Vec<Constrain>,
    average: Option<Averaging<T>>,
}

impl<T: Scalar> Stepper<T> {
    /// The learning rate at this moment, with schedule and warm-up.
    pub fn rate(&self, clock: Clock) -> f64 {
        let clock = match self.each {
            Each::Step => clock,
            Each::Epoch => clock.by_epochs(),
        };
        self.learning_rate * self.schedule.factor(clock, self.warm_up, self.plateau)
    }

    /// Changes the parameters by their gradients, which are used up. Returns whether every value
    /// is finite afterwards.
    pub fn step(&mut self, parameters: &mut Parameters<T>, clock: Clock) -> bool {
        let rate = self.rate(clock);
        let Parameters { values, gradients, ranges } = parameters;
        let frozen = self.spans.iter().filter(|span| span.rate_multiplier == 0.0);
        for span in frozen {
            gradients[span.range.clone()].fill(T::ZERO);
        }
        let step = Step { values, ranges, rows: clock.rows(), rate };
        for transform in &mut self.chain {
            transform.apply(&step, gradients);
        }
        for span in self.spans.iter().filter(|span| span.rate_multiplier != 0.0) {
            let rate = T::from_f64(rate * span.rate_multiplier);
            let updates = &gradients[span.range.clone()];
            for (value, update) in values[span.range.clone()].iter_mut().zip(updates) {
                *value -= rate * *update;
            }
        }
        for constraint in &mut self.constraints {
            constraint.apply(values, ranges);
        }
        if let Some(average) = &mut self.average {
            average.add(values, clock);
        }
        // No early exit: a plain reduction is vectorised and costs next to nothing.
        values.iter().fold(true, |finite, value| finite & value.is_finite())
    }

    /// The running mean of the parameters; `None` where the file asks for none, or none is there
    /// yet: then the parameters themselves are what is evaluated.
    pub fn averaged(&self) -> Option<&[T]> {
        self.average.as_ref().and_then(Averaging::mean)
    }

    /// Puts the running mean in the place of the parameters, and the parameters in its own, where
    /// there is a mean: done twice, all is as before. Nothing is copied.
    pub fn swap_averaged(&mut self, parameters: &mut Parameters<T>) {
        if let Some(mean) = self.average.as_mut().and_then(Averaging::mean_mut) {
            std::mem::swap(&mut parameters.values, mean);
        }
    }

    /// Shows the schedule the judged metric of an epoch (lower is better); only `Plateau` listens.
    pub fn observe(&mut self, metric: f64) {
        self.schedule.observe(metric, &mut self.plateau);
    }
}
