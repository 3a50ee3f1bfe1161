//! Optimizers as chains of gradient transformations, with schedules and weight constraints.
//!
//! An [`Optimizer`] is plain data; [`Optimizer::start`] makes the [`Stepper`] that holds its state
//! and changes the parameters once a step, without allocating. This crate knows no layers: it sees
//! the parameters as one flat slice with named ranges.

#![forbid(unsafe_code)]

mod optimizer;
mod stepper;
mod walk;
mod transforms;
mod clock;
mod schedule;
mod units;
mod constraint;
mod average;
mod penalty_table;

pub use average::Average;
pub use clock::{Clock, Each};
pub use constraint::Constraint;
pub use optimizer::{Optimizer, rate_mistake};
pub use penalty_table::{PenaltyCase, penalty_table};
pub use schedule::{Piece, Schedule};
pub use stepper::{PieceStepper, Stepper};
pub use transforms::{
    Adadelta, Adagrad, Adam, AdamW, ClipAdaptive, Divisor, Lion, RmsProp, Strength, Transform,
};
pub use walk::Walk;
