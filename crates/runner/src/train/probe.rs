//! What the witness of a gate reads of a run between two steps.

use gradus_core::Scalar;
use gradus_optim::Clock;

use super::Run;

/// Sums over the steps of an epoch, and where the parameters are by now.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    /// Of loss times rows.
    pub(crate) loss: f64,
    /// Of rows.
    pub(crate) rows: u64,
    /// Of the norm of each layer's gradient, where that is recorded.
    pub(crate) gradient_norms: Vec<f64>,
    /// The norm of all parameters.
    pub(crate) parameter_norm: f64,
}

impl<T: Scalar> Run<'_, T> {
    /// The step that ends the run as things stand.
    pub(crate) fn last_step(&self) -> u64 {
        self.last_step
    }

    /// Steps of an epoch.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.clock.steps_per_epoch
    }

    /// The learning rate of the step after so many.
    pub(crate) fn rate_at(&self, step: u64) -> f64 {
        self.stepper.rate(Clock { step, ..self.clock })
    }

    /// Takes the run to have done so many steps: schedule and order go on from there.
    pub(crate) fn jump_to(&mut self, step: u64) {
        self.clock.step = step;
    }

    /// What the steps of the epoch have summed up so far.
    pub(crate) fn sums(&self) -> Sums {
        let norms = |sum: f64, value: &T| sum + value.to_f64() * value.to_f64();
        Sums {
            loss: self.epoch_loss,
            rows: self.epoch_rows,
            gradient_norms: self.curves.norm_sums().to_vec(),
            parameter_norm: self.program.parameters.values.iter().fold(0.0, norms).sqrt(),
        }
    }
}
