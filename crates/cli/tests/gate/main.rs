//! `accept` and `check` against a baseline, from outside: the project's own baselines hold, on other
//! kernels too; every verdict and every refusal can be had, and says what it must.

mod place;
mod accept;
mod kernels;

use std::fs;

use gradus_runner::gate::Baseline;
use serde_json::Value;

use place::{MARGIN, Place, answer, moved, of_another_stamp, quick};

#[test]
fn equal_bits_pass_at_once_and_other_bits_by_witness_and_seeds() {
    let place = Place::accepted(&quick(""));
    let (code, results, messages) = place.check();
    assert_eq!(code, 0, "{results}{messages}");
    assert!(results.contains("passes: the bits of the baseline (the first 8 of 12 seeds)"));
    // Nothing is trained twice by the same program.
    let (_, _, messages) = place.check();
    assert!(!messages.contains("training"), "{messages}");
    place.change(of_another_stamp);
    let (code, gate) = place.check_json();
    assert_eq!((code, &gate["changed"], &gate["same_bits"]), (0, &Value::Null, &false.into()));
    let figures = gate["figures"].as_array().expect("they are listed");
    assert_eq!(figures.len(), 4);
    assert!(figures.iter().all(|figure| figure["verdict"] == "equivalent"), "{gate}");
    assert!(figures[0]["values"]["smallest_shown"].as_f64().expect("a number") > 0.0);
}

#[test]
fn a_changed_formula_is_named_with_its_first_step_however_little_it_does() {
    let place = Place::accepted(&quick(""));
    // What another matrix product does is let through.
    place.change(|baseline| {
        of_another_stamp(baseline);
        baseline.witness[0].steps[2].2 *= 1.0 + 1e-12;
    });
    assert_eq!(place.check().0, 0);
    place.change(|baseline| baseline.witness[0].steps[2].2 *= 1.0 + 1e-8);
    let (code, results, _) = place.check();
    assert_eq!(code, 1, "{results}");
    assert!(results.contains("FAILS: changed: loss of step 3 (seed 0"), "{results}");
    let (_, gate) = place.check_json();
    assert_eq!((&gate["changed"]["step"], &gate["passes"]), (&3.into(), &false.into()));
    // The file may say that formulas are meant to change: the seeds decide then.
    fs::write(place.path("quick.ron"), quick(", changed: Pass")).expect("it is writable");
    let (code, results, _) = place.check();
    assert_eq!(code, 0, "{results}");
    assert!(results.contains("changed: loss of step 3"), "{results}");
}

#[test]
fn the_witness_reaches_across_the_first_change_of_the_rate_and_into_evaluation() {
    let place = Place::accepted(&quick(""));
    let baseline = Baseline::read(&place.baseline_path()).expect("whole").expect("there");
    // 120 rows make 8 steps an epoch: the rate falls behind step 24.
    let steps: Vec<u64> = baseline.witness[0].steps.iter().map(|step| step.0).collect();
    let expected: Vec<u64> = (1..=20).chain(23..=26).collect();
    assert_eq!(steps, expected);
    let rates: Vec<f64> = baseline.witness[0].steps.iter().map(|step| step.1).collect();
    assert!(rates[21] > rates[22], "{rates:?}");
    assert_eq!(baseline.witness.len(), 2, "two seeds of the middle rate");
    place.change(|baseline| {
        of_another_stamp(baseline);
        baseline.witness[1].evaluated[0].1 *= 1.0 + 1e-6;
    });
    let (code, results, _) = place.check();
    assert_eq!(code, 1);
    assert!(results.contains("validation loss after the first steps (seed 1"), "{results}");
}

#[test]
fn the_witness_sees_the_order_of_the_second_epoch() {
    // 120 rows make 30 steps an epoch, and the rate stays.
    let text = quick("").replace("batch: 16", "batch: 4").replace("every: 3.0", "every: 9.0");
    let place = Place::accepted(&text);
    let baseline = Baseline::read(&place.baseline_path()).expect("whole").expect("there");
    let steps: Vec<u64> = baseline.witness[0].steps.iter().map(|step| step.0).collect();
    let expected: Vec<u64> = (1..=20).chain(29..=32).collect();
    assert_eq!(steps, expected);
}

#[test]
fn worse_fails_and_better_passes_and_both_are_drawn() {
    for (margins, verdict, expected) in [(-1.2, "worse", 1), (1.2, "better", 0)] {
        let place = Place::accepted(&quick(""));
        place.change(|baseline| moved(baseline, 1, margins));
        let (code, gate) = place.check_json();
        let verdicts: Vec<&Value> = gate["figures"]
            .as_array()
            .expect("they are listed")
            .iter()
            .map(|figure| &figure["verdict"])
            .collect();
        assert_eq!(code, expected, "{gate}");
        assert_eq!(verdicts, ["equivalent", "equivalent", verdict, "equivalent"]);
        let estimate = gate["figures"][2]["values"]["estimate"].as_f64().expect("a number");
        assert!((estimate + margins * MARGIN).abs() < 1e-3, "{estimate}");
        let picture = place.path(gate["picture"].as_str().expect("it is drawn"));
        let bytes = fs::read(picture).expect("it is there");
        assert!(bytes.starts_with(b"\x89PNG"));
    }
}

#[test]
fn slower_with_an_equal_end_is_found() {
    let place = Place::accepted(&quick(""));
    place.change(|baseline| {
        of_another_stamp(baseline);
        let course = &mut baseline.cells[0].figures[1];
        assert!(course.figure.course);
        course.values.iter_mut().for_each(|value| *value -= 1.2 * MARGIN);
    });
    let (code, results, _) = place.check();
    assert_eq!(code, 1, "{results}");
    let line = results.lines().find(|line| line.contains("WORSE")).expect("it is found");
    assert!(line.contains("validation loss, mean over all epochs"), "{line}");
}

#[test]
fn what_seeds_cannot_tell_takes_further_seeds_and_then_fails_unless_the_file_lets_it_pass() {
    let noisy = |baseline: &mut Baseline| {
        of_another_stamp(baseline);
        let values = &mut baseline.cells[0].figures[0].values;
        for (seed, value) in values.iter_mut().enumerate() {
            *value += if seed % 2 == 0 { 2.0 } else { -2.0 } * MARGIN;
        }
    };
    for (reactions, expected) in [("", 1), (", undecided: Pass", 0)] {
        let place = Place::accepted(&quick(reactions));
        place.change(noisy);
        let (code, results, messages) = place.check();
        assert_eq!(code, expected, "{results}");
        assert!(messages.contains("undecided by 8 seeds; taking 12"), "{messages}");
        assert!(results.contains("1 undecided, 3 equivalent (12 seeds)"), "{results}");
    }
}

#[test]
fn diverged_runs_have_verdicts_and_a_missing_value_fails() {
    let place = Place::accepted(&quick(""));
    place.change(|baseline| {
        of_another_stamp(baseline);
        for figure in &mut baseline.cells[0].figures {
            figure.values.fill(f64::INFINITY);
        }
    });
    let (code, results, _) = place.check();
    assert_eq!(code, 0, "fewer diverge than before: {results}");
    assert!(results.contains("2 better"), "{results}");
    assert!(results.contains("12 of 12 diverged") || results.contains("8 of 8 diverged before"));
}

#[test]
fn verdicts_go_to_junit_and_to_the_page_of_a_ci_step() {
    let place = Place::accepted(&quick(""));
    place.change(|baseline| moved(baseline, 0, -1.2));
    let page = place.path("summary.md");
    let mut command = place.command(&["check", "quick.ron", "--junit", "out.xml"]);
    let (code, _, messages) =
        answer(&command.env("GITHUB_STEP_SUMMARY", &page).output().expect("it starts"));
    assert_eq!(code, 1, "{messages}");
    let xml = fs::read_to_string(place.path("out.xml")).expect("it is written");
    for part in ["<testsuites name=\"gradus check\" tests=\"5\"", "failures=\"2\"", "worse: "] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    let page = fs::read_to_string(page).expect("it is written");
    for part in ["baseline **fails**", "| **worse** | validation loss at the end |"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn baselines_that_cannot_be_held_against_are_named_and_refused() {
    let text = quick("");
    let refused = |place: &Place, parts: &[&str]| {
        let (code, results, messages) = place.check();
        assert_eq!(code, 2, "{results}{messages}");
        for part in parts {
            assert!(messages.contains(part), "{part}: {messages}");
        }
    };
    refused(&Place::new(&text), &["quick.ron: no baseline", "cargo xtask accept quick.ron"]);
    let end = text.find("    gate:").expect("it has one");
    let bare = format!("{})\n", &text[..end]);
    refused(&Place::new(&bare), &["claims nothing and has no baseline", "`gate: (margins"]);
    let place = Place::accepted(&text);
    fs::write(place.path("quick.ron"), &bare).expect("it is writable");
    refused(&place, &["which has no `gate` any more"]);
    for (change, what) in [
        (("Dense(8)", "Dense(9)"), "another plan: model, data, optimizer"),
        (("seeds: 12", "seeds: 13"), "another plan: it has 12 seeds, the file 13"),
        (("margin: 0.4", "margin: 0.41"), "another plan: the margins of its `gate`"),
    ] {
        let place = Place::accepted(&text);
        fs::write(place.path("quick.ron"), text.replace(change.0, change.1)).expect("writable");
        refused(&place, &[what, "cargo xtask accept"]);
    }
    for (from, to, what) in [
        ("0.", "1.", "its digest is that of other text"),
        ("seeds: [0,", "seeds: [", "damaged or edited by hand"),
        ("format: 1,", "format: 2,", "of format 2, this program reads 1"),
    ] {
        let place = Place::accepted(&text);
        let path = place.baseline_path();
        let stored = fs::read_to_string(&path).expect("it is there");
        let at = stored.find("cells:").filter(|_| from == "0.").unwrap_or(0);
        let changed = stored[at..].replacen(from, to, 1);
        fs::write(&path, format!("{}{changed}", &stored[..at])).expect("it is writable");
        refused(&place, &[what]);
    }
    // Line ends that version control has turned are no damage.
    let place = Place::accepted(&text);
    let stored = fs::read_to_string(place.baseline_path()).expect("it is there");
    fs::write(place.baseline_path(), stored.replace('\n', "\r\n")).expect("it is writable");
    assert_eq!(place.check().0, 0);
}

#[test]
fn what_is_refused_stands_in_junit_and_page_and_hides_no_verdict() {
    let place = Place::accepted(&quick(""));
    place.change(|baseline| moved(baseline, 0, -1.2));
    let other = quick("").replace("\"quick\"", "\"other\"");
    fs::write(place.path("other.ron"), other).expect("it is writable");
    let page = place.path("summary.md");
    let mut command = place.command(&["check", "quick.ron", "other.ron", "--junit", "out.xml"]);
    let (code, _, messages) =
        answer(&command.env("GITHUB_STEP_SUMMARY", &page).output().expect("it starts"));
    assert!(code == 2 && messages.contains("other.ron: no baseline"), "{messages}");
    let xml = fs::read_to_string(place.path("out.xml")).expect("it is written");
    assert!(xml.contains("errors=\"1\"") && xml.contains("worse: "), "{xml}");
    let page = fs::read_to_string(page).expect("it is written");
    assert!(page.contains("`other.ron`: **refused**"), "{page}");
    // A page that cannot be written takes nothing from a verdict.
    let mut command = place.command(&["check", "quick.ron"]);
    command.env("GITHUB_STEP_SUMMARY", place.path("none/summary.md"));
    let (code, _, messages) = answer(&command.output().expect("it starts"));
    assert!(code == 1 && messages.contains("summary.md"), "{code} {messages}");
}

#[test]
fn a_baseline_of_no_experiment_is_refused_where_all_are_checked() {
    let place = Place::accepted(&quick(""));
    fs::create_dir(place.path("experiments")).expect("it can be made");
    fs::rename(place.path("quick.ron"), place.path("experiments/quick.ron")).expect("it moves");
    assert_eq!(place.gradus(&["check"]).0, 0);
    let stored = fs::read(place.baseline_path()).expect("it is there");
    fs::write(place.path("results/baselines/gone.ron"), stored).expect("it is writable");
    let (code, _, messages) = place.gradus(&["check"]);
    assert!(code == 2 && messages.contains("gone.ron: no experiment is held"), "{messages}");
}

#[test]
fn newly_diverging_runs_are_judged_by_the_margin_of_their_share() {
    let text = quick("").replace("(margin: 0.4)", "(margin: 0.4), (of: Diverged, margin: 0.9)");
    let place = Place::accepted(&text);
    place.change(|baseline| {
        of_another_stamp(baseline);
        let share = &mut baseline.cells[0].figures[2];
        assert_eq!(share.values, [0.0; 12]);
        share.values.fill(1.0);
    });
    let (code, results, _) = place.check();
    assert!(code == 0 && results.contains("1 better"), "{results}");
    assert!(results.contains("share of runs that diverged"), "{results}");
}

#[test]
fn mistakes_in_a_gate_are_named_with_their_place() {
    for (gate, parts) in [
        ("gate: (margins: [])", ["a gate that judges nothing", "gate"]),
        ("gate: (margins: [(margin: 0.0)])", ["a margin of 0", "above 0"]),
        (
            "gate: (margins: [(of: Diverged, margin: 1.0)])",
            ["a margin of 1 for a share", "below 1"],
        ),
        ("gate: (margins: [(margin: 1.0), (margin: 2.0)])", ["a second margin", "once"]),
        ("gate: (margins: [(of: Epochs, margin: 1.0, course: 1.0)])", ["no curve", "leave"]),
        (
            "gate: (margins: [(of: Metric(metric: Accuracy, split: Test, at: Final), margin: 0.1)])",
            ["Test is not evaluated", "Validation"],
        ),
    ] {
        let place = Place::new(&quick("").replace("gate: (margins: [(margin: 0.4)])", gate));
        let (code, _, messages) = place.check();
        assert_eq!(code, 2, "{gate}: {messages}");
        for part in parts {
            assert!(messages.contains(part), "{part}: {messages}");
        }
    }
}
