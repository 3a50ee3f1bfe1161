//! The whole rule by which parameters change, and the state that it keeps.

use gradus_core::{Mistake, ParameterRange, Parameters, Scalar};
use serde::{Deserialize, Serialize};

use crate::constraint::{Constrain, Constraint};
use crate::schedule::{Clock, PlateauState, Schedule};
use crate::transforms::{Apply, Transform};

/// Stochastic gradient descent and its family: `w -= learning_rate factor(t) chain(gradient)`,
/// then the constraints.
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
    /// Epochs over which the rate first rises linearly to its full value; 0 for none.
    #[serde(default)]
    pub warm_up: f64,
    /// What is done to the weights after each step, in this order.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
}

impl Optimizer {
    /// Everything that is wrong with it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let chain = self.chain.iter().enumerate().filter_map(|(position, transform)| {
            transform.mistake().map(|mistake| mistake.within(&format!("chain[{position}]")))
        });
        let constraints =
            self.constraints.iter().enumerate().filter_map(|(position, constraint)| {
                constraint
                    .mistake()
                    .map(|mistake| mistake.within(&format!("constraints[{position}]")))
            });
        let schedule = self.schedule.mistakes();
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
            .collect()
    }

    /// The value of all penalties at these parameters: what the chain's `L2` and `L1` are the
    /// gradients of. It is no part of the reported loss.
    pub fn penalty<T: Scalar>(&self, values: &[T], ranges: &[ParameterRange]) -> f64 {
        self.chain.iter().map(|transform| transform.penalty(values, ranges)).sum()
    }

    /// Adds the gradient of [`Optimizer::penalty`], by the chain's own transformations.
    pub fn add_penalty_gradient<T: Scalar>(
        &self,
        values: &[T],
        ranges: &[ParameterRange],
        gradient: &mut [T],
    ) {
        for transform in self.chain.iter().filter(|transform| transform.is_penalty()) {
            transform.start(values.len()).apply(values, ranges, gradient);
        }
    }

    /// The state for parameters of this layout, at the first step.
    pub fn start<T: Scalar>(&self, parameters: &Parameters<T>) -> Stepper<T> {
        Stepper {
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            warm_up: self.warm_up,
            plateau: PlateauState::default(),
            chain: self.chain.iter().map(|t| t.start(parameters.values.len())).collect(),
            constraints: self.constraints.iter().map(|c| Constrain::new(*c, parameters)).collect(),
        }
    }
}

/// What is wrong with a learning rate, if anything.
pub fn rate_mistake(rate: f64) -> Option<Mistake> {
    let holds = rate.is_finite() && rate > 0.0;
    Mistake::unless(holds, "", "the learning rate", rate, "a finite number above 0")
}

/// An optimizer at work: its description and the state of every part.
#[derive(Debug)]
pub struct Stepper<T> {
    learning_rate: f64,
    schedule: Schedule,
    warm_up: f64,
    plateau: PlateauState,
    chain: Vec<Box<dyn Apply<T>>>,
    constraints: Vec<Constrain>,
}

impl<T: Scalar> Stepper<T> {
    /// The learning rate at this moment, with schedule and warm-up.
    pub fn rate(&self, clock: Clock) -> f64 {
        self.learning_rate * self.schedule.factor(clock, self.warm_up, self.plateau)
    }

    /// Changes the parameters by their gradients, which are used up. Returns whether every value
    /// is finite afterwards.
    pub fn step(&mut self, parameters: &mut Parameters<T>, clock: Clock) -> bool {
        let Parameters { values, gradients, ranges } = parameters;
        for transform in &mut self.chain {
            transform.apply(values, ranges, gradients);
        }
        let rate = T::from_f64(self.rate(clock));
        for (value, update) in values.iter_mut().zip(gradients.iter()) {
            *value -= rate * *update;
        }
        for constraint in &mut self.constraints {
            constraint.apply(values, ranges);
        }
        // No early exit: a plain reduction is vectorised and costs next to nothing.
        values.iter().fold(true, |finite, value| finite & value.is_finite())
    }

    /// Shows the schedule the judged metric of an epoch (lower is better); only `Plateau` listens.
    pub fn observe(&mut self, metric: f64) {
        self.schedule.observe(metric, &mut self.plateau);
    }
}
