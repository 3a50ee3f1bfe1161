//! What is no experiment file at all.

use std::fmt::Write as _;
use std::path::Path;

use gradus_runner::File;

use super::{RIGHT, folder, hold, said, with};

#[test]
fn files_that_are_no_experiment() {
    let deep = "[".repeat(100_000);
    let deep_in_field = with(&[("[Dense(8), Relu, Dense(3)]", &deep)]);
    let same_name: &[(&str, &[u8])] = &[("another.ron", RIGHT.as_bytes())];
    let not_utf8: Vec<u8> = with(&[("Iris", "Ir?s")])
        .bytes()
        .map(|b| if b == b'?' { 0xff } else { b })
        .skip(30)
        .collect();
    type Beside<'a> = &'a [(&'a str, &'a [u8])];
    let cases: Vec<(&str, &[u8], Beside<'_>)> = vec![
        ("empty", b"", &[]),
        ("blanks", b" \n\n", &[]),
        ("a comment", b"// Which?\n", &[]),
        ("one bracket", b"(", &[]),
        ("one letter beyond ASCII", "é".as_bytes(), &[]),
        ("a last letter beyond ASCII", "(name: é".as_bytes(), &[]),
        ("not UTF-8", &not_utf8, &[]),
        ("zeros", &[0; 16], &[]),
        ("a name twice in a folder", RIGHT.as_bytes(), same_name),
    ];
    let mut all = String::new();
    for (what, text, beside) in cases {
        let said = said(text, beside).unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    hold("files_that_are_no_experiment", &all);
    for text in [deep, deep_in_field] {
        let said = said(text.as_bytes(), &[]).expect("no experiment nests like that");
        assert!(said.contains("experiment.ron:"), "{:.500}", said);
        assert!(said.len() < 2000, "a line of 100,000 brackets is not repeated");
    }
}

/// Editors on Windows begin files with a byte order mark and end lines with two characters.
#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_mistakes() {
    let text = format!("\u{feff}{}", RIGHT.replace('\n', "\r\n"));
    assert_eq!(said(text.as_bytes(), &[]), None);
    let folder = folder(text.as_bytes(), &[]);
    let file = File::read(&folder.path().join("experiment.ron"), None).expect("it is right");
    assert_eq!(file.plan.question, "Which learning rate is best?");
}

#[test]
fn paths_that_are_no_file() {
    let folder = folder(RIGHT.as_bytes(), &[]);
    let mut all = String::new();
    for path in ["", "missing.ron", "experiment.ron/below"] {
        let errors = File::read(&folder.path().join(path), None).expect_err("it is no file");
        all += &errors.text.replace(&folder.path().display().to_string(), "FOLDER");
    }
    hold("paths_that_are_no_file", &all);
}

/// A file that never ends is not read to its end.
#[cfg(unix)]
#[test]
fn a_device_without_end_is_refused() {
    let errors = File::read(Path::new("/dev/zero"), None).expect_err("it is no experiment");
    insta::assert_snapshot!(errors.text, @"error: /dev/zero: more than 16 MiB; give the path of an experiment file, which is a page or two of text");
}
