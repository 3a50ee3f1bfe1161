//! Rows of noise: inputs and targets that have nothing to do with each other.

use gradus_core::{Mistake, Shape, Stream};
use serde::{Deserialize, Serialize};

use super::sequences::MOST_NUMBERS;
use super::source::{Recipe, check_samples, made};
use super::{Dataset, RawTargets, Values};

/// What the targets of noise are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum NoiseTargets {
    /// One of so many classes, each equally likely.
    Classes(usize),
    /// So many standard normal numbers.
    Numbers(usize),
}

/// Checks the description; what it returns makes the rows.
///
/// Inputs are standard normal, row after row, then the targets are drawn. A network that lowers its
/// training loss here learns by heart.
/// Source: Zhang, Bengio, Hardt, Recht, Vinyals, *Understanding deep learning requires rethinking
/// generalization*, ICLR 2017, section 2.
pub(super) fn recipe(
    input: Shape,
    targets: NoiseTargets,
    samples: usize,
    seed: u64,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let place = "data.source.input";
    let (width, wide) = match targets {
        NoiseTargets::Classes(classes) => (1, (2..=1_000_000).contains(&classes)),
        NoiseTargets::Numbers(width) => (width, (1..=1_000_000).contains(&width)),
    };
    if !wide {
        mistakes.push(Mistake::new(
            "data.source.targets",
            format!("{targets:?} is no target to draw"),
            "2 to 1000000 classes, or 1 to 1000000 numbers",
        ));
    }
    let each = input.checked_len();
    if each == Some(0) {
        let help = "at least one number a row, such as Features(64)";
        mistakes.push(Mistake::new(place, format!("{input} hold no number"), help));
    }
    check_samples(samples, 1, &mut mistakes);
    let all = each.and_then(|each| each.checked_add(width)?.checked_mul(samples));
    if mistakes.is_empty() && all.is_none_or(|all| all > MOST_NUMBERS) {
        let message = format!("{samples} samples of {input} are more than {MOST_NUMBERS} numbers");
        mistakes.push(Mistake::new("data.source", message, "fewer or smaller samples"));
    }
    made(mistakes, move || rows(input, targets, samples, seed))
}

fn rows(input: Shape, targets: NoiseTargets, samples: usize, seed: u64) -> Dataset {
    let mut stream = Stream::new(seed, "data", 0, 0);
    let width = input.len();
    let inputs = (0..samples * width).map(|_| stream.normal()).collect();
    let targets = match targets {
        NoiseTargets::Classes(classes) => RawTargets::Classes {
            rows: (0..samples).map(|_| stream.below(classes as u64) as u32).collect(),
            names: (0..classes).map(|class| class.to_string()).collect(),
        },
        NoiseTargets::Numbers(width) => RawTargets::Numbers {
            rows: (0..samples * width).map(|_| stream.normal()).collect(),
            names: (0..width).map(|column| format!("target {column}")).collect(),
        },
    };
    let names = (0..width).map(|column| format!("noise {column}")).collect();
    Dataset::new(input, Values::Numbers(inputs), targets, 0, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_standard_normal_and_labels_even() {
        let shape = Shape::Image { channels: 1, height: 4, width: 5 };
        let dataset = rows(shape, NoiseTargets::Classes(10), 5_000, 3);
        assert_eq!((dataset.input_shape, dataset.rows()), (shape, 5_000));
        let Values::Numbers(numbers) = &dataset.inputs else { panic!("noise is numbers") };
        let n = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / n;
        let square = numbers.iter().map(|number| number * number).sum::<f64>() / n;
        // Five standard errors: of a mean 1/√n, of a mean square √(2/n).
        assert!(mean.abs() < 5.0 / n.sqrt() && (square - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        let RawTargets::Classes { rows, names } = &dataset.targets else { panic!("classes") };
        for class in 0..10 {
            let count = rows.iter().filter(|&&row| row == class).count() as f64;
            // Five standard deviations of a binomial count.
            assert!((count - 500.0).abs() < 5.0 * 450.0_f64.sqrt(), "class {class}: {count}");
        }
        assert_eq!(names.len(), 10);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let places = |input, targets, samples| -> Vec<String> {
            let mistakes = recipe(input, targets, samples, 0).err().unwrap_or_default();
            mistakes.into_iter().map(|mistake| mistake.place).collect()
        };
        let (features, numbers) = (Shape::Features, NoiseTargets::Numbers);
        assert_eq!(places(features(2), numbers(1), 1), [""; 0]);
        assert_eq!(
            places(features(0), NoiseTargets::Classes(1), 0),
            ["data.source.targets", "data.source.input", "data.source.samples"]
        );
        for wide in [1_000, usize::MAX] {
            assert_eq!(places(features(wide), numbers(1), 1_000_000), ["data.source"]);
        }
    }
}
