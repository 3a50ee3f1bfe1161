//! Clipping of each unit's gradient by the length of its weights.

use gradus_core::{ParameterRange, Role, Scalar};
use serde::{Deserialize, Serialize};

use super::options::{Allowed, Options};
use super::{Apply, Step, Walk};
use crate::units;

/// `u *= min(1, c max(‖w‖, ε)/‖u‖)` for the weights `w` into each unit; biases and scales are
/// spared. Norms are summed in `f64`; what holds for an infinite one in `ClipNorm` holds here.
///
/// Source: Brock, De, Smith, Simonyan, ICML 2021, equation 3, with the defaults of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClipAdaptive {
    /// `c`: the largest length of a gradient, as a share of the weights'.
    pub clip: f64,
    /// `ε`: the length that weights near zero count as.
    pub epsilon: f64,
}

impl Default for ClipAdaptive {
    fn default() -> Self {
        Self { clip: 0.01, epsilon: 1e-3 }
    }
}

impl Options for ClipAdaptive {
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)> {
        vec![("clip", self.clip, Allowed::AboveZero), ("epsilon", self.epsilon, Allowed::AboveZero)]
    }
}

/// Room for two norms of each unit.
#[derive(Debug)]
pub(super) struct ClipAdaptiveState {
    options: ClipAdaptive,
    of_weights: Vec<f64>,
    factors: Vec<f64>,
}

impl ClipAdaptive {
    pub(super) fn start(&self, ranges: &[ParameterRange]) -> ClipAdaptiveState {
        let most = units::most_units(ranges);
        ClipAdaptiveState { options: *self, of_weights: vec![0.0; most], factors: vec![0.0; most] }
    }
}

impl<T: Scalar> Apply<T> for ClipAdaptiveState {
    fn apply(&mut self, step: &Step<'_, T>, update: &mut [T]) {
        let ClipAdaptive { clip, epsilon } = self.options;
        for parameter in step.ranges.iter().filter(|parameter| parameter.role == Role::Weight) {
            let count = parameter.shape[parameter.unit_axis];
            units::squares(parameter, step.values, &mut self.of_weights);
            units::squares(parameter, update, &mut self.factors);
            for (factor, square) in self.factors[..count].iter_mut().zip(&self.of_weights) {
                let (norm, bound) = (factor.sqrt(), clip * square.sqrt().max(epsilon));
                *factor = if norm > bound { bound / norm } else { 1.0 };
            }
            units::scale(parameter, update, &self.factors);
        }
    }

    fn walk(&mut self, _place: &str, _walk: &mut dyn Walk<T>) {}
}
