//! Every operation and every loss against central differences in `f64`, from one table.
//!
//! No two dimensions of a case are equal, so that a forgotten or doubled transpose cannot pass;
//! parameters are drawn from a normal, biases too, so that nothing is zero by chance; and each
//! program first runs another, larger batch, so that a buffer that is not cleared shows.

use gradus_core::{
    Distribution, Graph, Initialization, Initializer, Layer, Loss, Program, Shape, Stream,
    TargetKind, Targets, check_gradients,
};
use ndarray::Array2;

/// What each case is there to prove; `tidy` demands that every operation and loss has a row.
struct Case {
    name: &'static str,
    input: Shape,
    layers: Vec<Layer>,
    loss: Loss,
    rows: usize,
}

fn cases() -> Vec<Case> {
    use Layer::{Dense, Identity, Relu, Sigmoid, Tanh};
    let case = |name, input, layers: &[Layer], loss, rows| Case {
        name,
        input,
        layers: layers.to_vec(),
        loss,
        rows,
    };
    let features = Shape::Features;
    let image = Shape::Image { channels: 2, height: 3, width: 5 };
    vec![
        case("Affine, HalfMse", features(3), &[Dense(5)], Loss::HalfMse, 4),
        case("Affine, Mse", features(5), &[Dense(4)], Loss::Mse, 3),
        case("Affine, CrossEntropy", features(4), &[Dense(5)], Loss::CrossEntropy, 7),
        case("Affine by BLAS", features(17), &[Dense(13), Dense(11)], Loss::Mse, 9),
        case("Affine on an image", image, &[Dense(7)], Loss::Mse, 4),
        case("Sigmoid", features(3), &[Dense(5), Sigmoid, Dense(2)], Loss::HalfMse, 4),
        case("Sigmoid as output", features(3), &[Dense(2), Sigmoid], Loss::HalfMse, 4),
        case("Tanh", features(4), &[Dense(6), Tanh, Dense(3)], Loss::Mse, 5),
        case("Relu", features(5), &[Dense(7), Relu, Dense(3)], Loss::CrossEntropy, 6),
        case("Identity", features(2), &[Dense(4), Identity, Dense(3)], Loss::Mse, 5),
        case(
            "deep",
            features(3),
            &[Dense(8), Tanh, Dense(7), Sigmoid, Dense(6), Relu, Dense(4)],
            Loss::CrossEntropy,
            5,
        ),
        case("one row", features(3), &[Dense(4), Tanh, Dense(2)], Loss::CrossEntropy, 1),
        case("one output", features(3), &[Dense(4), Sigmoid, Dense(1)], Loss::HalfMse, 5),
    ]
}

fn compile(case: &Case) -> Program<f64> {
    let normal = Initialization {
        weights: Initializer::LeCun(Distribution::Normal),
        biases: Initializer::Normal(0.6),
    };
    let graph = Graph::build(case.input, &case.layers, normal).expect("the case fits");
    // Room for a larger batch than the one that is checked.
    let mut program = Program::compile(graph, case.loss, case.rows + 3);
    program.parameters.initialize(11);
    program
}

/// Random inputs and targets for `rows` samples of the case.
fn draw(case: &Case, width: usize, rows: usize) -> (Array2<f64>, Vec<u32>, Array2<f64>) {
    let mut stream = Stream::new(rows as u64, case.name, 0, 0);
    let inputs = Array2::from_shape_simple_fn((rows, case.input.len()), || stream.normal());
    let classes = (0..rows).map(|_| stream.below(width as u64) as u32).collect();
    let values = Array2::from_shape_simple_fn((rows, width), || stream.normal());
    (inputs, classes, values)
}

fn load<'a>(
    program: &mut Program<f64>,
    (inputs, classes, values): &'a (Array2<f64>, Vec<u32>, Array2<f64>),
) -> Targets<'a, f64> {
    program.begin(inputs.nrows()).assign(inputs);
    match program.loss_kind().target_kind() {
        TargetKind::Classes => Targets::Classes(classes),
        TargetKind::Values => Targets::Values(values.view()),
    }
}

#[test]
fn every_gradient_agrees_with_central_differences() {
    let mut failures = Vec::new();
    for case in cases() {
        let mut program = compile(&case);
        program.begin(1);
        program.forward();
        let width = program.output().ncols();
        let (dirt, samples) = (draw(&case, width, case.rows + 3), draw(&case, width, case.rows));
        let targets = load(&mut program, &dirt);
        program.forward();
        program.backward(targets);

        let targets = load(&mut program, &samples);
        let check = check_gradients(&mut program, targets);
        println!("{:<24} {:>4} coordinates, worst {:?}", case.name, check.coordinates, check.worst);
        assert_eq!(check.corners, 0, "{}: draw samples away from corners", case.name);
        assert_eq!(check.coordinates, program.parameters.values.len());
        if !check.passed() {
            failures.push(format!("{}: {check:?}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The losses as the textbook writes them, term by term, without any of our code.
#[test]
fn every_loss_has_the_value_of_its_formula() {
    let z = ndarray::arr2(&[[0.5, -1.0, 2.0], [0.1, 0.2, 0.3]]);
    let t = ndarray::arr2(&[[1.0, 0.0, 1.5], [0.0, 0.0, 1.0]]);
    let squares: f64 = 0.25 + 1.0 + 0.25 + 0.01 + 0.04 + 0.49;
    let value = |loss: Loss| loss.value(z.view(), Targets::Values(t.view()));
    assert!((value(Loss::HalfMse) - squares / (2.0 * 2.0)).abs() < 1e-15);
    assert!((value(Loss::Mse) - squares / (2.0 * 3.0)).abs() < 1e-15);
    let first = 2.0_f64.exp() / (0.5_f64.exp() + (-1.0_f64).exp() + 2.0_f64.exp());
    let second = 0.1_f64.exp() / (0.1_f64.exp() + 0.2_f64.exp() + 0.3_f64.exp());
    let expected = -(first.ln() + second.ln()) / 2.0;
    let cross_entropy = Loss::CrossEntropy.value(z.view(), Targets::Classes(&[2, 0]));
    assert!((cross_entropy - expected).abs() < 1e-15, "{cross_entropy} against {expected}");
}

/// Logits that overflow `exp` still give the analytic value.
#[test]
fn cross_entropy_is_finite_at_extreme_logits() {
    let z = ndarray::arr2(&[[1e30, 0.0], [-1e30, 0.0]]);
    let mut dz = Array2::zeros((2, 2));
    let right = Targets::Classes(&[0, 1]);
    assert_eq!(Loss::CrossEntropy.differentiate(z.view(), right, dz.view_mut()), 0.0);
    assert!(dz.iter().all(|&gradient| gradient == 0.0), "{dz}");
    let wrong = Targets::Classes(&[1, 0]);
    assert_eq!(Loss::CrossEntropy.differentiate(z.view(), wrong, dz.view_mut()), 1e30);
    assert_eq!(dz, ndarray::arr2(&[[0.5, -0.5], [-0.5, 0.5]]));
}

/// `f32` follows `f64`: the same net, the same samples, every gradient within single precision.
#[test]
fn single_precision_agrees_with_double() {
    for case in cases() {
        let mut double = compile(&case);
        double.begin(1);
        double.forward();
        let width = double.output().ncols();
        let samples = draw(&case, width, case.rows);
        let targets = load(&mut double, &samples);
        double.forward();
        double.backward(targets);

        let graph =
            Graph::build(case.input, &case.layers, Initialization::default()).expect("it fits");
        let mut single: Program<f32> = Program::compile(graph, case.loss, case.rows);
        for (to, from) in single.parameters.values.iter_mut().zip(&double.parameters.values) {
            *to = *from as f32;
        }
        let values = samples.2.mapv(|value| value as f32);
        let targets = match case.loss.target_kind() {
            TargetKind::Classes => Targets::Classes(&samples.1),
            TargetKind::Values => Targets::Values(values.view()),
        };
        single.begin(case.rows).assign(&samples.0.mapv(|value| value as f32));
        single.forward();
        single.backward(targets);
        let largest = double.parameters.gradients.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        for (single, double) in single.parameters.gradients.iter().zip(&double.parameters.gradients)
        {
            let error = (f64::from(*single) - double).abs();
            assert!(error <= 1e-5 * largest, "{}: {single} against {double}", case.name);
        }
    }
}
