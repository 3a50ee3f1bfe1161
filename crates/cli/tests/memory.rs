//! The memory that the program takes at most: by the sizes of a single run, and with the number
//! of runs. The system says it, Linux for each process by itself.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Runs an experiment in `folder` and returns the most bytes that the process ever held
/// (`VmHWM`, which only grows; the last look is at most a few milliseconds before the end).
fn peak(folder: &Path, experiment: &str) -> f64 {
    fs::write(folder.join("experiment.ron"), experiment).expect("the folder is writable");
    let mut child = Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(["run", "experiment.ron", "--jobs", "1"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kibibytes) = line.and_then(|line| line.trim().strip_suffix(" kB")) {
            let kibibytes: f64 = kibibytes.trim().parse().expect("a number");
            peak = kibibytes * 1024.0;
        }
        if let Some(status) = child.try_wait().expect("it is ours") {
            assert!(status.success(), "{status}");
            return peak;
        }
        sleep(Duration::from_millis(1));
    }
}

/// An IDX file of this many axes: zeros, zeros, the type of bytes, the axes, the bytes.
fn idx(axes: &[u32], bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut file = vec![0, 0, 8, axes.len() as u8];
    file.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    file.extend(bytes);
    file
}

/// At most 1.25 times what a run cannot do without (its data, the parameters and their gradients,
/// the state of the optimizer, the values of one batch and their gradients), beside what the
/// program takes with nothing to do.
#[test]
fn a_run_takes_little_more_than_its_data_and_its_network() {
    const SAMPLES: u32 = 20_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pixel = |index: u32| (index.wrapping_mul(2_654_435_761) >> 24) as u8;
    let images = idx(&[SAMPLES, 28, 28], (0..SAMPLES * 784).map(pixel));
    fs::write(folder.path().join("images"), images).expect("the folder is writable");
    let labels = idx(&[SAMPLES], (0..SAMPLES).map(|index| (index % 10) as u8));
    fs::write(folder.path().join("labels"), labels).expect("the folder is writable");
    let least = peak(
        folder.path(),
        r#"(name: "least", data: (source: Line), model: [Dense(1)], loss: Mse,
            optimizer: (learning_rate: 0.1), train: (epochs: 1))"#,
    );
    let whole = peak(
        folder.path(),
        r#"(
            name: "whole",
            data: (source: Idx(train_images: "images", train_labels: "labels"), inputs: Divide(255.0)),
            model: [Dense(256), Relu, Dense(10)],
            loss: CrossEntropy,
            optimizer: (chain: [Momentum(0.9)], learning_rate: 0.1),
            train: (steps: 10, batch: 64),
        )"#,
    );
    let data = f64::from(SAMPLES) * (784.0 + 1.0);
    let parameters = 784.0 * 256.0 + 256.0 + 256.0 * 10.0 + 10.0;
    let batch = 64.0 * (784.0 + 256.0 + 256.0 + 10.0);
    let needed = 4.0 * (data + 2.0 * parameters + parameters + 2.0 * batch);
    assert!(
        whole <= least + 1.25 * needed,
        "{:.1} MB, with nothing to do {:.1} MB, needed {:.1} MB",
        whole / 1e6,
        least / 1e6,
        needed / 1e6
    );
}

#[test]
fn five_times_the_runs_take_no_more_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let peak_of = |seeds: u64| {
        let experiment = format!(
            "(name: \"runs_{seeds}\", data: (source: Moons(samples: 128)),
              model: [Dense(16), Tanh, Dense(2)], loss: CrossEntropy,
              optimizer: (learning_rate: 0.1), train: (epochs: 1, batch: 32), sweep: (axes:
              [LearningRate(Log(from: 0.001, to: 1.0, points: 10))], seeds: {seeds}))"
        );
        peak(folder.path(), &experiment)
    };
    let (few, many) = (peak_of(20), peak_of(100));
    assert!(many <= 1.2 * few, "{:.1} MB for 200 runs, {:.1} MB for 1000", few / 1e6, many / 1e6);
}
