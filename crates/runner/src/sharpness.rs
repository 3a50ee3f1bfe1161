//! The largest curvature of the training loss, which bounds the learning rate from above.

use gradus_core::{Graph, Mode, Program, Scalar, Stream};
use ndarray::Array2;

use crate::data::{Prepared, SampleTargets};
use crate::experiment::Experiment;

/// Iterations at most; each costs two gradients over the training data.
const ITERATIONS: usize = 500;
/// Relative change between iterations at which the value stands.
const TOLERANCE: f64 = 1e-12;

/// The eigenvalue of the Hessian of the training loss (without penalties) that is largest in
/// magnitude, at these weights, in `f64`; NaN where the weights are not finite.
///
/// The network is the one that is evaluated: dropout drops nothing, and batch normalization takes
/// the running statistics in `state`.
///
/// Power iteration, `Hv` by central differences of the gradient. Full-batch gradient descent is
/// stable along a direction of curvature `λ > 0` exactly for rates below `2/λ`.
/// Source: Cohen et al., *Gradient Descent on Neural Networks Typically Occurs at the Edge of
/// Stability*, ICLR 2021, section 2; Golub and Van Loan, *Matrix Computations* (2013), section 7.3.
pub(crate) fn sharpness<T: Scalar>(
    experiment: &Experiment,
    data: &Prepared<T>,
    weights: &[T],
    state: &[T],
) -> f64 {
    if weights.iter().any(|weight| !weight.is_finite()) {
        return f64::NAN;
    }
    let graph = Graph::build(data.input_shape, &experiment.model, experiment.init.drawn())
        .expect("the model was checked against the data");
    let mut program: Program<f64> =
        Program::compile(graph, experiment.loss.clone(), data.train.rows());
    for (to, value) in program.state_mut().iter_mut().zip(state) {
        *to = value.to_f64();
    }
    let inputs: Array2<f64> = data.train.inputs.mapv(|value| value.to_f64());
    let targets = match &data.train.targets {
        SampleTargets::Classes(classes) => SampleTargets::Classes(classes.clone()),
        SampleTargets::Values(values) => SampleTargets::Values(values.mapv(|value| value.to_f64())),
    };
    let center: Vec<f64> = weights.iter().map(|weight| weight.to_f64()).collect();
    let mut gradient_at = |point: &[f64]| -> Vec<f64> {
        program.parameters.values.copy_from_slice(point);
        program.load(inputs.view());
        program.forward(Mode::Evaluate);
        program.backward(targets.between(0, inputs.nrows() * data.train.predictions_per_row));
        program.parameters.gradients.clone()
    };
    largest_eigenvalue(&center, &mut gradient_at)
}

fn largest_eigenvalue(center: &[f64], gradient_at: &mut impl FnMut(&[f64]) -> Vec<f64>) -> f64 {
    // A fixed start: the value belongs to the weights, not to the seed.
    let mut stream = Stream::new(0, "sharpness", 0, 0);
    let mut direction: Vec<f64> = center.iter().map(|_| stream.normal()).collect();
    let mut eigenvalue = f64::NAN;
    for _ in 0..ITERATIONS {
        let length = dot(&direction, &direction).sqrt();
        if length == 0.0 || !length.is_finite() {
            return if length == 0.0 { 0.0 } else { f64::NAN };
        }
        direction.iter_mut().for_each(|v| *v /= length);
        // The error of the difference is of order h², its rounding of order 1e-16/h.
        let h = 1e-5 * dot(center, center).sqrt().max(1.0);
        let moved = |sign: f64| -> Vec<f64> {
            center.iter().zip(&direction).map(|(w, v)| w + sign * h * v).collect()
        };
        let (up, down) = (gradient_at(&moved(1.0)), gradient_at(&moved(-1.0)));
        let product: Vec<f64> = up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * h)).collect();
        let next = dot(&direction, &product);
        let is_settled = (next - eigenvalue).abs() <= TOLERANCE * next.abs();
        (eigenvalue, direction) = (next, product);
        if is_settled {
            break;
        }
    }
    eigenvalue
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gradus_core::TargetKind;

    use super::{largest_eigenvalue, sharpness};
    use crate::data::Prepared;
    use crate::experiment::Experiment;

    /// With running statistics `m` and `v`, inputs `x` are what `(x - m)/√(v + ε)` are without.
    #[test]
    fn batch_normalization_has_the_statistics_of_the_run() {
        let text = "(name: \"a\", data: (source: Line), model: [BatchNorm(), Dense(2), Tanh, \
                    Dense(1)], loss: Mse, optimizer: (learning_rate: 0.1), train: (epochs: Some(1)))";
        let experiment: Experiment = ron::from_str(text).expect("the text is right");
        let dataset = experiment.data.load(Path::new("."), None).expect("no file is needed");
        let data: Prepared<f64> = dataset.prepare(&experiment.data, TargetKind::Values, 0);
        let weights = [1.3, 0.2, 0.5, -0.7, 0.1, 0.3, 0.8, -0.4, 0.6];
        let (m, v, epsilon) = (2.5_f64, 1.25_f64, 1e-5);
        let with_state = sharpness(&experiment, &data, &weights, &[m, v]);
        let mut shifted = data.clone();
        // The factor undoes the ε that statistics of 0 and 1 still have.
        let deviation = ((v + epsilon) / (1.0 + epsilon)).sqrt();
        shifted.train.inputs.mapv_inplace(|x| (x - m) / deviation);
        let of_shifted = sharpness(&experiment, &shifted, &weights, &[0.0, 1.0]);
        assert!((with_state - of_shifted).abs() < 1e-6, "{with_state} against {of_shifted}");
        let untrained = sharpness(&experiment, &data, &weights, &[0.0, 1.0]);
        assert!((with_state - untrained).abs() > 0.1, "{with_state} against {untrained}");
    }

    #[test]
    fn finds_the_largest_eigenvalue_of_a_known_matrix() {
        // The article's Hessian; (7.5 + 1)/2 ± √(3.25² + 2.5²) = 8.350305, 0.149695.
        let gradient_at =
            |w: &[f64]| vec![7.5 * w[0] + 2.5 * w[1] - 1.0, 2.5 * w[0] + 1.0 * w[1] + 3.0];
        let found = largest_eigenvalue(&[0.3, -2.0], &mut { gradient_at });
        let exact = 4.25 + (3.25_f64.powi(2) + 2.5_f64.powi(2)).sqrt();
        assert!((found - exact).abs() < 1e-8, "{found} against {exact}");
    }
}
