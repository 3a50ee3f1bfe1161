//! Values at the edge of what a float can hold: results are finite, and the analytic ones.

use gradus_core::{Graph, Initialization, Layer, Loss, Mode, Program, Scalar, Shape, Targets};
use ndarray::{Array2, arr2};

const TRAIN: Mode = Mode::Train { step: 0 };
const HUGE: f64 = 1e30;
/// Below the smallest normal number of both types, and still a number in both.
const TINY: [f64; 2] = [1e-40, 1e-310];

/// Equal within the rounding of `f32` and a few operations.
fn close(a: f64, b: f64) -> bool {
    a.is_finite() && (a - b).abs() <= 4e-6 * b.abs().max(1e-30)
}

/// What a layer makes of equal rows `x`, and the sum of the gradients of its outputs by them: the
/// rows are the bias of a layer before it, and the loss is `Mae` with targets far below.
fn at<T: Scalar>(layer: &Layer, x: &[f64], rows: usize, mode: Mode) -> (Vec<f64>, Vec<f64>) {
    let width = x.len();
    let layers = [Layer::dense(width), layer.clone()];
    let graph = Graph::build(Shape::Features(1), &layers, Initialization::default());
    let mut program: Program<T> = Program::compile(graph.expect("the model fits"), Loss::Mae, rows);
    program.initialize(1);
    let bias = program.parameters.ranges[1].range.clone();
    for (bias, &x) in program.parameters.values[bias.clone()].iter_mut().zip(x) {
        *bias = T::from_f64(x);
    }
    program.load(Array2::zeros((rows, 1)).view());
    program.forward(mode);
    let below = Array2::from_elem((rows, width), T::from_f64(-3e38));
    program.backward(Targets::Values(below.view()));
    let outputs = program.output().row(0).iter().map(|y| y.to_f64()).collect();
    let gradients = program.parameters.gradients[bias].iter();
    (outputs, gradients.map(|g| g.to_f64() * width as f64).collect())
}

fn activations_are_right<T: Scalar>(tiny: f64) {
    use Layer::{
        Elu, Gelu, HardTanh, LeakyRelu, Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
    };
    let (selu, selu_end) = (1.050_700_987_355_480_5, 1.758_099_340_847_376_6);
    // Value and slope at 1e30, at -1e30, and at a number that is nearly 0.
    let table = [
        (Sigmoid, (1.0, 0.0), (0.0, 0.0), (0.5, 0.25)),
        (Tanh, (1.0, 0.0), (-1.0, 0.0), (tiny, 1.0)),
        (Relu, (HUGE, 1.0), (0.0, 0.0), (tiny, 1.0)),
        (LeakyRelu(0.1), (HUGE, 1.0), (-0.1 * HUGE, 0.1), (tiny, 1.0)),
        (Elu(0.7), (HUGE, 1.0), (-0.7, 0.0), (tiny, 1.0)),
        (Selu, (selu * HUGE, selu), (-selu_end, 0.0), (tiny, selu)),
        (Gelu, (HUGE, 1.0), (0.0, 0.0), (0.5 * tiny, 0.5)),
        (Silu, (HUGE, 1.0), (0.0, 0.0), (0.5 * tiny, 0.5)),
        (Softplus, (HUGE, 1.0), (0.0, 0.0), (2.0_f64.ln(), 0.5)),
        (Softsign, (1.0, 0.0), (-1.0, 0.0), (tiny, 1.0)),
        (HardTanh, (1.0, 0.0), (-1.0, 0.0), (tiny, 1.0)),
    ];
    for (layer, above, below, middle) in table {
        for (x, (y, slope)) in [(HUGE, above), (-HUGE, below), (tiny, middle)] {
            let (outputs, gradients) = at::<T>(&layer, &[x], 1, TRAIN);
            let (got, got_slope) = (outputs[0], gradients[0]);
            assert!(close(got, y), "{layer} at {x}: {got} against {y}");
            assert!(close(got_slope, slope), "{layer} at {x}: {got_slope} against {slope}");
        }
    }
}

#[test]
fn activations_are_right_at_their_ends() {
    activations_are_right::<f32>(TINY[0]);
    activations_are_right::<f64>(TINY[1]);
}

fn rows_are_right<T: Scalar>(tiny: f64) {
    let third = 1.0 / 3.0;
    let (layer_norm, rms_norm) =
        (Layer::LayerNorm { epsilon: 1e-5 }, Layer::RmsNorm { epsilon: 1e-5 });
    let table = [
        (Layer::Softmax, [HUGE; 3], [third; 3]),
        (Layer::Softmax, [tiny; 3], [third; 3]),
        (Layer::Softmax, [HUGE, 0.0, -HUGE], [1.0, 0.0, 0.0]),
        (layer_norm.clone(), [5.0; 3], [0.0; 3]),
        (layer_norm.clone(), [HUGE; 3], [0.0; 3]),
        (
            layer_norm.clone(),
            [tiny, 0.0, -tiny],
            [tiny / 1e-5_f64.sqrt(), 0.0, -tiny / 1e-5_f64.sqrt()],
        ),
        (layer_norm, [HUGE, 0.0, -HUGE], [1.5_f64.sqrt(), 0.0, -1.5_f64.sqrt()]),
        (rms_norm.clone(), [0.0; 3], [0.0; 3]),
        (rms_norm.clone(), [HUGE; 3], [1.0; 3]),
        (rms_norm, [-HUGE, 0.0, 0.0], [-3.0_f64.sqrt(), 0.0, 0.0]),
        (Layer::Dropout(0.0), [HUGE, tiny, -HUGE], [HUGE, tiny, -HUGE]),
    ];
    for (layer, x, y) in table {
        for mode in [TRAIN, Mode::Evaluate] {
            let (outputs, gradients) = at::<T>(&layer, &x, 1, mode);
            // A mean is rounded beside the largest of its row.
            let slack = 4e-16 * y.iter().fold(0.0_f64, |most, y| most.max(y.abs()));
            for (&got, &wanted) in outputs.iter().zip(&y) {
                assert!(
                    close(got, wanted) || (got - wanted).abs() <= slack,
                    "{layer} of {x:?}: {outputs:?} against {y:?}"
                );
            }
            assert!(gradients.iter().all(|g| g.is_finite()), "{layer} of {x:?}: {gradients:?}");
        }
    }
}

#[test]
fn what_looks_at_a_row_is_right_at_its_ends() {
    rows_are_right::<f32>(TINY[0]);
    rows_are_right::<f64>(TINY[1]);
}

fn equal_rows_are_right<T: Scalar>() {
    let batch_norm = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
    // A variance of 0: the rows are all at the mean, and no step can change that.
    let (outputs, gradients) = at::<T>(&batch_norm, &[5.0, HUGE, 0.0], 4, TRAIN);
    assert!(outputs.iter().all(|&y| y == 0.0), "{outputs:?}");
    assert!(gradients.iter().all(|&g| g.abs() < 1e-4), "{gradients:?}");
    let (_, gradients) = at::<T>(&batch_norm, &[5.0, HUGE, 0.0], 4, Mode::Evaluate);
    assert!(gradients.iter().all(|&g| close(g, 1.0 / 1.00001_f64.sqrt())), "{gradients:?}");

    let graph = Graph::build(Shape::Features(1), &[batch_norm], Initialization::default());
    let mut program: Program<T> = Program::compile(graph.expect("it fits"), Loss::Mse, 2);
    program.initialize(1);
    program.load(arr2(&[[T::from_f64(HUGE)], [T::from_f64(-HUGE)]]).view());
    program.forward(TRAIN);
    let outputs: Vec<f64> = program.output().iter().map(|y| y.to_f64()).collect();
    assert!(close(outputs[0], 1.0) && close(outputs[1], -1.0), "{outputs:?}");
}

#[test]
fn a_batch_of_equal_rows_and_one_of_huge_ones_are_normalized() {
    equal_rows_are_right::<f32>();
    equal_rows_are_right::<f64>();
}

/// A loss, logits of one row, the row's class, value and gradient.
type OfClasses<'a> = (Loss, &'a [f64], u32, f64, &'a [f64]);

/// Held against classes where there are any, else against values.
fn losses_are_right<T: Scalar>(tiny: f64) {
    let with = |weights: &[f64]| Loss::CrossEntropyWith {
        label_smoothing: 0.25,
        class_weights: weights.to_vec(),
    };
    let binary = || Loss::BinaryCrossEntropy;
    let of_classes: [OfClasses<'_>; 17] = [
        (Loss::CrossEntropy, &[HUGE, 0.0], 0, 0.0, &[0.0, 0.0]),
        (Loss::CrossEntropy, &[HUGE, 0.0], 1, HUGE, &[1.0, -1.0]),
        (Loss::CrossEntropy, &[-HUGE, -HUGE], 1, 2.0_f64.ln(), &[0.5, -0.5]),
        (Loss::CrossEntropy, &[tiny, -tiny], 1, 2.0_f64.ln(), &[0.5, -0.5]),
        (Loss::CrossEntropy, &[HUGE], 0, 0.0, &[0.0]),
        (with(&[]), &[HUGE, 0.0], 0, 0.125 * HUGE, &[0.125, -0.125]),
        (with(&[]), &[tiny, tiny], 0, 2.0_f64.ln(), &[-0.375, 0.375]),
        (with(&[2.0, 0.0]), &[0.0, HUGE], 0, 0.875 * HUGE, &[-0.875, 0.875]),
        (with(&[2.0, 0.0]), &[0.0, HUGE], 1, 0.0, &[0.0, 0.0]),
        (binary(), &[HUGE], 1, 0.0, &[0.0]),
        (binary(), &[HUGE], 0, HUGE, &[1.0]),
        (binary(), &[-HUGE], 1, HUGE, &[-1.0]),
        (binary(), &[tiny], 1, 2.0_f64.ln(), &[-0.5]),
        (Loss::Hinge, &[HUGE], 1, 0.0, &[0.0]),
        (Loss::Hinge, &[HUGE], 0, HUGE, &[1.0]),
        (Loss::Hinge, &[HUGE, -HUGE], 1, HUGE, &[0.5, -0.5]),
        (Loss::Hinge, &[tiny, tiny], 1, 0.5, &[0.5, -0.5]),
    ];
    for (loss, z, class, value, gradient) in of_classes {
        loss_is_right::<T>(&loss, z, Targets::Classes(&[class]), value, gradient);
    }
    let of_values: [(Loss, f64, f64, f64, f64); 10] = [
        (Loss::HalfMse, HUGE, -HUGE, 2.0 * HUGE * HUGE, 2.0 * HUGE),
        (Loss::Mse, HUGE, -HUGE, 4.0 * HUGE * HUGE, 4.0 * HUGE),
        (Loss::Mse, tiny, 0.0, 0.0, 2.0 * tiny),
        (Loss::Mae, HUGE, -HUGE, 2.0 * HUGE, 1.0),
        (Loss::Mae, -HUGE, -HUGE, 0.0, 0.0),
        (Loss::Mae, tiny, 0.0, tiny, 1.0),
        (Loss::Huber(0.5), HUGE, -HUGE, HUGE, 0.5),
        (Loss::Huber(0.5), -tiny, 0.0, 0.0, -tiny),
        (binary(), HUGE, 0.25, 0.75 * HUGE, 0.75),
        (binary(), -HUGE, 0.25, 0.25 * HUGE, -0.25),
    ];
    for (loss, z, t, value, gradient) in of_values {
        let t = arr2(&[[T::from_f64(t)]]);
        loss_is_right::<T>(&loss, &[z], Targets::Values(t.view()), value, &[gradient]);
    }
}

fn loss_is_right<T: Scalar>(
    loss: &Loss,
    z: &[f64],
    targets: Targets<'_, T>,
    value: f64,
    gradient: &[f64],
) {
    let row = Array2::from_shape_fn((1, z.len()), |(_, output)| T::from_f64(z[output]));
    let mut dz = Array2::zeros(row.dim());
    let got = loss.differentiate(row.view(), targets, loss.total_weight(targets), dz.view_mut());
    assert!(close(got, value), "{loss} of {z:?}: {got} against {value}");
    assert_eq!(got, loss.value(row.view(), targets), "{loss} of {z:?}");
    for (got, &wanted) in dz.iter().zip(gradient) {
        assert!(close(got.to_f64(), wanted), "{loss} of {z:?}: {dz} against {gradient:?}");
    }
}

#[test]
fn losses_are_right_at_their_ends() {
    losses_are_right::<f32>(TINY[0]);
    losses_are_right::<f64>(TINY[1]);
}
