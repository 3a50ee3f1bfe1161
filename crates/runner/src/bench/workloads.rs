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
    /// Whether a step is large enough for more than one thread.
    pub is_wide: bool,
}

/// Whose single runs are measured, small ones first. Only full minibatches, so that each step is
/// alike; longer than any measurement, which stops by itself.
pub const WORKLOADS: [Workload; 5] = [
    Workload {
        name: "T",
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

/// The workload that the sweep is made of.
pub const SWEPT: &str = "D";

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
