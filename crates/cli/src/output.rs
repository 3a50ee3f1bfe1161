//! Results go to stdout; a reader that has gone away is no error.

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;

/// Prints `text`, which ends its own lines.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // A closed pipe (`| head`) ends the output quietly.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Prints a line to stderr; that nobody reads it is no error either.
pub(crate) fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// `1 run`, `65 runs`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Prints one JSON document.
pub(crate) fn print_json(value: &Value) {
    print(&format!("{value:#}\n"));
}

/// A number as JSON has it; what is not finite becomes text.
pub(crate) fn json_number(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// The exit code of a command that was done, or whose runs or checks failed.
pub(crate) fn exit(failed: bool) -> ExitCode {
    if failed { ExitCode::from(1) } else { ExitCode::SUCCESS }
}
