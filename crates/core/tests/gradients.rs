//! Every operation and every loss against central differences in `f64`, from the table that
//! `gradcheck --all` prints; and what finite differences cannot see.

use gradus_core::{Loss, Mode, Targets, gradient_table};
use ndarray::Array2;

/// In training and in evaluation: what is drawn in a step is drawn alike each time.
const MODES: [Mode; 2] = [Mode::Train { step: 7 }, Mode::Evaluate];

#[test]
fn every_gradient_agrees_with_central_differences() {
    let mut failures = Vec::new();
    for case in gradient_table() {
        for mode in MODES {
            let check = case.check(mode);
            println!("{:<24} {:>4} coordinates, {:?}", case.name, check.coordinates, check.worst);
            assert_eq!(check.corners, 0, "{}: draw samples away from corners", case.name);
            let parameters = case.compile::<f64>(1).parameters.values.len();
            assert_eq!(check.coordinates, parameters, "{}", case.name);
            if !check.passed() {
                failures.push(format!("{} in {mode:?}: {check:?}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The rule of divergence relies on it: an operation says so exactly if its outputs differ.
#[test]
fn a_net_that_trains_otherwise_says_so() {
    for case in gradient_table() {
        let mut program = case.compile::<f64>(case.rows);
        let samples = case.draw(case.rows);
        let [training, evaluation] = MODES.map(|mode| {
            program.load(samples.inputs.view());
            program.forward(mode);
            program.output()
        });
        assert_eq!(program.trains_otherwise(), training != evaluation, "{}", case.name);
    }
}

/// The losses as the textbook writes them, term by term, without any of our code.
#[test]
fn every_loss_has_the_value_of_its_formula() {
    let z = ndarray::arr2(&[[0.5, -1.0, 2.0], [0.1, 0.2, 0.3]]);
    let t = ndarray::arr2(&[[1.0, 0.0, 1.5], [0.0, 0.0, 1.0]]);
    let of_values = |loss: Loss, wanted: f64| {
        let value = loss.value(z.view(), Targets::Values(t.view()));
        assert!((value - wanted).abs() < 1e-15, "{loss}: {value} against {wanted}");
    };
    let squares: f64 = 0.25 + 1.0 + 0.25 + 0.01 + 0.04 + 0.49;
    of_values(Loss::HalfMse, squares / (2.0 * 2.0));
    of_values(Loss::Mse, squares / (2.0 * 3.0));
    of_values(Loss::Mae, (0.5 + 1.0 + 0.5 + 0.1 + 0.2 + 0.7) / 6.0);
    let below = 0.25 + 0.25 + 0.01 + 0.04;
    of_values(Loss::Huber(0.6), (0.5 * below + 0.6 * (1.0 - 0.3) + 0.6 * (0.7 - 0.3)) / 6.0);
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let binary = |z: f64, t: f64| -t * sigmoid(z).ln() - (1.0 - t) * (1.0 - sigmoid(z)).ln();
    let terms = z.iter().zip(&t).map(|(&z, &t)| binary(z, t));
    of_values(Loss::BinaryCrossEntropy, terms.sum::<f64>() / 6.0);

    let of_classes = |loss: Loss, z: &Array2<f64>, classes: &[u32], wanted: f64| {
        let value = loss.value(z.view(), Targets::Classes(classes));
        assert!((value - wanted).abs() < 1e-15, "{loss}: {value} against {wanted}");
    };
    let log_softmax = |row: usize, class: usize| {
        (z[[row, class]].exp() / z.row(row).iter().map(|z| z.exp()).sum::<f64>()).ln()
    };
    let plain = -(log_softmax(0, 2) + log_softmax(1, 0)) / 2.0;
    of_classes(Loss::CrossEntropy, &z, &[2, 0], plain);
    let with = |label_smoothing: f64, class_weights: &[f64]| Loss::CrossEntropyWith {
        label_smoothing,
        class_weights: class_weights.to_vec(),
    };
    of_classes(with(0.0, &[]), &z, &[2, 0], plain);
    let weights = [0.5, 2.0, 3.0];
    let weighted = -(3.0 * log_softmax(0, 2) + 0.5 * log_softmax(1, 0)) / 3.5;
    of_classes(with(0.0, &weights), &z, &[2, 0], weighted);
    let all = |row| (0..3).fold(0.0, |sum, class| sum + weights[class] * log_softmax(row, class));
    let spread = -(all(0) + all(1)) / 3.5;
    of_classes(with(0.3, &weights), &z, &[2, 0], 0.7 * weighted + 0.3 / 3.0 * spread);

    // One answer a class: the others of the row are no.
    let answers = binary(0.5, 0.0) + binary(-1.0, 0.0) + binary(2.0, 1.0);
    let others = binary(0.1, 1.0) + binary(0.2, 0.0) + binary(0.3, 0.0);
    of_classes(Loss::BinaryCrossEntropy, &z, &[2, 0], (answers + others) / 6.0);
    of_classes(Loss::Hinge, &z, &[2, 0], (0.0 + 0.0 + (1.1 + 1.2)) / 6.0);
    let one = ndarray::arr2(&[[0.25], [-3.0], [0.5]]);
    let (yes, no) = (binary(0.25, 1.0) + binary(0.5, 1.0), binary(-3.0, 0.0));
    of_classes(Loss::BinaryCrossEntropy, &one, &[1, 0, 1], (yes + no) / 3.0);
    of_classes(Loss::Hinge, &one, &[1, 0, 0], (0.75 + 0.0 + 1.5) / 3.0);
}

/// `f32` follows `f64`: the same net, the same samples, every gradient within single precision.
#[test]
fn single_precision_agrees_with_double() {
    for case in gradient_table() {
        for mode in MODES {
            let (mut double, mut single) =
                (case.compile::<f64>(case.rows), case.compile::<f32>(case.rows));
            let samples = case.draw::<f64>(case.rows);
            double.load(samples.inputs.view());
            double.forward(mode);
            double.backward(samples.targets(&case.loss));
            let samples = case.draw::<f32>(case.rows);
            single.load(samples.inputs.view());
            single.forward(mode);
            single.backward(samples.targets(&case.loss));
            let (double, single) = (&double.parameters.gradients, &single.parameters.gradients);
            let largest = double.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            for (single, double) in single.iter().zip(double) {
                let error = (f64::from(*single) - double).abs();
                assert!(error <= 1e-5 * largest, "{}: {single} against {double}", case.name);
            }
        }
    }
}
