//! The table of penalties: the value of each as stated, and its gradient by central differences.
//! And that every transformation reads back as it is written.

use gradus_core::{Parameters, Role};
use gradus_optim::{
    Adam, AdamW, Divisor, Optimizer, PenaltyCase, Strength, Transform, penalty_table,
};
use ron::extensions::Extensions;

/// The penalties with their values as stated, over weights or biases `w`.
#[test]
fn every_penalty_has_its_value_and_its_gradient() {
    for case in penalty_table() {
        let (Transform::L2(strength) | Transform::L1(strength)) = &case.penalty else {
            panic!("{}: state its value here", case.penalty);
        };
        let places: &[usize] = if strength.roles.contains(&Role::Weight) {
            &[0, 1, 2, 3, 4, 5, 9, 10, 11]
        } else {
            &[6, 7, 8, 12]
        };
        let divisor = if strength.divisor == Divisor::Batch { 8.0 } else { 1.0 };
        let values = PenaltyCase::parameters().values;
        let w = places.iter().map(|&place| values[place]);
        let stated = match case.penalty {
            Transform::L2(_) => 0.5 * 0.37 / divisor * w.map(|w| w * w).sum::<f64>(),
            _ => 0.37 / divisor * w.map(f64::abs).sum::<f64>(),
        };
        let ours = case.value();
        assert!((ours - stated).abs() < 1e-14, "{}: {ours} is not {stated}", case.penalty);
        let found = case.check();
        assert!(found.passed() && found.corners == 0, "{}: {found:?}", case.penalty);
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
    let table = penalty_table();
    let tabled: Vec<&str> = table.iter().map(|case| case.penalty.kind()).collect();
    let Parameters { values, ranges, .. } = PenaltyCase::parameters();
    for transform in one_of_each_kind() {
        let kind = transform.kind();
        assert_eq!(transform.is_penalty(), tabled.contains(&kind), "{kind}");
        let optimizer = Optimizer { chain: vec![transform], ..Optimizer::plain(0.1) };
        let has_value = optimizer.penalty(&values, &ranges, 8) != 0.0;
        let mut gradient = vec![0.0; values.len()];
        optimizer.add_penalty_gradient(&values, &ranges, 8, &mut gradient);
        let has_gradient = gradient.iter().any(|&g| g != 0.0);
        assert_eq!(
            (has_value, has_gradient),
            [(false, false), (true, true)][usize::from(tabled.contains(&kind))]
        );
    }
}

#[test]
fn every_transformation_reads_back_as_it_is_written() {
    let plain = Strength::new(0.37);
    let by_batch = Strength { divisor: Divisor::Batch, ..plain.clone() };
    let of_biases = Strength { roles: vec![Role::Bias, Role::Scale], ..plain.clone() };
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
