//! The `data` section of an experiment file: what it may say, and what is wrong with it.

use std::path::Path;

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

use super::file::Files;
use super::{Dataset, Method, Scaling, Source, Split, test_rows};
use crate::memory::{RELIEF, shortage_of};

/// The `data` section: a source of rows, and what happens to them before training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Where the rows come from.
    pub source: Source,
    /// Which rows validate and test; none unless said.
    #[serde(default)]
    pub split: Split,
    /// What is done to the input columns.
    #[serde(default)]
    pub inputs: Scaling,
    /// What is done to the target columns; only for targets that are numbers.
    #[serde(default)]
    pub targets: Scaling,
    /// Where to get the files, shown when one is missing.
    #[serde(default)]
    pub obtain: String,
}

impl Data {
    /// Every mistake that shows without reading a file, all at once.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = self.source.recipe().err().unwrap_or_default();
        mistakes.extend(self.split.mistakes());
        mistakes.extend(self.inputs.mistakes("data.inputs"));
        mistakes.extend(self.targets.mistakes("data.targets"));
        let fixed_test_part = matches!(&self.source, Source::Idx { test_images: Some(_), .. });
        if fixed_test_part {
            mistakes.extend(self.split.refuse_test());
        }
        mistakes
    }

    /// Reads or makes the data set, once for all runs.
    ///
    /// Relative paths start from `folder`, that of the experiment file; but those into `data/`
    /// from `data_folder`, if there is one, which is what `--data` names.
    ///
    /// # Errors
    /// Everything that is wrong with the files, all at once; and, if [`Data::mistakes`] was not
    /// asked first, what it says about the source.
    pub fn load(&self, folder: &Path, data_folder: Option<&Path>) -> Result<Dataset, Vec<Mistake>> {
        let make = self.source.recipe()?;
        if let Some(why) = shortage_of(self.source.room()) {
            return Err(vec![Mistake::new("data.source", why, RELIEF)]);
        }
        let files = Files { folder, data_folder, obtain: &self.obtain };
        let dataset = make(&files)?;
        match &self.split.method {
            Method::TestRows(path) => {
                let rows = dataset.rows();
                Ok(dataset.with_test_lists(test_rows::read(&files, path, rows)?))
            }
            Method::Stratified | Method::Random | Method::InOrder => Ok(dataset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(data: &Data) -> Vec<String> {
        data.mistakes().into_iter().map(|mistake| mistake.place).collect()
    }

    #[test]
    fn a_short_section_reads_with_every_default() {
        let data: Data = ron::from_str("(source: Digits)").expect("a source is enough");
        assert_eq!(data.split, Split::default());
        assert_eq!((data.inputs, data.targets), (Scaling::AsIs, Scaling::AsIs));
        assert_eq!(places(&data), [""; 0]);
    }

    #[test]
    fn what_is_written_out_reads_back() {
        for text in [
            "(source: Spirals(samples: 10), split: (test: 0.25), inputs: Divide(255.0))",
            "(source: Table(path: \"a.csv\", target: Numbers([\"a\", -1])), targets: MinMax)",
            "(source: Table(path: \"a\", header: Counts, delimiter: ' ', drop: [0, \"b\"], \
             target: Class(-1)), inputs: RelativeToMean, targets: Affine(subtract: 1, divide: 2))",
            "(source: Digits, split: (validation: 10000, test: 0.5, method: InOrder, \
             limit: (train: Some(10)), resample: Some(TrainAndValidation)))",
            "(source: Digits, split: (method: TestRows(\"a\"), seed: Some(3), pooled: true))",
            "(source: Idx(train_images: \"a\", train_labels: \"b\"), obtain: \"ask\")",
        ] {
            let data: Data = ron::from_str(text).expect("the text is right");
            let written = ron::to_string(&data).expect("a description can be written");
            assert_eq!(ron::from_str::<Data>(&written).expect("and read back"), data);
        }
    }

    #[test]
    fn unknown_fields_are_refused_everywhere() {
        for text in [
            "(source: Digits, sauce: 1)",
            "(source: Digits, split: (valid: 0.1))",
            "(source: Moons(samples: 10, noize: 0.1))",
            "(source: Digits, inputs: Standardise)",
        ] {
            assert!(ron::from_str::<Data>(text).is_err(), "{text} was read");
        }
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let data: Data = ron::from_str(
            "(source: Circles(samples: 0, noise: -1.0, factor: 1.0), \
             split: (validation: 1.5, test: -0.1), inputs: Divide(0.0), targets: Divide(1e999))",
        )
        .expect("the text has the right form");
        assert_eq!(
            places(&data),
            [
                "data.source.samples",
                "data.source.noise",
                "data.source.factor",
                "data.split.validation",
                "data.split.test",
                "data.inputs[0]",
                "data.targets[0]",
            ]
        );
        assert!(data.load(Path::new("."), None).is_err());
    }

    #[test]
    fn a_fixed_test_part_refuses_another() {
        let data: Data = ron::from_str(
            "(source: Idx(train_images: \"a\", train_labels: \"b\", test_images: Some(\"c\"), \
             test_labels: Some(\"d\")), split: (test: 0.1))",
        )
        .expect("the text has the right form");
        assert_eq!(places(&data), ["data.split.test"]);
    }
}
