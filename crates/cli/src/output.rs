//! Results go to stdout, words to stderr; a reader that has gone away is no error, a full disk is.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use gradus_runner::sabotage::is_removed;
use gradus_runner::write_whole;
use serde_json::Value;

use crate::failure::Failure;

/// Prints `text`, which ends its own lines. A closed pipe (`| head`) ends the output quietly.
///
/// # Errors
/// When stdout takes no more for another reason, such as a full disk.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(visible(text).as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if is_removed("output") => panic!("{error}"),
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::output(&error)),
        _ => Ok(()),
    }
}

/// Prints a line to stderr; that nobody reads it is no error either.
pub(crate) fn say(line: &str) {
    let _ = std::io::stderr().write_all(visible(&format!("{line}\n")).as_bytes());
}

/// Writes a file that the user named, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole(path, bytes).map_err(|error| Failure::unwritten(path, &error))
}

/// `1 run`, `65 runs`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Prints one JSON document.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// A path as JSON holds it: what is no text in it is replaced.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Text with everything escaped that would move the cursor, change colors or turn the direction of
/// what follows: names of files and of columns may hold anything. A tab too, which would pass for
/// blanks; those of lines that a message shows have become blanks before.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            || c == '\u{61c}'
            || c == '\u{feff}'
    };
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| match is_hidden(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// The command that was given, to be typed again.
pub(crate) fn command_line() -> String {
    let quoted = |argument: std::ffi::OsString| {
        let text = argument.to_string_lossy().into_owned();
        let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
        if !text.is_empty() && text.chars().all(is_plain) {
            text
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    let arguments = std::env::args_os().skip(1).map(quoted);
    std::iter::once("cargo xtask".to_string()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A number as JSON has it; what is not finite becomes text.
pub(crate) fn json_number(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// The exit code of a command that was done, or whose runs or checks failed.
pub(crate) fn exit(failed: bool) -> ExitCode {
    if failed { ExitCode::from(1) } else { ExitCode::SUCCESS }
}
