//! Every activation and dropout, behind something trained; on values of both signs.

use super::{GradientCase, case};
use crate::{Layer, Loss, Shape};

/// Each between two dense layers; what looks at a whole row also on tokens.
pub(super) fn cases() -> Vec<GradientCase> {
    use Layer::{
        Dropout, Elu, Gelu, HardTanh, LeakyRelu, Selu, Silu, Softmax, Softplus, Softsign, Tanh,
    };
    let dense = Layer::dense;
    let features = Shape::Features(4);
    let tokens = Shape::Tokens { tokens: 3, features: 2 };
    let between = |layer: Layer| [dense(7), layer, dense(3)];
    vec![
        case("LeakyRelu", features, &between(LeakyRelu(0.1)), Loss::Mse, 5),
        case("Elu", features, &between(Elu(0.7)), Loss::Mse, 5),
        case("Selu", features, &between(Selu), Loss::Mse, 5),
        case("Gelu", features, &between(Gelu), Loss::Mse, 5),
        case("Silu", features, &between(Silu), Loss::Mse, 5),
        case("Softplus", features, &between(Softplus), Loss::Mse, 5),
        case("Softsign", features, &between(Softsign), Loss::Mse, 5),
        case("HardTanh", features, &between(HardTanh), Loss::Mse, 5),
        case("Softmax", features, &between(Softmax), Loss::Mse, 5),
        case("Softmax on tokens", tokens, &[dense(5), Softmax, dense(4)], Loss::CrossEntropy, 2),
        case("Softmax as output", features, &[dense(3), Softmax], Loss::HalfMse, 5),
        case("Dropout", features, &between(Dropout(0.4)), Loss::Mse, 5),
        case("Dropout of rate 0", features, &between(Dropout(0.0)), Loss::Mse, 5),
        case(
            "Dropout twice on tokens",
            tokens,
            &[dense(5), Dropout(0.2), Tanh, Dropout(0.5), dense(4)],
            Loss::CrossEntropy,
            2,
        ),
    ]
}
