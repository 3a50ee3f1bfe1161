//! The random split into training, validation and test rows.

use gradus_core::{Mistake, Stream};
use serde::{Deserialize, Serialize};

/// Fractions of the rows that validate and test; the rest trains.
///
/// The counts are `round(fraction · rows)`, halves up. The rows are drawn with the run's seed.
/// With classes, each class gives in proportion: first the test rows, then the validation rows
/// from what is left, by largest remainders, so that the totals are exact. Within a part the rows
/// keep their order in the source. A fixed test part of the source takes no part in this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Fraction of the rows that validate.
    #[serde(default)]
    pub validation: f64,
    /// Fraction of the rows that test.
    #[serde(default)]
    pub test: f64,
}

/// Row numbers of the three parts, each ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) train: Vec<usize>,
    pub(super) validation: Vec<usize>,
    pub(super) test: Vec<usize>,
}

impl Split {
    /// Numbers of validation and of test rows out of `rows`.
    pub(super) fn counts(&self, rows: usize) -> (usize, usize) {
        let count = |fraction: f64| (fraction * rows as f64).round() as usize;
        let validation = count(self.validation).min(rows);
        (validation, count(self.test).min(rows - validation))
    }

    /// Draws the parts of rows `0..rows`; `classes` has the class of each, or is `None` where the
    /// targets are numbers.
    pub(super) fn draw(&self, rows: usize, classes: Option<&[u32]>, seed: u64) -> Parts {
        let (n_validation, n_test) = self.counts(rows);
        if n_validation + n_test == 0 {
            return Parts { train: (0..rows).collect(), ..Parts::default() };
        }
        let mut order: Vec<usize> = (0..rows).collect();
        Stream::new(seed, "split", 0, 0).shuffle(&mut order);
        let groups = match classes {
            Some(classes) => by_class(&order, classes),
            None => vec![order],
        };
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        let test_sizes = apportion(n_test, &sizes);
        let left: Vec<usize> =
            sizes.iter().zip(&test_sizes).map(|(all, test)| all - test).collect();
        let validation_sizes = apportion(n_validation, &left);

        let mut parts = Parts::default();
        for ((group, n_test), n_validation) in groups.iter().zip(test_sizes).zip(validation_sizes) {
            let (test, rest) = group.split_at(n_test);
            let (validation, train) = rest.split_at(n_validation);
            parts.test.extend(test);
            parts.validation.extend(validation);
            parts.train.extend(train);
        }
        parts.train.sort_unstable();
        parts.validation.sort_unstable();
        parts.test.sort_unstable();
        parts
    }

    /// Fractions that no data set could be split by.
    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (name, fraction) in [("validation", self.validation), ("test", self.test)] {
            if !(0.0..1.0).contains(&fraction) {
                mistakes.push(Mistake::new(
                    format!("data.split.{name}"),
                    format!("{fraction} is not a fraction of the rows"),
                    "a number from 0 to below 1, such as 0.2",
                ));
            }
        }
        let sum = self.validation + self.test;
        if mistakes.is_empty() && sum >= 1.0 {
            mistakes.push(Mistake::new(
                "data.split",
                format!("validation and test together take {sum} of the rows"),
                "a sum below 1, so that rows are left to train on",
            ));
        }
        mistakes
    }

    /// Parts that stay empty when `rows` are split.
    pub(super) fn mistakes_for(&self, rows: usize) -> Vec<Mistake> {
        let (n_validation, n_test) = self.counts(rows);
        let mut mistakes = Vec::new();
        let parts = [("validation", self.validation, n_validation), ("test", self.test, n_test)];
        for (name, fraction, count) in parts {
            if fraction > 0.0 && count == 0 {
                mistakes.push(Mistake::new(
                    format!("data.split.{name}"),
                    format!("{fraction} of {rows} rows rounds to no row"),
                    format!("at least {}, or 0 for no such part", 0.5 / rows as f64),
                ));
            }
        }
        if n_validation + n_test == rows {
            mistakes.push(Mistake::new(
                "data.split",
                format!("of {rows} rows {n_validation} validate, {n_test} test and none trains"),
                "smaller fractions, or more rows",
            ));
        }
        mistakes
    }

    /// The mistake of asking for test rows where the source has its own.
    pub(super) fn refuse_test(&self) -> Mistake {
        Mistake::new(
            "data.split.test",
            format!("{} of the rows, but the source has a fixed test part", self.test),
            "leave `test` out, or leave the source's test files out",
        )
    }
}

/// The rows of each class, in the order given.
fn by_class(order: &[usize], classes: &[u32]) -> Vec<Vec<usize>> {
    let n_classes = classes.iter().max().map_or(0, |&last| last as usize + 1);
    let mut groups = vec![Vec::new(); n_classes];
    for &row in order {
        groups[classes[row] as usize].push(row);
    }
    groups
}

/// Shares `total` out in proportion to `sizes`, by largest remainders (Hamilton's method); of
/// equal remainders the earlier class comes first. No share exceeds its size.
fn apportion(total: usize, sizes: &[usize]) -> Vec<usize> {
    let all: usize = sizes.iter().sum();
    if all == 0 {
        return vec![0; sizes.len()];
    }
    let exact = |size: usize| total as u128 * size as u128;
    let mut shares: Vec<usize> =
        sizes.iter().map(|&size| (exact(size) / all as u128) as usize).collect();
    let missing = total - shares.iter().sum::<usize>();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(exact(sizes[class]) % all as u128));
    for &class in &by_remainder[..missing] {
        shares[class] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn class_counts(rows: &[usize], classes: &[u32]) -> Vec<usize> {
        by_class(rows, classes).iter().map(Vec::len).collect()
    }

    #[test]
    fn each_class_gives_in_proportion() {
        // 60, 30 and 10 rows, mixed: a fifth validates, a tenth tests.
        let classes: Vec<u32> =
            (0..100).map(|row| [0, 0, 0, 0, 0, 0, 1, 1, 1, 2][row % 10]).collect();
        let parts = Split { validation: 0.2, test: 0.1 }.draw(100, Some(&classes), 5);
        assert_eq!(class_counts(&parts.test, &classes), [6, 3, 1]);
        assert_eq!(class_counts(&parts.validation, &classes), [12, 6, 2]);
        assert_eq!(class_counts(&parts.train, &classes), [42, 21, 7]);
    }

    #[test]
    fn largest_remainders_give_exact_totals() {
        assert_eq!(apportion(10, &[6, 6, 6]), [4, 3, 3]);
        assert_eq!(apportion(3, &[1, 1, 1, 100]), [0, 0, 0, 3]);
        assert_eq!(apportion(2, &[1, 1]), [1, 1]);
        assert_eq!(apportion(0, &[0, 4]), [0, 0]);
    }

    #[test]
    fn the_seed_and_nothing_else_decides() {
        let split = Split { validation: 0.3, test: 0.2 };
        assert_eq!(split.draw(50, None, 1), split.draw(50, None, 1));
        assert_ne!(split.draw(50, None, 1), split.draw(50, None, 2));
        let none = Split::default();
        assert_eq!(none.draw(3, None, 1), Parts { train: vec![0, 1, 2], ..Parts::default() });
    }

    #[test]
    fn halves_round_up_and_the_sum_is_bounded() {
        assert_eq!(Split { validation: 0.5, test: 0.0 }.counts(3), (2, 0));
        assert_eq!(Split { validation: 0.2, test: 0.1 }.counts(1797), (359, 180));
        let message = |validation, test| {
            let found = Split { validation, test }.mistakes();
            found.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>()
        };
        assert_eq!(message(0.5, 0.5), ["validation and test together take 1 of the rows"]);
        assert_eq!(message(f64::NAN, 0.0), ["NaN is not a fraction of the rows"]);
        assert_eq!(message(0.2, 0.7), [""; 0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled(
            classes in prop::collection::vec(0_u32..5, 1..200),
            validation in 0.0..1.0_f64,
            test in 0.0..1.0_f64,
            seed in any::<u64>(),
            stratified in any::<bool>(),
        ) {
            let split = Split { validation, test: test * (1.0 - validation) * 0.999 };
            let rows = classes.len();
            let parts = split.draw(rows, stratified.then_some(classes.as_slice()), seed);
            prop_assert_eq!((parts.validation.len(), parts.test.len()), split.counts(rows));
            let mut all = [parts.train, parts.validation, parts.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }
}
