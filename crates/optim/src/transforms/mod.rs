//! The registry of gradient transformations: one file each, a few lines here.

mod strength;
mod options;
mod l2;
mod l1;
mod decoupled_decay;
mod momentum;
mod classical_momentum;
mod nesterov;
mod adagrad;
mod rms_prop;
mod adadelta;
mod adam;
mod adam_w;
mod ams_grad;
mod lion;
mod clip_norm;
mod clip_norm_per_layer;
mod clip_value;
mod clip_adaptive;

use std::fmt;

use gradus_core::{Mistake, ParameterRange, Scalar};
use serde::{Deserialize, Serialize};

use crate::walk::Walk;
use options::{Allowed, Options};

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adam_w::AdamW;
pub use clip_adaptive::ClipAdaptive;
pub use lion::Lion;
pub use rms_prop::RmsProp;
pub use strength::{Divisor, Strength};

/// One link of an optimizer's chain. Each works on the update `u`, which begins as the gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Transform {
    /// `u += λ w` for weights: the gradient of the penalty `½ λ ‖w‖²`.
    L2(Strength),
    /// `u += λ sign(w)` for weights: the gradient of the penalty `λ ‖w‖₁`.
    L1(Strength),
    /// `u += λ w` for weights, behind all that would rescale it.
    DecoupledDecay(Strength),
    /// `v = β v + u; u = v`: heavy-ball momentum.
    Momentum(f64),
    /// `v = β v + rate u; u = v/rate`: the heavy ball with the rate in its velocity.
    ClassicalMomentum(f64),
    /// `v = β v + u; u = u + β v`: Nesterov's momentum.
    Nesterov(f64),
    /// `u` over the root of the sum of its squares.
    Adagrad(Adagrad),
    /// `u` over the root of a running mean of its squares.
    RmsProp(RmsProp),
    /// As `RmsProp`, times the root of a running mean of the squares of the steps.
    Adadelta(Adadelta),
    /// A running mean of `u` over the root of one of its squares, both corrected.
    Adam(Adam),
    /// `Adam` with the largest mean of squares so far.
    AmsGrad(Adam),
    /// The sign of a running mean of `u`.
    Lion(Lion),
    /// `u *= min(1, c/‖u‖)` over all parameters together.
    ClipNorm(f64),
    /// The same for each layer by itself.
    ClipNormPerLayer(f64),
    /// Each number of `u` to `[-c, c]`.
    ClipValue(f64),
    /// `u *= min(1, c max(‖w‖, ε)/‖u‖)` for the weights into each unit.
    ClipAdaptive(ClipAdaptive),
    /// Shorthand for nothing: plain gradient descent.
    Sgd,
    /// Shorthand for `Adam` with a `DecoupledDecay` behind it.
    AdamW(AdamW),
}

/// What a transformation may look at.
#[derive(Debug)]
pub(crate) struct Step<'a, T> {
    /// The parameters before the step.
    pub(crate) values: &'a [T],
    /// Their names and places.
    pub(crate) ranges: &'a [ParameterRange],
    /// Samples that the gradient is the mean over.
    pub(crate) rows: u64,
    /// The learning rate of this step, before the multipliers of parameters.
    pub(crate) rate: f64,
}

/// A transformation with its state.
pub(crate) trait Apply<T>: fmt::Debug + Send {
    /// Changes `update` in place.
    fn apply(&mut self, step: &Step<'_, T>, update: &mut [T]);
    /// Walks over what it keeps from step to step; `place` is what names begin with.
    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>);
}

/// A chain at work.
pub(crate) type Links<T> = Vec<Box<dyn Apply<T>>>;

impl Transform {
    /// Numbers that it keeps for each parameter.
    pub(crate) fn numbers_kept(&self) -> usize {
        match self {
            Transform::L2(_)
            | Transform::L1(_)
            | Transform::DecoupledDecay(_)
            | Transform::ClipNorm(_)
            | Transform::ClipNormPerLayer(_)
            | Transform::ClipValue(_)
            | Transform::ClipAdaptive(_)
            | Transform::Sgd => 0,
            Transform::Momentum(_)
            | Transform::ClassicalMomentum(_)
            | Transform::Nesterov(_)
            | Transform::Adagrad(_)
            | Transform::Lion(_) => 1,
            Transform::RmsProp(options) => 1 + usize::from(options.centered),
            Transform::Adadelta(_) | Transform::Adam(_) | Transform::AdamW(_) => 2,
            Transform::AmsGrad(_) => 3,
        }
    }

    /// The name of its kind, as files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Transform::L2(_) => "L2",
            Transform::L1(_) => "L1",
            Transform::DecoupledDecay(_) => "DecoupledDecay",
            Transform::Momentum(_) => "Momentum",
            Transform::ClassicalMomentum(_) => "ClassicalMomentum",
            Transform::Nesterov(_) => "Nesterov",
            Transform::Adagrad(_) => "Adagrad",
            Transform::RmsProp(_) => "RmsProp",
            Transform::Adadelta(_) => "Adadelta",
            Transform::Adam(_) => "Adam",
            Transform::AmsGrad(_) => "AmsGrad",
            Transform::Lion(_) => "Lion",
            Transform::ClipNorm(_) => "ClipNorm",
            Transform::ClipNormPerLayer(_) => "ClipNormPerLayer",
            Transform::ClipValue(_) => "ClipValue",
            Transform::ClipAdaptive(_) => "ClipAdaptive",
            Transform::Sgd => "Sgd",
            Transform::AdamW(_) => "AdamW",
        }
    }

    /// The number that an axis over this kind varies; `None` where there is not just one.
    pub fn number_mut(&mut self) -> Option<&mut f64> {
        match self {
            Transform::L2(strength)
            | Transform::L1(strength)
            | Transform::DecoupledDecay(strength) => Some(&mut strength.lambda),
            Transform::Momentum(number)
            | Transform::ClassicalMomentum(number)
            | Transform::Nesterov(number)
            | Transform::ClipNorm(number)
            | Transform::ClipNormPerLayer(number)
            | Transform::ClipValue(number) => Some(number),
            _ => None,
        }
    }

    /// Everything that is wrong with its numbers.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let only = |number: f64, allowed: Allowed| {
            allowed.check("[0]", self.kind(), number).into_iter().collect()
        };
        match self {
            Transform::L2(strength)
            | Transform::L1(strength)
            | Transform::DecoupledDecay(strength) => strength.mistakes(self.kind()),
            Transform::Momentum(beta)
            | Transform::ClassicalMomentum(beta)
            | Transform::Nesterov(beta) => only(*beta, Allowed::ZeroToBelowOne),
            Transform::Adagrad(options) => options.mistakes(),
            Transform::RmsProp(options) => options.mistakes(),
            Transform::Adadelta(options) => options.mistakes(),
            Transform::Adam(options) | Transform::AmsGrad(options) => options.mistakes(),
            Transform::Lion(options) => options.mistakes(),
            Transform::ClipNorm(bound)
            | Transform::ClipNormPerLayer(bound)
            | Transform::ClipValue(bound) => only(*bound, Allowed::AboveZero),
            Transform::ClipAdaptive(options) => options.mistakes(),
            Transform::Sgd => Vec::new(),
            Transform::AdamW(options) => options.mistakes(),
        }
    }

    /// Whether it works on each number by itself, and needs none of the others.
    pub(crate) fn is_elementwise(&self) -> bool {
        !matches!(
            self,
            Transform::ClipNorm(_) | Transform::ClipNormPerLayer(_) | Transform::ClipAdaptive(_)
        )
    }

    /// Whether it adds the gradient of a penalty.
    pub fn is_penalty(&self) -> bool {
        matches!(self, Transform::L2(_) | Transform::L1(_))
    }

    /// Whether it decays weights beside the rest of the chain, and so must end it.
    pub(crate) fn is_decoupled(&self) -> bool {
        matches!(self, Transform::DecoupledDecay(_) | Transform::AdamW(_))
    }

    /// The value of the penalty whose gradient it adds; 0 for the others.
    pub(crate) fn penalty<T: Scalar>(&self, step: &Step<'_, T>) -> f64 {
        match self {
            Transform::L2(strength) => l2::penalty(strength, step),
            Transform::L1(strength) => l1::penalty(strength, step),
            _ => 0.0,
        }
    }

    /// A chain with every shorthand replaced by what it stands for.
    pub fn written_out(chain: &[Transform]) -> Vec<Transform> {
        let mut long = Vec::new();
        for transform in chain {
            match transform {
                Transform::Sgd => {}
                Transform::AdamW(options) => long.extend(options.written_out()),
                other => long.push(other.clone()),
            }
        }
        long
    }

    /// The state of a whole chain at the first step, for parameters of this layout.
    pub(crate) fn start<T: Scalar>(chain: &[Transform], ranges: &[ParameterRange]) -> Links<T> {
        let len = ranges.last().map_or(0, |last| last.range.end);
        let mut links: Links<T> = Vec::new();
        for transform in chain {
            links.push(match transform {
                Transform::L2(strength) => Box::new(l2::L2(strength.clone())),
                Transform::L1(strength) => Box::new(l1::L1(strength.clone())),
                Transform::DecoupledDecay(strength) => {
                    Box::new(decoupled_decay::DecoupledDecay(strength.clone()))
                }
                Transform::Momentum(beta) => Box::new(momentum::Momentum::new(*beta, len)),
                Transform::ClassicalMomentum(beta) => {
                    Box::new(classical_momentum::ClassicalMomentum::new(*beta, len))
                }
                Transform::Nesterov(beta) => Box::new(nesterov::Nesterov::new(*beta, len)),
                Transform::Adagrad(options) => Box::new(options.start(len)),
                Transform::RmsProp(options) => Box::new(options.start(len)),
                Transform::Adadelta(options) => Box::new(options.start(len)),
                Transform::Adam(options) => Box::new(options.start(len)),
                Transform::AmsGrad(options) => Box::new(ams_grad::AmsGrad::new(*options, len)),
                Transform::Lion(options) => Box::new(options.start(len)),
                Transform::ClipNorm(bound) => Box::new(clip_norm::ClipNorm { bound: *bound }),
                Transform::ClipNormPerLayer(bound) => {
                    Box::new(clip_norm_per_layer::ClipNormPerLayer { bound: *bound })
                }
                Transform::ClipValue(bound) => {
                    Box::new(clip_value::ClipValue { bound: T::from_f64(*bound) })
                }
                Transform::ClipAdaptive(options) => Box::new(options.start(ranges)),
                Transform::Sgd | Transform::AdamW(_) => {
                    let long = Self::written_out(std::slice::from_ref(transform));
                    links.extend(Self::start(&long, ranges));
                    continue;
                }
            });
        }
        links
    }
}

/// As a file writes it, without what is left at its default.
impl fmt::Display for Transform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match self {
            Transform::L2(strength)
            | Transform::L1(strength)
            | Transform::DecoupledDecay(strength) => strength.to_string(),
            Transform::Momentum(number)
            | Transform::ClassicalMomentum(number)
            | Transform::Nesterov(number)
            | Transform::ClipNorm(number)
            | Transform::ClipNormPerLayer(number)
            | Transform::ClipValue(number) => format!("{number:?}"),
            Transform::Adagrad(options) => options.said(),
            Transform::RmsProp(options) => options.said(),
            Transform::Adadelta(options) => options.said(),
            Transform::Adam(options) | Transform::AmsGrad(options) => options.said(),
            Transform::Lion(options) => options.said(),
            Transform::ClipAdaptive(options) => options.said(),
            Transform::Sgd => return formatter.write_str(self.kind()),
            Transform::AdamW(options) => options.said(),
        };
        write!(formatter, "{}({said})", self.kind())
    }
}
