//! How the learning rate changes while a run goes on.

mod pieces;
mod plateau;

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

pub use self::pieces::Piece;
pub(crate) use self::plateau::PlateauState;
use crate::clock::Clock;

/// A factor on the learning rate. Time `t` is in epochs from the end of the warm-up, with
/// fractions, so the factor changes at every step (or once an epoch, see [`crate::Each`]); `T` is
/// the time at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// `to + (1 - to) (1 - t/T)^power`. Source: Keras's `PolynomialDecay`; with `to: 0`, PyTorch's
    /// `PolynomialLR`.
    Polynomial {
        /// 1 is a straight line.
        power: f64,
        /// The factor at the end of the run.
        to: f64,
    },
    /// Rises from `1/div_factor` to 1 over the first `pct_start` of the steps and falls to
    /// `1/(div_factor final_div_factor)` at the last, along half a cosine each: the learning rate
    /// is the largest. Source: PyTorch's `OneCycleLR`, after Smith and Topin (2018).
    OneCycle {
        /// The share of the steps that rise.
        #[serde(default = "default_pct_start")]
        pct_start: f64,
        /// The largest rate over the first.
        #[serde(default = "default_div_factor")]
        div_factor: f64,
        /// The first rate over the last.
        #[serde(default = "default_final_div_factor")]
        final_div_factor: f64,
    },
    /// `to + (1 - to) (1 + cos(π u/P))/2`, where `u` is the time since the last restart and the
    /// period `P` grows by `factor` at each. Source: Loshchilov and Hutter, ICLR 2017, equation 5.
    CosineRestarts {
        /// Epochs up to the first restart.
        period: f64,
        /// What the period is multiplied by at each restart.
        #[serde(default = "one")]
        factor: f64,
        /// The factor before each restart.
        #[serde(default)]
        to: f64,
    },
    /// `√(w/s)` for step `s` of the run, from 1, behind a warm-up of `w` steps (1 without one):
    /// with the linear warm-up, `min(s/w, √(w/s))`. Source: Vaswani et al., NeurIPS 2017,
    /// equation 3, whose rate at its peak is the learning rate here.
    InverseSqrt,
    /// `1/(n + 1)^power` with `n` the samples seen since the run began, each as often as it was
    /// seen. scikit-learn's `invscaling` is this with `each: Epoch`.
    InvScaling {
        /// scikit-learn's `power_t`.
        #[serde(default = "half")]
        power: f64,
    },
    /// One schedule after the other: each factor times that of the piece's own schedule, whose
    /// time begins with the piece and ends with it.
    Pieces(Vec<Piece>),
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

fn default_pct_start() -> f64 {
    0.3
}

fn default_div_factor() -> f64 {
    25.0
}

fn default_final_div_factor() -> f64 {
    1e4
}

fn one() -> f64 {
    1.0
}

fn half() -> f64 {
    0.5
}

/// A moment as schedules see it.
#[derive(Clone, Copy, Debug)]
struct Time {
    /// Steps since the schedule began.
    steps: f64,
    /// Steps from there to its end.
    length: f64,
    steps_per_epoch: f64,
    /// Steps of the warm-up.
    warm_up: f64,
    clock: Clock,
}

/// A bound in epochs belongs to its step whatever the rounding of the product of the two.
const ROUNDING: f64 = 1e-9;

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
            Schedule::Polynomial { .. } => "Polynomial",
            Schedule::OneCycle { .. } => "OneCycle",
            Schedule::CosineRestarts { .. } => "CosineRestarts",
            Schedule::InverseSqrt => "InverseSqrt",
            Schedule::InvScaling { .. } => "InvScaling",
            Schedule::Pieces(_) => "Pieces",
            Schedule::Plateau { .. } => "Plateau",
        }
    }

    /// Whether its factors are others in a longer run.
    pub fn depends_on_length(&self) -> bool {
        match self {
            Schedule::Linear { .. }
            | Schedule::Cosine { .. }
            | Schedule::Polynomial { .. }
            | Schedule::OneCycle { .. } => true,
            Schedule::Pieces(pieces) => {
                pieces.last().is_some_and(|last| last.schedule.depends_on_length())
            }
            _ => false,
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
        let from_one = |place: &str, value: f64| {
            let holds = value.is_finite() && value >= 1.0;
            Mistake::unless(holds, place, place, value, "a finite number from 1")
        };
        let found = match *self {
            Schedule::Constant | Schedule::InverseSqrt => vec![],
            Schedule::Pieces(ref pieces) => return pieces::mistakes(pieces),
            Schedule::Polynomial { power, to } => {
                vec![from_zero("power", power), from_zero("to", to)]
            }
            Schedule::OneCycle { pct_start, div_factor, final_div_factor } => {
                let holds = (0.0..=1.0).contains(&pct_start);
                let allowed = "a share of the steps from 0 to 1";
                vec![
                    Mistake::unless(holds, "pct_start", "pct_start", pct_start, allowed),
                    from_one("div_factor", div_factor),
                    from_one("final_div_factor", final_div_factor),
                ]
            }
            Schedule::CosineRestarts { period, factor, to } => {
                let holds = period.is_finite() && period > 0.0;
                let allowed = "a number of epochs above 0";
                let period = Mistake::unless(holds, "period", "the period", period, allowed);
                vec![period, from_one("factor", factor), from_zero("to", to)]
            }
            Schedule::InvScaling { power } => vec![from_zero("power", power)],
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
        let time = Time {
            steps: clock.step as f64 - warm_up_steps,
            length: clock.total_steps as f64 - warm_up_steps,
            steps_per_epoch: epoch,
            warm_up: warm_up_steps,
            clock,
        };
        self.at(time, plateau)
    }

    fn at(&self, now: Time, plateau: PlateauState) -> f64 {
        let time = now.steps / now.steps_per_epoch;
        let end = now.length / now.steps_per_epoch;
        // A warm-up as long as the run leaves nothing to fall over.
        let share = if end > 0.0 { time / end } else { 0.0 };
        match *self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => {
                libm::pow(factor, (time / every + ROUNDING).floor())
            }
            Schedule::Exponential { factor } => libm::pow(factor, time),
            Schedule::InverseTime { decay } => 1.0 / (1.0 + decay * time),
            Schedule::Linear { to } => 1.0 + (to - 1.0) * share,
            Schedule::Cosine { to } => half_cosine(1.0, to, share),
            Schedule::Polynomial { power, to } => {
                to + (1.0 - to) * libm::pow((1.0 - share).max(0.0), power)
            }
            Schedule::OneCycle { pct_start, div_factor, final_div_factor } => {
                let (first, last) = (1.0 / div_factor, 1.0 / (div_factor * final_div_factor));
                let (top, end) = (pct_start * now.length - 1.0, now.length - 1.0);
                if top > 0.0 && now.steps <= top {
                    half_cosine(first, 1.0, now.steps / top)
                } else {
                    let top = top.max(0.0);
                    let share = if end > top { (now.steps - top) / (end - top) } else { 1.0 };
                    half_cosine(1.0, last, share.min(1.0))
                }
            }
            Schedule::CosineRestarts { period, factor, to } => {
                // Periods that are over: period (1 + factor + factor² + …) is at most the time.
                let over = if factor == 1.0 {
                    time / period
                } else {
                    libm::log(1.0 + time / period * (factor - 1.0)) / libm::log(factor)
                };
                let over = (over + ROUNDING).floor();
                let scale = libm::pow(factor, over);
                let periods = if factor == 1.0 { over } else { (scale - 1.0) / (factor - 1.0) };
                let (since, period) = ((time - periods * period).max(0.0), period * scale);
                half_cosine(1.0, to, since / period)
            }
            Schedule::InverseSqrt => {
                (now.warm_up.max(1.0) / (now.clock.step + 1) as f64).sqrt().min(1.0)
            }
            Schedule::InvScaling { power } => libm::pow((now.clock.samples() + 1) as f64, -power),
            Schedule::Pieces(ref pieces) => pieces::at(pieces, now, plateau),
            Schedule::Plateau { .. } => plateau.factor,
        }
    }
}

/// From `from` at 0 to `to` at 1.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    let angle = std::f64::consts::PI * share;
    to + (from - to) * (1.0 + libm::cos(angle)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::{Clock, Piece, PlateauState, Schedule};

    /// Factors at the start of epochs 0 to 4 of a run of 4 epochs of 10 steps.
    fn factors(schedule: &Schedule, warm_up: f64) -> Vec<f64> {
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
        for (got, want) in factors(&schedule, warm_up).iter().zip(expected) {
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
        let squares = [1.0, 0.75, 0.5, 0.25, 0.0].map(|rest: f64| 0.1 + 0.9 * rest * rest);
        check(Schedule::Polynomial { power: 2.0, to: 0.1 }, 0.0, squares);
        let restarts = Schedule::CosineRestarts { period: 1.0, factor: 2.0, to: 0.2 };
        check(restarts, 0.0, [1.0, 1.0, 0.6, 1.0, 0.2 + 0.4 * (1.0 + root)]);
        let even = Schedule::CosineRestarts { period: 2.0, factor: 1.0, to: 0.0 };
        check(even, 0.0, [1.0, 0.5, 1.0, 0.5, 1.0]);
        // 40 samples an epoch.
        let samples = [1.0_f64, 41.0, 81.0, 121.0, 161.0];
        check(Schedule::InvScaling { power: 0.5 }, 0.0, samples.map(|n| 1.0 / n.sqrt()));
        let piece = |until, factor, schedule| Piece { until, factor, schedule };
        let pieces = Schedule::Pieces(vec![
            piece(Some(1.0), 0.5, Schedule::Constant),
            piece(Some(3.0), 0.8, Schedule::Linear { to: 0.0 }),
            piece(None, 0.1, Schedule::Cosine { to: 0.5 }),
        ]);
        check(pieces, 0.0, [0.5, 0.8, 0.4, 0.1, 0.05]);
    }

    /// PyTorch 2's `OneCycleLR(max_lr=1, total_steps=40)` has its top at step 11 and its end at 39.
    #[test]
    fn one_cycle_rises_and_falls() {
        let cycle = Schedule::OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 };
        let at = |step: u64| {
            let clock =
                Clock { step, steps_per_epoch: 10, total_steps: 40, batch_rows: 4, epoch_rows: 40 };
            cycle.factor(clock, 0.0, PlateauState::default())
        };
        let cosine = |from: f64, to: f64, share: f64| {
            to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos())
        };
        for step in 0..40 {
            let expected = if step <= 11 {
                cosine(0.04, 1.0, step as f64 / 11.0)
            } else {
                cosine(1.0, 4e-6, (step - 11) as f64 / 28.0)
            };
            assert!((at(step) - expected).abs() < 1e-14, "step {step}");
        }
    }

    #[test]
    fn inverse_sqrt_is_that_of_the_transformer() {
        for warm_up in [0.0, 0.5, 2.0] {
            let w = f64::max(warm_up * 10.0, 1.0);
            let expected = [1.0, 11.0, 21.0, 31.0, 41.0].map(|s: f64| (s / w).min((w / s).sqrt()));
            check(Schedule::InverseSqrt, warm_up, expected);
        }
    }

    /// 3/10 over 0.1 is a little less than 3; the fall belongs to step 3 all the same.
    #[test]
    fn a_bound_between_epochs_belongs_to_its_step() {
        let clock =
            Clock { step: 3, steps_per_epoch: 10, total_steps: 40, batch_rows: 4, epoch_rows: 40 };
        let step = Schedule::Step { every: 0.1, factor: 0.5 };
        assert_eq!(step.factor(clock, 0.0, PlateauState::default()), 0.125);
    }

    #[test]
    fn a_plateau_begins_at_the_full_rate() {
        let schedule =
            Schedule::Plateau { factor: 0.1, patience: 1, threshold: 0.01, minimum: 0.05 };
        check(schedule, 0.0, [1.0; 5]);
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
}
