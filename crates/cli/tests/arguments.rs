//! Wrong arguments and wrong names: exit 2, in words, without a panic, and nothing is written.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SMALL: &str = r#"(
    name: "small",
    data: (source: Iris),
    model: [Dense(3)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.1),
    train: (epochs: 1, batch: 16),
)"#;

fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it is there") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a kind").is_dir() {
            found.extend(all_below(&entry.path()));
        }
        found.push(entry.path());
    }
    found.sort();
    found
}

/// Runs the program on wrong arguments; what it says.
fn refuse(folder: &Path, arguments: &[OsString]) -> String {
    let before = all_below(folder);
    let output = Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(arguments)
        .current_dir(folder.join("work"))
        .output()
        .expect("the program starts");
    let said = String::from_utf8(output.stderr).expect("it says text");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(!said.is_empty() && !said.contains("fault in gradus"), "{arguments:?}: {said}");
    let is_shown =
        |c: char| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c));
    assert!(said.chars().all(is_shown), "{arguments:?}: {said:?}");
    assert_eq!(all_below(folder), before, "{arguments:?}: something was written");
    said
}

fn place(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("work")).expect("it is writable");
    fs::write(folder.path().join("work/a.ron"), text).expect("it is writable");
    folder
}

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// Flags, each with a value if it takes one.
type Flags = &'static [(&'static str, Option<&'static str>)];

/// Every flag of every command: with its value, if it takes one.
const FLAGS: [(&str, Flags); 6] = [
    (
        "run a.ron",
        &[
            ("--jobs", Some("1")),
            ("--only", Some("0")),
            ("--no-report", None),
            ("--accept-stamp", None),
            ("--out", Some("results")),
            ("--data", Some("data")),
            ("--json", None),
        ],
    ),
    ("plan a.ron", &[("--out", Some("results")), ("--data", Some("data")), ("--json", None)]),
    ("report small", &[("--out", Some("results")), ("--json", None)]),
    (
        "check a.ron",
        &[
            ("--jobs", Some("1")),
            ("--accept-stamp", None),
            ("--expect-skips", Some("0")),
            ("--write", Some("page.md")),
            ("--out", Some("results")),
            ("--data", Some("data")),
            ("--json", None),
        ],
    ),
    ("gradcheck a.ron", &[("--json", None), ("--data", Some("data"))]),
    (
        "weights small 0",
        &[("--to", Some("a.safetensors")), ("--out", Some("results")), ("--json", None)],
    ),
];

#[test]
fn every_flag_twice_missing_huge_or_no_text_is_exit_2() {
    let folder = place(SMALL);
    let mut count = 0;
    for (command, flags) in FLAGS {
        for (flag, value) in flags {
            let mut wrong: Vec<Vec<OsString>> = Vec::new();
            let with = value.unwrap_or_default();
            wrong.push(words(&format!("{command} {flag} {with} {flag} {with}")));
            // Where data is looked for matters to who needs any.
            if *flag != "--data" {
                wrong.push(words(&format!("{command} {flag}=x{}", "9".repeat(100_000))));
            }
            wrong.push(words(&format!("{command} {flag}x")));
            if value.is_some() {
                wrong.push(words(&format!("{command} {flag}")));
                wrong.push(words(&format!("{command} {flag} --json --json")));
            } else {
                wrong.push(words(&format!("{command} {flag}=")));
            }
            #[cfg(unix)]
            {
                use std::os::unix::ffi::OsStringExt;
                let no_text = OsString::from_vec(b"--\xff\x1b[31m".to_vec());
                wrong.push(words(command).into_iter().chain([no_text]).collect());
            }
            for arguments in wrong {
                // A folder or file of that name would be a right one; of this length none is.
                refuse(folder.path(), &arguments);
                count += 1;
            }
        }
    }
    for line in [
        "",
        "x",
        "run",
        "run a.ron b.ron",
        "run a.ron --jobs -1",
        "run a.ron --jobs 65536",
        "run a.ron --jobs 1e3",
        "plan",
        "report",
        "report nobody",
        "report ../work",
        "weights",
        "weights small",
        "check b.ron",
        "gradcheck b.ron",
        "\u{1b}[31m",
        "run \u{202e}nor.a",
    ] {
        refuse(folder.path(), &words(line));
        count += 1;
    }
    assert!(count > 140, "{count}");
}

#[test]
fn names_stay_inside_and_are_shown_as_they_are() {
    let long = "n".repeat(300);
    for name in [
        "../x",
        "/etc/x",
        "a/b",
        "a\\\\b",
        "..",
        ".",
        "",
        "CON",
        "nul",
        "COM1",
        "lpt9",
        &long,
        "a\\nb",
        "\\u{1b}[31mred",
        "\\u{202e}nor",
        "\\u{0}",
        "-x",
        " x",
        "x ",
        "x.",
        "é",
    ] {
        let folder = place(&SMALL.replace("small", name));
        for command in ["run a.ron", "plan a.ron", "check a.ron"] {
            refuse(folder.path(), &words(command));
        }
    }
    // Of results by name: what is no name of an experiment is none of results.
    let folder = place(SMALL);
    for name in ["..", ".", "../work", "/etc", "\u{1b}[31m", "CON", &long] {
        refuse(folder.path(), &["report".into(), name.into()]);
        refuse(
            folder.path(),
            &["weights".into(), name.into(), "0".into(), "--to".into(), "a.safetensors".into()],
        );
    }
}

#[cfg(unix)]
#[test]
fn folders_that_take_no_results_are_named_before_the_first_step() {
    use std::os::unix::fs::symlink;
    let too_long = "p".repeat(256);
    let deep = ["q".repeat(200), "r".repeat(200), "s".repeat(200)].join("/");
    for (out, said) in [
        ("missing/results", "the folder that it would stand in is not there"),
        ("file", "it is there and no folder"),
        ("nowhere", "it is there and no folder"),
        ("/dev/null", "it is there and no folder"),
        (&*too_long, "name too long"),
        (&*deep, "longer than a store of results takes"),
        ("linked", "a symbolic link"),
        ("filed", "it is there and no folder"),
    ] {
        let folder = place(SMALL);
        let work = folder.path().join("work");
        fs::write(work.join("file"), "x").expect("it is writable");
        symlink("gone", work.join("nowhere")).expect("it is writable");
        fs::create_dir(work.join("filed")).expect("it is writable");
        fs::write(work.join("filed/small"), "x").expect("it is writable");
        fs::create_dir_all(work.join("linked/elsewhere")).expect("it is writable");
        symlink("elsewhere", work.join("linked/small")).expect("it is writable");
        fs::create_dir_all(work.join(&deep).join("small")).expect("it is writable");
        let words =
            refuse(folder.path(), &["run".into(), "a.ron".into(), "--out".into(), out.into()]);
        assert!(words.to_lowercase().contains(said), "{out}: {words}");
    }
}
