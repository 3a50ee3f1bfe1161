//! What the witness of a gate reads of a run between two steps.

use gradus_core::{Scalar, Stream};
use gradus_optim::Clock;

use super::Run;

/// Sums over steps, and where the parameters are by now.
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

/// What another matrix product might make of the parameters and gradients of each step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    /// Each is moved by this share of itself, or of what is usual where that is larger, up or down:
    /// a gradient of exactly 0 may be nothing but rounding that came to nothing.
    Moves(f64),
    /// Gradients of at most this share of what is usual are exactly 0: the other way round.
    Vanishes(f64),
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

    /// Begins the sums anew, so that a step's share of them loses no digits.
    pub(crate) fn forget_sums(&mut self) {
        (self.epoch_loss, self.epoch_rows) = (0.0, 0);
        self.curves.forget_norm_sums();
    }

    /// From now on each step rounds as another matrix product might.
    pub(crate) fn set_disturbance(&mut self, disturbance: Disturbance) {
        self.disturbance = Some(disturbance);
    }

    /// Disturbs them; usual is the root mean square of all.
    #[cold]
    pub(super) fn disturb(&mut self, disturbance: Disturbance) {
        let mut stream = Stream::new(self.seed, "disturbance", self.clock.step, 0);
        let usual = |values: &[T]| {
            let squares: f64 = values.iter().map(|value| value.to_f64().powi(2)).sum();
            (squares / values.len() as f64).sqrt()
        };
        let parameters = &mut self.program.parameters;
        match disturbance {
            Disturbance::Moves(share) => {
                for values in [&mut parameters.values, &mut parameters.gradients] {
                    let usual = usual(values);
                    for value in values.iter_mut() {
                        let sign = if stream.uniform() < 0.5 { -1.0 } else { 1.0 };
                        let size = value.to_f64().abs().max(usual);
                        *value = T::from_f64(value.to_f64() + sign * share * size);
                    }
                }
            }
            Disturbance::Vanishes(share) => {
                let bound = share * usual(&parameters.gradients);
                for gradient in &mut parameters.gradients {
                    if gradient.to_f64().abs() <= bound {
                        *gradient = T::ZERO;
                    }
                }
            }
        }
    }

    /// What the steps have summed up so far.
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
