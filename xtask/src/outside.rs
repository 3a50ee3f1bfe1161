//! What the rows of the reliability table need beside the program, and whether it is here. One file
//! for both sides, the tests and the suite that counts their skips, so that they cannot disagree.

use std::process::{Command, Stdio};

/// Something of this machine that a row injects its fault with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `strace`, and the right to trace.
    Strace,
    /// A small file system in memory, in a mount namespace of its own.
    SmallDisk,
    /// Permissions that hold: not root, or root with a `setpriv` to become nobody by.
    Permissions,
}

impl Tool {
    /// As it stands in the line of a skip: `NAME: needs strace`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Strace => "strace",
            Tool::SmallDisk => "a tmpfs",
            Tool::Permissions => "setpriv",
        }
    }

    /// Tries it: that a program is installed says nothing in a container that forbids its calls.
    pub(crate) fn is_here(self) -> bool {
        if !cfg!(target_os = "linux") {
            return false;
        }
        match self {
            Tool::Strace => succeeds(
                "strace",
                &["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"],
            ),
            Tool::SmallDisk => {
                succeeds(
                    "unshare",
                    &["--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"],
                ) && succeeds("nsenter", &["--version"])
            }
            Tool::Permissions => {
                !is_root() || succeeds("setpriv", &["--reuid=65534", "--clear-groups", "true"])
            }
        }
    }
}

/// Whether the mode bits of files mean nothing to this process.
pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
