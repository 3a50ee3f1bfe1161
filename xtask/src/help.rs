//! What `--help` prints.

/// `cargo xtask`, `cargo xtask --help`.
pub(crate) const OVERVIEW: &str = "\
cargo xtask COMMAND [ARGUMENTS]: train networks, run sweeps, check the work.

Commands of gradus (built first; `cargo xtask COMMAND --help` tells more):
  run FILE.ron        train what is missing of an experiment and draw its report
  plan FILE.ron       list the runs, what is there and what is missing; trains nothing
  report NAME         draw the report again from what is stored
  check [FILE.ron…]   train what is missing, hold the results against claims and baselines
  accept FILE.ron…    write the baseline that check holds an experiment against
  gradcheck FILE.ron  check every gradient of a file's network by finite differences
  gradcheck --all     the same for every layer and loss there is
  status NAME         the plan against what is stored, and checkpoints of cut runs
  explain NAME KEY    where each value of a run came from: axis, line of the file, default
  verify NAME         train stored runs again another way and compare every bit
  forget NAME KEY…    drop records: by key, --failed, --other-stamps, --other-plans
  weights NAME KEY    write the final weights of a run as safetensors: --to FILE
  bench [WORKLOAD…]   how fast it trains here, beside what matrix products alone take
  doctor              what this machine has, what is missing, and what mends it

Commands of the workspace:
  setup               install OpenBLAS
  test                run all tests, as CI does
  faults [NAME]       plant faults and show that the tests catch them
  planted [NAME]      plant bugs and show which the gate finds, and by what
  kernels             show that no kernel makes the gate fail
  instructions        count the instructions of a training step
  reliability [ROW…]  inject every fault of the reliability table, with negative controls
  bare                prove on a bare Debian that one command is enough

Flags, anywhere before a `--`:
  --no-setup          install nothing; without OpenBLAS, use the embedded product
  --embedded          use the embedded product even where OpenBLAS is there

Any other command is handed to gradus as it is.

Examples:
  cargo xtask run experiments/sweep.ron
  cargo xtask test
";

const SETUP: &str = "\
cargo xtask setup: install OpenBLAS, with pkg-config and a C compiler where they are missing.

Uses apt-get, dnf, pacman, apk or brew, as root or by a sudo that asks for no password.
Exit codes: 0 it is there, 1 it could not be installed (the command to type is shown).

Examples:
  cargo xtask setup
  cargo xtask doctor      # look first, change nothing
";

const DOCTOR: &str = "\
cargo xtask doctor [--json]: what this machine has, what is missing, and the command that mends it.

Prints its findings to stdout, then builds gradus and hands over to `gradus doctor`, which adds the
kernel and the stamp. Installs nothing. With --json only gradus writes to stdout.

Examples:
  cargo xtask doctor
  cargo xtask doctor --json > machine.json
";

const TEST: &str = "\
cargo xtask test [--embedded] [--no-setup]: every test there is. CI runs the same.

Steps: set up OpenBLAS; rustfmt; clippy without warnings; all tests; instructions of a training
step; clippy and tests of core without OpenBLAS; documentation without warnings; planted faults.
A failing step does not stop the later ones. What is skipped is counted and shown.
  --embedded    everything without OpenBLAS
  --no-setup    install nothing; what needs OpenBLAS is then skipped
The last line is `N passed, N failed, N skipped`. Exit codes: 0 nothing failed, 1 something did.

Examples:
  cargo xtask test
  cargo xtask test --embedded
";

const FAULTS: &str = "\
cargo xtask faults [NAME] [--write]: plant faults and show that the tests catch them.

Copies the sources to target/faults, checks that the tests pass there, and then plants one fault
after the other, `crates/core/tests/faults/*.fault`. Each must compile and make tests fail.
  NAME       only this fault
  --write    write the table to docs/FAULTS.md
Exit codes: 0 all were caught, 1 one was not, or no longer fits the sources.

Examples:
  cargo xtask faults
  cargo xtask faults --write
";

const PLANTED: &str = "\
cargo xtask planted [NAME] [--write]: plant bugs and show which the gate finds, and by what.

Copies the sources to target/planted, builds the program there and demands that the baselines of the
project's experiments pass; then plants one bug after the other, `crates/runner/tests/planted`,
builds it and runs `gradus check` on them. A quarter of an hour in all.
  NAME       only this bug
  --write    write the table to docs/PLANTED.md
Exit codes: 0 at most one was missed, 1 more were, or one no longer fits the sources.

Examples:
  cargo xtask planted never_reshuffled
  cargo xtask planted --write
";

const KERNELS: &str = "\
cargo xtask kernels [--write]: the unchanged program on other kernels never fails its own gate.

Holds the program against the project's baselines by 80 kernels and caches of OpenBLAS, and by the
embedded product, once the two are built in two to three minutes.
  --write    write the table to docs/KERNELS.md
Exit codes: 0 none was worse or changed, 1 one was.

Examples:
  cargo xtask kernels
  cargo xtask kernels --write
";

const INSTRUCTIONS: &str = "\
cargo xtask instructions [--write]: count the instructions of a step of T, D and M.

Of two builds: release, and dev, which is built with the tests and which alone `cargo xtask test`
counts. Holds them against xtask/instructions.txt: where the versions named there are those at hand
a rise of over 3 % is refused, elsewhere both counts are shown. Installs valgrind where missing.
  --write    write the counts to xtask/instructions.txt
Exit codes: 0 none rose, 1 one did, 2 this machine cannot count.

Examples:
  cargo xtask instructions
  cargo xtask instructions --write
";

const RELIABILITY: &str = "\
cargo xtask reliability [ROW…] [--sample] [--write]: nothing is lost, whatever happens.

Kills the program at every system call, fills disks, damages stores, and demands the same bits
after each; `cargo xtask test` does the same with a sample. Each row then runs again with each of
its guards left out, in a build for tests alone, and must fail. Takes about an hour in full.
  ROW         only these rows: F1, A2
  --sample    with the counts of `cargo xtask test`
  --write     write the table to docs/RELIABILITY.md, with the rows that earlier calls with --write
              came to with the same programs
Needs Linux; strace, and root for small file systems, or the rows that use them are skipped.
Exit codes: 0 every row holds and every missing guard was noticed, 1 one was not.

Examples:
  cargo xtask reliability F1 F3
  cargo xtask reliability --write
";

const BARE: &str = "\
cargo xtask bare [CASE]: prove on a bare Debian that one command is enough. For releases.

Makes a minimal Debian with a C compiler and this Rust, clones the last commit into it, and runs
  run         cargo xtask run experiments/sweep.ron
  test        cargo xtask test
  fallback    cargo xtask run --no-setup experiments/sweep.ron
each from a fresh system with an empty cargo home. Takes some 20 minutes, and a few GB in
target/bare. When all are run, the results go to docs/fresh-machine.md.
Needs root and debootstrap.
Exit codes: 0 all went well, 1 one did not, 2 this machine cannot do it.

Examples:
  cargo xtask bare
  cargo xtask bare fallback
";

/// The help of one of xtask's own commands.
pub(crate) fn of(command: &str) -> &'static str {
    match command {
        "setup" => SETUP,
        "doctor" => DOCTOR,
        "test" => TEST,
        "faults" => FAULTS,
        "planted" => PLANTED,
        "kernels" => KERNELS,
        "instructions" => INSTRUCTIONS,
        "reliability" => RELIABILITY,
        "bare" => BARE,
        _ => OVERVIEW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_own_command_has_help_with_an_example() {
        let workspace = ["faults", "planted", "kernels", "instructions", "reliability", "bare"];
        for command in ["setup", "doctor", "test"].into_iter().chain(workspace) {
            let text = of(command);
            assert!(text.starts_with(&format!("cargo xtask {command}")), "{command}");
            assert!(text.contains("\nExamples:\n  cargo xtask "), "{command}");
            assert!(OVERVIEW.contains(&format!("\n  {command} ")), "{command}");
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{command}");
        }
    }
}
