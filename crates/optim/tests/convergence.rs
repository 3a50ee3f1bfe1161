//! Every transformation and constraint step by step against its formula, and gradient descent
//! against what is known exactly of quadratics.

use gradus_core::{Graph, Initialization, Layer, Loss, Parameters, Program, Role, Shape};
use gradus_optim::{
    Adadelta, Adagrad, Adam, AdamW, ClipAdaptive, Clock, Constraint, Divisor, Lion, Optimizer,
    RmsProp, Strength, Transform,
};

/// Two weights into one unit, and its bias.
fn parameters(values: [f64; 3]) -> Parameters<f64> {
    let graph = Graph::build(Shape::Features(2), &[Layer::dense(1)], Initialization::default());
    let program = Program::compile(graph.expect("the model fits"), Loss::Mse, 1);
    let mut parameters = program.parameters;
    parameters.values.copy_from_slice(&values);
    parameters
}

fn optimizer(chain: &[Transform], constraints: &[Constraint]) -> Optimizer {
    Optimizer { chain: chain.to_vec(), constraints: constraints.to_vec(), ..Optimizer::plain(0.1) }
}

const CLOCK: Clock =
    Clock { step: 0, steps_per_epoch: 1, total_steps: 100, batch_rows: 4, epoch_rows: 4 };
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
    check(&[Transform::L2(Strength::new(0.3))], |g, w| {
        [g[0] + 0.3 * w[0], g[1] + 0.3 * w[1], g[2]]
    });
    check(&[Transform::L1(Strength::new(0.3))], |g, w| {
        [g[0] + 0.3 * w[0].signum(), g[1] + 0.3 * w[1].signum(), g[2]]
    });
    let mut v = [0.0; 3];
    check(&[Transform::Momentum(0.9)], |g, _| {
        v = std::array::from_fn(|i| 0.9 * v[i] + g[i]);
        v
    });
    // At a constant rate the two are one; the oracle has a falling one.
    let mut v = [0.0; 3];
    check(&[Transform::ClassicalMomentum(0.9)], |g, _| {
        v = std::array::from_fn(|i| 0.9 * v[i] + 0.1 * g[i]);
        v.map(|v| v / 0.1)
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

/// The roles that are named, and `λ` over the samples of the step.
#[test]
fn penalties_are_for_the_roles_that_are_named() {
    let strength = Strength {
        roles: vec![Role::Bias, Role::Weight],
        divisor: Divisor::Batch,
        ..Strength::new(0.3)
    };
    let share = 0.3 / 4.0;
    check(&[Transform::L2(strength.clone())], |g, w| std::array::from_fn(|i| g[i] + share * w[i]));
    check(&[Transform::L1(strength)], |g, w| std::array::from_fn(|i| g[i] + share * w[i].signum()));
    let bias = Strength { roles: vec![Role::Bias], ..Strength::new(0.3) };
    check(&[Transform::DecoupledDecay(bias)], |g, w| [g[0], g[1], g[2] + 0.3 * w[2]]);
    // The sixth sample of six is alone in a batch: the whole of `λ`.
    let last = Clock { step: 1, steps_per_epoch: 2, batch_rows: 5, epoch_rows: 6, ..CLOCK };
    let alone = Strength { divisor: Divisor::Batch, ..Strength::new(0.3) };
    let mut parameters = parameters(START);
    let optimizer = optimizer(&[Transform::L2(alone)], &[]);
    optimizer.start(&parameters).step(&mut parameters, last);
    assert!((parameters.values[0] - (START[0] - 0.1 * 0.3 * START[0])).abs() < 1e-15);
}

/// Formulas number by number: what is kept is in `s`, one for each of the three.
fn check_each<const N: usize>(
    transform: Transform,
    begin: [f64; N],
    mut rule: impl FnMut(f64, &mut [f64; N], i32) -> f64,
) {
    let mut state = [begin; 3];
    let mut t = 0;
    check(&[transform], |g, _| {
        t += 1;
        std::array::from_fn(|i| rule(g[i], &mut state[i], t))
    });
}

#[test]
fn every_adaptive_transformation_follows_its_formula() {
    let adagrad = Adagrad { epsilon: 1e-3, initial: 0.2 };
    check_each(Transform::Adagrad(adagrad), [0.2], |g, [sum], _| {
        *sum += g.powi(2);
        g / (sum.sqrt() + 1e-3)
    });
    for (centered, epsilon_inside) in [(false, false), (false, true), (true, false), (true, true)] {
        let rms_prop = RmsProp { decay: 0.9, epsilon: 1e-3, centered, epsilon_inside };
        check_each(Transform::RmsProp(rms_prop), [0.0; 2], |g, [square, mean], _| {
            *square = 0.9 * *square + 0.1 * g.powi(2);
            *mean = 0.9 * *mean + 0.1 * g;
            let by = if centered { *square - mean.powi(2) } else { *square };
            if epsilon_inside { g / (by + 1e-3).sqrt() } else { g / (by.sqrt() + 1e-3) }
        });
    }
    let adadelta = Adadelta { decay: 0.8, epsilon: 1e-3 };
    check_each(Transform::Adadelta(adadelta), [0.0; 2], |g, [square, steps], _| {
        *square = 0.8 * *square + 0.2 * g.powi(2);
        let rms = |mean: f64| (mean + 1e-3).sqrt();
        let step = rms(*steps) / rms(*square) * g;
        *steps = 0.8 * *steps + 0.2 * step.powi(2);
        step
    });
    let lion = Lion { beta1: 0.7, beta2: 0.95 };
    check_each(Transform::Lion(lion), [0.0], |g, [m], _| {
        let direction = (0.7 * *m + 0.3 * g).signum();
        *m = 0.95 * *m + 0.05 * g;
        direction
    });
}

#[test]
fn every_form_of_adam_follows_its_formula() {
    let adam = Adam { beta1: 0.8, beta2: 0.9, epsilon: 1e-3, epsilon_hat: false };
    let means = |g: f64, m: &mut f64, v: &mut f64| {
        *m = 0.8 * *m + 0.2 * g;
        *v = 0.9 * *v + 0.1 * g.powi(2);
    };
    let corrected =
        |m: f64, v: f64, t: i32| (m / (1.0 - 0.8_f64.powi(t)), v / (1.0 - 0.9_f64.powi(t)));
    check_each(Transform::Adam(adam), [0.0; 2], |g, [m, v], t| {
        means(g, m, v);
        let (m, v) = corrected(*m, *v, t);
        m / (v.sqrt() + 1e-3)
    });
    let hat = Adam { epsilon_hat: true, ..adam };
    check_each(Transform::Adam(hat), [0.0; 2], |g, [m, v], t| {
        means(g, m, v);
        let rate = (1.0 - 0.9_f64.powi(t)).sqrt() / (1.0 - 0.8_f64.powi(t));
        rate * *m / (v.sqrt() + 1e-3)
    });
    check_each(Transform::AmsGrad(adam), [0.0; 3], |g, [m, v, largest], t| {
        means(g, m, v);
        *largest = largest.max(*v);
        let (m, v) = corrected(*m, *largest, t);
        m / (v.sqrt() + 1e-3)
    });
    let adam_w = AdamW { decay: Strength::new(0.3), ..AdamW::default() };
    let mut state = [[0.0; 2]; 3];
    let mut t = 0;
    check(&[Transform::AdamW(adam_w)], |g, w| {
        t += 1;
        let mut update = [0.0; 3];
        for (i, [m, v]) in state.iter_mut().enumerate() {
            *m = 0.9 * *m + 0.1 * g[i];
            *v = 0.999 * *v + 0.001 * g[i].powi(2);
            let (m, v) = (*m / (1.0 - 0.9_f64.powi(t)), *v / (1.0 - 0.999_f64.powi(t)));
            // Two weights are decayed, the bias is not.
            update[i] = m / (v.sqrt() + 1e-8) + if i < 2 { 0.3 * w[i] } else { 0.0 };
        }
        update
    });
}

/// AMSGrad is Adam as long as the squares grow; here the gradient of the first weight shrinks.
#[test]
fn ams_grad_remembers_the_largest_square() {
    let adam = Adam { beta2: 0.5, ..Adam::default() };
    let of = |transform| trajectory(&optimizer(&[transform], &[]));
    let (plain, ams) = (of(Transform::Adam(adam)), of(Transform::AmsGrad(adam)));
    assert_eq!(plain[0], ams[0]);
    assert!(ams[4][0] > plain[4][0], "a larger root is a smaller step");
}

/// Layers of (2, 3) weights with 3 biases, and of (3, 1) weights with 1 bias: a unit is a column.
#[test]
fn layers_and_units_are_clipped_by_themselves() {
    let layers = [Layer::dense(3), Layer::dense(1)];
    let graph = Graph::build(Shape::Features(2), &layers, Initialization::default());
    let mut parameters = Program::compile(graph.expect("the model fits"), Loss::Mse, 1).parameters;
    let of = |index: usize| f64::from((index as i32 * 7 + 3) % 11 - 5);
    for (index, value) in parameters.values.iter_mut().enumerate() {
        *value = 0.1 * of(index);
    }
    let (values, gradient): (Vec<f64>, Vec<f64>) =
        (parameters.values.clone(), (0..13).map(|index| of(index + 4) + 0.5).collect());
    let norm = |of: &[f64], places: &[usize]| {
        places.iter().map(|&place| of[place].powi(2)).sum::<f64>().sqrt()
    };
    let mut check = |chain: &[Transform], groups: &[(&[usize], f64)]| {
        parameters.values.copy_from_slice(&values);
        parameters.gradients.copy_from_slice(&gradient);
        optimizer(chain, &[]).start(&parameters).step(&mut parameters, CLOCK);
        let mut expected = gradient.clone();
        for (places, bound) in groups {
            let share = (bound / norm(&gradient, places)).min(1.0);
            places.iter().for_each(|&place| expected[place] *= share);
        }
        for (ours, expected) in parameters.gradients.iter().zip(&expected) {
            assert!((ours - expected).abs() < 1e-14, "{chain:?}: {ours} is not {expected}");
        }
    };
    let (first, second) = ([0, 1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12]);
    check(&[Transform::ClipNormPerLayer(2.0)], &[(&first, 2.0), (&second, 2.0)]);
    let units: [&[usize]; 4] = [&[0, 3], &[1, 4], &[2, 5], &[9, 10, 11]];
    let bound = |unit: &[usize]| 0.2 * norm(&values, unit).max(0.6);
    assert!(norm(&values, units[0]) < 0.6 && norm(&values, units[1]) > 0.6, "both sides");
    let clip = ClipAdaptive { clip: 0.2, epsilon: 0.6 };
    check(&[Transform::ClipAdaptive(clip)], &units.map(|unit| (unit, bound(unit))));
}

/// `MaxNorm` over a (2, 3) matrix whose rows are units, such as an embedding's.
#[test]
fn rows_are_units_where_the_parameter_says_so() {
    let graph = Graph::build(Shape::Features(2), &[Layer::dense(3)], Initialization::default());
    let mut parameters = Program::compile(graph.expect("the model fits"), Loss::Mse, 1).parameters;
    parameters.ranges[0].unit_axis = 0;
    let start = [0.1, 0.2, 0.2, 3.0, 0.0, 4.0];
    parameters.values[..6].copy_from_slice(&start);
    parameters.gradients.fill(0.0);
    let optimizer = optimizer(&[], &[Constraint::MaxNorm(1.0)]);
    optimizer.start(&parameters).step(&mut parameters, CLOCK);
    for (&value, expected) in parameters.values.iter().zip([0.1, 0.2, 0.2, 0.6, 0.0, 0.8_f64]) {
        assert!((value - expected).abs() < 1e-15);
    }
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
