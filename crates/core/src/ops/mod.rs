//! The registry of operations, simplest first.

mod add;
mod affine;
mod avg_pool2d;
mod batch_norm;
mod conv2d;
mod global_avg_pool;
mod layer_norm;
mod max_pool2d;
mod relu;
mod rms_norm;
mod sigmoid;
mod tanh;

pub(crate) use add::Add;
pub(crate) use affine::{Affine, Linear};
pub(crate) use avg_pool2d::AvgPool2d;
pub(crate) use batch_norm::BatchNorm;
pub(crate) use conv2d::Conv2d;
pub(crate) use global_avg_pool::GlobalAvgPool;
pub(crate) use layer_norm::LayerNorm;
pub(crate) use max_pool2d::MaxPool2d;
pub(crate) use relu::Relu;
pub(crate) use rms_norm::RmsNorm;
pub(crate) use sigmoid::Sigmoid;
pub(crate) use tanh::Tanh;
