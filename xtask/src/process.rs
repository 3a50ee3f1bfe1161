//! What every part of xtask needs to start programs, to print and to fail.

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

/// Why a command of xtask could not do its work, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) code: u8,
}

impl Failure {
    /// The work was begun and failed: exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The command was used wrongly, or this machine cannot run it: exit code 2.
    pub(crate) fn wrong_use(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }
}

/// Prints a result to stdout. A closed pipe is no error: the exit code stays that of the work.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

/// Prints a message to stderr.
pub(crate) fn message(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether `name` is an executable file in one of the folders of PATH.
pub(crate) fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path).any(|folder| is_executable(&folder.join(&file)))
}

#[cfg(unix)]
fn is_executable(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &std::path::Path) -> bool {
    path.is_file()
}

/// Runs to the end with both outputs captured and an empty stdin.
pub(crate) fn capture(command: &mut Command) -> Result<Output, Failure> {
    command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| cannot_start(command, &error))
}

/// Runs to the end with inherited outputs and an empty stdin.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus, Failure> {
    command
        .stdin(std::process::Stdio::null())
        .status()
        .map_err(|error| cannot_start(command, &error))
}

/// The first line that `command` prints, if it succeeds.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = capture(command).ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

/// Starts in a process group of its own, so that `wait_at_most` can end what it starts as well.
pub(crate) fn spawn_group(command: &mut Command) -> Result<Child, Failure> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    command.spawn().map_err(|error| cannot_start(command, &error))
}

/// Waits for `child`, but no longer than `limit`: then it is killed, with the process group that
/// it leads if it leads one, and the answer is `None`.
pub(crate) fn wait_at_most(
    mut child: Child,
    limit: Duration,
) -> Result<Option<ExitStatus>, Failure> {
    let start = Instant::now();
    loop {
        let status = child
            .try_wait()
            .map_err(|error| Failure::new(format!("waiting for a program failed: {error}")))?;
        if status.is_some() {
            return Ok(status);
        }
        if start.elapsed() > limit {
            kill_group(&child);
            // It may have ended meanwhile, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(unix)]
fn kill_group(leader: &Child) {
    // The standard library signals single processes only; every shell has a `kill` built in. Where
    // there is no such group it fails, and the caller kills the child itself.
    let script = format!("kill -s KILL -- -{} 2>/dev/null", leader.id());
    let _ = Command::new("sh").args(["-c", &script]).status();
}

#[cfg(not(unix))]
fn kill_group(_leader: &Child) {}

pub(crate) fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` does not start: {error}", command.get_program().to_string_lossy()))
}

/// The exit code to pass on for a program that ended with `status`.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    if let Some(code) = status.code() {
        return u8::try_from(code).unwrap_or(1);
    }
    signal_code(status)
}

/// A program that died of signal S counts as 128 + S, as in a shell.
#[cfg(unix)]
fn signal_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    status.signal().and_then(|signal| u8::try_from(128 + signal).ok()).unwrap_or(1)
}

#[cfg(not(unix))]
fn signal_code(_status: ExitStatus) -> u8 {
    1
}

/// The last `count` lines of `text` that are not blank, each indented.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(count);
    lines[first..].iter().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_the_last_lines_that_say_something() {
        assert_eq!(tail("a\n\nb\nc\n\n", 2), "    b\n    c\n");
        assert_eq!(tail("", 2), "");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_takes_too_long_is_ended_with_its_children() {
        // The reader at the end of the pipe sees its end only when the inner sleep is gone too.
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 30; true"]).stdout(std::process::Stdio::piped());
        let mut child = spawn_group(&mut command).expect("sh is on every Unix");
        let mut pipe = child.stdout.take().expect("it is piped");
        let start = Instant::now();
        let status = wait_at_most(child, Duration::from_millis(100)).expect("waiting works");
        assert!(status.is_none());
        std::io::Read::read_to_end(&mut pipe, &mut Vec::new()).expect("a pipe can be read");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[cfg(unix)]
    #[test]
    fn exit_codes_are_those_of_a_shell() {
        let status = |script: &str| Command::new("sh").args(["-c", script]).status();
        assert_eq!(exit_code(status("exit 3").expect("sh is on every Unix")), 3);
        assert_eq!(exit_code(status("kill -TERM $$").expect("sh is on every Unix")), 143);
        assert!(is_on_path("sh") && !is_on_path("no-such-program-here"));
    }
}
