//! Every transformation and constraint step by step against its formula, and gradient descent
//! against what is known exactly of quadratics.

use gradus_core::{
    Graph, Initialization, Layer, Loss, Parameters, Program, Shape, check_gradients_of,
};
use gradus_optim::{Clock, Constraint, Optimizer, Schedule, Transform};

/// Two weights into one unit, and its bias.
fn parameters(values: [f64; 3]) -> Parameters<f64> {
    let graph = Graph::build(Shape::Features(2), &[Layer::dense(1)], Initialization::default());
    let program = Program::compile(graph.expect("the model fits"), Loss::Mse, 1);
    let mut parameters = program.parameters;
    parameters.values.copy_from_slice(&values);
    parameters
}

fn optimizer(chain: &[Transform], constraints: &[Constraint]) -> Optimizer {
    Optimizer {
        chain: chain.to_vec(),
        learning_rate: 0.1,
        schedule: Schedule::Constant,
        warm_up: 0.0,
        constraints: constraints.to_vec(),
    }
}

const CLOCK: Clock = Clock { step: 0, steps_per_epoch: 1, total_steps: 100 };
/// Curvatures of the quadratic `½ Σ aᵢ wᵢ²`, whose gradient is `aᵢ wᵢ`.
const CURVATURES: [f64; 3] = [3.0, -0.5, 2.0];
const START: [f64; 3] = [1.5, -2.0, 0.7];

/// Five steps by the crate on the quadratic.
fn trajectory(optimizer: &Optimizer) -> Vec<[f64; 3]> {
    let mut parameters = parameters(START);
    let mut stepper = optimizer.start(&parameters);
    (0..5)
        .map(|_| {
            for (gradient, (a, w)) in
                parameters.gradients.iter_mut().zip(CURVATURES.iter().zip(&parameters.values))
            {
                *gradient = a * w;
            }
            assert!(stepper.step(&mut parameters, CLOCK));
            [parameters.values[0], parameters.values[1], parameters.values[2]]
        })
        .collect()
}

/// Five steps by a rule for the update from (step, gradient, w), written out as in the paper.
fn by_formula(mut rule: impl FnMut([f64; 3], [f64; 3]) -> [f64; 3]) -> Vec<[f64; 3]> {
    let mut w = START;
    (0..5)
        .map(|_| {
            let gradient = std::array::from_fn(|i| CURVATURES[i] * w[i]);
            let update = rule(gradient, w);
            w = std::array::from_fn(|i| w[i] - 0.1 * update[i]);
            w
        })
        .collect()
}

fn check(chain: &[Transform], rule: impl FnMut([f64; 3], [f64; 3]) -> [f64; 3]) {
    let (ours, expected) = (trajectory(&optimizer(chain, &[])), by_formula(rule));
    for (ours, expected) in ours.iter().flatten().zip(expected.iter().flatten()) {
        assert!((ours - expected).abs() <= 1e-14, "{chain:?}: {ours} is not {expected}");
    }
}

#[test]
fn every_transformation_follows_its_formula() {
    check(&[], |g, _| g);
    check(&[Transform::L2(0.3)], |g, w| [g[0] + 0.3 * w[0], g[1] + 0.3 * w[1], g[2]]);
    check(&[Transform::L1(0.3)], |g, w| {
        [g[0] + 0.3 * w[0].signum(), g[1] + 0.3 * w[1].signum(), g[2]]
    });
    let mut v = [0.0; 3];
    check(&[Transform::Momentum(0.9)], |g, _| {
        v = std::array::from_fn(|i| 0.9 * v[i] + g[i]);
        v
    });
    let mut v = [0.0; 3];
    check(&[Transform::Nesterov(0.9)], |g, _| {
        v = std::array::from_fn(|i| 0.9 * v[i] + g[i]);
        std::array::from_fn(|i| g[i] + 0.9 * v[i])
    });
    check(&[Transform::ClipValue(0.8)], |g, _| g.map(|g| g.clamp(-0.8, 0.8)));
    check(&[Transform::ClipNorm(2.0)], |g, _| {
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        g.map(|g| g * (2.0 / norm).min(1.0))
    });
}

/// The order of the chain is the order of the file: clip and then momentum is not the reverse.
#[test]
fn the_chain_runs_in_its_order() {
    let mut v = [0.0; 3];
    check(&[Transform::ClipValue(0.8), Transform::Momentum(0.9)], |g, _| {
        v = std::array::from_fn(|i| 0.9 * v[i] + g[i].clamp(-0.8, 0.8));
        v
    });
    let mut v = [0.0; 3];
    check(&[Transform::Momentum(0.9), Transform::ClipValue(0.8)], |g, _| {
        v = std::array::from_fn(|i| 0.9 * v[i] + g[i]);
        v.map(|v| v.clamp(-0.8, 0.8))
    });
}

#[test]
fn constraints_bound_weights_and_spare_biases() {
    let clipped = trajectory(&optimizer(&[], &[Constraint::ClipWeights(0.4)]));
    // One step: 1.5 - 0.45 = 1.05 to 0.4; -2 - 0.1 = -2.1 to -0.4; the bias 0.7 - 0.14.
    assert_eq!(clipped[0][..2], [0.4, -0.4]);
    assert!((clipped[0][2] - 0.56).abs() < 1e-15);
    let limited = trajectory(&optimizer(&[], &[Constraint::MaxNorm(1.0)]));
    let norm = 1.05_f64.hypot(2.1);
    assert!((limited[0][0] - 1.05 / norm).abs() < 1e-15);
    assert!((limited[0][1] + 2.1 / norm).abs() < 1e-15);
    assert!((limited[0][2] - 0.56).abs() < 1e-15);
}

/// `½ λ ‖w‖²` and `λ ‖w‖₁` have the gradients that the chain adds.
#[test]
fn penalties_are_what_their_gradients_say() {
    for chain in [[Transform::L2(0.37)], [Transform::L1(0.37)]] {
        let optimizer = optimizer(&chain, &[]);
        let mut parameters = parameters(START);
        let mut stepper = optimizer.start(&parameters);
        stepper.step(&mut parameters, CLOCK);
        // What one step from a zero gradient moved, over the rate, is the gradient itself.
        let analytic: Vec<f64> =
            START.iter().zip(&parameters.values).map(|(w, moved)| (w - moved) / 0.1).collect();
        let check = check_gradients_of(&parameters.ranges, &mut START.to_vec(), &analytic, |w| {
            optimizer.penalty(w, &parameters.ranges)
        });
        assert!(check.passed(), "{chain:?}: {check:?}");
    }
}

/// Gradient descent on `½ a w²` is stable exactly below `2/a`, with momentum below `2(1+β)/a`.
/// Source: Goh, *Why Momentum Really Works*, Distill (2017).
#[test]
fn quadratics_are_stable_exactly_below_the_known_rate() {
    let bound_of = |beta: f64| 2.0 * (1.0 + beta) / 3.0;
    for (chain, bound) in [(vec![], bound_of(0.0)), (vec![Transform::Momentum(0.5)], bound_of(0.5))]
    {
        for (share, stable) in [(0.99, true), (1.01, false)] {
            let mut optimizer = optimizer(&chain, &[]);
            optimizer.learning_rate = share * bound;
            let mut parameters = parameters([1.0, 0.0, 0.0]);
            let mut stepper = optimizer.start(&parameters);
            for _ in 0..2000 {
                parameters.gradients.copy_from_slice(&[3.0 * parameters.values[0], 0.0, 0.0]);
                stepper.step(&mut parameters, CLOCK);
            }
            let shrank = parameters.values[0].abs() < 1e-3;
            assert_eq!(shrank, stable, "{chain:?} at {share} of the bound");
        }
    }
}

#[test]
fn a_step_says_when_a_value_is_no_longer_finite() {
    let mut parameters = parameters(START);
    let mut stepper = optimizer(&[], &[]).start(&parameters);
    assert!(stepper.step(&mut parameters, CLOCK));
    parameters.gradients[1] = f64::INFINITY;
    assert!(!stepper.step(&mut parameters, CLOCK));
    assert_eq!(parameters.first_not_finite().expect("one is not").name, "0.Dense.weight");
}

#[test]
fn numbers_out_of_range_are_named_with_their_place() {
    let mut optimizer = optimizer(
        &[Transform::L2(-1.0), Transform::Momentum(1.0), Transform::ClipNorm(0.0)],
        &[Constraint::MaxNorm(f64::NAN)],
    );
    optimizer.learning_rate = -0.1;
    optimizer.schedule = Schedule::Exponential { factor: 2.0 };
    let found = optimizer.mistakes();
    let places: Vec<&str> = found.iter().map(|mistake| mistake.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "learning_rate",
            "chain[0][0]",
            "chain[1][0]",
            "chain[2][0]",
            "schedule.factor",
            "constraints[0][0]"
        ]
    );
}
