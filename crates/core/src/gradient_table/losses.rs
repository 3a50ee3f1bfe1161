//! Every loss, with one row, one output, and a sequence.

use super::{GradientCase, case};
use crate::{Layer, Loss, Shape};

/// The losses.
pub(super) fn cases() -> Vec<GradientCase> {
    use Layer::{Sigmoid, Tanh};
    let dense = Layer::dense;
    let features = Shape::Features;
    let tokens = Shape::Tokens { tokens: 3, features: 2 };
    let ending_in = |outputs: usize| [dense(5), Tanh, dense(outputs)];
    let with = |label_smoothing: f64, class_weights: &[f64]| Loss::CrossEntropyWith {
        label_smoothing,
        class_weights: class_weights.to_vec(),
    };
    let binary = Loss::BinaryCrossEntropy;
    vec![
        case("HalfMse on tokens", tokens, &ending_in(2), Loss::HalfMse, 4),
        case("Mse", features(4), &ending_in(2), Loss::Mse, 4),
        case("Mae", features(4), &ending_in(3), Loss::Mae, 6),
        case("Huber", features(4), &ending_in(3), Loss::Huber(0.8), 6),
        case("CrossEntropyWith smoothing", features(4), &ending_in(3), with(0.2, &[]), 6),
        case(
            "CrossEntropyWith weights",
            features(4),
            &ending_in(3),
            with(0.0, &[0.5, 2.0, 3.0]),
            6,
        ),
        case("CrossEntropyWith both", tokens, &ending_in(4), with(0.1, &[0.5, 0.0, 2.0, 3.0]), 6),
        case("BinaryCrossEntropy", features(4), &ending_in(3), binary.clone(), 6),
        case("BinaryCrossEntropy of one output", features(4), &ending_in(1), binary, 6),
        case("Hinge", features(4), &ending_in(3), Loss::Hinge, 6),
        case("Hinge of one output", features(4), &ending_in(1), Loss::Hinge, 6),
        case("one row", features(3), &[dense(4), Tanh, dense(2)], Loss::CrossEntropy, 1),
        case("one output", features(3), &[dense(4), Sigmoid, dense(1)], Loss::HalfMse, 5),
    ]
}
