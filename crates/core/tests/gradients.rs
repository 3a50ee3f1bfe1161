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
    for case in gradient_table() {
        for mode in MODES {
            let (mut double, mut single) =
                (case.compile::<f64>(case.rows), case.compile::<f32>(case.rows));
            let samples = case.draw::<f64>(case.rows);
            double.begin(case.rows).assign(&samples.inputs);
            double.forward(mode);
            double.backward(samples.targets(case.loss));
            let samples = case.draw::<f32>(case.rows);
            single.begin(case.rows).assign(&samples.inputs);
            single.forward(mode);
            single.backward(samples.targets(case.loss));
            let (double, single) = (&double.parameters.gradients, &single.parameters.gradients);
            let largest = double.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            for (single, double) in single.iter().zip(double) {
                let error = (f64::from(*single) - double).abs();
                assert!(error <= 1e-5 * largest, "{}: {single} against {double}", case.name);
            }
        }
    }
}
