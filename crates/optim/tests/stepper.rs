//! What stands around the chain: multipliers of the rate, the average, shorthands, mistakes.

use gradus_core::{Graph, Initialization, Layer, Loss, Parameters, Program, Shape};
use gradus_optim::{
    Adam, AdamW, Average, Clock, Constraint, Optimizer, Schedule, Strength, Transform,
};

/// Two weights into one unit, and its bias.
fn parameters() -> Parameters<f64> {
    let graph = Graph::build(Shape::Features(2), &[Layer::dense(1)], Initialization::default());
    let program = Program::compile(graph.expect("the model fits"), Loss::Mse, 1);
    let mut parameters = program.parameters;
    parameters.values.copy_from_slice(&[1.5, -2.0, 0.7]);
    parameters
}

fn clock(step: u64) -> Clock {
    Clock { step, steps_per_epoch: 2, total_steps: 100, batch_rows: 4, epoch_rows: 8 }
}

/// Parameters after each of five steps on `½ ‖w‖²`, and the average beside them.
fn run(
    optimizer: &Optimizer,
    mut parameters: Parameters<f64>,
) -> Vec<(Vec<f64>, Option<Vec<f64>>)> {
    let mut stepper = optimizer.start(&parameters);
    (0..5)
        .map(|step| {
            let Parameters { values, gradients, .. } = &mut parameters;
            gradients.copy_from_slice(values);
            assert!(stepper.step(&mut parameters, clock(step)));
            (parameters.values.clone(), stepper.averaged().map(<[f64]>::to_vec))
        })
        .collect()
}

#[test]
fn a_multiplier_scales_the_rate_of_its_parameter_alone() {
    let mut multiplied = parameters();
    multiplied.ranges[1].rate_multiplier = 3.0;
    let plain = run(&Optimizer::plain(0.1), parameters());
    let tripled = run(&Optimizer::plain(0.1), multiplied);
    assert_eq!(tripled[0].0[..2], plain[0].0[..2]);
    assert!((tripled[0].0[2] - 0.7 * (1.0 - 0.3)).abs() < 1e-15);
    assert!((tripled[1].0[2] - 0.7 * (1.0 - 0.3) * (1.0 - 0.3)).abs() < 1e-15);
}

/// Neither decay, nor penalties, nor constraints, nor gradients that are not finite move what is
/// frozen, and its gradient does not count for the norm of the others'.
#[test]
fn a_multiplier_of_zero_freezes() {
    let optimizer = Optimizer {
        chain: vec![
            Transform::L1(Strength::new(0.3)),
            Transform::ClipNorm(0.7),
            Transform::Adam(Adam::default()),
            Transform::DecoupledDecay(Strength::new(0.2)),
        ],
        constraints: vec![Constraint::ClipWeights(0.5), Constraint::MaxNorm(0.5)],
        ..Optimizer::plain(0.1)
    };
    let mut frozen = parameters();
    frozen.ranges[0].rate_multiplier = 0.0;
    assert_eq!(optimizer.penalty(&frozen.values, &frozen.ranges, 1), 0.0);
    for (values, _) in run(&optimizer, frozen.clone()) {
        assert_eq!(values[..2], [1.5, -2.0]);
    }
    let mut stepper =
        Optimizer { chain: vec![Transform::ClipNorm(0.7)], ..Optimizer::plain(0.1) }.start(&frozen);
    frozen.gradients.copy_from_slice(&[f64::INFINITY, f64::NAN, 0.7]);
    assert!(stepper.step(&mut frozen, clock(0)));
    assert_eq!(frozen.values, [1.5, -2.0, 0.7 - 0.1 * 0.7]);
}

/// The mean is written out as a weighted sum over the trajectory.
#[test]
fn averages_follow_their_formulas() {
    let d = 0.8_f64;
    // Weights of the parameters after steps 0..=last, for each kind; none before the mean begins.
    type Weights = fn(f64, i32, i32) -> f64;
    let cases: [(Average, i32, Weights); 4] =
        [
            (Average::Exponential { decay: d, bias_correction: false }, 0, |d, at, last| {
                if at == 0 { d.powi(last) } else { (1.0 - d) * d.powi(last - at) }
            }),
            (Average::Exponential { decay: d, bias_correction: true }, 0, |d, at, last| {
                (1.0 - d) * d.powi(last - at) / (1.0 - d.powi(last + 1))
            }),
            (Average::Mean { from_epoch: 0 }, 0, |_, _, last| 1.0 / f64::from(last + 1)),
            (Average::Mean { from_epoch: 1 }, 2, |_, at, last| {
                if at < 2 { 0.0 } else { 1.0 / f64::from(last - 1) }
            }),
        ];
    let bare = run(&Optimizer::plain(0.1), parameters());
    for (average, first, weight) in cases {
        let steps =
            run(&Optimizer { average: Some(average), ..Optimizer::plain(0.1) }, parameters());
        for (last, (values, mean)) in (0..).zip(&steps) {
            assert_eq!(*values, bare[last as usize].0, "training goes on from the parameters");
            if last < first {
                assert_eq!(*mean, None, "{average:?} before it begins");
                continue;
            }
            for (index, mean) in mean.as_ref().expect("it has begun").iter().enumerate() {
                let expected: f64 =
                    (0..=last).map(|at| weight(d, at, last) * bare[at as usize].0[index]).sum();
                assert!((mean - expected).abs() < 1e-14, "{average:?} after step {last}");
            }
        }
    }
}

#[test]
fn a_shorthand_is_what_it_stands_for() {
    let adam_w = AdamW { decay: Strength::new(0.3), beta1: 0.8, ..AdamW::default() };
    let adam = Adam { beta1: 0.8, ..Adam::default() };
    let long = vec![Transform::Adam(adam), Transform::DecoupledDecay(Strength::new(0.3))];
    let of = |chain: &[Transform]| Optimizer { chain: chain.to_vec(), ..Optimizer::plain(0.1) };
    for (short, long) in [(Transform::AdamW(adam_w), long), (Transform::Sgd, vec![])] {
        let short = of(&[short]);
        assert_eq!(short.written_out(), of(&long));
        assert_eq!(run(&short, parameters()), run(&of(&long), parameters()));
    }
}

#[test]
fn a_step_says_when_a_value_is_no_longer_finite() {
    let every_kind = [Transform::Lion(Default::default()), Transform::AmsGrad(Adam::default())];
    let clips = [Transform::ClipAdaptive(Default::default()), Transform::ClipNormPerLayer(1.0)];
    let chains = every_kind.into_iter().chain(clips).map(|transform| vec![transform]);
    for chain in chains.chain([vec![]]) {
        let mut parameters = parameters();
        let mut stepper = Optimizer { chain, ..Optimizer::plain(0.1) }.start(&parameters);
        assert!(stepper.step(&mut parameters, clock(0)));
        parameters.gradients.copy_from_slice(&[0.1, f64::NAN, 0.1]);
        assert!(!stepper.step(&mut parameters, clock(1)), "{stepper:?}");
        let range = parameters.first_not_finite().expect("one is not");
        assert_eq!(range.name, "0.Dense.weight");
    }
}

#[test]
fn numbers_out_of_range_are_named_with_their_place() {
    let adam = Adam { beta2: 1.0, epsilon: 0.0, ..Adam::default() };
    let decay = Strength { roles: vec![], ..Strength::new(0.1) };
    let optimizer = Optimizer {
        chain: vec![
            Transform::L2(Strength::new(-1.0)),
            Transform::Momentum(1.0),
            Transform::ClipNorm(0.0),
            Transform::Adam(adam),
            Transform::AdamW(AdamW { decay, ..AdamW::default() }),
        ],
        constraints: vec![Constraint::MaxNorm(f64::NAN)],
        schedule: Schedule::Exponential { factor: 2.0 },
        average: Some(Average::Exponential { decay: 1.0, bias_correction: true }),
        ..Optimizer::plain(-0.1)
    };
    let found = optimizer.mistakes();
    let places: Vec<&str> = found.iter().map(|mistake| mistake.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "learning_rate",
            "chain[0][0].lambda",
            "chain[1][0]",
            "chain[2][0]",
            "chain[3].beta2",
            "chain[3].epsilon",
            "chain[4].decay[0].roles",
            "schedule.factor",
            "constraints[0][0]",
            "average.decay"
        ]
    );
}

/// Behind it in the chain, momentum would average the decay and Adam would rescale it.
#[test]
fn a_decay_that_is_not_decoupled_is_refused() {
    let decay = || Transform::DecoupledDecay(Strength::new(0.1));
    let found = |chain| Optimizer { chain, ..Optimizer::plain(0.1) }.mistakes();
    let refused = found(vec![decay(), Transform::Momentum(0.9)]);
    assert_eq!(refused[0].place, "chain[0]");
    assert_eq!(refused[0].message, "DecoupledDecay before Momentum is not decoupled");
    let adam_w = Transform::AdamW(AdamW::default());
    assert_eq!(found(vec![adam_w.clone(), Transform::ClipValue(1.0)]).len(), 1);
    assert_eq!(found(vec![Transform::ClipValue(1.0), adam_w, decay()]), []);
}
