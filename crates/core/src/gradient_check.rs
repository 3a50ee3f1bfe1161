//! Every gradient held against central differences, in `f64`.

use crate::{Mode, ParameterRange, Program, Targets};

/// What the check of one network found.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientCheck {
    /// Coordinates that were compared.
    pub coordinates: usize,
    /// Coordinates at a corner (of relu, say), where the two one-sided slopes differ and the
    /// analytic value is one of them or lies between: nothing can be said there.
    pub corners: usize,
    /// Coordinates beyond the bound.
    pub failures: usize,
    /// The coordinate with the largest share of its bound, if any was compared.
    pub worst: Option<Worst>,
}

/// One coordinate of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// Parameter and position in it: `0.Dense.weight[7]`.
    pub place: String,
    /// By backpropagation.
    pub analytic: f64,
    /// By central differences.
    pub numeric: f64,
    /// `|analytic - numeric|` over what is allowed: a failure above 1.
    pub share_of_bound: f64,
}

impl GradientCheck {
    /// Whether every coordinate kept its bound and there was something to compare.
    pub fn passed(&self) -> bool {
        self.failures == 0 && self.coordinates > 0
    }
}

/// Compares the gradient of the program's loss on these samples with central differences, over
/// every parameter; what `mode` draws is drawn alike each time. The program must hold its inputs
/// (see [`Program::load`]).
pub fn check_gradients(
    program: &mut Program<f64>,
    targets: Targets<'_, f64>,
    mode: Mode,
) -> GradientCheck {
    program.forward(mode);
    program.backward(targets);
    let analytic = program.parameters.gradients.clone();
    let ranges = program.parameters.ranges.clone();
    let mut point = program.parameters.values.clone();
    check_gradients_of(&ranges, &mut point, &analytic, |values| {
        program.parameters.values.copy_from_slice(values);
        program.forward(mode);
        program.loss(targets)
    })
}

/// Compares `analytic`, the gradient of `objective` at `point`, with central differences.
///
/// The step is `h = 1e-6 max(1, |x|)` and the numeric value `(f(x+h) - f(x-h))/2h`; a coordinate
/// passes when `|a - n| <= 1e-6 max(|a|, |n|) + 1e-9 max|g|`. Rounding leaves an error of about
/// `1e-16 |f|/h`, which blurs the difference where the loss is large beside its gradient: there a
/// five-point difference with a wider step decides, under the same bound. `point` is left as it
/// was.
pub fn check_gradients_of(
    ranges: &[ParameterRange],
    point: &mut [f64],
    analytic: &[f64],
    mut objective: impl FnMut(&[f64]) -> f64,
) -> GradientCheck {
    let largest = analytic.iter().fold(0.0_f64, |largest, gradient| largest.max(gradient.abs()));
    let mut result = GradientCheck { coordinates: 0, corners: 0, failures: 0, worst: None };
    let here = objective(point);
    for parameter in ranges {
        for index in parameter.range.clone() {
            let x = point[index];
            let compared = compare((x, here), (analytic[index], largest), |moved| {
                point[index] = moved;
                objective(point)
            });
            point[index] = x;
            result
                .add(compared, || format!("{}[{}]", parameter.name, index - parameter.range.start));
        }
    }
    objective(point);
    result
}

/// Compares the slope of `objective` at `point` along `direction` with `analytic · direction`, by
/// the same differences and bound as [`check_gradients_of`]: one coordinate, the way along the
/// direction at unit length, whose largest slope is the norm of `analytic`.
///
/// # Panics
/// If the direction is no direction: zero, or not finite.
pub fn check_direction(
    point: &[f64],
    analytic: &[f64],
    direction: &[f64],
    mut objective: impl FnMut(&[f64]) -> f64,
) -> GradientCheck {
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let length = norm(direction);
    assert!(length.is_finite() && length > 0.0, "a direction of length {length}");
    let slope = analytic.iter().zip(direction).map(|(g, d)| g * d).sum::<f64>() / length;
    let mut moved = point.to_vec();
    let here = objective(point);
    let compared = compare((0.0, here), (slope, norm(analytic)), |way| {
        for ((moved, x), d) in moved.iter_mut().zip(point).zip(direction) {
            *moved = x + way * d / length;
        }
        objective(&moved)
    });
    objective(point);
    let mut result = GradientCheck { coordinates: 0, corners: 0, failures: 0, worst: None };
    result.add(compared, || "the direction".to_string());
    result
}

/// What was found at one coordinate.
struct Compared {
    analytic: f64,
    numeric: f64,
    share_of_bound: f64,
    is_corner: bool,
}

impl GradientCheck {
    fn add(&mut self, compared: Compared, place: impl FnOnce() -> String) {
        let Compared { analytic, numeric, share_of_bound, is_corner } = compared;
        if is_corner {
            self.corners += 1;
            return;
        }
        self.coordinates += 1;
        if share_of_bound > 1.0 {
            self.failures += 1;
        }
        let beyond = |worst: &Worst| share_of_bound > worst.share_of_bound;
        if self.worst.as_ref().is_none_or(beyond) {
            self.worst = Some(Worst { place: place(), analytic, numeric, share_of_bound });
        }
    }
}

/// One coordinate at `x`, where the objective is `here`; `at` moves it. `a` is the slope to be
/// held, `largest` that of the steepest coordinate.
fn compare(
    (x, here): (f64, f64),
    (a, largest): (f64, f64),
    mut at: impl FnMut(f64) -> f64,
) -> Compared {
    let h = 1e-6 * x.abs().max(1.0);
    // The sums are rounded; what was really stepped is what must be divided by.
    let (above, below) = (x + h, x - h);
    let (up, down) = (at(above), at(below));
    let mut numeric = (up - down) / (above - below);
    let mut share_of_bound = share(a, numeric, largest);
    for width in WIDER_STEPS {
        if share_of_bound <= 1.0 {
            break;
        }
        let wider = five_point(x, width * x.abs().max(1.0), &mut at);
        let share_of_wider = share(a, wider, largest);
        if share_of_wider < share_of_bound {
            (numeric, share_of_bound) = (wider, share_of_wider);
        }
    }
    let slopes = ((up - here) / (above - x), (here - down) / (x - below));
    let is_corner = share_of_bound > 1.0 && is_corner(slopes, a, largest);
    Compared { analytic: a, numeric, share_of_bound, is_corner }
}

/// Steps of the five-point difference, relative to `max(1, |x|)`: its error is of order `h⁴`.
const WIDER_STEPS: [f64; 3] = [1e-4, 1e-3, 1e-5];

/// `(f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h))/12h`.
/// Source: Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), formula 25.3.6.
fn five_point(x: f64, h: f64, at: &mut impl FnMut(f64) -> f64) -> f64 {
    (at(x - 2.0 * h) - 8.0 * at(x - h) + 8.0 * at(x + h) - at(x + 2.0 * h)) / (12.0 * h)
}

/// The error as a share of what is allowed. A value that is not a number is as wrong as can be,
/// and so is any error where none is allowed.
fn share(analytic: f64, numeric: f64, largest: f64) -> f64 {
    let bound = 1e-6 * analytic.abs().max(numeric.abs()) + 1e-9 * largest;
    let error = (analytic - numeric).abs();
    let share = if error == 0.0 { 0.0 } else { error / bound };
    if share.is_nan() { f64::INFINITY } else { share }
}

/// At a corner the one-sided slopes differ by far more than rounding makes them (about 1e-9 of a
/// loss near 1), and a right gradient is one of them or lies between.
fn is_corner((right, left): (f64, f64), analytic: f64, largest: f64) -> bool {
    let (low, high) = (right.min(left), right.max(left));
    let gap = high - low;
    let slack = 1e-3 * gap;
    gap > 1e-3 * low.abs().max(high.abs())
        && gap > 1e-6 * largest
        && analytic >= low - slack
        && analytic <= high + slack
}

#[cfg(test)]
mod tests {
    use super::{GradientCheck, check_direction, check_gradients_of};
    use crate::{Graph, Initialization, Layer, Loss, Program, Shape};

    fn check(point: f64, analytic: f64, objective: fn(f64) -> f64) -> GradientCheck {
        let graph =
            Graph::<f64>::build(Shape::Features(1), &[Layer::dense(1)], Initialization::default())
                .expect("the model fits");
        let program = Program::compile(graph, Loss::Mse, 1);
        // One coordinate: the weight.
        let ranges = &program.parameters.ranges[..1];
        check_gradients_of(ranges, &mut [point], &[analytic], |values| objective(values[0]))
    }

    #[test]
    fn a_right_gradient_passes_and_wrong_ones_fail() {
        assert!(check(0.7, 2.0 * 0.7, |x| x * x).passed());
        for wrong in [-2.0 * 0.7, 0.0, 2.0 * 0.7 + 1e-5, f64::NAN, f64::INFINITY] {
            assert_eq!(check(0.7, wrong, |x| x * x).failures, 1, "{wrong}");
        }
        assert!(!check(0.7, 1.0, |_| f64::NAN).passed());
    }

    #[test]
    fn a_corner_is_counted_apart_but_excuses_no_wrong_value() {
        let corner = check(3e-7, 1.0, f64::abs);
        assert_eq!((corner.corners, corner.coordinates), (1, 0));
        assert_eq!(check(3e-7, 1.5, f64::abs).failures, 1);
    }

    #[test]
    fn a_direction_is_a_coordinate_like_any_other() {
        // f = x² + 3xy at (1, 2): the gradient is (8, 3).
        let f = |p: &[f64]| p[0] * p[0] + 3.0 * p[0] * p[1];
        let check = |gradient: [f64; 2]| check_direction(&[1.0, 2.0], &gradient, &[1.0, -2.0], f);
        let right = check([8.0, 3.0]);
        assert!(right.passed());
        let expected = (8.0 - 6.0) / 5.0_f64.sqrt();
        assert!((right.worst.expect("one was compared").numeric - expected).abs() < 1e-8);
        assert_eq!(check([8.0, 3.0001]).failures, 1);
    }
}
