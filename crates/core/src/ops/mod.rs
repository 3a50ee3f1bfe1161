//! The registry of operations, simplest first.

mod add;
mod affine;
mod batch_norm;
mod layer_norm;
mod relu;
mod rms_norm;
mod sigmoid;
mod tanh;

pub(crate) use add::Add;
pub(crate) use affine::{Affine, Linear};
pub(crate) use batch_norm::BatchNorm;
pub(crate) use layer_norm::LayerNorm;
pub(crate) use relu::Relu;
pub(crate) use rms_norm::RmsNorm;
pub(crate) use sigmoid::Sigmoid;
pub(crate) use tanh::Tanh;
