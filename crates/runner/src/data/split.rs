//! Which rows train, validate and test: the description, and what is wrong with it.

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

use super::Amount;

/// How many rows validate and test, and which; the rest trains.
///
/// With none of the fields, every row trains, but for a fixed test part of the source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Split {
    /// Rows that validate.
    pub validation: Amount,
    /// Rows that test.
    pub test: Amount,
    /// How the rows of each part are found.
    pub method: Method,
    /// The seed of everything that is drawn here, in place of the run's.
    pub seed: Option<u64>,
    /// Whether the fixed test part of the source is split along with the other rows.
    pub pooled: bool,
    /// Of each part only the first rows, in the order of the source.
    pub limit: Limit,
    /// The rows to train on are drawn anew, with replacement.
    pub resample: Option<Resample>,
}

/// How the rows of each part are found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Method {
    /// Drawn with the seed. Each class gives in proportion: first the test rows, then the
    /// validation rows from what is left, by largest remainders, so that the totals are exact.
    /// Where the targets are numbers the same as `Random`.
    #[default]
    Stratified,
    /// Drawn with the seed from all rows alike.
    Random,
    /// In the order of the source: first the training rows, then validation, then test.
    InOrder,
    /// The file has the row numbers (from 0) of a test part a line, and seed `k` takes line `k`
    /// (from 0). Validation rows are drawn from the others, as by `Stratified`.
    TestRows(String),
}

/// How many rows of each part are used at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// Training rows.
    pub train: Option<usize>,
    /// Validation rows.
    pub validation: Option<usize>,
    /// Test rows.
    pub test: Option<usize>,
}

/// Where rows to train on are drawn from, with replacement, as many as there are.
///
/// Scalings are fitted before that, on each training row once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Resample {
    /// From the training rows: a bootstrap sample.
    Train,
    /// From training and validation rows together, which makes validation optimistic: the rows
    /// are still validated on.
    TrainAndValidation,
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows to train on.
    pub train: usize,
    /// Rows to choose by.
    pub validation: usize,
    /// Rows to judge by.
    pub test: usize,
}

/// What a source has: rows that are split, rows of its own test part beside them, rows of a line
/// of test rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Available {
    pub(super) pool: usize,
    pub(super) fixed_test: usize,
    pub(super) listed_test: usize,
}

impl Split {
    /// Whether two seeds may give different rows.
    pub fn depends_on_seed(&self) -> bool {
        let draws = match self.method {
            Method::Stratified | Method::Random => {
                !self.validation.is_none() || !self.test.is_none()
            }
            Method::InOrder => false,
            Method::TestRows(_) => true,
        };
        self.seed.is_none() && (draws || self.resample.is_some())
    }

    /// Numbers of validation and of test rows, of those that are split.
    pub(super) fn counts(&self, available: Available) -> (usize, usize) {
        let Available { pool, listed_test, .. } = available;
        let test = self.test.of(pool).min(pool).max(listed_test.min(pool));
        (self.validation.of(pool).min(pool - test), test)
    }

    /// Numbers of rows in the end.
    pub(super) fn sizes(&self, available: Available) -> Sizes {
        let Sizes { train, validation, test } = self.limit.of(self.all_sizes(available));
        let train = match self.resample {
            Some(Resample::TrainAndValidation) => train + validation,
            Some(Resample::Train) | None => train,
        };
        Sizes { train, validation, test }
    }

    /// Numbers of rows before any limit.
    fn all_sizes(&self, available: Available) -> Sizes {
        let (validation, test) = self.counts(available);
        let train = available.pool - validation - test;
        Sizes { train, validation, test: test + available.fixed_test }
    }

    /// What no data set could be split by.
    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (name, amount) in [("validation", self.validation), ("test", self.test)] {
            if let Amount::Share(share) = amount
                && !(0.0..1.0).contains(&share)
            {
                mistakes.push(Mistake::new(
                    format!("data.split.{name}"),
                    format!("{share} is not a fraction of the rows"),
                    "a number from 0 to below 1, such as 0.2, or a whole number of rows",
                ));
            }
        }
        if let (Amount::Share(validation), Amount::Share(test)) = (self.validation, self.test)
            && mistakes.is_empty()
            && validation + test >= 1.0
        {
            let sum = validation + test;
            mistakes.push(Mistake::new(
                "data.split",
                format!("validation and test together take {sum} of the rows"),
                "a sum below 1, so that rows are left to train on",
            ));
        }
        if matches!(self.method, Method::TestRows(_)) && !self.test.is_none() {
            mistakes.push(Mistake::new(
                "data.split.test",
                format!("{} of the rows, but a file names the test rows", self.test),
                "leave `test` out, or the `method`",
            ));
        }
        if self.method == Method::InOrder && self.seed.is_some() && self.resample.is_none() {
            mistakes.push(Mistake::new(
                "data.split.seed",
                "a seed, but rows in order are not drawn",
                "leave `seed` out, or choose the method Stratified or Random",
            ));
        }
        for (name, limit) in self.limit.named() {
            if limit == Some(0) {
                let help = "at least 1; leave it out for all rows of the part";
                let place = format!("data.split.limit.{name}");
                mistakes.push(Mistake::new(place, "a limit of 0 rows", help));
            }
        }
        if self.resample == Some(Resample::TrainAndValidation) && self.validation.is_none() {
            mistakes.push(Mistake::new(
                "data.split.resample",
                "TrainAndValidation, but there are no validation rows",
                "`validation: 0.2`, say, or `resample: Train`",
            ));
        }
        mistakes
    }

    /// What these rows cannot be split by.
    pub(super) fn mistakes_for(&self, available: Available) -> Vec<Mistake> {
        let pool = available.pool;
        let mut mistakes = Vec::new();
        for (name, amount) in [("validation", self.validation), ("test", self.test)] {
            let place = format!("data.split.{name}");
            match amount {
                Amount::Share(share) if share > 0.0 && amount.of(pool) == 0 => {
                    let what = format!("{share} of {pool} rows rounds to no row");
                    let help = format!("at least {}, or 0 for no such part", 0.5 / pool as f64);
                    mistakes.push(Mistake::new(place, what, help));
                }
                Amount::Rows(count) if count >= pool => {
                    let what = format!("{count} rows of the {pool} that there are");
                    let help = "fewer, so that rows are left to train on";
                    mistakes.push(Mistake::new(place, what, help));
                }
                Amount::Share(_) | Amount::Rows(_) => {}
            }
        }
        if available.fixed_test > 0 {
            mistakes.extend(self.refuse_test());
        }
        let (n_validation, n_test) = self.counts(available);
        if mistakes.is_empty() && n_validation + n_test == pool {
            mistakes.push(Mistake::new(
                "data.split",
                format!("of {pool} rows {n_validation} validate, {n_test} test and none trains"),
                "smaller parts, or more rows",
            ));
        }
        if mistakes.is_empty() {
            mistakes = self.limit.mistakes_for(self.all_sizes(available));
        }
        mistakes
    }

    /// The mistake of asking for test rows where the source keeps its own.
    pub(super) fn refuse_test(&self) -> Option<Mistake> {
        let help = "leave it out, leave the source's test files out, or split its test rows along \
                    with the others: `pooled: true`";
        if self.pooled {
            None
        } else if matches!(self.method, Method::TestRows(_)) {
            let what = "a file of test rows, but the source has a fixed test part";
            Some(Mistake::new("data.split.method", what, help))
        } else if !self.test.is_none() {
            let what = format!("{} of the rows, but the source has a fixed test part", self.test);
            Some(Mistake::new("data.split.test", what, help))
        } else {
            None
        }
    }
}

impl Limit {
    fn named(self) -> [(&'static str, Option<usize>); 3] {
        [("train", self.train), ("validation", self.validation), ("test", self.test)]
    }

    fn of(self, sizes: Sizes) -> Sizes {
        let least = |size: usize, limit: Option<usize>| limit.map_or(size, |most| size.min(most));
        Sizes {
            train: least(sizes.train, self.train),
            validation: least(sizes.validation, self.validation),
            test: least(sizes.test, self.test),
        }
    }

    /// Limits above what they limit would silently do nothing.
    fn mistakes_for(self, sizes: Sizes) -> Vec<Mistake> {
        let sizes = [sizes.train, sizes.validation, sizes.test];
        let too_high = |((name, limit), size): ((&str, Option<usize>), usize)| {
            let limit = limit.filter(|&limit| limit > size)?;
            let what = format!("{limit} rows, but the part has {size}");
            let help = "a smaller number; leave it out for all rows of the part";
            Some(Mistake::new(format!("data.split.limit.{name}"), what, help))
        };
        self.named().into_iter().zip(sizes).filter_map(too_high).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Split {
        let options = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        options.from_str(text).expect("the text has the right form")
    }

    fn said(mistakes: Vec<Mistake>) -> Vec<String> {
        let said = |mistake: Mistake| {
            let place = mistake.place.trim_start_matches("data.split").trim_start_matches('.');
            format!("{place}: {}", mistake.message)
        };
        mistakes.into_iter().map(said).collect()
    }

    #[test]
    fn what_fits_no_data_is_refused() {
        for (text, expected) in [
            ("(validation: 0.2, test: 0.7)", vec![]),
            (
                "(validation: 0.5, test: 0.5)",
                vec![": validation and test together take 1 of the rows"],
            ),
            (
                "(validation: -1, test: 1.0)",
                vec![
                    "validation: -1 is not a fraction of the rows",
                    "test: 1 is not a fraction of the rows",
                ],
            ),
            (
                "(test: 5, method: TestRows(\"a\"))",
                vec!["test: 5 of the rows, but a file names the test rows"],
            ),
            (
                "(test: 5, method: InOrder, seed: 3)",
                vec!["seed: a seed, but rows in order are not drawn"],
            ),
            ("(test: 5, method: InOrder, seed: 3, resample: Train)", vec![]),
            (
                "(limit: (train: 0, test: 0))",
                vec!["limit.train: a limit of 0 rows", "limit.test: a limit of 0 rows"],
            ),
            (
                "(resample: TrainAndValidation)",
                vec!["resample: TrainAndValidation, but there are no validation rows"],
            ),
        ] {
            assert_eq!(said(split(text).mistakes()), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_the_rows_is_refused() {
        for (text, pool, fixed_test, expected) in [
            ("(validation: 0.2)", 150, 0, vec![]),
            ("(validation: 0.2)", 2, 0, vec!["validation: 0.2 of 2 rows rounds to no row"]),
            ("(test: 150)", 150, 0, vec!["test: 150 rows of the 150 that there are"]),
            (
                "(validation: 100, test: 50)",
                150,
                0,
                vec![": of 150 rows 100 validate, 50 test and none trains"],
            ),
            ("(validation: 10000, method: InOrder)", 60_000, 10_000, vec![]),
            (
                "(test: 0.1)",
                100,
                10,
                vec!["test: 0.1 of the rows, but the source has a fixed test part"],
            ),
            (
                "(method: TestRows(\"a\"))",
                100,
                10,
                vec!["method: a file of test rows, but the source has a fixed test part"],
            ),
            ("(test: 0.1, pooled: true)", 100, 10, vec![]),
            (
                "(validation: 10, limit: (train: 91, validation: 10, test: 1))",
                100,
                0,
                vec![
                    "limit.train: 91 rows, but the part has 90",
                    "limit.test: 1 rows, but the part has 0",
                ],
            ),
        ] {
            let available = Available { pool, fixed_test, listed_test: 0 };
            assert_eq!(said(split(text).mistakes_for(available)), expected, "{text}");
        }
    }

    #[test]
    fn sizes_follow_amounts_then_limits_then_resampling() {
        for (text, pool, fixed_test, listed_test, expected) in [
            ("()", 4, 0, 0, (4, 0, 0)),
            ("(validation: 0.2, test: 0.1)", 1797, 0, 0, (1258, 359, 180)),
            ("(validation: 0.2, test: 0.2, method: InOrder)", 45_730, 0, 0, (27_438, 9146, 9146)),
            (
                "(validation: 10000, limit: (train: 49800, validation: 9600, test: 9600))",
                60_000,
                10_000,
                0,
                (49_800, 9600, 9600),
            ),
            ("(test: 0.7, pooled: true)", 70_000, 0, 0, (21_000, 0, 49_000)),
            (
                "(validation: 687, test: 231, resample: TrainAndValidation)",
                2310,
                0,
                0,
                (2079, 687, 231),
            ),
            ("(validation: 30, method: TestRows(\"a\"))", 308, 0, 31, (247, 30, 31)),
        ] {
            let sizes = split(text).sizes(Available { pool, fixed_test, listed_test });
            assert_eq!((sizes.train, sizes.validation, sizes.test), expected, "{text}");
        }
    }

    #[test]
    fn a_seed_of_its_own_or_nothing_to_draw_frees_from_the_seed_of_the_run() {
        for (text, expected) in [
            ("()", false),
            ("(validation: 0.2)", true),
            ("(validation: 0.2, seed: 1)", false),
            ("(test: 10, method: Random)", true),
            ("(test: 10, method: InOrder)", false),
            ("(test: 10, method: InOrder, resample: Train)", true),
            ("(method: TestRows(\"a\"))", true),
            ("(method: TestRows(\"a\"), seed: 4)", false),
        ] {
            assert_eq!(split(text).depends_on_seed(), expected, "{text}");
        }
    }
}
