//! Every loss, with one row, one output, and a sequence.

use super::{GradientCase, case};
use crate::{Layer, Loss, Shape};

/// The losses.
pub(super) fn cases() -> Vec<GradientCase> {
    use Layer::{Sigmoid, Tanh};
    let dense = Layer::dense;
    let features = Shape::Features;
    let tokens = Shape::Tokens { tokens: 3, features: 2 };
    vec![
        case("HalfMse on tokens", tokens, &[dense(5), Tanh, dense(2)], Loss::HalfMse, 4),
        case("Mse", features(4), &[dense(3), Tanh, dense(2)], Loss::Mse, 4),
        case("one row", features(3), &[dense(4), Tanh, dense(2)], Loss::CrossEntropy, 1),
        case("one output", features(3), &[dense(4), Sigmoid, dense(1)], Loss::HalfMse, 5),
    ]
}
