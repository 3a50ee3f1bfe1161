//! Optimizers as chains of gradient transformations, with schedules and weight constraints.
//!
//! An [`Optimizer`] is plain data; [`Optimizer::start`] makes the [`Stepper`] that holds its state
//! and changes the parameters once a step, without allocating. This crate knows no layers: it sees
//! the parameters as one flat slice with named ranges.

#![forbid(unsafe_code)]

mod optimizer;
mod transforms;
mod schedule;
mod constraint;

pub use constraint::Constraint;
pub use optimizer::{Optimizer, Stepper, rate_mistake};
pub use schedule::{Clock, Schedule};
pub use transforms::Transform;
