//! Cargo's words on stderr, passed on only when cargo has something to say.
//!
//! `cargo build` that finds nothing to do still prints `Finished`, and with `--quiet` it is silent
//! through a minute of compiling. So its output is read and held back until the first line that is
//! not `Finished`; from then on it is passed on byte by byte, progress bar and all.

use std::io::{Read, Write};

/// Passes on what cargo prints to `out`, except where that is a lone `Finished`.
pub(crate) fn pass_on(mut cargo: impl Read, mut out: impl Write) {
    let mut held = Vec::new();
    let mut passing = false;
    let mut buffer = [0; 4096];
    while let Ok(length) = cargo.read(&mut buffer) {
        if length == 0 {
            break;
        }
        held.extend_from_slice(&buffer[..length]);
        passing = passing || says_something(&held);
        if passing {
            // A stderr that has gone is no reason to stop the build.
            let _ = out.write_all(&held).and_then(|()| out.flush());
            held.clear();
        }
    }
}

/// Whether the text so far has more than (the beginning of) cargo's closing line.
fn says_something(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    without_color(&text).lines().any(|line| {
        let line = line.trim_start();
        !"Finished".starts_with(line) && !line.starts_with("Finished")
    })
}

/// Drops the escape sequences that set colors and clear lines.
fn without_color(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // ESC, `[`, parameters, and a letter that ends it.
            characters.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(text: &str) -> String {
        let mut out = Vec::new();
        pass_on(text.as_bytes(), &mut out);
        String::from_utf8(out).expect("the input is text")
    }

    #[test]
    fn a_build_without_work_is_silent() {
        assert_eq!(passed_on("    Finished `release` profile [optimized] in 0.05s\n"), "");
        let colored = "\u{1b}[1m\u{1b}[92m    Finished\u{1b}[0m `release` profile in 0.05s\n";
        assert_eq!(passed_on(colored), "");
    }

    #[test]
    fn everything_else_is_passed_on_unchanged() {
        for text in [
            "   Compiling gradus v0.1.0\n    Finished `release` profile\n",
            "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: no such crate\n",
            "    Blocking waiting for file lock on build directory\n",
        ] {
            assert_eq!(passed_on(text), text);
        }
    }

    #[test]
    fn a_line_that_arrives_in_pieces_is_judged_when_it_is_known() {
        assert!(!says_something(b"    Fin"));
        assert!(!says_something(b"\x1b[1m"));
        assert!(says_something(b"    Fix"));
    }
}
