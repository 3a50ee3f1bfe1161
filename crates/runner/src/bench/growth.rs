//! How the time of a sample grows with the size of a network, of a batch and of a sweep, and where
//! it jumps though the floor does not.

use super::rates::Pace;
use super::steps::{Subject, measure_steps};
use super::sweep::{SweepError, warm};
use super::workloads::WORKLOADS;
use crate::file;

/// The time of a sample against one size, all others held.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// What grows.
    pub what: &'static str,
    /// What is held, in words.
    pub held: &'static str,
    /// Measured at these sizes, in rising order.
    pub points: Vec<Point>,
}

/// One size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The size.
    pub size: usize,
    /// Seconds of a sample, the least of the repetitions: whatever else goes on adds to it, and
    /// would look like a cliff.
    pub seconds: f64,
    /// Seconds of a sample if its step were only its matrix products, likewise.
    pub floor: f64,
}

/// A step between neighboring sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cliff {
    /// What grows.
    pub what: &'static str,
    /// The two sizes.
    pub sizes: (usize, usize),
    /// How many times longer a sample takes at the larger size.
    pub rise: f64,
    /// The same of the floor.
    pub floor_rise: f64,
}

impl Cliff {
    /// How many times more the time rises than the floor's, which may fall: a time that falls less
    /// is no cliff.
    pub fn beyond_floor(&self) -> f64 {
        self.rise / self.floor_rise.max(1.0)
    }
}

/// Powers of two, their neighbors, and what people write. Another framework is known to take nine
/// times longer at 46 than at 45.
const WIDTHS: [usize; 16] =
    [45, 46, 63, 64, 65, 100, 127, 128, 129, 256, 257, 512, 1000, 1024, 2048, 4096];
const DEPTHS: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
const BATCHES: [usize; 17] =
    [1, 2, 3, 4, 8, 16, 31, 32, 33, 64, 100, 128, 256, 512, 1000, 2048, 4096];
const RUNS: [usize; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/// Measures all four on one thread, and tells `shown` of each point as it is there.
///
/// # Errors
/// When the temporary folder, in which sweeps are measured, cannot be used.
pub fn measure_growth(
    pace: Pace,
    mut shown: impl FnMut(&'static str, Point),
) -> Result<Vec<Growth>, SweepError> {
    let mut point = |what, size, text: &str| {
        let point = measured(size, text, pace);
        shown(what, point);
        point
    };
    let width = |size| point("width", size, &dense(size, 2, 64, 512));
    let widths = Growth {
        what: "width",
        held: "64 inputs, two hidden layers, batch 64",
        points: WIDTHS.map(width).to_vec(),
    };
    let depth = |size| point("depth", size, &dense(64, size, 64, 2048));
    let depths = Growth {
        what: "depth",
        held: "64 inputs, layers of 64, batch 64",
        points: DEPTHS.map(depth).to_vec(),
    };
    let batch = |size| point("batch", size, &dense(64, 2, size, 8192));
    let batches = Growth {
        what: "batch",
        held: "64 inputs, two hidden layers of 64",
        points: BATCHES.map(batch).to_vec(),
    };
    let mut runs = Vec::new();
    let tiny = &WORKLOADS[0];
    let floor = measure_steps(&tiny.subject(), 1, pace).floor.max;
    for size in RUNS {
        // Seconds each: a long measurement needs no repetitions to be a steady one.
        let repetitions = if size > 1000 { 1 } else { pace.repetitions };
        let (samples, wall) = warm(&tiny_sweep(size), 1, Pace { repetitions, ..pace })?;
        let point = Point { size, seconds: wall.min / samples, floor: 1.0 / floor };
        shown("runs", point);
        runs.push(point);
    }
    let held = "each a T of one epoch, one at a time, records durable";
    Ok(vec![widths, depths, batches, Growth { what: "runs", held, points: runs }])
}

fn measured(size: usize, text: &str, pace: Pace) -> Point {
    let experiment = file::parse(text).expect("the text is made from numbers alone");
    let measured = measure_steps(&Subject::new("growth", experiment), 1, pace);
    let [seconds, floor] = [measured.rate, measured.floor].map(|rate| 1.0 / rate.max);
    Point { size, seconds, floor }
}

/// A classifier of 64 inputs with `depth` hidden layers of `width` units.
fn dense(width: usize, depth: usize, batch: usize, samples: usize) -> String {
    let hidden = format!("Dense({width}), Relu, ").repeat(depth);
    format!(
        "(
    name: \"growth\",
    data: (source: Noise(input: Features(64), targets: Classes(10), samples: {samples})),
    model: [{hidden}Dense(10)],
    init: (weights: He(Normal)),
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.001),
    train: (epochs: 1000000000, batch: {batch}, last_batch: Drop),
)"
    )
}

/// So many runs of T, of an epoch each.
fn tiny_sweep(runs: usize) -> String {
    let text = WORKLOADS[0].text.replace("epochs: 1000000000", "epochs: 1");
    let end = text.rfind(')').expect("it ends with a bracket");
    format!("{}    sweep: (seeds: {runs}),\n)", &text[..end])
}

/// The step between neighboring sizes at which the time rises most beyond the floor's; `None`
/// where nothing has two sizes.
pub fn cliff(growths: &[Growth]) -> Option<Cliff> {
    let steps = growths.iter().flat_map(|growth| {
        growth.points.windows(2).map(|pair| Cliff {
            what: growth.what,
            sizes: (pair[0].size, pair[1].size),
            rise: pair[1].seconds / pair[0].seconds,
            floor_rise: pair[1].floor / pair[0].floor,
        })
    });
    steps.max_by(|one, other| one.beyond_floor().total_cmp(&other.beyond_floor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(what: &'static str, points: &[(usize, f64, f64)]) -> Growth {
        let point = |&(size, seconds, floor): &(usize, f64, f64)| Point { size, seconds, floor };
        Growth { what, held: "", points: points.iter().map(point).collect() }
    }

    #[test]
    fn a_cliff_is_what_the_floor_does_not_have() {
        let with_the_floor = growth("width", &[(64, 1.0, 0.5), (128, 8.0, 4.0)]);
        let trap = growth("batch", &[(45, 1.0, 0.5), (46, 9.0, 0.6), (47, 9.1, 0.6)]);
        let found = cliff(&[with_the_floor.clone(), trap]).expect("there are neighbors");
        assert_eq!((found.what, found.sizes, found.rise), ("batch", (45, 46), 9.0));
        assert!((found.beyond_floor() - 7.5).abs() < 1e-12);
        // The floor falls, and the time with it, if less.
        let falls = growth("batch", &[(31, 4.0, 3.0), (32, 3.9, 0.5)]);
        assert_eq!(cliff(&[falls, with_the_floor.clone()]).map(|found| found.what), Some("width"));
        assert_eq!(cliff(&[with_the_floor]).map(|found| found.beyond_floor()), Some(1.0));
        assert_eq!(cliff(&[growth("depth", &[(1, 1.0, 1.0)])]), None);
    }

    #[test]
    fn the_texts_are_right_and_of_their_size() {
        gradus_core::use_one_thread();
        let pace = Pace { seconds: 1e-4, repetitions: 1 };
        for (width, depth, batch) in [(45, 2, 64), (8, 32, 64), (8, 2, 1), (8, 2, 512)] {
            let point = measured(width, &dense(width, depth, batch, 512), pace);
            assert!(point.seconds > 0.0 && point.floor > 0.0, "{point:?}");
        }
        let (samples, _) = warm(&tiny_sweep(3), 1, pace).expect("there is a temporary folder");
        assert_eq!(samples, 3.0 * 1024.0);
    }
}
