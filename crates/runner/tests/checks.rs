//! The `checks` section: what is refused, word for word, and the verdicts over known values.

mod made_up;

use std::fmt::Write as _;
use std::fs;

use gradus_runner::{File, Finding, Interval, Outcome, Plan, Results, judge_checks};

/// What every case changes the checks of.
const FILE: &str = r#"// Which learning rate is best?
(
    name: "experiment",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Relu, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.1),
    train: (epochs: 4, batch: 32),
    judge: (metric: Accuracy, split: Validation),
    sweep: (axes: [LearningRate(Log(from: 1e-3, to: 1.0, points: 4)), Momentum(List([0.0, 0.9]))], seeds: 3),
    checks: [
        CHECK
    ],
)
"#;

/// Reads the file with this check in it; what is said where it is refused.
fn read(check: &str) -> Result<File, String> {
    read_text(&FILE.replace("CHECK", check))
}

fn read_text(text: &str) -> Result<File, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("experiment.ron");
    fs::write(&path, text).expect("it is writable");
    let stem = format!("{}/", folder.path().display());
    File::read(&path, None).map_err(|errors| errors.text.replace(&stem, ""))
}

fn refusals(cases: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (what, check) in cases {
        let said = read(check).err().unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    all
}

fn hold(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, text) });
}

#[test]
fn cells_that_the_sweep_does_not_have() {
    let rest = r#"source: "us")"#;
    let cases = [
        ("an axis that is not varied", "(claim: Below(1.0), where: [Batch(32)], "),
        ("a value that is not on its axis", "(claim: Below(1.0), where: [LearningRate(0.02)], "),
        ("two values of an axis", "(claim: Below(1.0), where: [Momentum(0.9), Momentum(0.0)], "),
        ("a typo", "(claim: Below(1.0), where: [LearnRate(0.1)], "),
        ("an order of more than a cell", "(claim: Order([[LearningRate(0.1)], [Momentum(0.9)]]), "),
        ("an order of one cell", "(claim: Order([[LearningRate(0.1)]]), where: [Momentum(0.9)], "),
        (
            "a cell twice in an order",
            "(claim: Order([[Momentum(0.9)], [Momentum(0.9)]]), where: [LearningRate(0.1)], ",
        ),
        ("best among none", "(claim: BestAt([]), "),
        ("best among all", "(claim: BestAt([Momentum(0.0), Momentum(0.9)]), "),
        ("best on two axes", "(claim: BestAt([Momentum(0.0), LearningRate(0.1)]), "),
        (
            "best on an axis of one value",
            "(claim: BestAt([LearningRate(0.1)]), where: [LearningRate(0.1)], ",
        ),
        ("a seed that is not there", "(claim: Below(1.0), seeds: Seed(7), "),
    ];
    let cases: Vec<(&str, String)> =
        cases.iter().map(|(what, check)| (*what, format!("{check}{rest}"))).collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(what, check)| (*what, &**check)).collect();
    hold("cells_that_the_sweep_does_not_have", &refusals(&cases));
}

#[test]
fn an_optimizer_is_named() {
    let rates = "LearningRate(Log(from: 1e-3, to: 1.0, points: 4))";
    let optimizers = "Optimizer([(name: \"plain\", optimizer: (chain: [Momentum(0.0)], learning_rate: \
                      0.1)), (name: \"heavy\", optimizer: (chain: [Momentum(0.5)], learning_rate: \
                      0.1))])";
    let text = FILE.replace(rates, optimizers);
    assert_ne!(text, FILE);
    let read = |check: &str| read_text(&text.replace("CHECK", check));
    let rest = r#"where: [Momentum(0.9)], source: "us")"#;
    let known = read(&format!(r#"(claim: BestAt([Optimizer("heavy")]), {rest}"#));
    assert_eq!(known.err(), None);
    let unknown = read(&format!(r#"(claim: BestAt([Optimizer("adam")]), {rest}"#));
    let said = unknown.expect_err("there is no such optimizer");
    assert!(said.contains("the axis optimizer has no such value"), "{said}");
    assert!(said.contains("allowed: plain; heavy"), "{said}");
}

#[test]
fn values_that_are_not_measured() {
    let rest = r#"claim: Above(0.5), source: "us")"#;
    let cases = [
        ("a metric", "(of: Metric(metric: Mse, split: Validation), "),
        ("a part", "(of: Metric(metric: Accuracy, split: Train), "),
        ("an epoch too late", "(of: Metric(metric: Loss, split: Validation, at: Epoch(5)), "),
        ("from an epoch too late", "(of: Metric(metric: Loss, split: Train, at: EachFrom(9)), "),
        ("a running loss too early", "(of: Metric(metric: Loss, split: Train, at: Epoch(0)), "),
        (
            "a choice by what is not measured",
            "(of: Metric(metric: Loss, split: Train, at: BestBy(metric: Accuracy, split: Test)), ",
        ),
        ("a window of nothing", "(of: Metric(metric: Loss, split: Train, at: Window(0)), "),
        ("sharpness", "(of: Sharpness(), "),
    ];
    let cases: Vec<(&str, String)> =
        cases.iter().map(|(what, check)| (*what, format!("{check}{rest}"))).collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(what, check)| (*what, &**check)).collect();
    hold("values_that_are_not_measured", &refusals(&cases));
}

#[test]
fn claims_that_say_nothing() {
    hold(
        "claims_that_say_nothing",
        &refusals(&[
            ("no source", r#"(claim: Above(0.5), source: " ")"#),
            ("a source left out", "(claim: Above(0.5))"),
            ("bounds the wrong way", r#"(claim: Within(from: 0.9, to: 0.8), source: "us")"#),
            ("no trust", r#"(claim: Above(0.5), published: 0.6, source: "us")"#),
            ("a bound that is no number", r#"(claim: Above(inf), source: "us")"#),
            ("an unknown claim", r#"(claim: Beneath(0.5), source: "us")"#),
            ("a denial of a denial", r#"(claim: Not(Not(Above(0.5))), source: "us")"#),
            (
                "a divergence that is measured otherwise",
                r#"(claim: DivergesAbove(LearningRate(0.1)), of: Epochs, source: "us")"#,
            ),
            (
                "an edge above everything",
                r#"(claim: DivergesAbove(LearningRate(1.0)), source: "us")"#,
            ),
            (
                "best between ends the wrong way",
                r#"(claim: BestWithin(from: Momentum(0.5), to: Momentum(0.4)), source: "us")"#,
            ),
            (
                "best between ends that hold all",
                r#"(claim: BestWithin(from: Momentum(0.0), to: Momentum(1.0)), source: "us")"#,
            ),
            (
                "best between two axes",
                r#"(claim: BestWithin(from: Momentum(0.0), to: LearningRate(0.1)), source: "us")"#,
            ),
            (
                "a rise to itself",
                r#"(claim: Rises(from: Momentum(0.9), to: Momentum(0.9)), source: "us")"#,
            ),
            (
                "a rise along what is fixed",
                r#"(claim: Rises(from: Momentum(0.0), to: Momentum(0.9)), where: [Momentum(0.9)], source: "us")"#,
            ),
            (
                "a ratio of more than a cell",
                r#"(claim: Ratio(over: [Momentum(0.9)], under: [LearningRate(0.1), Momentum(0.9)], from: 1.0, to: 2.0), source: "us")"#,
            ),
            (
                "a ratio of a cell to itself",
                r#"(claim: Ratio(over: [Momentum(0.9)], under: [Momentum(0.9)], from: 2.0, to: 1.0), where: [LearningRate(0.1)], source: "us")"#,
            ),
            (
                "epochs to what is not measured",
                r#"(claim: Below(3.0), of: EpochsTo(metric: Mse, split: Validation, target: 0.1), source: "us")"#,
            ),
        ]),
    );
}

#[test]
fn a_check_is_no_part_of_a_run() {
    let one = read(r#"(claim: Above(0.5), source: "us")"#).expect("it is right");
    let other = read(r#"(claim: Below(0.2), seeds: Every, source: "us")"#).expect("it is right");
    assert_eq!(one.plan.keys, other.plan.keys);
}

/// Results of the file: for each cell and seed the validation accuracy after each epoch.
///
/// Cells are in plan order: (0.001, 0.0), (0.001, 0.9), (0.01, 0.0), …
fn results(check: &str, accuracy: impl Fn(usize, u64) -> (Vec<f64>, Outcome)) -> Results {
    let plan: Plan = read(check).unwrap_or_else(|said| panic!("{said}")).plan;
    made_up::results(&plan, "accuracy", |position| {
        accuracy(plan.cell(position), plan.seed(position))
    })
}

/// Accuracy rises by 0.1 an epoch and with the cell, and a little with the seed.
fn rising(cell: usize, seed: u64) -> (Vec<f64>, Outcome) {
    let at = |epoch: usize| 0.1 * epoch as f64 + 0.05 * cell as f64 + 0.01 * seed as f64;
    ((0..=4).map(at).collect(), Outcome::Trained)
}

fn broke(values: Vec<f64>) -> (Vec<f64>, Outcome) {
    let quantity = "loss not finite".to_string();
    (values, Outcome::Diverged { step: 3, quantity, layer: None })
}

/// The one finding of a check.
fn only(check: &str, accuracy: impl Fn(usize, u64) -> (Vec<f64>, Outcome)) -> Finding {
    let check = format!(r#"({check}, source: "arithmetic")"#);
    let mut findings = judge_checks(&results(&check, accuracy));
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

/// The margin of a check over [`rising`].
fn check(text: &str, margin: f64) {
    let found = only(text, rising);
    assert!((found.margin - margin).abs() < 1e-12, "{text}: {} is not {margin}", found.margin);
    assert_eq!(found.holds, margin >= 0.0, "{text}");
}

const CELL: &str = "where: [LearningRate(0.001), Momentum(0.0)]";

#[test]
fn margins_follow_from_the_values() {
    // The first cell ends at 0.40, 0.41, 0.42.
    check(&format!("claim: Below(0.5), {CELL}"), 0.09);
    check(&format!("claim: Above(0.5), {CELL}"), -0.09);
    check(&format!("claim: Within(from: 0.4, to: 0.5), {CELL}"), 0.01);
    check(&format!("claim: Within(from: 0.5, to: 0.6), {CELL}"), -0.09);
    check(&format!("claim: Above(0.405), {CELL}, seeds: Every"), -0.005);
    check(&format!("claim: Above(0.405), {CELL}, seeds: Seed(1)"), 0.005);
    check(&format!("claim: Below(0.4), {CELL}, seeds: Median"), -0.01);
    let at =
        |moment: &str| format!("of: Metric(metric: Accuracy, split: Validation, at: {moment})");
    check(&format!("claim: Above(0.2), {CELL}, {}", at("Epoch(1)")), -0.09);
    check(&format!("claim: Above(0.2), {CELL}, {}", at("EachFrom(2)")), 0.01);
    check(&format!("claim: Above(0.2), {CELL}, {}", at("EachFrom(1)")), -0.09);
    check(&format!("claim: Above(0.3), {CELL}, {}", at("Window(2)")), 0.06);
    let by = "BestBy(metric: Accuracy, split: Validation)";
    check(&format!("claim: Above(0.4), {CELL}, {}", at(by)), 0.01);
    check(&format!("claim: Within(from: 4.0, to: 4.0), {CELL}, of: Epochs"), 0.0);
    check(&format!("claim: Below(0.0), {CELL}, of: Diverged"), 0.0);
    check(&format!("claim: Above(1.0), {CELL}, of: Stalled"), -1.0);
}

#[test]
fn orders_and_best_values() {
    let order = |lists: &str| format!("claim: Order({lists}), where: [Momentum(0.9)]");
    check(&order("[[LearningRate(0.001)], [LearningRate(0.01)], [LearningRate(1.0)]]"), 0.1);
    check(&order("[[LearningRate(0.1)], [LearningRate(0.01)]]"), -0.1);
    let best = |rates: &str| format!("claim: BestAt([{rates}]), where: [Momentum(0.9)]");
    check(&best("LearningRate(1.0), LearningRate(0.1)"), 0.2);
    check(&best("LearningRate(0.1)"), -0.1);
    let found = only(&best("LearningRate(0.1)"), rising);
    assert_eq!(found.best, Some(3), "the last rate is best");
    // Equal cells are in no order.
    let equal = |_: usize, _: u64| (vec![0.5; 5], Outcome::Trained);
    assert!(!only(&order("[[LearningRate(0.1)], [LearningRate(0.01)]]"), equal).holds);
}

const BOTH: &str = "where: [Momentum(0.9)]";

#[test]
fn claims_along_an_axis_between_cells_and_their_denials() {
    let rises = |from: &str, to: &str| {
        format!("claim: Rises(from: LearningRate({from}), to: LearningRate({to})), {BOTH}")
    };
    check(&rises("0.001", "1.0"), 0.1);
    check(&rises("1.0", "0.01"), -0.1);
    let ratio = |from: f64| {
        let cells = "over: [LearningRate(1.0)], under: [LearningRate(0.001)]";
        format!("claim: Ratio({cells}, from: {from:?}, to: 2.0), {BOTH}")
    };
    check(&ratio(1.6), 0.76 / 0.46 - 1.6);
    check(&ratio(1.7), 0.76 / 0.46 - 1.7);
    let best = |from: &str, to: &str| {
        format!("claim: BestWithin(from: LearningRate({from}), to: LearningRate({to})), {BOTH}")
    };
    check(&best("0.05", "2.0"), 0.2);
    check(&best("0.05", "0.2"), -0.1);
    check(&format!("claim: Not(Above(0.5)), {CELL}"), 0.09);
    check(&format!("claim: Not(Below(0.5)), {CELL}"), -0.09);
    check(
        &best("0.05", "0.2").replace("BestWithin(", "Not(BestWithin(").replace(")),", "))),"),
        0.1,
    );
    // From 0.0 by 0.1 an epoch: three epochs, whatever the seed.
    let to =
        |unit: &str| format!("of: {unit}To(metric: Accuracy, split: Validation, target: 0.29)");
    for unit in ["Epochs", "Steps"] {
        check(&format!("claim: Below(2.0), {CELL}, {}", to(unit)), -1.0);
        check(&format!("claim: Within(from: 3.0, to: 3.0), {CELL}, {}", to(unit)), 0.0);
    }
    let order = "claim: Order([[LearningRate(1.0)], [LearningRate(0.001)]])";
    assert!(only(&format!("{order}, {BOTH}, {}", to("Epochs")), rising).holds);
}

#[test]
fn an_edge_lies_where_half_of_the_runs_diverge() {
    let edge = |rate: &str| format!("claim: DivergesAbove(LearningRate({rate})), {BOTH}");
    // Cells 5 and 7 are the two largest rates with this momentum.
    let diverging = |n: [u64; 2]| {
        move |cell: usize, seed: u64| match cell {
            5 if seed < n[0] => broke(vec![0.1, f64::NAN]),
            7 if seed < n[1] => broke(vec![0.1, f64::NAN]),
            _ => rising(cell, seed),
        }
    };
    let found = only(&edge("0.2"), diverging([1, 2]));
    assert!(found.holds && found.best == Some(3), "{found:?}");
    assert!((found.margin - (2.0 / 3.0 - 0.5)).abs() < 1e-12, "{found:?}");
    assert_eq!(found.interval, Some(Interval::Cells([2, 4])), "some resamples have no edge");
    let found = only(&edge("0.2"), diverging([3, 3]));
    assert_eq!((found.holds, found.margin, found.best), (false, -0.5, Some(2)));
    assert_eq!(found.interval, Some(Interval::Cells([2, 2])));
    let found = only(&edge("0.05"), diverging([0, 3]));
    assert_eq!((found.holds, found.margin), (false, -0.5));
    let denied = "claim: Not(DivergesAbove(LearningRate(0.05))), where: [Momentum(0.9)]";
    assert!(only(denied, diverging([0, 3])).holds);
    assert_eq!(only(&edge("0.2"), rising).best, None);
}

#[test]
fn resampled_seeds_say_how_sure_a_claim_is() {
    // The ratio is of means over the same seeds: 0.75/0.45 with seed 0 alone, 0.77/0.47 with seed 2.
    let ratio = "claim: Ratio(over: [LearningRate(1.0)], under: [LearningRate(0.001)], from: 1.0, \
                 to: 2.0), where: [Momentum(0.9)]";
    let Some(Interval::Numbers([low, high])) = only(ratio, rising).interval else {
        panic!("a ratio has an interval")
    };
    assert!(
        (low - 0.77 / 0.47).abs() < 1e-12 && (high - 0.75 / 0.45).abs() < 1e-12,
        "{low} {high}"
    );
    let best = "claim: BestWithin(from: LearningRate(0.05), to: LearningRate(2.0)), \
                where: [Momentum(0.9)]";
    assert_eq!(only(best, rising).interval, Some(Interval::Cells([3, 3])));
    assert_eq!(only(&format!("{best}, seeds: Every"), rising).interval, None);
    // What a bound, an order and a best value rest on: 0.45, 0.46, 0.47 and 0.75, 0.76, 0.77.
    let numbers = |claim: &str| match only(claim, rising).interval {
        Some(Interval::Numbers(ends)) => ends.map(|end| (end * 1e9).round() / 1e9),
        other => panic!("{claim}: {other:?}"),
    };
    let last = "where: [LearningRate(1.0), Momentum(0.9)]";
    for claim in ["Below(1.0)", "Above(0.1)", "Within(from: 0.0, to: 1.0)", "Not(Above(0.9))"] {
        assert_eq!(numbers(&format!("claim: {claim}, {last}")), [0.75, 0.77], "{claim}");
        assert_eq!(
            only(&format!("claim: {claim}, {last}, seeds: Seed(1)"), rising).interval,
            None,
            "one seed leaves nothing to resample"
        );
    }
    let order =
        "claim: Order([[LearningRate(0.001)], [LearningRate(1.0)]]), where: [Momentum(0.9)]";
    assert_eq!(numbers(order), [0.3, 0.3], "seeds are paired");
    let best = "claim: BestAt([LearningRate(1.0)]), where: [Momentum(0.9)]";
    assert_eq!(only(best, rising).interval, Some(Interval::Cells([3, 3])));
    // A result that is missing makes both a claim and its denial fail.
    let failed = |cell: usize, seed: u64| match (cell, seed) {
        (7, 1) => (vec![0.5; 5], Outcome::Failed { message: "a panic".into() }),
        _ => rising(cell, seed),
    };
    for claim in [ratio.to_string(), ratio.replace("Ratio(", "Not(Ratio(").replace("2.0)", "2.0))")]
    {
        let found = only(&claim, failed);
        assert_eq!((found.holds, found.interval), (false, None), "{claim}");
    }
}

#[test]
fn a_claim_without_cells_is_about_each_and_a_best_value_about_each_line() {
    let all = judge_checks(&results(r#"(claim: Above(0.5), source: "us")"#, rising));
    assert_eq!(all.iter().map(|finding| finding.holds).collect::<Vec<_>>(), {
        let mut holds = vec![true; 8];
        holds[..2].fill(false);
        holds
    });
    let best = r#"(claim: BestAt([LearningRate(1.0)]), source: "us")"#;
    let lines = judge_checks(&results(best, rising));
    assert_eq!(lines.len(), 2, "one for each momentum");
    assert!(lines.iter().all(|line| line.holds && line.cells.len() == 4));
}

#[test]
fn a_run_that_broke_is_the_worst_and_never_dropped() {
    let last = "where: [LearningRate(1.0), Momentum(0.9)]";
    let one_broke = |cell: usize, seed: u64| {
        if cell == 7 && seed == 1 { broke(vec![0.1, 0.9, f64::NAN]) } else { rising(cell, seed) }
    };
    let above = only(&format!("claim: Above(0.1), {last}"), one_broke);
    assert_eq!((above.holds, above.cells[0].diverged), (false, 1));
    assert_eq!(above.cells[0].number, f64::NEG_INFINITY);
    assert!(only(&format!("claim: Below(0.9), {last}"), one_broke).holds);
    assert!(only(&format!("claim: Above(0.7), {last}, seeds: Median"), one_broke).holds);
    // What was measured before it broke is a value, but no best one.
    let at = |at: &str| format!("of: Metric(metric: Accuracy, split: Validation, at: {at})");
    let seed = format!("claim: Above(0.9), {last}, seeds: Seed(1)");
    assert!(only(&format!("{seed}, {}", at("Epoch(1)")), one_broke).holds);
    assert!(!only(&format!("{seed}, {}", at("Best")), one_broke).holds);
    assert!(!only(&format!("{seed}, {}", at("EachFrom(1)")), one_broke).holds);
    let best = "claim: BestAt([LearningRate(1.0)]), where: [Momentum(0.9)]";
    assert!(!only(best, one_broke).holds, "the mean of its cell is the worst there is");
    let shares =
        only(&format!("claim: Within(from: 0.3, to: 0.4), {last}, of: Diverged"), one_broke);
    assert!(shares.holds, "{shares:?}");
}

/// Finite, and still diverged: its values are those that were measured, but it is never best.
#[test]
fn a_run_that_diverged_by_its_loss_has_its_values_and_is_never_best() {
    let diverged = |cell: usize, seed: u64| {
        let quantity = "loss above the bound".to_string();
        let (values, trained) = rising(cell, seed);
        let outcome = Outcome::Diverged { step: 3, quantity, layer: None };
        (values, if cell == 7 { outcome } else { trained })
    };
    let last = "where: [LearningRate(1.0), Momentum(0.9)]";
    assert!(only(&format!("claim: Within(from: 0.75, to: 0.77), {last}"), diverged).holds);
    let best = only("claim: BestAt([LearningRate(1.0)]), where: [Momentum(0.9)]", diverged);
    assert_eq!((best.holds, best.best), (false, Some(2)));
}

#[test]
fn what_is_not_there_holds_nothing() {
    let failed = |_: usize, _: u64| (vec![0.5; 5], Outcome::Failed { message: "a panic".into() });
    let below = only(&format!("claim: Below(1.0), {CELL}"), failed);
    assert_eq!((below.holds, below.cells[0].without_result), (false, 3));
    // Ended early, and sound: there is no epoch 4.
    let short = |_: usize, _: u64| (vec![0.5; 3], Outcome::Trained);
    let at = |at: &str| format!("of: Metric(metric: Accuracy, split: Validation, at: {at})");
    assert!(!only(&format!("claim: Below(1.0), {CELL}, {}", at("Epoch(4)")), short).holds);
    assert!(!only(&format!("claim: Below(1.0), {CELL}, {}", at("EachFrom(3)")), short).holds);
    assert!(only(&format!("claim: Below(1.0), {CELL}, {}", at("EachFrom(2)")), short).holds);
}
