//! The gate on other kernels: no unchanged program may be `worse` or `changed` there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gradus_runner::gate::Baseline;

use crate::place::{Place, answer, quick};

#[test]
fn what_rounding_alone_moves_is_not_held() {
    // The bias before the normalization has a gradient of rounding alone, which Adam makes large.
    let net = "model: [Dense(16), BatchNorm(), Relu, Dense(3)]";
    let text = quick("")
        .replace("model: [Dense(8), Tanh, Dense(3)]", net)
        .replace("chain: [Momentum(0.9)]", "chain: [Adam()]")
        .replace("margin: 0.4", "margin: 5.0")
        .replace("[0.02, 0.05]", "[0.1]");
    let place = Place::accepted(&text);
    let baseline = Baseline::read(&place.baseline_path()).expect("whole").expect("there");
    let witness = &baseline.witness[0];
    // The first loss is always held.
    assert!(witness.held() < 1.0 && !witness.steps[0].2.is_nan(), "{witness:?}");
    if cfg!(feature = "openblas") {
        let mut command = place.command(&["check", "quick.ron"]);
        command.env("OPENBLAS_CORETYPE", "Prescott").env_remove("OPENBLAS_L2_SIZE");
        let (code, results, _) = answer(&command.output().expect("the program starts"));
        assert_eq!(code, 0, "{results}");
    }
}

/// The gradient of a bias before the normalization is a sum that cancels: exactly 0 by one kernel, the
/// last digit by another, and Lion takes a whole step or none.
#[cfg(feature = "openblas")]
#[test]
fn a_gradient_of_nothing_on_one_kernel_alone_is_not_held() {
    let text = quick("")
        .replace("model: [Dense(8), Tanh", "model: [Dense(16), BatchNorm(), Relu")
        .replace("chain: [Momentum(0.9)], ", "chain: [Lion()], ")
        .replace("batch: 16", "batch: 20")
        .replace("margin: 0.4", "margin: 9.0")
        .replace("[0.02, 0.05]", "[0.01]");
    for kernels in [["Haswell", "Prescott"], ["Prescott", "Haswell"]] {
        let place = Place::new(&text);
        let on = |kernel: &str, arguments: &[&str]| {
            let mut command = place.command(arguments);
            command.env("OPENBLAS_CORETYPE", kernel).env_remove("OPENBLAS_L2_SIZE");
            let (code, results, messages) = answer(&command.output().expect("it starts"));
            assert_eq!(code, 0, "{kernels:?}: {results}{messages}");
            results
        };
        on(kernels[0], &["accept", "--yes", "quick.ron"]);
        let witness =
            &Baseline::read(&place.baseline_path()).expect("whole").expect("there").witness;
        // What does not hang on it is held: the first loss and gradient, and the size of the net's
        // outputs, which the normalization makes free of that bias.
        let first = witness[0].steps[0];
        assert!(!first.2.is_nan() && !first.3.is_nan() && first.4.is_nan(), "{first:?}");
        let said = on(kernels[1], &["check", "quick.ron"]);
        assert!(!said.contains("changed") && !said.contains("the bits of"), "{said}");
    }
}

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).expect("it has one")
}

/// The experiments of the project's baselines.
fn guarded() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("results/baselines")).expect("it is a folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Path::new("experiments").join(entry.expect("it can be listed").file_name()))
        .collect();
    files.sort();
    files
}

/// The project's own gate, on this machine's kernel and on others, none of which has the bits of
/// the baseline. The embedded product has one kernel.
#[test]
fn the_projects_own_baselines_hold_on_every_kernel() {
    const KERNELS: &[Option<&str>] = if cfg!(feature = "openblas") {
        &[None, Some("Prescott"), Some("Sandybridge"), Some("Haswell")]
    } else {
        &[None]
    };
    let files = guarded();
    assert!(files.len() >= 2, "{files:?}");
    let passed = format!("{0} baselines: {0} passed, 0 failed", files.len());
    for kernel in KERNELS {
        let out = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
        command.arg("check").args(&files).arg("--out").arg(out.path()).current_dir(root());
        command.env_remove("GITHUB_STEP_SUMMARY").stdin(Stdio::null());
        if let Some(kernel) = kernel {
            command.env("OPENBLAS_CORETYPE", kernel).env_remove("OPENBLAS_L2_SIZE");
        }
        let (code, results, messages) = answer(&command.output().expect("the program starts"));
        assert_eq!(code, 0, "{kernel:?}: {results}{messages}");
        assert!(results.contains(&passed), "{kernel:?}: {results}");
        assert!(!results.contains("changed"), "{kernel:?}: {results}");
    }
}
