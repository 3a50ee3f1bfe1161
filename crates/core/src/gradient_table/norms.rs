//! Normalization of rows and of channels.

use super::{GradientCase, case};
use crate::{Layer, Loss, Shape};

/// `LayerNorm`, `RmsNorm` and `BatchNorm`, behind something trained, and on the data itself.
pub(super) fn cases() -> Vec<GradientCase> {
    use Layer::{BatchNorm, LayerNorm, RmsNorm, Tanh};
    let dense = Layer::dense;
    let features = Shape::Features;
    let image = Shape::Image { channels: 3, height: 2, width: 4 };
    let tokens = Shape::Tokens { tokens: 3, features: 2 };
    let layer_norm = LayerNorm { epsilon: 1e-5 };
    let rms_norm = RmsNorm { epsilon: 1e-3 };
    let batch_norm = BatchNorm { epsilon: 1e-5, momentum: 0.1 };
    let by_tokens = |norm: &Layer| [dense(5), norm.clone(), Tanh, dense(4)];
    let by_rows = |norm: &Layer| [dense(7), norm.clone(), Tanh, dense(3)];
    vec![
        case("LayerNorm", features(4), &by_rows(&layer_norm), Loss::Mse, 5),
        case("LayerNorm on tokens", tokens, &by_tokens(&layer_norm), Loss::CrossEntropy, 4),
        case("LayerNorm on an image", image, &[layer_norm, dense(5)], Loss::Mse, 2),
        case("RmsNorm", features(4), &by_rows(&rms_norm), Loss::Mse, 5),
        case("RmsNorm on tokens", tokens, &by_tokens(&rms_norm), Loss::CrossEntropy, 4),
        case("BatchNorm", features(4), &by_rows(&batch_norm), Loss::Mse, 5),
        case("BatchNorm on tokens", tokens, &by_tokens(&batch_norm), Loss::CrossEntropy, 4),
        case(
            "BatchNorm twice on an image",
            image,
            &[batch_norm.clone(), batch_norm.clone(), dense(5)],
            Loss::Mse,
            2,
        ),
        case(
            "BatchNorm of many channels",
            features(3),
            &[dense(37), batch_norm, dense(2)],
            Loss::Mse,
            4,
        ),
    ]
}
