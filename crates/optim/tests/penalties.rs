//! The table of penalties: the value of each as stated, and its gradient by central differences.
//! And that every transformation reads back as it is written.

use gradus_core::{
    Graph, Initialization, Layer, Loss, Parameters, Program, Role, Shape, check_gradients_of,
};
use gradus_optim::{Adam, AdamW, Divisor, Optimizer, Strength, Transform};
use ron::extensions::Extensions;

/// (2, 3) weights with 3 biases, and (3, 1) weights with 1 bias, none of them zero.
fn parameters() -> Parameters<f64> {
    let layers = [Layer::dense(3), Layer::dense(1)];
    let graph = Graph::build(Shape::Features(2), &layers, Initialization::default());
    let mut parameters = Program::compile(graph.expect("the model fits"), Loss::Mse, 1).parameters;
    for (index, value) in parameters.values.iter_mut().enumerate() {
        *value = 0.3 * (f64::from((index as i32 * 7 + 3) % 13) - 6.5);
    }
    parameters
}

const ROWS: u64 = 8;

type Value = fn(lambda: f64, w: &[f64]) -> f64;

/// A penalty of this strength.
type Penalty = fn(Strength) -> Transform;

/// Each penalty of the catalogue with its value as stated.
fn penalty_cases() -> Vec<(Penalty, Value)> {
    vec![
        (Transform::L2, |lambda, w| 0.5 * lambda * w.iter().map(|w| w * w).sum::<f64>()),
        (Transform::L1, |lambda, w| lambda * w.iter().map(|w| w.abs()).sum::<f64>()),
    ]
}

/// Strengths of 0.37 in all forms, with the places of the numbers they are for and the divisor.
fn strengths() -> [(Strength, Vec<usize>, f64); 3] {
    let weights = || vec![0, 1, 2, 3, 4, 5, 9, 10, 11];
    let with = |roles: &[Role], divisor| Strength { lambda: 0.37, roles: roles.to_vec(), divisor };
    [
        (Strength::new(0.37), weights(), 1.0),
        (with(&[Role::Weight], Divisor::Batch), weights(), 8.0),
        (with(&[Role::Bias, Role::Scale], Divisor::One), vec![6, 7, 8, 12], 1.0),
    ]
}

#[test]
fn every_penalty_has_its_value_and_its_gradient() {
    for (penalty, value) in penalty_cases() {
        for (strength, places, divisor) in strengths() {
            let chain = vec![penalty(strength)];
            let optimizer = Optimizer { chain, ..Optimizer::plain(0.1) };
            let Parameters { mut values, ranges, .. } = parameters();
            let of_roles: Vec<f64> = places.iter().map(|&place| values[place]).collect();
            let (ours, stated) =
                (optimizer.penalty(&values, &ranges, ROWS), value(0.37 / divisor, &of_roles));
            assert!((ours - stated).abs() < 1e-14, "{optimizer:?}: {ours} is not {stated}");
            let mut analytic = vec![0.0; values.len()];
            optimizer.add_penalty_gradient(&values, &ranges, ROWS, &mut analytic);
            let found = check_gradients_of(&ranges, &mut values, &analytic, |values| {
                optimizer.penalty(values, &ranges, ROWS)
            });
            assert!(found.passed() && found.corners == 0, "{optimizer:?}: {found:?}");
        }
    }
}

/// One of each kind of the registry, by the list that the reader of files itself has.
fn one_of_each_kind() -> Vec<Transform> {
    let ron::Error::NoSuchEnumVariant { expected, .. } =
        ron::from_str::<Transform>("Nothing(0.5)").expect_err("no such kind").code
    else {
        panic!("the reader lists what it knows");
    };
    let of_kind = |kind: &&str| {
        let forms = [format!("{kind}(0.5)"), format!("{kind}()"), (*kind).to_string()];
        forms.iter().find_map(|form| read(form).ok()).unwrap_or_else(|| panic!("{kind}"))
    };
    expected.iter().map(of_kind).collect()
}

fn options() -> ron::Options {
    ron::Options::default()
        .with_default_extension(Extensions::UNWRAP_NEWTYPES)
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES)
}

fn read(text: &str) -> Result<Transform, ron::error::SpannedError> {
    options().from_str(text)
}

/// What adds the gradient of a penalty must have a value, and whatever has one a row.
#[test]
fn no_penalty_is_missing_from_the_table() {
    let tabled: Vec<&str> =
        penalty_cases().iter().map(|(penalty, _)| penalty(Strength::new(0.5)).kind()).collect();
    let Parameters { values, ranges, .. } = parameters();
    for transform in one_of_each_kind() {
        let kind = transform.kind();
        assert_eq!(transform.is_penalty(), tabled.contains(&kind), "{kind}");
        let optimizer = Optimizer { chain: vec![transform], ..Optimizer::plain(0.1) };
        let has_value = optimizer.penalty(&values, &ranges, ROWS) != 0.0;
        let mut gradient = vec![0.0; values.len()];
        optimizer.add_penalty_gradient(&values, &ranges, ROWS, &mut gradient);
        let has_gradient = gradient.iter().any(|&g| g != 0.0);
        assert_eq!(
            (has_value, has_gradient),
            [(false, false), (true, true)][usize::from(tabled.contains(&kind))]
        );
    }
}

#[test]
fn every_transformation_reads_back_as_it_is_written() {
    let strengths = strengths().map(|(strength, ..)| strength);
    let [plain, by_batch, of_biases] = strengths;
    let special = [
        Transform::L2(plain),
        Transform::L1(of_biases.clone()),
        Transform::L2(by_batch.clone()),
        Transform::Adam(Adam { beta1: 0.8, epsilon_hat: true, ..Adam::default() }),
        Transform::AdamW(AdamW { decay: of_biases, beta2: 0.9, ..AdamW::default() }),
    ];
    for transform in one_of_each_kind().into_iter().chain(special) {
        assert!(transform.mistakes().is_empty(), "{transform}");
        let for_files = options().to_string(&transform).expect("it is plain data");
        let for_people = transform.to_string();
        for text in [for_files, for_people] {
            assert_eq!(read(&text).as_ref(), Ok(&transform), "{text}");
        }
    }
    let text = "L2(lambda: 0.37, divisor: Batch)";
    assert_eq!(read(text), Ok(Transform::L2(by_batch)));
    assert_eq!(read(text).expect("as above").to_string(), text);
    assert_eq!(read("Adam()").expect("all defaults").to_string(), "Adam()");
    for wrong in ["L2(lambda: 1.0, rows: 3)", "Adam(beta: 0.9)", "L2()", "L2(roles: [Weight])"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
