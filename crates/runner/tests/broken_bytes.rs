//! Whatever bytes an experiment file holds, reading it never panics, and every refusal names a
//! line: the shipped files cut at every byte and changed at random.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use gradus_core::Stream;
use gradus_runner::File;

/// What is said about a file; `None` if nothing is wrong.
fn said(text: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("experiment.ron");
    fs::write(&path, text).expect("it is writable");
    let errors = File::read(&path, None).err();
    let entries = fs::read_dir(folder.path()).expect("the folder can be read");
    assert_eq!(entries.count(), 1, "nothing is written");
    assert_eq!(fs::read(&path).expect("it is there"), text, "the file is left alone");
    errors.map(|errors| errors.text)
}

fn shipped() -> Vec<(String, String)> {
    let folder = format!("{}/../../experiments", env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(folder).expect("the shipped experiments are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ron"));
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("it is text");
        (path.file_name().expect("a file").to_string_lossy().into_owned(), text)
    };
    paths.iter().map(read).collect()
}

/// Never a panic, and every refusal names a line of the file.
fn check_survives(what: &str, text: &[u8]) -> bool {
    let said = catch_unwind(AssertUnwindSafe(|| said(text)));
    let Ok(said) = said else {
        panic!("{what} panics:\n{}", String::from_utf8_lossy(text));
    };
    if let Some(said) = &said {
        let place = said.split("experiment.ron:").nth(1).unwrap_or_default();
        let line: String = place.chars().take_while(char::is_ascii_digit).collect();
        let lines = text.split(|&byte| byte == b'\n').count();
        let line: usize = line.parse().unwrap_or_else(|_| panic!("{what}: no line in {said}"));
        assert!((1..=lines).contains(&line), "{what}: {said}");
    }
    said.is_none()
}

#[test]
fn a_file_cut_at_any_byte_is_refused_without_a_panic() {
    let (_, text) = shipped().into_iter().find(|(name, _)| name == "sweep.ron").expect("shipped");
    let text = text.as_bytes();
    for length in 0..=text.len() {
        let is_right = check_survives(&format!("{length} bytes"), &text[..length]);
        let is_whole = text[length..].iter().all(u8::is_ascii_whitespace);
        assert_eq!(is_right, is_whole, "{length} bytes");
    }
}

/// Bytes that mean something to a RON reader, and some that mean nothing anywhere.
const PIECES: &[&[u8]] = &[
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b",",
    b"\"",
    b"'",
    b"-",
    b".",
    b"e",
    b"0",
    b"9",
    b"inf",
    b"NaN",
    b"Some(",
    b"None",
    b"//",
    b"/*",
    b"*/",
    b"r#\"",
    b"\\",
    b"\n",
    b"\0",
    b"\xff",
    "é".as_bytes(),
    "\u{10ffff}".as_bytes(),
    b"#![enable(unwrap_newtypes)]",
    b"-1e999",
];

#[test]
fn changed_bytes_never_panic() {
    let shipped = shipped();
    let mut draw = Stream::new(2, "bad input", 0, 0);
    let mut below = |bound: usize| draw.below(bound as u64) as usize;
    let mut accepted = 0;
    for round in 0..2000 {
        let (name, text) = &shipped[round % shipped.len()];
        let mut bytes = text.clone().into_bytes();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            match below(4) {
                0 => bytes[at] = below(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => {
                    let piece = PIECES[below(PIECES.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
                _ => {
                    let end = (at + 1 + below(20)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    let to = below(bytes.len());
                    bytes.splice(to..to, copy);
                }
            }
        }
        accepted += usize::from(check_survives(&format!("{name}, round {round}"), &bytes));
    }
    // Changes in comments and numbers are no mistakes; without both kinds the test tests nothing.
    assert!((50..1000).contains(&accepted), "{accepted} accepted");
}
