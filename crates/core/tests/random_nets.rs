//! Nets of 1 to 6 layers, drawn from the whole catalogue with shapes and losses of their own:
//! slopes in random directions, and a control that a slightly wrong gradient is seen.

use std::collections::BTreeMap;

use gradus_core::{
    Conv2d, Dense, GradientCase, GradientCheck, Graph, Initialization, Inputs, Layer, Loss, Lstm,
    Mode, MultiHeadAttention, Pair, Pool2d, Scope, Shape, Stream, check_direction,
};

const NETS: usize = 200;
const DIRECTIONS: usize = 3;
/// A step over a corner is rare; more would mean that corners excuse what is wrong.
const MOST_CORNERS: usize = 6;

/// Every layer there is, with sizes drawn anew: those that need an image or a sequence, and those
/// that take anything.
fn candidates(stream: &mut Stream) -> [Vec<Layer>; 2] {
    let mut upto = |most: u64| 1 + stream.below(most) as usize;
    let of_shapes = vec![
        Layer::Conv2d(Conv2d { padding: Pair::both(upto(2) - 1), ..Conv2d::new(upto(3), upto(3)) }),
        Layer::Conv2d(Conv2d { stride: Pair::both(2), ..Conv2d::new(upto(3), upto(2)) }),
        Layer::MaxPool2d(Pool2d::new(upto(2))),
        Layer::AvgPool2d(Pool2d { stride: Some(Pair::both(1)), ..Pool2d::new(upto(3)) }),
        Layer::GlobalAvgPool,
        Layer::Embedding { vocabulary: VOCABULARY, features: upto(6) },
        Layer::PositionalEncoding,
        Layer::SimpleRnn(upto(5)),
        Layer::Lstm(Lstm { units: upto(5), forget_bias: 1.0 }),
        Layer::Gru(upto(5)),
        Layer::MultiHeadAttention(MultiHeadAttention { heads: upto(3), causal: upto(2) == 1 }),
        Layer::LastToken,
        Layer::MeanOverTokens,
    ];
    let of_any = vec![
        Layer::dense(upto(7)),
        Layer::Dense(Dense { units: upto(7), bias: false }),
        Layer::LayerNorm { epsilon: 1e-3 },
        Layer::RmsNorm { epsilon: 1e-3 },
        Layer::BatchNorm { epsilon: 1e-3, momentum: 0.1 },
        Layer::Sigmoid,
        Layer::Tanh,
        Layer::Relu,
        Layer::LeakyRelu(0.1),
        Layer::Elu(0.7),
        Layer::Selu,
        Layer::Gelu,
        Layer::Silu,
        Layer::Softplus,
        Layer::Softsign,
        Layer::HardTanh,
        Layer::Softmax,
        Layer::Dropout(0.3),
        Layer::Identity,
        Layer::Flatten,
        Layer::Residual(vec![Layer::dense(upto(7)), Layer::Tanh]),
        Layer::Residual(vec![Layer::RmsNorm { epsilon: 1e-3 }, Layer::Sigmoid]),
        Layer::Repeat { times: upto(2), layers: vec![Layer::dense(upto(5)), Layer::Sigmoid] },
        Layer::Scope(Scope { rate: 0.5, init: None, layers: vec![Layer::dense(upto(5))] }),
    ];
    [of_shapes, of_any]
}

const VOCABULARY: usize = 5;

/// Every loss there is for nets of this many outputs, with options drawn anew.
fn losses(outputs: usize, stream: &mut Stream) -> Vec<Loss> {
    let mut losses = vec![
        Loss::HalfMse,
        Loss::Mse,
        Loss::Mae,
        Loss::Huber(0.2 + stream.uniform()),
        Loss::BinaryCrossEntropy,
        Loss::Hinge,
    ];
    // A single class has a cross-entropy of 0 whatever the net.
    if outputs > 1 {
        let class_weights = (0..outputs).map(|_| 0.5 + stream.uniform()).collect();
        let label_smoothing = 0.5 * stream.uniform();
        losses.push(Loss::CrossEntropy);
        losses.push(Loss::CrossEntropyWith { label_smoothing, class_weights });
    }
    losses
}

/// A net that fits its samples. A candidate that does not is left, and another drawn.
fn net(number: usize) -> GradientCase {
    let mut stream = Stream::new(number as u64, "random net", 0, 0);
    let mut upto = |most: u64| 1 + stream.below(most) as usize;
    let rows = 3 + upto(5);
    let (input, inputs) = match upto(4) {
        1 => (Shape::Features(upto(7)), Inputs::Normal),
        2 => {
            let (channels, height, width) = (upto(3), 2 + upto(5), 2 + upto(5));
            (Shape::Image { channels, height, width }, Inputs::Normal)
        }
        3 => (Shape::Tokens { tokens: upto(5), features: upto(6) }, Inputs::Normal),
        _ => (Shape::Tokens { tokens: upto(6), features: 1 }, Inputs::Ids(VOCABULARY)),
    };
    let length = upto(6);
    let build = |layers: &[Layer]| Graph::<f64>::build(input, layers, Initialization::default());
    let mut layers = Vec::new();
    if matches!(inputs, Inputs::Ids(_)) {
        layers.push(Layer::Embedding { vocabulary: VOCABULARY, features: upto(6) });
    }
    while layers.len() < length {
        let [of_shapes, of_any] = candidates(&mut stream);
        let mut drawn = if stream.below(2) == 0 { of_shapes } else { of_any };
        layers.push(drawn.swap_remove(stream.below(drawn.len() as u64) as usize));
        let looks_up = |layer: &Layer| matches!(layer, Layer::Embedding { .. });
        let no_words = matches!(inputs, Inputs::Normal) && layers.iter().any(looks_up);
        if no_words || build(&layers).is_err() {
            layers.pop();
        }
    }
    if build(&layers).expect("only what fits was kept").parameter_count() == 0 {
        layers.pop();
        layers.push(Layer::dense(2));
    }
    let (_, width) =
        build(&layers).expect("a dense layer fits anything").output_shape().predictions();
    let mut losses = losses(width, &mut stream);
    let loss = losses.swap_remove(stream.below(losses.len() as u64) as usize);
    GradientCase { name: "random net", input, inputs, layers, loss, rows }
}

/// Checks random directions, with `spoil` over the gradient that backpropagation found.
fn check(case: &GradientCase, number: usize, spoil: impl Fn(&mut [f64])) -> Vec<GradientCheck> {
    let mode = Mode::Train { step: number as u64 };
    let mut program = case.compile::<f64>(case.rows);
    let samples = case.draw(case.rows);
    let targets = samples.targets(&case.loss);
    program.load(samples.inputs.view());
    program.forward(mode);
    program.backward(targets);
    let mut analytic = program.parameters.gradients.clone();
    spoil(&mut analytic);
    let point = program.parameters.values.clone();
    let mut stream = Stream::new(number as u64, "direction", 0, 0);
    let along = |_| {
        let direction: Vec<f64> = point.iter().map(|_| stream.normal()).collect();
        check_direction(&point, &analytic, &direction, |values| {
            program.parameters.values.copy_from_slice(values);
            program.forward(mode);
            program.loss(targets)
        })
    };
    (0..DIRECTIONS).map(along).collect()
}

#[test]
fn two_hundred_random_nets_have_the_slopes_that_differences_show() {
    let (mut corners, mut worst) = (0, 0.0_f64);
    let mut seen = BTreeMap::new();
    for number in 0..NETS {
        let case = net(number);
        for layer in &case.layers {
            *seen.entry(layer.kind()).or_insert(0) += 1;
        }
        *seen.entry(case.loss.kind()).or_insert(0) += 1;
        for check in check(&case, number, |_| ()) {
            corners += check.corners;
            assert_eq!(check.failures, 0, "net {number}: {case:?}\n{check:?}");
            worst = check.worst.map_or(worst, |found| worst.max(found.share_of_bound));
        }
    }
    println!("{corners} corners, worst {worst:.2} of the bound, layers and losses {seen:?}");
    assert!(corners <= MOST_CORNERS, "{corners} corners");
    let mut stream = Stream::new(0, "kinds", 0, 0);
    let (layers, losses) = (candidates(&mut stream), losses(2, &mut stream));
    let kinds = layers.iter().flatten().map(Layer::kind);
    for kind in kinds.chain(losses.iter().map(Loss::kind)) {
        assert!(seen.get(kind).is_some_and(|&count| count >= 3), "{kind}: {seen:?}");
    }
}

/// The control: the steepest slope a thousandth off, in one coordinate of all.
#[test]
fn a_gradient_that_is_slightly_wrong_is_seen() {
    let steepest = |gradient: &[f64]| {
        let order = |a: &usize, b: &usize| gradient[*a].abs().total_cmp(&gradient[*b].abs());
        (0..gradient.len()).max_by(order).expect("a net has parameters")
    };
    let mut without_slope = 0;
    for number in 0..NETS {
        let case = net(number);
        let is_flat = std::cell::Cell::new(false);
        let checks = check(&case, number, |gradient| {
            let at = steepest(gradient);
            is_flat.set(gradient[at].abs() < 1e-6);
            gradient[at] *= 1.001;
        });
        if is_flat.get() {
            // Every unit at the end rests: nothing can be wrong by a thousandth of nothing.
            without_slope += 1;
            continue;
        }
        let caught = checks.iter().any(|check| check.failures > 0);
        assert!(caught, "net {number}: {case:?}\n{checks:?}");
    }
    assert!(without_slope <= NETS / 50, "{without_slope} nets train nothing");
}
