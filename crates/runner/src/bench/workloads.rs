//! The workloads: six experiments of which other frameworks were measured too.

use crate::experiment::Experiment;
use crate::file;

/// One workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name, one letter.
    pub name: &'static str,
    /// The experiment, as a file would say it.
    pub text: &'static str,
    /// What limits its speed now, for the page on speed.
    pub limit: &'static str,
    /// Whether a step is large enough for more than one thread.
    pub is_wide: bool,
}

/// Whose single runs are measured, small ones first. Only full minibatches, so that each step is
/// alike; longer than any measurement, which stops by itself.
pub const WORKLOADS: [Workload; 5] = [
    Workload {
        name: "T",
        limit: "the fixed cost of a step: calls, updates and recording, three quarters of its time.",
        is_wide: false,
        text: "// How fast is a net so small that nothing but overhead is left?
(
    name: \"T\",
    data: (source: Noise(input: Features(1), targets: Numbers(1), samples: 1024)),
    model: [Dense(16), Tanh, Dense(1)],
    loss: Mse,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 1000000000, batch: 32, last_batch: Drop),
)",
    },
    Workload {
        name: "D",
        limit: "passes element by element (bias, activation, loss, update) and products so small that a step comes to about half of its floor.",
        is_wide: false,
        text: "// How fast is a net for 8 x 8 digits?
(
    name: \"D\",
    data: (source: Noise(input: Features(64), targets: Classes(10), samples: 1797)),
    model: [Dense(32), Relu, Dense(10)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 1000000000, batch: 32, last_batch: Drop),
)",
    },
    Workload {
        name: "M",
        limit: "the products of the first layer, nine tenths of the time of a step; then the gather of random rows from memory, which the floor does not have.",
        is_wide: true,
        text: "// How fast is a net of one hidden layer for 28 x 28 pictures?
(
    name: \"M\",
    data: (source: Noise(input: Features(784), targets: Classes(10), samples: 60000)),
    model: [Dense(128), Relu, Dense(10)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 1000000000, batch: 64, last_batch: Drop),
)",
    },
    Workload {
        name: "L",
        limit: "the products; beside them reading and writing the parameters and their velocities, which the floor does not have.",
        is_wide: true,
        text: "// How fast is a net of three wide hidden layers?
(
    name: \"L\",
    data: (source: Noise(input: Features(784), targets: Classes(10), samples: 8192)),
    model: [Dense(1024), Relu, Dense(1024), Relu, Dense(1024), Relu, Dense(10)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.01),
    train: (epochs: 1000000000, batch: 256, last_batch: Drop),
)",
    },
    Workload {
        name: "C",
        limit: "the direct convolution, bound by the throughput of additions and multiplications: fused ones would change the bits between machines.",
        is_wide: true,
        text: "// How fast is a small convolutional net, after LeNet-5?
(
    name: \"C\",
    data: (
        source: Noise(
            input: Image(channels: 1, height: 28, width: 28), targets: Classes(10), samples: 8192,
        ),
    ),
    model: [
        Conv2d(filters: 6, kernel: 5, padding: 2), Relu, MaxPool2d(kernel: 2),
        Conv2d(filters: 16, kernel: 5), Relu, MaxPool2d(kernel: 2),
        Flatten, Dense(120), Relu, Dense(84), Relu, Dense(10),
    ],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 1000000000, batch: 64, last_batch: Drop),
)",
    },
];

/// The sweep, of which every run is a D of this many epochs.
pub const SWEEP: Workload = Workload {
    name: "S",
    limit: "training itself, as D; in a process of its own also the start of that process and the commits of its records.",
    is_wide: true,
    text: "// How fast is a sweep of 32 small runs?
(
    name: \"S\",
    data: (source: Noise(input: Features(64), targets: Classes(10), samples: 1797)),
    model: [Dense(32), Relu, Dense(10)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 20, batch: 32, last_batch: Drop),
    sweep: (axes: [LearningRate(Log(from: 1e-4, to: 0.3, points: 32))]),
)
",
};

/// The sweep by a process of its own.
pub const COLD: &str = "S-cold";

/// What a workload is to reach on so many threads. What is `None` is no part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The workload, or `S-cold`.
    pub workload: &'static str,
    /// Threads of a single run, runs at the same time of a sweep.
    pub threads: usize,
    /// At least so many times the rate of the best peer.
    pub times_peer: Option<f64>,
    /// At least this part of the rate of the floor.
    pub of_floor: Option<f64>,
    /// At most so many seconds.
    pub wall: Option<f64>,
}

/// What this product has set itself.
pub const GOALS: [Goal; 10] = [
    single("T", 1, 3.5, None),
    single("D", 1, 3.5, None),
    single("M", 1, 1.15, Some(0.92)),
    single("M", 2, 1.5, Some(0.85)),
    single("L", 1, 1.0, Some(0.98)),
    single("L", 2, 1.0, Some(0.98)),
    single("C", 1, 2.0, Some(1.0)),
    single("C", 2, 2.0, Some(1.0)),
    sweep("S", 0.11),
    sweep(COLD, 0.2),
];

const fn single(
    workload: &'static str,
    threads: usize,
    times_peer: f64,
    of_floor: Option<f64>,
) -> Goal {
    Goal { workload, threads, times_peer: Some(times_peer), of_floor, wall: None }
}

const fn sweep(workload: &'static str, wall: f64) -> Goal {
    Goal { workload, threads: 2, times_peer: None, of_floor: None, wall: Some(wall) }
}

/// The workload that the sweep is made of.
pub(super) const SWEPT: &str = "D";

impl Workload {
    /// Its experiment.
    ///
    /// # Panics
    /// Never: a test reads every text.
    pub fn experiment(&self) -> Experiment {
        file::parse(self.text).expect("the text is a constant")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::File;

    /// What the harness of the other frameworks measures: a file with the same text is right, and
    /// says these sizes.
    #[test]
    fn every_workload_is_a_right_file_of_the_agreed_size() {
        let sizes: Vec<(&str, usize, u64)> = WORKLOADS
            .iter()
            .chain([&SWEEP])
            .map(|workload| {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path = folder.path().join("workload.ron");
                // M's 60,000 rows are drawn by the measurement only.
                let text = workload.text.replace("60000", "6000");
                std::fs::write(&path, text).expect("it is written");
                let file =
                    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
                let train = &file.plan.experiment.train;
                let rows = file.plan.data.train_rows;
                (workload.name, train.batch_rows(rows), train.steps_per_epoch(rows))
            })
            .collect();
        let expected =
            [("T", 32, 32), ("D", 32, 56), ("M", 64, 93), ("L", 256, 32), ("C", 64, 128)];
        assert_eq!(sizes[..5], expected);
        assert_eq!(sizes[5], ("S", 32, 56));
        assert_eq!(SWEEP.experiment().run_count(), Some(32));
    }
}
