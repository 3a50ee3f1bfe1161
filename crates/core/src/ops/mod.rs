//! The registry of operations, simplest first.

mod add;
mod affine;
mod relu;
mod sigmoid;
mod tanh;

pub(crate) use add::Add;
pub(crate) use affine::{Affine, Linear};
pub(crate) use relu::Relu;
pub(crate) use sigmoid::Sigmoid;
pub(crate) use tanh::Tanh;
