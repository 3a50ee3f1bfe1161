//! The registry of operations, simplest first.

mod affine;
mod relu;
mod sigmoid;
mod tanh;

pub(crate) use affine::Affine;
pub(crate) use relu::Relu;
pub(crate) use sigmoid::Sigmoid;
pub(crate) use tanh::Tanh;
