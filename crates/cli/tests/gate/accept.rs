//! `accept`: what it refuses, shows, asks and writes.

use std::fs;

use serde_json::Value;

use crate::place::{Place, QUICK, answer, moved, quick};

#[test]
fn a_margin_below_what_the_seeds_resolve_is_refused_with_the_seeds_that_would_do() {
    let place = Place::new(&QUICK.replace("MARGIN", "0.1").replace("REACTIONS", ""));
    let (code, _, messages) = place.gradus(&["accept", "--yes", "quick.ron"]);
    assert_eq!(code, 1, "{messages}");
    assert!(messages.contains("margin 0.1; these seeds resolve"), "{messages}");
    assert!(messages.contains("seeds would do"), "{messages}");
    assert!(!place.baseline_path().exists());
}

#[test]
fn accept_shows_what_changes_and_asks() {
    let place = Place::accepted(&quick(""));
    let (code, results, _) = place.gradus(&["accept", "quick.ron"]);
    assert_eq!(code, 0, "nothing to ask for");
    assert!(results.contains("nothing changes"), "{results}");
    place.change(|baseline| {
        moved(baseline, 0, -1.0);
        baseline.witness[0].steps[0].3 *= 2.0;
    });
    let before = fs::read(place.baseline_path()).expect("it is there");
    let (code, results, messages) = place.gradus(&["accept", "quick.ron"]);
    assert_eq!(code, 2, "nobody to ask: {messages}");
    assert!(messages.contains("--yes"), "{messages}");
    assert_eq!(fs::read(place.baseline_path()).expect("it is there"), before);
    for part in [
        "was another machine",
        "witness: norm of the gradient of step 1 (seed 0",
        "learning rate 0.02: validation loss at the end: mean ",
        "(1 margins)",
    ] {
        assert!(results.contains(part), "{part}: {results}");
    }
    assert_eq!(place.gradus(&["accept", "--yes", "quick.ron"]).0, 0);
    assert_eq!(place.check().0, 0);
}

#[test]
fn a_baseline_is_the_same_bytes_whenever_it_is_made() {
    let read = || fs::read(Place::accepted(&quick("")).baseline_path()).expect("it is there");
    let first = read();
    assert_eq!(first, read());
    let longest = first.split(|&byte| byte == b'\n').map(<[u8]>::len).max();
    assert!(longest.is_some_and(|length| length < 600), "{longest:?}");
}

/// With a target that not every run of so few epochs reaches.
fn waiting(target: &str) -> String {
    let of = format!("EpochsTo(metric: Accuracy, split: Validation, target: {target})");
    quick("").replace("(margin: 0.4)", &format!("(of: {of}, margin: 20.0)"))
}

#[test]
fn several_files_are_all_accepted_but_the_wrong_ones_and_the_worst_decides() {
    let place = Place::new(&quick(""));
    let coarse = quick("").replace("\"quick\"", "\"coarse\"").replace("margin: 0.4", "margin: 0.1");
    for (name, text) in [
        ("wrong.ron", quick("").replace("Dense(8)", "Dense(0)")),
        ("coarse.ron", coarse),
        ("last.ron", quick("").replace("\"quick\"", "\"last\"")),
    ] {
        fs::write(place.path(name), text).expect("it is writable");
    }
    let files = ["accept", "--yes", "--json", "wrong.ron", "gone.ron", "coarse.ron", "last.ron"];
    let (code, results, messages) = place.gradus(&files);
    assert_eq!(code, 2, "{messages}");
    for part in ["wrong.ron:", "0 units", "gone.ron", "coarse.ron: margins below"] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    let told: Value = serde_json::from_str(&results).expect("it prints JSON");
    let told = told["accepted"].as_array().expect("a list");
    let files: Vec<&Value> = told.iter().map(|file| &file["file"]).collect();
    assert_eq!(files, ["wrong.ron", "gone.ron", "coarse.ron", "last.ron"]);
    let written: Vec<bool> = told.iter().map(|file| file["written"] == true).collect();
    assert_eq!(written, [false, false, false, true]);
    assert!(told[0]["error"].as_str().is_some_and(|why| why.contains("0 units")), "{results}");
    assert!(place.path("results/baselines/last.ron").exists());
    // A margin that is too small is not as bad as a wrong file, and worse than nothing.
    let (code, ..) = place.gradus(&["accept", "--yes", "coarse.ron", "last.ron"]);
    assert_eq!(code, 1);
}

#[test]
fn a_baseline_belongs_to_one_file() {
    let place = Place::new(&quick(""));
    fs::create_dir(place.path("other")).expect("it is writable");
    fs::copy(place.path("quick.ron"), place.path("other/again.ron")).expect("it is writable");
    let files = ["accept", "--yes", "--json", "quick.ron", "other/again.ron"];
    let (code, results, messages) = place.gradus(&files);
    assert_eq!(code, 2, "{messages}");
    let part = "again.ron: its name, quick, is that of quick.ron too";
    assert!(messages.contains(part), "{messages}");
    let told: Value = serde_json::from_str(&results).expect("it prints JSON");
    assert_eq!(told["accepted"][0]["written"], true, "{results}");
}

/// JSON holds text alone.
#[cfg(unix)]
#[test]
fn a_name_of_a_file_that_is_no_text_is_no_reason_to_break_down() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let place = Place::accepted(&quick(""));
    fs::remove_file(place.path("quick.ron")).expect("it is there");
    let strange = OsStr::from_bytes(b"strange\xff.ron");
    for (text, code) in [(quick(""), 0), (quick("").replace("Dense(8)", "Dense(0)"), 2)] {
        fs::write(place.path("quick.ron").with_file_name(strange), text).expect("it is writable");
        for command in ["accept", "check"] {
            let mut command = place.command(&[command, "--json"]);
            let output = command.arg(strange).output().expect("the program starts");
            let (found, results, messages) = answer(&output);
            // Nothing changes, or the mistake of the file is told.
            assert_eq!(found, code, "{messages}");
            serde_json::from_str::<Value>(&results).expect("it prints JSON");
        }
    }
}

#[test]
fn a_target_that_is_never_reached_is_told() {
    for (target, part, expected) in [
        ("1.5", "never reached by 12 of 12 seeds: it holds nothing but that", 0),
        // Seeds cannot resolve what only some of them reach: that is refused as well.
        ("0.95", " of 12 seeds: of these it holds their share alone", 1),
    ] {
        let place = Place::new(&waiting(target));
        let (code, results, messages) = place.gradus(&["accept", "--yes", "--json", "quick.ron"]);
        assert_eq!(code, expected, "{messages}");
        assert!(messages.contains("warning: quick.ron: epochs until the validation"), "{messages}");
        assert!(messages.contains(part), "{part}: {messages}");
        let told: Value = serde_json::from_str(&results).expect("it prints JSON");
        let unreached = told["accepted"][0]["unreached"].as_array().expect("a list");
        assert!(unreached[0].as_str().is_some_and(|line| line.contains(part)), "{results}");
    }
}
