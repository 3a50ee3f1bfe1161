//! Memory that is short: what can never fit is that run's outcome, what fits waits for its turn, and
//! nothing ends the program.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program with so many kibibytes of address space.
fn with_memory(folder: &Path, kibibytes: u64, arguments: &str) -> Output {
    // Whatever hangs is ended: 124.
    let command = format!("ulimit -v {kibibytes}; exec timeout 120 \"$0\" {arguments}");
    Command::new("sh")
        .args(["-c", &command, env!("CARGO_BIN_EXE_gradus")])
        .current_dir(folder)
        .output()
        .expect("there is a shell")
}

fn words(output: &Output) -> String {
    assert!(output.status.code().is_some(), "it was killed: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The small model is trained, the large one refused with both figures.
#[test]
fn what_can_never_fit_fails_alone() {
    for (data, small, large) in [
        (
            "Noise(input: Tokens(tokens: 5000, features: 8), targets: Numbers(8), samples: 20)",
            "[MeanOverTokens, Dense(8)]",
            "[MultiHeadAttention(heads: 4), MeanOverTokens, Dense(8)]",
        ),
        (
            "Noise(input: Image(channels: 1, height: 8, width: 8), targets: Numbers(1), samples: 20)",
            "[Flatten, Dense(1)]",
            "[Conv2d(filters: 8, kernel: 3, padding: 1000), GlobalAvgPool, Dense(1)]",
        ),
        (
            "Noise(input: Features(200), targets: Numbers(1), samples: 20)",
            "[Dense(1)]",
            "[Dense(1000000), Dense(1)]",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = format!(
            "(name: \"memory\", data: (source: {data}), model: {small}, loss: Mse,
              optimizer: (chain: [Adam()], learning_rate: 1e-3), train: (steps: 2, batch: 20),
              sweep: (axes: [Model([(name: \"small\", layers: {small}),
                                    (name: \"large\", layers: {large})])]))"
        );
        fs::write(folder.path().join("a.ron"), text).expect("it is writable");
        let output = with_memory(folder.path(), 1_500_000, "run a.ron");
        let said = words(&output);
        assert_eq!(output.status.code(), Some(1), "{large}: {said}");
        assert!(
            said.contains("failed: it needs about ") && said.contains(" GB can be had"),
            "{said}"
        );
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.starts_with("2 runs: 1 failed, 1 "), "{large}: {printed}");
        let plan = with_memory(folder.path(), 1_500_000, "plan a.ron");
        assert_eq!(plan.status.code(), Some(0), "{large}: {}", words(&plan));
        let printed = String::from_utf8_lossy(&plan.stdout).into_owned();
        // The small one is there: the large one, which is not the first of the plan, is foretold.
        assert!(printed.contains("1 run of them will fail, first "), "{large}: {printed}");
        assert!(printed.contains(": it needs about "), "{large}: {printed}");
    }
}

/// Each takes some 250 MB, and each thread some address space; eight at once would take more than
/// there is.
#[test]
fn jobs_wait_for_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "(name: \"memory\", data: (source: Noise(input: Features(1000), targets: Numbers(1),
        samples: 64)), model: [Dense(12000), Relu, Dense(1)], loss: Mse, optimizer: (chain:
        [Adam()], learning_rate: 1e-3), train: (steps: 3, batch: 32), sweep: (axes: [], seeds: 8))";
    fs::write(folder.path().join("a.ron"), text).expect("it is writable");
    let output = with_memory(folder.path(), 3_000_000, "run a.ron --jobs 8 --no-report");
    let said = words(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

/// What threads set aside is not counted again for each run that is looked at.
#[test]
fn verify_looks_at_many_runs_where_it_can_at_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "(name: \"tiny\", data: (source: Digits), model: [Dense(16), Relu, Dense(10)],
        loss: CrossEntropy, optimizer: (learning_rate: 0.1), train: (epochs: 1, batch: 32),
        sweep: (axes: [], seeds: 16))";
    fs::write(folder.path().join("a.ron"), text).expect("it is writable");
    let run = with_memory(folder.path(), 8_000_000, "run a.ron --jobs 2 --no-report");
    assert_eq!(run.status.code(), Some(0), "{}", words(&run));
    let verified = with_memory(folder.path(), 2_400_000, "verify tiny --runs 16");
    assert_eq!(verified.status.code(), Some(0), "{}", words(&verified));
    let refused = with_memory(folder.path(), 1_000_000, "verify tiny --runs 16");
    let said = words(&refused);
    assert_eq!(refused.status.code(), Some(75), "eight threads take more: {said}");
    assert!(said.contains("cannot be trained again: it needs about "), "{said}");
}

/// A file of some kilobytes that unpacks to more than there is, and a source of a million symbols:
/// commands that hold data or a network without training refuse them by name.
#[test]
fn what_is_read_or_compared_asks_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rest = "loss: CrossEntropy, optimizer: (learning_rate: 0.1), train: (steps: 1, batch: 1)";
    let write = |name: &str, data: &str, model: &str| {
        let text = format!("(name: \"{name}\", data: (source: {data}), model: {model}, {rest})");
        fs::write(folder.path().join(format!("{name}.ron")), text).expect("it is writable");
    };
    let made = Command::new("sh")
        .args(["-c", "yes 1,1,1,1,a | head -c 400000000 | gzip -1 > t.csv.gz"])
        .current_dir(folder.path())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "there is gzip");
    write("table", "Table(path: \"t.csv.gz\", header: Absent, target: Class(4))", "[Dense(2)]");
    let symbols = "Copying(delay: 1, symbols: 1000000, length: 1, samples: 2)";
    write("symbols", symbols, "[Embedding(vocabulary: 1000002, features: 64), Dense(1000001)]");
    for (limit, arguments, code, word) in [
        (700_000, "run table.ron", 2, " cannot be read: it needs about "),
        (1_500_000, "gradcheck symbols.ron", 75, "cannot be compared: it needs about "),
        (1_500_000, "run symbols.ron", 1, "failed: it needs about "),
    ] {
        let output = with_memory(folder.path(), limit, arguments);
        let said = words(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
        assert!(said.contains(word), "{arguments}: {said}");
    }
}

/// OpenBLAS asks for ever for room that a limit does not leave it: a network that fits itself is
/// trained or refused, whatever the limit, and never waited for.
#[test]
fn no_limit_makes_it_wait_for_ever() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "(name: \"wide\", data: (source: Noise(input: Features(784), targets: Classes(10),
        samples: 4096)), model: [Dense(1024), Relu, Dense(1024), Relu, Dense(10)],
        loss: CrossEntropy, optimizer: (learning_rate: 0.01), train: (steps: 2, batch: 256))";
    fs::write(folder.path().join("a.ron"), text).expect("it is writable");
    for limit in [300_000, 450_000, 600_000, 750_000, 900_000, 2_500_000] {
        for arguments in ["plan a.ron", "run a.ron --jobs 2 --no-report"] {
            let output = with_memory(folder.path(), limit, arguments);
            let said = words(&output);
            let code = output.status.code();
            assert!(matches!(code, Some(0..=2)), "{limit}, {arguments}: {code:?}, {said}");
        }
    }
}
