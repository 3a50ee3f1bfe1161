//! Finds OpenBLAS before anything is compiled: else cargo builds for a minute and then fails to link.
//!
//! Nothing found here is kept between two calls. pkg-config and the trial program take some
//! hundredths of a second, and an answer from yesterday could be wrong today.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{self, capture};
use crate::workspace;

/// An OpenBLAS that links and starts.
#[derive(Debug)]
pub(crate) struct OpenBlas {
    /// How it was found, for `doctor`.
    pub(crate) how: &'static str,
    /// What `openblas_get_config` says: version and options.
    pub(crate) config: String,
    /// The kernel that OpenBLAS chose for this processor.
    pub(crate) kernel: String,
}

/// Asks for a function of OpenBLAS's own and for one of CBLAS, which ndarray calls: a plain BLAS
/// has only the second, an OpenBLAS built without CBLAS only the first.
const TRIAL_PROGRAM: &str = "
int puts(const char *);
void cblas_sgemm(void);
char *openblas_get_config(void), *openblas_get_corename(void);
int main(int count, char **words) {
    (void)words;
    if (count > 9) cblas_sgemm();
    puts(openblas_get_config());
    puts(openblas_get_corename());
    return 0;
}
";

/// Looks for OpenBLAS the way `openblas-src` with its feature `system` will: by pkg-config, and
/// where that does not know it, by a plain `-lopenblas`. Either must link and start a program.
/// `Err` says in half a sentence why there is none.
pub(crate) fn find() -> Result<OpenBlas, String> {
    if cfg!(all(target_env = "musl", target_feature = "crt-static")) {
        return Err("this Rust links musl programs statically, and OpenBLAS is a shared library; \
                    RUSTFLAGS=\"-C target-feature=-crt-static\" changes that"
            .to_owned());
    }
    if !process::is_on_path("cc") {
        return Err("there is no C compiler `cc` to try it with".to_owned());
    }
    let (how, flags) = match pkg_config_flags() {
        Some(flags) => ("pkg-config", flags),
        None => ("trial link", plain_flags()),
    };
    let [config, kernel] = try_program(&flags).map_err(|error| match how {
        "pkg-config" => format!("pkg-config names it, but {error}"),
        _ => format!("pkg-config does not know it, and {error}"),
    })?;
    Ok(OpenBlas { how, config, kernel })
}

/// The linker flags by pkg-config, or `None` where it is missing or does not know OpenBLAS.
fn pkg_config_flags() -> Option<Vec<String>> {
    // The same switches as the crate pkg-config has, which openblas-src calls.
    if std::env::var_os("OPENBLAS_NO_PKG_CONFIG").is_some() {
        return None;
    }
    let program = pkg_config_program()?;
    let exists = capture(Command::new(&program).args(["--exists", "openblas"])).ok()?;
    if !exists.status.success() {
        return None;
    }
    let flags = process::first_line(Command::new(&program).args(["--libs", "openblas"]))?;
    Some(flags.split_whitespace().map(str::to_owned).collect())
}

/// The pkg-config to ask, if there is one.
pub(crate) fn pkg_config_program() -> Option<String> {
    let chosen = std::env::var("PKG_CONFIG").ok();
    chosen
        .into_iter()
        .chain(["pkg-config".to_owned(), "pkgconf".to_owned()])
        .find(|program| process::first_line(Command::new(program).arg("--version")).is_some())
}

/// What openblas-src passes to the linker where pkg-config has no answer.
fn plain_flags() -> Vec<String> {
    let mut flags = vec!["-lopenblas".to_owned()];
    // Homebrew keeps OpenBLAS apart from the system's libraries, and openblas-src looks there.
    if cfg!(target_os = "macos")
        && let Some(prefix) =
            process::first_line(Command::new("brew").args(["--prefix", "openblas"]))
    {
        flags.insert(0, format!("-L{prefix}/lib"));
    }
    flags
}

/// Links and starts the trial program; its two lines are configuration and kernel.
fn try_program(flags: &[String]) -> Result<[String; 2], String> {
    // In the target folder: programs must be able to start there, which a /tmp may forbid.
    let folder = workspace::target_folder();
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let program = folder.join(format!("openblas-trial-{}", std::process::id()));
    let result = link(flags, &program).and_then(|()| start(&program));
    // It may never have been made.
    let _ = std::fs::remove_file(&program);
    result
}

fn link(flags: &[String], program: &Path) -> Result<(), String> {
    let mut compiler = Command::new("cc")
        .args(["-w", "-x", "c", "-", "-x", "none", "-o"])
        .arg(program)
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cc does not start: {error}"))?;
    if let Some(mut stdin) = compiler.stdin.take() {
        // A compiler that stops reading early says why on its own stderr.
        let _ = stdin.write_all(TRIAL_PROGRAM.as_bytes());
    }
    let output = compiler.wait_with_output().map_err(|error| format!("cc fails: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let reason = text.lines().find(|line| line.contains("openblas") || line.contains("cblas"));
    Err(format!(
        "a trial program does not link: {}",
        reason.or(text.lines().next()).unwrap_or("cc fails")
    ))
}

fn start(program: &Path) -> Result<[String; 2], String> {
    // One thread: starting a thread per core only to print two lines takes time.
    let output = capture(Command::new(program).env("OPENBLAS_NUM_THREADS", "1"))
        .map_err(|failure| failure.message)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().map(|line| line.trim().to_owned());
    match (output.status.success(), lines.next(), lines.next()) {
        (true, Some(config), Some(kernel)) => Ok([config, kernel]),
        _ => Err(format!(
            "a trial program links but does not start: {}",
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("no message")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer depends on the machine, so this holds both answers to what they promise.
    #[test]
    fn an_answer_is_either_a_version_or_a_reason() {
        match find() {
            Ok(found) => {
                assert!(found.config.contains("OpenBLAS"), "{found:?}");
                assert!(!found.kernel.is_empty(), "{found:?}");
            }
            Err(reason) => assert!(reason.len() > 20, "{reason}"),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_library_that_is_not_there_is_named() {
        let reason = try_program(&["-lopenblas_is_not_here".to_owned()]).expect_err("no such file");
        assert!(reason.contains("openblas_is_not_here"), "{reason}");
    }
}
