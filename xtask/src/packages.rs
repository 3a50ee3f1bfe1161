//! The package managers that can install OpenBLAS, and how each is asked.

use std::process::Command;

use crate::process::{self, capture};

/// One package manager.
#[derive(Debug, PartialEq)]
pub(crate) struct Manager {
    /// The program.
    pub(crate) name: &'static str,
    /// The arguments that install, without questions.
    install: &'static [&'static str],
    /// OpenBLAS with what is needed to find it.
    openblas: &'static [&'static str],
    /// A C compiler with the headers of the C library.
    compiler: &'static [&'static str],
    /// The arguments that fetch the lists of packages, for the second try.
    refresh: &'static [&'static str],
    /// Whether it works on the system's folders and so needs the rights of root.
    needs_root: bool,
}

/// In the order in which they are looked for: brew last, as it also runs on Linux.
pub(crate) const MANAGERS: [Manager; 5] = [
    Manager {
        name: "apt-get",
        // Another apt-get may be at work on a machine that has just started: wait for it.
        install: &["-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends"],
        openblas: &["libopenblas-dev", "pkg-config"],
        compiler: &["gcc", "libc6-dev"],
        refresh: &["-o", "DPkg::Lock::Timeout=120", "update"],
        needs_root: true,
    },
    Manager {
        name: "dnf",
        install: &["install", "-y"],
        openblas: &["openblas-devel", "pkgconf-pkg-config"],
        compiler: &["gcc", "glibc-devel"],
        refresh: &["makecache"],
        needs_root: true,
    },
    Manager {
        name: "pacman",
        install: &["-S", "--needed", "--noconfirm"],
        openblas: &["openblas", "pkgconf"],
        compiler: &["gcc"],
        refresh: &["-Sy", "--noconfirm"],
        needs_root: true,
    },
    Manager {
        name: "apk",
        install: &["add"],
        openblas: &["openblas-dev", "pkgconf"],
        compiler: &["gcc", "musl-dev"],
        refresh: &["update"],
        needs_root: true,
    },
    Manager {
        name: "brew",
        install: &["install"],
        openblas: &["openblas", "pkgconf"],
        compiler: &[],
        refresh: &["update"],
        needs_root: false,
    },
];

/// A manager together with the right to use it without being asked for a password.
#[derive(Debug)]
pub(crate) struct Installer {
    manager: &'static Manager,
    by_sudo: bool,
}

impl Installer {
    /// The installer of this machine; `Err` says in half a sentence why there is none.
    pub(crate) fn of_this_machine() -> Result<Self, String> {
        let Some(manager) = MANAGERS.iter().find(|manager| process::is_on_path(manager.name))
        else {
            let names: Vec<&str> = MANAGERS.iter().map(|manager| manager.name).collect();
            return Err(format!("none of {} is on PATH", names.join(", ")));
        };
        if !manager.needs_root || is_root() {
            return Ok(Self { manager, by_sudo: false });
        }
        if capture(Command::new("sudo").args(["-n", "true"])).is_ok_and(|out| out.status.success())
        {
            return Ok(Self { manager, by_sudo: true });
        }
        Err(format!("{} needs root, and sudo is missing or asks for a password", manager.name))
    }

    /// The packages to install.
    pub(crate) fn packages(&self, with_compiler: bool) -> Vec<&'static str> {
        let compiler = if with_compiler { self.manager.compiler } else { &[] };
        compiler.iter().chain(self.manager.openblas).copied().collect()
    }

    /// The command that installs `packages`, as a person would type it.
    pub(crate) fn shown(&self, packages: &[&str]) -> String {
        let sudo = if self.by_sudo { "sudo " } else { "" };
        format!("{sudo}{}", self.manager.typed(packages))
    }

    /// Installs; after a failure fetches the lists of packages (a fresh image has none) and tries
    /// once more. `Err` is the end of what the manager printed.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<(), String> {
        let arguments = || self.manager.install.iter().chain(packages).copied();
        if self.call(arguments()).is_ok() {
            return Ok(());
        }
        // Stale lists may still do: the second try tells.
        let refreshed = self.call(self.manager.refresh.iter().copied());
        self.call(arguments()).map_err(|tail| match refreshed {
            Ok(()) => tail,
            Err(earlier) => format!("{earlier}{tail}"),
        })
    }

    fn call<'a>(&self, arguments: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let mut command = if self.by_sudo {
            // `-n`: never a question. sudo drops the environment, hence the variable by `env`.
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", self.manager.name]);
            sudo
        } else {
            Command::new(self.manager.name)
        };
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        let output = capture(&mut command).map_err(|failure| failure.message)?;
        if output.status.success() {
            return Ok(());
        }
        let errors = process::tail(&String::from_utf8_lossy(&output.stderr), 8);
        // Some managers complain on stdout.
        Err(match errors.is_empty() {
            true => process::tail(&String::from_utf8_lossy(&output.stdout), 8),
            false => errors,
        })
    }
}

impl Manager {
    /// The command that installs `packages`, without the waiting options.
    fn typed(&self, packages: &[&str]) -> String {
        let words = self.install.iter().filter(|word| **word != "-o" && !word.starts_with("DPkg"));
        let words: Vec<&str> = words.chain(packages).copied().collect();
        format!("{} {}", self.name, words.join(" "))
    }
}

/// What to type by hand, one line for each manager.
pub(crate) fn by_hand() -> String {
    MANAGERS
        .iter()
        .map(|manager| {
            let sudo = if manager.needs_root { "sudo " } else { "" };
            format!("    {sudo}{}\n", manager.typed(manager.openblas))
        })
        .collect()
}

/// Whether this process has the rights of root. Without `id` (Windows) the answer is no.
pub(crate) fn is_root() -> bool {
    process::first_line(Command::new("id").arg("-u")).is_some_and(|line| line == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        let installer = Installer { manager: &MANAGERS[0], by_sudo: true };
        assert_eq!(
            installer.shown(&installer.packages(true)),
            "sudo apt-get install -y --no-install-recommends gcc libc6-dev libopenblas-dev pkg-config"
        );
        assert_eq!(installer.packages(false), ["libopenblas-dev", "pkg-config"]);
    }

    #[test]
    fn every_manager_has_a_line_for_doing_it_by_hand() {
        let text = by_hand();
        assert_eq!(text.lines().count(), MANAGERS.len());
        assert!(text.contains("    sudo apk add openblas-dev pkgconf\n"), "{text}");
        assert!(text.contains("    brew install openblas pkgconf\n"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_manager_is_tried_twice_and_its_words_are_kept() {
        static FAILING: Manager = Manager {
            name: "sh",
            install: &["-c", "echo \"E: cannot locate $0\" >&2; exit 100"],
            openblas: &[],
            compiler: &[],
            refresh: &["-c", "exit 0"],
            needs_root: false,
        };
        let installer = Installer { manager: &FAILING, by_sudo: false };
        assert_eq!(
            installer.install(&["openblas"]).expect_err("it always fails"),
            "    E: cannot locate openblas\n"
        );
    }
}
