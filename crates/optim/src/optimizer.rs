//! The whole rule by which parameters change, and the state that it keeps.

use std::ops::Range;

use gradus_core::{Mistake, ParameterRange, Parameters, Scalar};
use serde::{Deserialize, Serialize};

use crate::average::{Average, Averaging};
use crate::clock::Each;
use crate::constraint::{Constrain, Constraint};
use crate::schedule::{PlateauState, Schedule};
use crate::stepper::{PieceStepper, Stepper};
use crate::transforms::{Step, Transform};

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

    /// Numbers that it keeps for each parameter once it is at work.
    pub fn numbers_kept(&self) -> usize {
        let of_chain: usize = self.chain.iter().map(Transform::numbers_kept).sum();
        of_chain + usize::from(self.average.is_some())
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
        self.start_in_pieces(parameters, std::iter::empty())
    }

    /// The same, to update these stretches of the parameters one by one, if the chain works on each
    /// number by itself. They hold all parameters, one after the other.
    pub fn start_in_pieces<T: Scalar>(
        &self,
        parameters: &Parameters<T>,
        pieces: impl Iterator<Item = Range<usize>>,
    ) -> Stepper<T> {
        let len = parameters.values.len();
        let is_apart = self.chain.iter().all(Transform::is_elementwise);
        let pieces: Vec<Range<usize>> = pieces.filter(|_| is_apart).collect();
        let whole = std::iter::once(0..len).filter(|_| pieces.is_empty());
        let starts = pieces.iter().cloned().chain(whole);
        Stepper {
            learning_rate: self.learning_rate,
            schedule: self.schedule.clone(),
            each: self.each,
            warm_up: self.warm_up,
            plateau: PlateauState::default(),
            pieces: starts.map(|at| PieceStepper::new(&self.chain, parameters, at)).collect(),
            is_apart: !pieces.is_empty(),
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
