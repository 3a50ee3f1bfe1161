//! How the learning rate changes while a run goes on.

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// A factor on the learning rate. Time `t` is in epochs from the end of the warm-up, with
/// fractions, so the factor changes at every step; `T` is the time at the end of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Schedule {
    /// 1.
    #[default]
    Constant,
    /// `factor^⌊t/every⌋`.
    Step {
        /// Epochs from one fall to the next.
        every: f64,
        /// What the rate is multiplied by each time.
        factor: f64,
    },
    /// `factor^t`.
    Exponential {
        /// What the rate is multiplied by each epoch.
        factor: f64,
    },
    /// `1/(1 + decay t)`.
    InverseTime {
        /// How quickly the rate falls, per epoch.
        decay: f64,
    },
    /// `1 + (to - 1) t/T`.
    Linear {
        /// The factor at the end of the run.
        to: f64,
    },
    /// `to + (1 - to) (1 + cos(π t/T))/2`. Source: Loshchilov and Hutter, ICLR 2017, equation 5.
    Cosine {
        /// The factor at the end of the run.
        to: f64,
    },
    /// Multiplied by `factor` whenever the judged metric has not fallen by more than
    /// `threshold` (a share of its best value) for `patience` epochs. It begins at 1 and never
    /// falls below `minimum`.
    Plateau {
        /// What the rate is multiplied by each time.
        factor: f64,
        /// Epochs without a fall that are borne.
        patience: u32,
        /// The share of the best value by which the metric must fall to count.
        #[serde(default = "default_threshold")]
        threshold: f64,
        /// The smallest factor.
        #[serde(default)]
        minimum: f64,
    },
}

fn default_threshold() -> f64 {
    1e-4
}

/// What `Plateau` remembers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlateauState {
    factor: f64,
    best: f64,
    stale_epochs: u32,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { factor: 1.0, best: f64::INFINITY, stale_epochs: 0 }
    }
}

impl Schedule {
    /// The name of its kind, as files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Schedule::Constant => "Constant",
            Schedule::Step { .. } => "Step",
            Schedule::Exponential { .. } => "Exponential",
            Schedule::InverseTime { .. } => "InverseTime",
            Schedule::Linear { .. } => "Linear",
            Schedule::Cosine { .. } => "Cosine",
            Schedule::Plateau { .. } => "Plateau",
        }
    }

    /// Everything that is wrong with its numbers.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let factor_up_to_one = |place: &str, value: f64| {
            let holds = value > 0.0 && value <= 1.0;
            Mistake::unless(holds, place, "the factor", value, "above 0, up to 1")
        };
        let from_zero = |place: &str, value: f64| {
            let holds = value.is_finite() && value >= 0.0;
            Mistake::unless(holds, place, place, value, "a finite number from 0")
        };
        let found = match *self {
            Schedule::Constant => vec![],
            Schedule::Step { every, factor } => {
                let holds = every.is_finite() && every > 0.0;
                let every =
                    Mistake::unless(holds, "every", "every", every, "a number of epochs above 0");
                vec![every, factor_up_to_one("factor", factor)]
            }
            Schedule::Exponential { factor } => vec![factor_up_to_one("factor", factor)],
            Schedule::InverseTime { decay } => vec![from_zero("decay", decay)],
            Schedule::Linear { to } | Schedule::Cosine { to } => vec![from_zero("to", to)],
            Schedule::Plateau { factor, threshold, minimum, .. } => vec![
                factor_up_to_one("factor", factor),
                from_zero("threshold", threshold),
                Mistake::unless(
                    (0.0..=1.0).contains(&minimum),
                    "minimum",
                    "minimum",
                    minimum,
                    "a factor from 0 to 1",
                ),
            ],
        };
        found.into_iter().flatten().collect()
    }

    /// The factor at this moment. During the warm-up of `warm_up` epochs, `w` steps, it is
    /// `(step + 1)/w`, and the schedule proper begins behind it.
    pub(crate) fn factor(&self, clock: Clock, warm_up: f64, plateau: PlateauState) -> f64 {
        let epoch = clock.steps_per_epoch as f64;
        let warm_up_steps = warm_up * epoch;
        if (clock.step as f64) < warm_up_steps {
            return ((clock.step + 1) as f64 / warm_up_steps).min(1.0);
        }
        let time = (clock.step as f64 - warm_up_steps) / epoch;
        let end = (clock.total_steps as f64 - warm_up_steps) / epoch;
        // A warm-up as long as the run leaves nothing to fall over.
        let share = if end > 0.0 { time / end } else { 0.0 };
        match *self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => libm::pow(factor, (time / every).floor()),
            Schedule::Exponential { factor } => libm::pow(factor, time),
            Schedule::InverseTime { decay } => 1.0 / (1.0 + decay * time),
            Schedule::Linear { to } => 1.0 + (to - 1.0) * share,
            Schedule::Cosine { to } => {
                let angle = std::f64::consts::PI * share;
                to + (1.0 - to) * (1.0 + libm::cos(angle)) / 2.0
            }
            Schedule::Plateau { .. } => plateau.factor,
        }
    }

    pub(crate) fn observe(&self, metric: f64, state: &mut PlateauState) {
        let Schedule::Plateau { factor, patience, threshold, minimum } = *self else { return };
        let is_first = state.best.is_infinite() && !metric.is_nan();
        if metric < state.best - threshold * state.best.abs() || is_first {
            state.best = metric;
            state.stale_epochs = 0;
            return;
        }
        state.stale_epochs += 1;
        if state.stale_epochs > patience {
            state.factor = (state.factor * factor).max(minimum);
            state.stale_epochs = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, PlateauState, Schedule};

    /// Factors at the start of epochs 0 to 4 of a run of 4 epochs of 10 steps.
    fn factors(schedule: Schedule, warm_up: f64) -> Vec<f64> {
        (0..=4)
            .map(|epoch| {
                let clock = Clock {
                    step: epoch * 10,
                    steps_per_epoch: 10,
                    total_steps: 40,
                    batch_rows: 4,
                    epoch_rows: 40,
                };
                schedule.factor(clock, warm_up, PlateauState::default())
            })
            .collect()
    }

    fn check(schedule: Schedule, warm_up: f64, expected: [f64; 5]) {
        for (got, want) in factors(schedule, warm_up).iter().zip(expected) {
            assert!((got - want).abs() < 1e-15, "{schedule:?}: {got} is not {want}");
        }
    }

    #[test]
    fn factors_follow_their_formulas() {
        check(Schedule::Constant, 0.0, [1.0; 5]);
        check(Schedule::Step { every: 2.0, factor: 0.1 }, 0.0, [1.0, 1.0, 0.1, 0.1, 0.1 * 0.1]);
        check(Schedule::Exponential { factor: 0.5 }, 0.0, [1.0, 0.5, 0.25, 0.125, 0.0625]);
        check(Schedule::InverseTime { decay: 1.0 }, 0.0, [1.0, 0.5, 1.0 / 3.0, 0.25, 0.2]);
        check(Schedule::Linear { to: 0.2 }, 0.0, [1.0, 0.8, 0.6, 0.4, 0.2]);
        let root = std::f64::consts::FRAC_1_SQRT_2;
        let cosine = [1.0, (1.0 + root) / 2.0, 0.5, (1.0 - root) / 2.0, 0.0];
        check(Schedule::Cosine { to: 0.0 }, 0.0, cosine);
    }

    #[test]
    fn warm_up_rises_linearly_and_then_the_schedule_begins() {
        check(Schedule::Constant, 2.0, [0.05, 0.55, 1.0, 1.0, 1.0]);
        check(Schedule::Linear { to: 0.0 }, 2.0, [0.05, 0.55, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn a_warm_up_as_long_as_the_run_stays_a_number() {
        for schedule in [Schedule::Linear { to: 0.0 }, Schedule::Cosine { to: 0.0 }] {
            check(schedule, 4.0, [0.025, 0.275, 0.525, 0.775, 1.0]);
        }
    }

    #[test]
    fn plateau_falls_after_patience_and_not_below_its_minimum() {
        let schedule =
            Schedule::Plateau { factor: 0.1, patience: 1, threshold: 0.01, minimum: 0.05 };
        let mut state = PlateauState::default();
        let mut factors = Vec::new();
        // 0.995 is no fall by 1 %, 0.9 is; NaN never is.
        for metric in [1.0, 0.995, 0.9, 0.9, 0.9, f64::NAN, f64::NAN] {
            schedule.observe(metric, &mut state);
            factors.push(state.factor);
        }
        assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.05]);
    }
}
