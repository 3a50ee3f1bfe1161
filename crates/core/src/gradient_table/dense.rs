//! Dense layers, the plain activations, and layers made of layers.

use super::{GradientCase, case};
use crate::layers::{Dense, Scope};
use crate::{Layer, Loss, Shape};

/// `Affine`, `Linear`, `Add` and what is built of them.
pub(super) fn cases() -> Vec<GradientCase> {
    use Layer::{Flatten, Identity, Relu, Repeat, Residual, Sigmoid, Tanh};
    let dense = Layer::dense;
    let features = Shape::Features;
    let image = Shape::Image { channels: 2, height: 3, width: 5 };
    let tokens = Shape::Tokens { tokens: 3, features: 2 };
    let without_bias = Layer::Dense(Dense { units: 3, bias: false });
    let scope = Layer::Scope(Scope { rate: 0.5, init: None, layers: vec![dense(2)] });
    let repeated = Repeat { times: 2, layers: vec![dense(4), Tanh] };
    let residual = Residual(vec![dense(5), Tanh, dense(3)]);
    vec![
        case("Affine, HalfMse", features(3), &[dense(5)], Loss::HalfMse, 4),
        case("Affine, Mse", features(5), &[dense(4)], Loss::Mse, 3),
        case("Affine, CrossEntropy", features(4), &[dense(5)], Loss::CrossEntropy, 7),
        case("Affine by BLAS", features(17), &[dense(13), dense(11)], Loss::Mse, 9),
        case("Affine on an image", image, &[dense(7)], Loss::Mse, 4),
        case("Affine on tokens", tokens, &[dense(5), Tanh, dense(4)], Loss::CrossEntropy, 2),
        case("Linear", features(4), &[without_bias, Tanh, dense(2)], Loss::Mse, 5),
        case("Sigmoid", features(3), &[dense(5), Sigmoid, dense(2)], Loss::HalfMse, 4),
        case("Sigmoid as output", features(3), &[dense(2), Sigmoid], Loss::HalfMse, 4),
        case("Tanh", features(4), &[dense(6), Tanh, dense(3)], Loss::Mse, 5),
        case("Relu", features(5), &[dense(7), Relu, dense(3)], Loss::CrossEntropy, 6),
        case("Identity", features(2), &[dense(4), Identity, dense(3)], Loss::Mse, 5),
        case("Flatten", tokens, &[dense(5), Flatten, Tanh, Flatten, dense(2)], Loss::Mse, 3),
        case(
            "Add, by Residual",
            features(4),
            &[dense(3), residual, Residual(vec![]), Tanh, dense(2)],
            Loss::Mse,
            5,
        ),
        case("Scope and Repeat", features(3), &[repeated, scope], Loss::Mse, 5),
        case(
            "deep",
            features(3),
            &[dense(8), Tanh, dense(7), Sigmoid, dense(6), Relu, dense(4)],
            Loss::CrossEntropy,
            5,
        ),
    ]
}
