//! Baselines of results that are made up, so that every kind of run is among them.

mod made_up;

use gradus_runner::gate::{Baseline, BaselineError, Compared, Gate, Verdict};
use gradus_runner::{File, Outcome, Plan, Results};

const SEEDS: usize = 8;

const FILE: &str = r#"// Is it as it was?
(
    name: "made_up",
    data: (source: Iris, split: (validation: 0.2)),
    model: [Dense(3)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.1),
    train: (epochs: 4, batch: 40),
    sweep: (seeds: 8),
    gate: (margins: [
        (of: Metric(metric: Loss, split: Validation, at: Final), margin: 0.1, course: 0.2),
        (of: Epochs, margin: 1.0),
    ]),
)
"#;

fn plan() -> Plan {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("made_up.ron");
    std::fs::write(&path, FILE).expect("it is writable");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text)).plan
}

/// Each seed with the loss before training and after each epoch, and how its run ended.
fn results(plan: &Plan, of: impl Fn(usize) -> (Vec<f64>, Outcome)) -> Results {
    made_up::results(plan, "loss", of)
}

fn falling(seed: usize) -> (Vec<f64>, Outcome) {
    let noise = 0.01 * seed as f64;
    (vec![1.0, 0.5 + noise, 0.4 + noise, 0.3 + noise, 0.2 + noise], Outcome::Trained)
}

fn baseline(plan: &Plan) -> Baseline {
    Baseline::of(plan, &results(plan, falling), "here", Vec::new()).expect("every run has values")
}

fn compared(of: impl Fn(usize) -> (Vec<f64>, Outcome)) -> Vec<Compared> {
    let plan = plan();
    let now = results(&plan, of);
    baseline(&plan).compare(&plan, &now, SEEDS).expect("every run is there").0
}

fn words(compared: &[Compared]) -> Vec<&'static str> {
    compared.iter().map(Compared::word).collect()
}

#[test]
fn a_baseline_holds_ends_courses_and_envelopes() {
    let baseline = baseline(&plan());
    let [cell] = &baseline.cells[..] else { panic!("one cell") };
    let values: Vec<Vec<f64>> = cell.figures.iter().map(|f| f.values[..2].to_vec()).collect();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
    assert!(near(values[0][0], 0.2) && near(values[0][1], 0.21), "{values:?}");
    // The mean of 0.5, 0.4, 0.3 and 0.2; what was before the first step belongs to no epoch.
    assert!(near(values[1][0], 0.35) && near(values[1][1], 0.36), "{values:?}");
    assert_eq!(values[2], [4.0, 4.0]);
    let [envelope] = &cell.envelopes[..] else { panic!("one curve") };
    assert_eq!(envelope.epochs, [0, 1, 2, 3, 4]);
    assert!(near(envelope.low[4], 0.2) && near(envelope.high[4], 0.27));
    assert!(near(envelope.median[1], 0.535));
}

#[test]
fn a_run_that_ended_early_stays_where_it_was() {
    let early = |seed| {
        let (mut values, outcome) = falling(seed);
        values.truncate(4);
        (values, outcome)
    };
    let compared = compared(early);
    // 0.3 in place of 0.2 at the end, and once in the mean of four.
    let course = compared[1].now[0];
    assert!((course - 0.375).abs() < 1e-12, "{course}");
    assert_eq!(words(&compared), ["worse", "equivalent", "better"]);
}

#[test]
fn a_failed_run_is_a_missing_value_and_fails_the_check() {
    let compared = compared(|seed| {
        let (values, outcome) = falling(seed);
        let failed = Outcome::Failed { message: "no memory".to_string() };
        (values, if seed == 5 { failed } else { outcome })
    });
    assert_eq!(words(&compared), ["missing"; 3]);
    let gate: Gate = plan().experiment.gate.expect("it has one");
    assert!(compared.iter().all(|figure| figure.fails(&gate)));
}

#[test]
fn no_baseline_is_made_of_a_failed_run() {
    let plan = plan();
    let results = results(&plan, |seed| {
        let failed = Outcome::Failed { message: "no memory".to_string() };
        (falling(seed).0, if seed == 5 { failed } else { Outcome::Trained })
    });
    let said = Baseline::of(&plan, &results, "here", Vec::new());
    assert!(matches!(said, Err(BaselineError::WithoutValue { seed: 5, .. })), "{said:?}");
}

#[test]
fn diverged_runs_are_judged_by_their_share() {
    let diverged = || Outcome::Diverged { step: 1, quantity: "loss above".into(), layer: None };
    let all = compared(|seed| (falling(seed).0, diverged()));
    let verdicts: Vec<Verdict> =
        all.iter().filter_map(|figure| figure.judged.as_ref()).map(|j| j.verdict).collect();
    assert_eq!(verdicts, [Verdict::Worse; 3]);
    assert!(all.iter().all(|figure| figure.now.iter().all(|value| value.is_infinite())));
    // One of eight is far from the half that matters, four are not.
    for (count, word) in [(1, "equivalent"), (4, "undecided")] {
        let some = compared(|seed| {
            let (values, outcome) = falling(seed);
            (values, if seed < count { diverged() } else { outcome })
        });
        assert_eq!(words(&some), [word; 3], "{count} diverged");
    }
}

#[test]
fn bits_are_compared_under_an_equal_stamp_alone() {
    let plan = plan();
    let baseline = baseline(&plan);
    let now = results(&plan, falling);
    let same = |stamp: &str| baseline.has_the_bits_of(&plan, &now, stamp, SEEDS);
    assert!(same("here").expect("every run is there"));
    assert!(!same("there").expect("every run is there"));
    let other = results(&plan, |seed| {
        let (mut values, outcome) = falling(seed);
        values[2] += if seed == 7 { 1e-15 } else { 0.0 };
        (values, outcome)
    });
    assert!(!baseline.has_the_bits_of(&plan, &other, "here", SEEDS).expect("they are there"));
    // Of the first seven seeds they are.
    assert!(baseline.has_the_bits_of(&plan, &other, "here", 7).expect("they are there"));
}
