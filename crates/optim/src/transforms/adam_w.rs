//! The shorthand for Adam with weight decay of its own.

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

use super::options::{Allowed, Options};
use super::{Adam, Strength, Transform};

/// `[Adam(…), DecoupledDecay(decay)]`.
///
/// The defaults are PyTorch's, which decays parameters of every role, where this spares biases and
/// scales: `decay: (lambda: 0.01, roles: [Weight, Bias, Scale])` is the same.
/// Source: Loshchilov and Hutter, ICLR 2019, algorithm 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// `λ` of the decay.
    pub decay: Strength,
    /// As in [`Adam`].
    pub beta1: f64,
    /// As in [`Adam`].
    pub beta2: f64,
    /// As in [`Adam`].
    pub epsilon: f64,
    /// As in [`Adam`].
    pub epsilon_hat: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        let Adam { beta1, beta2, epsilon, epsilon_hat } = Adam::default();
        Self { decay: Strength::new(0.01), beta1, beta2, epsilon, epsilon_hat }
    }
}

impl AdamW {
    fn adam(&self) -> Adam {
        let Self { beta1, beta2, epsilon, epsilon_hat, .. } = *self;
        Adam { beta1, beta2, epsilon, epsilon_hat }
    }

    /// What it stands for.
    pub(super) fn written_out(&self) -> [Transform; 2] {
        [Transform::Adam(self.adam()), Transform::DecoupledDecay(self.decay.clone())]
    }
}

impl Options for AdamW {
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)> {
        self.adam().numbers()
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let of_decay = self.decay.mistakes("decay").into_iter();
        of_decay.map(|mistake| mistake.within("decay")).chain(self.adam().mistakes()).collect()
    }

    fn said(&self) -> String {
        let decay = if self.decay == Strength::new(self.decay.lambda) {
            format!("decay: {}", self.decay)
        } else {
            format!("decay: ({})", self.decay)
        };
        [decay, self.adam().said()]
            .into_iter()
            .filter(|said| !said.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }
}
