//! The registry of sources: each is one file; here stand its description and its recipe.

use gradus_core::{Mistake, Shape};
use serde::{Deserialize, Serialize};

use super::file::Files;
use super::{Column, Dataset, Header, NoiseTargets, Target};
use super::{
    circles, cs231n_spirals, digits, idx, iris, line, moons, noise, sequences, spirals, table,
    text, xor,
};

/// Where rows come from: embedded, made by a formula, or read from files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Source {
    /// 1797 handwritten digits, 8x8 grey values 0..16, 10 classes; embedded.
    Digits,
    /// 150 flowers, 4 lengths, 3 classes; embedded.
    Iris,
    /// Four points on a line: x = 1, 2, 3, 4 and y = 2x; the target is the number y.
    Line,
    /// The four corners of the unit square, class 1 where exactly one coordinate is 1.
    Xor,
    /// Interleaved spirals of radius 5, one class an arm.
    Spirals {
        /// Points in all, shared out evenly to the arms.
        samples: usize,
        /// Number of spirals, and so of classes.
        #[serde(default = "spirals::default_arms")]
        arms: usize,
        /// Largest displacement of a coordinate; uniform on `[-noise, noise)`.
        #[serde(default)]
        noise: f64,
        /// Full turns from the center to the end of an arm.
        #[serde(default = "spirals::default_turns")]
        turns: f64,
        /// Seed of the noise; the run's seed does not change the points.
        #[serde(default)]
        seed: u64,
    },
    /// Spirals of radius 1 with normal noise on the angle, one class an arm, as in CS231n.
    Cs231nSpirals {
        /// Points in all, shared out evenly to the arms.
        #[serde(default = "cs231n_spirals::default_samples")]
        samples: usize,
        /// Number of spirals, and so of classes.
        #[serde(default = "cs231n_spirals::default_arms")]
        arms: usize,
        /// Standard deviation of the angle, in radians.
        #[serde(default = "cs231n_spirals::default_noise")]
        noise: f64,
        /// Seed of the noise; the run's seed does not change the points.
        #[serde(default)]
        seed: u64,
    },
    /// Two interleaving half circles of radius 1, two classes.
    Moons {
        /// Points in all, half of them on each moon.
        samples: usize,
        /// Standard deviation of the normal noise on each coordinate.
        #[serde(default)]
        noise: f64,
        /// Seed of the noise; the run's seed does not change the points.
        #[serde(default)]
        seed: u64,
    },
    /// A circle of radius 1 (class 0) around a smaller one (class 1).
    Circles {
        /// Points in all, half of them on each circle.
        samples: usize,
        /// Standard deviation of the normal noise on each coordinate.
        #[serde(default)]
        noise: f64,
        /// Radius of the inner circle.
        #[serde(default = "circles::default_factor")]
        factor: f64,
        /// Seed of the noise; the run's seed does not change the points.
        #[serde(default)]
        seed: u64,
    },
    /// Standard normal inputs, and targets that have nothing to do with them.
    Noise {
        /// The shape of one sample: `Features(64)`, or
        /// `Image(channels: 1, height: 28, width: 28)`.
        input: Shape,
        /// `Classes(10)` or `Numbers(1)`.
        targets: NoiseTargets,
        /// Samples.
        samples: usize,
        /// Seed of the noise; the run's seed does not change it.
        #[serde(default)]
        seed: u64,
    },
    /// Sequences of numbers, two of them marked; the target is the sum of the two.
    Adding {
        /// Tokens of a sequence.
        length: usize,
        /// Sequences.
        samples: usize,
        /// Seed of the sequences; the run's seed does not change them.
        #[serde(default)]
        seed: u64,
    },
    /// Symbols to be given back after a delay; a class a token.
    Copying {
        /// Tokens from the last symbol to the signal that asks for them.
        delay: usize,
        /// Different symbols.
        #[serde(default = "sequences::default_symbols")]
        symbols: usize,
        /// Symbols of a sequence.
        #[serde(default = "sequences::default_length")]
        length: usize,
        /// Sequences.
        samples: usize,
        /// Seed of the sequences; the run's seed does not change them.
        #[serde(default)]
        seed: u64,
    },
    /// A file of text as numbers of characters; the class of each token is the next character.
    Text {
        /// The file, in UTF-8.
        path: String,
        /// Characters a row.
        length: usize,
    },
    /// Pictures and labels in the IDX format of MNIST, plain or gzip.
    Idx {
        /// File of the training pictures.
        train_images: String,
        /// File of their labels.
        train_labels: String,
        /// File of the test pictures, if there is a fixed test part.
        #[serde(default)]
        test_images: Option<String>,
        /// File of their labels.
        #[serde(default)]
        test_labels: Option<String>,
    },
    /// A table of numbers with a class or with numbers to predict, plain or gzip.
    Table {
        /// The file.
        path: String,
        /// Files of the same form whose columns follow, row for row.
        #[serde(default)]
        append: Vec<String>,
        /// What the first line says.
        #[serde(default)]
        header: Header,
        /// The character between cells; `' '` stands for any number of blanks.
        #[serde(default = "table::default_delimiter")]
        delimiter: char,
        /// The columns to leave out.
        #[serde(default)]
        drop: Vec<Column>,
        /// The columns to predict; all others are inputs.
        target: Target,
    },
}

/// What makes the rows, once the description is known to be right.
pub(super) type Recipe<'a> = Box<dyn FnOnce(&Files<'_>) -> Result<Dataset, Vec<Mistake>> + 'a>;

impl Source {
    /// Checks the description, and gives what makes the rows from it; reads nothing yet.
    pub(super) fn recipe(&self) -> Result<Recipe<'_>, Vec<Mistake>> {
        match self {
            Source::Digits => Ok(Box::new(|_| Ok(digits::read()))),
            Source::Iris => Ok(Box::new(|_| Ok(iris::read()))),
            Source::Line => Ok(Box::new(|_| Ok(line::points()))),
            Source::Xor => Ok(Box::new(|_| Ok(xor::points()))),
            &Source::Spirals { samples, arms, noise, turns, seed } => {
                spirals::recipe(samples, arms, noise, turns, seed)
            }
            &Source::Cs231nSpirals { samples, arms, noise, seed } => {
                cs231n_spirals::recipe(samples, arms, noise, seed)
            }
            &Source::Moons { samples, noise, seed } => moons::recipe(samples, noise, seed),
            &Source::Circles { samples, noise, factor, seed } => {
                circles::recipe(samples, noise, factor, seed)
            }
            &Source::Noise { input, targets, samples, seed } => {
                noise::recipe(input, targets, samples, seed)
            }
            &Source::Adding { length, samples, seed } => sequences::adding(length, samples, seed),
            &Source::Copying { delay, symbols, length, samples, seed } => {
                sequences::copying(delay, symbols, length, samples, seed)
            }
            Source::Text { path, length } => text::recipe(path, *length),
            Source::Idx { train_images, train_labels, test_images, test_labels } => {
                idx::recipe(train_images, train_labels, test_images, test_labels)
            }
            Source::Table { path, append, header, delimiter, drop, target } => {
                table::recipe(path, append, *header, *delimiter, drop, target)
            }
        }
    }
}

impl Source {
    /// Bytes of the rows that are made by a formula. Files say what they need as they are read.
    pub(super) fn room(&self) -> u64 {
        // A name of a class is a short text in a place of its own.
        const NAME: u64 = 64;
        let (samples, numbers, names) = match *self {
            Source::Spirals { samples, .. }
            | Source::Cs231nSpirals { samples, .. }
            | Source::Moons { samples, .. }
            | Source::Circles { samples, .. } => (samples, 3, 0),
            Source::Noise { input, targets, samples, .. } => {
                let (NoiseTargets::Classes(width) | NoiseTargets::Numbers(width)) = targets;
                let of_targets =
                    if matches!(targets, NoiseTargets::Numbers(_)) { width } else { 1 };
                (samples, input.len() + of_targets, input.len() + width)
            }
            Source::Adding { length, samples, .. } => (samples, 2 * length + 1, 2 * length),
            Source::Copying { delay, symbols, length, samples, .. } => {
                (samples, 2 * (delay + 2 * length), symbols + delay + 2 * length)
            }
            Source::Digits
            | Source::Iris
            | Source::Line
            | Source::Xor
            | Source::Text { .. }
            | Source::Idx { .. }
            | Source::Table { .. } => (0, 0, 0),
        };
        (samples as u64).saturating_mul(8 * numbers as u64).saturating_add(NAME * names as u64)
    }
}

/// The recipe of points that are made by a formula, unless its description is wrong.
pub(super) fn made(
    mistakes: Vec<Mistake>,
    points: impl FnOnce() -> Dataset + 'static,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    if mistakes.is_empty() { Ok(Box::new(|_| Ok(points()))) } else { Err(mistakes) }
}

/// Adds a mistake unless `least <= samples <= 10 million`, which is 160 MB of points.
pub(super) fn check_samples(samples: usize, least: usize, mistakes: &mut Vec<Mistake>) {
    const MOST: usize = 10_000_000;
    if !(least..=MOST).contains(&samples) {
        mistakes.push(Mistake::new(
            "data.source.samples",
            format!("{samples} points cannot be made"),
            format!("a number from {least} to {MOST}"),
        ));
    }
}

/// Adds a mistake unless there are from 2 to 1000 arms; returns their number, or the nearest that
/// can be, so that an impossible number is one mistake and not a second one about the samples.
pub(super) fn check_arms(arms: usize, mistakes: &mut Vec<Mistake>) -> usize {
    const MOST: usize = 1000;
    if !(2..=MOST).contains(&arms) {
        mistakes.push(Mistake::new(
            "data.source.arms",
            format!("{arms} arms cannot be told apart"),
            format!("a number from 2 to {MOST}"),
        ));
    }
    arms.clamp(1, MOST)
}

/// Adds a mistake unless the noise is a number from 0 to a million (the shapes are of size 1 to 5).
pub(super) fn check_noise(noise: f64, mistakes: &mut Vec<Mistake>) {
    const MOST: f64 = 1e6;
    if !(0.0..=MOST).contains(&noise) {
        mistakes.push(Mistake::new(
            "data.source.noise",
            format!("a noise of {noise} cannot be drawn"),
            format!("a number from 0 to {MOST}"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The keys of runs hold these, so they may change only with what the source gives.
    #[test]
    fn what_a_source_gives_is_the_same_on_every_machine() {
        for (source, digest) in [
            ("Digits", "8a0592a9f9844f0d867ef1e5a57f799d026422752569e9a9ab3ea7da215dc8d5"),
            ("Iris", "2a6dbf0f78301dfd592696ee0ef728f523ebf5e3043ef2e95234971d295e3cb1"),
            ("Line", "7b323b57d57a2f5eab8262d6fa4509f609b3210e47309a2eb24596794029e969"),
            ("Xor", "84a4987c6e0561122a8a05e48c238befea920d815fefb2e41631d56793f9b1f5"),
            (
                "Spirals(samples: 200)",
                "d7e0035b16312674a2aeb78b3c33b08983c16b639f0b492c12f647db7eba9ca6",
            ),
            ("Cs231nSpirals()", "e62b87dacb6bdf04e5c812962b63d59bc18c5fcc5c43b848714b632157938a43"),
            (
                "Moons(samples: 100, noise: 0.3)",
                "c6f405115cc6e1c55226cd42a7a7ebd1978085aa04fb25940de33f893ab18e14",
            ),
            (
                "Circles(samples: 100)",
                "2df234b6d2fe88e19a844545dfc5043f18c824d5621257665ac8441e91c5c125",
            ),
            (
                "Noise(input: Features(3), targets: Classes(4), samples: 10)",
                "d744a5d7b2d829622e2eced266e5257c1f058fb871b95d4ffca0f13cefd1b0f1",
            ),
        ] {
            let data: crate::data::Data =
                ron::from_str(&format!("(source: {source})")).expect("the text is right");
            let dataset = data.load(Path::new("."), None).expect("no file is needed");
            assert_eq!(dataset.digest, digest, "{source}");
        }
    }
}
