//! A data set as read: before the split, before scaling, one copy for all runs.

use gradus_core::{Mistake, Shape, TargetKind};
use sha2::{Digest, Sha256};

use super::split::Available;
use super::{Data, Scaling, Sizes, Split, TestRows};
use crate::digest::{add_words, hexadecimal};

/// All rows of a source, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Shape of one input row.
    pub input_shape: Shape,
    /// The inputs, (rows, numbers a row), row after row.
    pub inputs: Values,
    /// What is to be predicted, row after row.
    pub targets: RawTargets,
    /// The last rows are a fixed test part of this size; 0 if there is none.
    pub test_rows: usize,
    /// Number of different ids, where the inputs are ids of tokens; these are 0 to one less.
    pub vocabulary: Option<usize>,
    /// The test parts of each seed, where a file lists them.
    pub test_lists: Option<TestRows>,
    /// One name a column of the inputs.
    pub input_names: Vec<String>,
    /// SHA-256, in hexadecimal, of what training can see: shape, inputs, targets, test part and
    /// lists of test rows.
    /// Paths, compression and names of columns or classes are no part of it.
    pub digest: String,
}

/// Input values in the smallest type that holds them.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Grey values: an eighth of the memory of numbers.
    Bytes(Vec<u8>),
    /// Any finite numbers.
    Numbers(Vec<f64>),
}

/// Targets as the source has them.
#[derive(Clone, Debug, PartialEq)]
pub enum RawTargets {
    /// A class a row.
    Classes {
        /// The class of each row, an index into `names`.
        rows: Vec<u32>,
        /// One name a class.
        names: Vec<String>,
    },
    /// Numbers, (rows, names).
    Numbers {
        /// The numbers, row after row.
        rows: Vec<f64>,
        /// One name a column.
        names: Vec<String>,
    },
}

impl Dataset {
    /// Points (x, y) of named classes, as the generators make them.
    pub(super) fn in_plane(inputs: Vec<f64>, rows: Vec<u32>, classes: Vec<String>) -> Self {
        let targets = RawTargets::Classes { rows, names: classes };
        let names = ["x", "y"].map(String::from).to_vec();
        Self::new(Shape::Features(2), Values::Numbers(inputs), targets, 0, names)
    }

    /// Points in the plane on arms, a class each. The arms follow one another and share the
    /// `samples` points; where they cannot be equal, the first ones have one point more. `point`
    /// gives point `i` of the `n` on an arm, asked for in this order.
    pub(super) fn on_arms(
        samples: usize,
        arms: usize,
        mut point: impl FnMut(usize, usize, usize) -> [f64; 2],
    ) -> Self {
        let (mut inputs, mut rows) = (Vec::with_capacity(2 * samples), Vec::with_capacity(samples));
        for arm in 0..arms {
            let n = samples / arms + usize::from(arm < samples % arms);
            for i in 0..n {
                inputs.extend(point(arm, i, n));
                rows.push(arm as u32);
            }
        }
        Self::in_plane(inputs, rows, (0..arms).map(|arm| arm.to_string()).collect())
    }

    /// The points of a plane, as tests look at them.
    #[cfg(test)]
    pub(super) fn coordinates(&self) -> Vec<[f64; 2]> {
        let Values::Numbers(values) = &self.inputs else { panic!("points are numbers") };
        values.chunks(2).map(|xy| [xy[0], xy[1]]).collect()
    }

    /// A data set with its digest.
    ///
    /// # Panics
    /// If the lengths disagree or there is no row: sources check what they read.
    pub(super) fn new(
        input_shape: Shape,
        inputs: Values,
        targets: RawTargets,
        test_rows: usize,
        input_names: Vec<String>,
    ) -> Self {
        let digest = digest(input_shape, &inputs, &targets, test_rows);
        let dataset = Self {
            input_shape,
            inputs,
            targets,
            test_rows,
            vocabulary: None,
            test_lists: None,
            input_names,
            digest,
        };
        let (rows, width) = (dataset.rows(), input_shape.len());
        let (values, targets) = (dataset.inputs.len(), dataset.targets.len());
        let most = input_shape.predictions().0;
        let per_row = dataset.predictions_per_row();
        assert!(per_row == 1 || per_row == most, "{per_row} targets a row of {most}");
        assert!(rows > test_rows, "{rows} rows, {test_rows} of them for the test");
        assert!(values == rows * width, "{values} inputs for {rows} rows of {width}");
        let expected = rows * dataset.predictions_per_row() * dataset.targets.columns();
        assert!(targets == expected, "{targets} targets, {rows} rows");
        assert!(dataset.input_names.len() == width, "one name a column of {width}");
        dataset
    }

    /// Sequences of ids of tokens, with a class for each.
    pub(super) fn of_ids(
        tokens: usize,
        ids: Vec<f64>,
        targets: RawTargets,
        vocabulary: usize,
    ) -> Self {
        let shape = Shape::Tokens { tokens, features: 1 };
        let names = (0..tokens).map(|token| format!("token {token}")).collect();
        let dataset = Self::new(shape, Values::Numbers(ids), targets, 0, names);
        Self { vocabulary: Some(vocabulary), ..dataset }
    }

    /// The same rows, with these test parts.
    pub(super) fn with_test_lists(mut self, lists: TestRows) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.digest.as_bytes());
        hasher.update(words("test lists", &[lists.lists.len()]));
        lists.lists.iter().for_each(|list| hasher.update(words("list", list)));
        self.digest = hexadecimal(hasher);
        self.test_lists = Some(lists);
        self
    }

    /// Number of rows, the fixed test part included.
    pub fn rows(&self) -> usize {
        self.inputs.len() / self.input_shape.len()
    }

    /// Targets of a row: one, or one for each token.
    pub fn predictions_per_row(&self) -> usize {
        self.targets.len() / self.targets.columns() / self.rows()
    }

    /// Whether the targets are classes.
    pub fn has_classes(&self) -> bool {
        matches!(self.targets, RawTargets::Classes { .. })
    }

    /// Numbers of classes, or of target numbers a row.
    pub fn target_width(&self) -> usize {
        self.targets.names().len()
    }

    /// Numbers of rows that [`Dataset::prepare`] puts into each part.
    pub fn sizes(&self, split: &Split) -> Sizes {
        split.sizes(self.available(split))
    }

    pub(super) fn available(&self, split: &Split) -> Available {
        let fixed_test = if split.pooled { 0 } else { self.test_rows };
        let lists = self.test_lists.as_ref();
        let listed_test = lists.map_or(0, |lists| lists.lists[0].len());
        Available { pool: self.rows() - fixed_test, fixed_test, listed_test }
    }

    /// What keeps a seed from having a test part, where a file lists them.
    pub fn check_seed(&self, split: &Split, place: &str, seed: u64) -> Option<Mistake> {
        let TestRows { name, lists } = self.test_lists.as_ref()?;
        let (place, seed) = match split.seed {
            Some(seed) => ("data.split.seed", seed),
            None => (place, seed),
        };
        let n = lists.len();
        (seed >= n as u64).then(|| {
            let line = u128::from(seed) + 1;
            let what = format!("seed {seed} takes line {line} of {name}, which has {n}");
            let help = format!("seeds from 0 to {}; or name one for all: `seed` in `split`", n - 1);
            Mistake::new(place, what, help)
        })
    }

    /// Every mistake that needs the rows to be seen, all at once; asked after
    /// [`Data::mistakes`], before [`Dataset::prepare`].
    pub fn check(&self, data: &Data, kind: TargetKind) -> Vec<Mistake> {
        let mut mistakes = data.split.mistakes_for(self.available(&data.split));
        if data.split.pooled && self.test_rows == 0 {
            mistakes.push(Mistake::new(
                "data.split.pooled",
                "the source has no test part of its own",
                "leave `pooled` out",
            ));
        }
        if self.vocabulary.is_some() && data.inputs != Scaling::AsIs {
            mistakes.push(Mistake::new(
                "data.inputs",
                format!("the inputs are numbers of tokens, {:?} scales quantities", data.inputs),
                "leave `inputs` out",
            ));
        }
        if let RawTargets::Classes { rows, names } = &self.targets
            && rows.iter().all(|class| *class == rows[0])
        {
            let only = excerpt(&names[rows[0] as usize]);
            mistakes.push(Mistake::new(
                "data.source",
                format!("every row is of class {only}: there is nothing to tell apart"),
                "data of at least two classes",
            ));
        }
        match &self.targets {
            RawTargets::Numbers { names, .. } if kind == TargetKind::Classes => {
                mistakes.push(Mistake::new(
                    "data.source",
                    format!("the targets are numbers ({}), the loss takes classes", list(names)),
                    "a loss on numbers, such as Mse, or a source with a class as its target",
                ));
            }
            RawTargets::Classes { .. } if data.targets != Scaling::AsIs => {
                mistakes.push(Mistake::new(
                    "data.targets",
                    format!("the targets are classes, {:?} scales numbers", data.targets),
                    "leave `targets` out",
                ));
            }
            RawTargets::Numbers { .. } | RawTargets::Classes { .. } => {}
        }
        mistakes
    }
}

impl Values {
    /// Number of values, over all rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Bytes(bytes) => bytes.len(),
            Values::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl RawTargets {
    /// Names of the classes, or of the columns.
    pub fn names(&self) -> &[String] {
        match self {
            RawTargets::Classes { names, .. } | RawTargets::Numbers { names, .. } => names,
        }
    }

    fn len(&self) -> usize {
        match self {
            RawTargets::Classes { rows, .. } => rows.len(),
            RawTargets::Numbers { rows, .. } => rows.len(),
        }
    }

    fn columns(&self) -> usize {
        match self {
            RawTargets::Classes { .. } => 1,
            RawTargets::Numbers { names, .. } => names.len(),
        }
    }
}

/// Names of the columns of grey pictures.
pub(super) fn pixel_names(height: usize, width: usize) -> Vec<String> {
    (0..height)
        .flat_map(|row| (0..width).map(move |column| format!("pixel {row},{column}")))
        .collect()
}

/// Up to ten names, for a message.
pub(super) fn list(names: &[String]) -> String {
    const MOST: usize = 10;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| excerpt(name)).collect();
    let rest = names.len().saturating_sub(MOST);
    if rest == 0 { shown.join(", ") } else { format!("{}, and {rest} more", shown.join(", ")) }
}

/// Text of a file as a message may show it: quoted, control characters escaped, cut after 40.
pub(super) fn excerpt(text: &str) -> String {
    const MOST: usize = 40;
    let start: String = text.chars().take(MOST).collect();
    if start.len() < text.len() { format!("{start:?}…") } else { format!("{start:?}") }
}

/// Every part is preceded by what it is and how long it is, so that no two data sets run together.
fn digest(shape: Shape, inputs: &Values, targets: &RawTargets, test_rows: usize) -> String {
    let mut hasher = Sha256::new();
    hasher.update(match shape {
        Shape::Features(features) => words("features", &[features]),
        Shape::Image { channels, height, width } => words("image", &[channels, height, width]),
        Shape::Tokens { tokens, features } => words("tokens", &[tokens, features]),
    });
    match inputs {
        Values::Bytes(bytes) => {
            hasher.update(words("bytes", &[bytes.len()]));
            hasher.update(bytes);
        }
        Values::Numbers(numbers) => {
            hasher.update(words("numbers", &[numbers.len()]));
            add_words(&mut hasher, numbers.iter().map(|number| number.to_le_bytes()));
        }
    }
    let width = targets.names().len();
    match targets {
        RawTargets::Classes { rows, .. } => {
            hasher.update(words("classes", &[rows.len(), width]));
            add_words(&mut hasher, rows.iter().map(|class| class.to_le_bytes()));
        }
        RawTargets::Numbers { rows, .. } => {
            hasher.update(words("values", &[rows.len(), width]));
            add_words(&mut hasher, rows.iter().map(|number| number.to_le_bytes()));
        }
    }
    hasher.update(words("test", &[test_rows]));
    hexadecimal(hasher)
}

/// A tag and numbers behind it.
fn words(tag: &str, numbers: &[usize]) -> Vec<u8> {
    let mut part = tag.as_bytes().to_vec();
    part.extend(numbers.iter().flat_map(|&number| (number as u64).to_le_bytes()));
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(inputs: Values, rows: &[u32], name: &str, test_rows: usize) -> Dataset {
        let names = vec![name.to_string(), "other".to_string()];
        let targets = RawTargets::Classes { rows: rows.to_vec(), names };
        let columns = vec!["x".to_string()];
        Dataset::new(Shape::Features(1), inputs, targets, test_rows, columns)
    }

    fn numbers(values: &[f64]) -> Values {
        Values::Numbers(values.to_vec())
    }

    #[test]
    fn the_digest_sees_content_and_not_names() {
        let here = classes(numbers(&[1.0, 2.0]), &[0, 1], "a", 0).digest;
        assert_eq!(here.len(), 64);
        assert_eq!(here, classes(numbers(&[1.0, 2.0]), &[0, 1], "b", 0).digest);
        for other in [
            classes(numbers(&[1.0, 2.5]), &[0, 1], "a", 0),
            classes(numbers(&[1.0, 2.0]), &[1, 1], "a", 0),
            classes(numbers(&[1.0, 2.0]), &[0, 1], "a", 1),
            classes(Values::Bytes(vec![1, 2]), &[0, 1], "a", 0),
        ] {
            assert_ne!(here, other.digest);
        }
    }

    #[test]
    fn the_check_sees_what_needs_the_rows() {
        let places = |text: &str, dataset: &Dataset, kind| {
            let data: Data = ron::from_str(text).expect("the text has the right form");
            dataset.check(&data, kind).into_iter().map(|found| found.place).collect::<Vec<_>>()
        };
        let fixed = classes(Values::Bytes(vec![0; 9]), &[0, 1, 0, 1, 0, 1, 0, 1, 0], "a", 5);
        let line = super::super::line::points();
        let none: [&str; 0] = [];
        let (classes, values) = (TargetKind::Classes, TargetKind::Values);
        assert_eq!(places("(source: Xor, split: (validation: 0.5))", &fixed, classes), none);
        assert_eq!(
            places("(source: Xor, split: (validation: 0.1, test: 0.2))", &fixed, values),
            ["data.split.validation", "data.split.test"]
        );
        assert_eq!(places("(source: Line, targets: MinMax)", &line, values), none);
        assert_eq!(places("(source: Line)", &line, classes), ["data.source"]);
        assert_eq!(places("(source: Xor, targets: MinMax)", &fixed, classes), ["data.targets"]);
        assert_eq!(
            places("(source: Line, split: (validation: 0.9))", &line, values),
            ["data.split"]
        );
    }

    #[test]
    fn text_of_files_is_shown_safely() {
        assert_eq!(excerpt("a\u{1b}[2J"), "\"a\\u{1b}[2J\"");
        assert_eq!(excerpt(&"x".repeat(100)), format!("\"{}\"…", "x".repeat(40)));
        assert_eq!(list(&pixel_names(3, 4)).matches("pixel").count(), 10);
    }
}
