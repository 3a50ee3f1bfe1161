//! Layers on images: sides, kernels, strides and paddings all unequal.

use super::{GradientCase, case};
use crate::layers::{Conv2d, Pool2d};
use crate::{Layer, Loss, Pair, Shape};

/// Convolution and pooling.
pub(super) fn cases() -> Vec<GradientCase> {
    use Layer::{AvgPool2d, Flatten, GlobalAvgPool, MaxPool2d, Tanh};
    let dense = Layer::dense;
    let image = |channels, height, width| Shape::Image { channels, height, width };
    let conv = |filters, kernel: (usize, usize)| Conv2d {
        kernel: kernel.into(),
        ..Conv2d::new(filters, 1)
    };
    let pool = |kernel: (usize, usize)| Pool2d { kernel: kernel.into(), ..Pool2d::new(1) };
    let (first, second) = (Layer::Conv2d(conv(3, (2, 3))), Layer::Conv2d(conv(5, (3, 2))));
    let strided = Layer::Conv2d(Conv2d { stride: (3, 2).into(), ..conv(4, (2, 3)) });
    let padded = Layer::Conv2d(Conv2d { padding: (1, 3).into(), ..conv(4, (3, 2)) });
    let dilated = Layer::Conv2d(Conv2d { dilation: (2, 3).into(), ..conv(5, (3, 2)) });
    let mixed = Layer::Conv2d(Conv2d {
        stride: (2, 1).into(),
        padding: (3, 2).into(),
        dilation: (1, 2).into(),
        bias: false,
        ..conv(4, (2, 3))
    });
    let wide = Layer::Conv2d(Conv2d { padding: (1, 2).into(), ..conv(7, (2, 3)) });
    let pointwise = Layer::Conv2d(conv(3, (1, 1)));
    let overlapping =
        Pool2d { stride: Some((1, 2).into()), padding: (1, 1).into(), ..pool((2, 3)) };
    let gaps = Pool2d { stride: Some((3, 2).into()), ..pool((2, 1)) };
    let plain = |layer: &Layer| vec![first.clone(), Tanh, layer.clone(), Tanh, dense(2)];
    let pooled = |layer: Layer| vec![first.clone(), layer, dense(2)];
    vec![
        case("Conv2d", image(2, 4, 5), &[first.clone(), Tanh, dense(2)], Loss::Mse, 3),
        case("Conv2d on Conv2d", image(1, 6, 7), &plain(&second), Loss::CrossEntropy, 3),
        case("Conv2d as output", image(2, 3, 4), std::slice::from_ref(&second), Loss::HalfMse, 6),
        case("Conv2d, stride", image(2, 9, 8), &plain(&strided), Loss::Mse, 3),
        case("Conv2d, padding", image(2, 3, 6), &plain(&padded), Loss::Mse, 4),
        case("Conv2d, dilation", image(1, 8, 7), &plain(&dilated), Loss::Mse, 3),
        case("Conv2d, all options", image(1, 5, 6), &plain(&mixed), Loss::Mse, 3),
        case(
            "Conv2d by rows of the image (DirectConv2d)",
            image(2, 3, 17),
            &plain(&wide),
            Loss::Mse,
            3,
        ),
        case("Conv2d, one pixel", image(2, 5, 4), &plain(&pointwise), Loss::Mse, 3),
        case("MaxPool2d", image(2, 7, 8), &pooled(MaxPool2d(pool((3, 2)))), Loss::Mse, 4),
        case("MaxPool2d, overlap", image(2, 4, 7), &pooled(MaxPool2d(overlapping)), Loss::Mse, 5),
        case("MaxPool2d, gaps", image(2, 7, 6), &pooled(MaxPool2d(gaps)), Loss::Mse, 4),
        case("AvgPool2d", image(2, 7, 8), &pooled(AvgPool2d(pool((3, 2)))), Loss::Mse, 4),
        case("AvgPool2d, overlap", image(2, 4, 7), &pooled(AvgPool2d(overlapping)), Loss::Mse, 5),
        case("AvgPool2d, gaps", image(2, 7, 6), &pooled(AvgPool2d(gaps)), Loss::Mse, 4),
        case("GlobalAvgPool", image(2, 5, 6), &pooled(GlobalAvgPool), Loss::CrossEntropy, 4),
        case(
            "LeNet in small",
            image(1, 8, 10),
            &[
                Layer::Conv2d(Conv2d { padding: Pair::both(1), ..Conv2d::new(2, 3) }),
                Tanh,
                MaxPool2d(Pool2d::new(2)),
                Layer::Conv2d(conv(3, (2, 3))),
                Tanh,
                AvgPool2d(Pool2d { stride: Some((1, 2).into()), ..pool((2, 3)) }),
                Flatten,
                dense(4),
            ],
            Loss::CrossEntropy,
            5,
        ),
    ]
}
