//! From the description of a split to row numbers.

use gradus_core::Stream;

use super::split::{Available, Limit, Method, Resample, Split};

/// Row numbers of the three parts, each ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) train: Vec<usize>,
    pub(super) validation: Vec<usize>,
    pub(super) test: Vec<usize>,
}

impl Split {
    /// The parts of rows `0..pool`, with the fixed test rows behind them, up to their limits.
    ///
    /// `classes` has the class of each row of the pool, or is `None` where the targets are
    /// numbers; `listed` are the test rows that a file gives for this seed.
    pub(super) fn draw(
        &self,
        available: Available,
        classes: Option<&[u32]>,
        listed: Option<&[usize]>,
        seed: u64,
    ) -> Parts {
        let pool = available.pool;
        let (n_validation, n_test) = self.counts(available);
        let seed = self.seed.unwrap_or(seed);
        let mut parts = match (&self.method, listed) {
            (Method::InOrder, _) => in_order(pool, n_validation, n_test),
            (Method::Stratified, _) => {
                drawn((0..pool).collect(), n_validation, n_test, classes, seed)
            }
            (Method::Random, _) => drawn((0..pool).collect(), n_validation, n_test, None, seed),
            (Method::TestRows(_), listed) => {
                let listed = listed.expect("the file was read and the seed checked against it");
                let mut is_listed = vec![false; pool];
                listed.iter().for_each(|&row| is_listed[row] = true);
                let (test, rest) = (0..pool).partition(|&row| is_listed[row]);
                Parts { test, ..drawn(rest, n_validation, 0, classes, seed) }
            }
        };
        parts.test.extend(pool..pool + available.fixed_test);
        parts.limit(self.limit);
        parts
    }

    /// The rows to train on: those of the part, or as many drawn with replacement.
    pub(super) fn resampled(&self, parts: &Parts, seed: u64) -> Vec<usize> {
        let from = match self.resample {
            None => return parts.train.clone(),
            Some(Resample::Train) => parts.train.clone(),
            Some(Resample::TrainAndValidation) => [&*parts.train, &parts.validation].concat(),
        };
        let mut stream = Stream::new(self.seed.unwrap_or(seed), "resample", 0, 0);
        from.iter().map(|_| from[stream.below(from.len() as u64) as usize]).collect()
    }
}

impl Parts {
    fn limit(&mut self, limit: Limit) {
        let Limit { train, validation, test } = limit;
        for (rows, most) in
            [(&mut self.train, train), (&mut self.validation, validation), (&mut self.test, test)]
        {
            rows.truncate(most.unwrap_or(usize::MAX));
        }
    }
}

fn in_order(rows: usize, n_validation: usize, n_test: usize) -> Parts {
    let validation = rows - n_validation - n_test;
    let test = rows - n_test;
    Parts {
        train: (0..validation).collect(),
        validation: (validation..test).collect(),
        test: (test..rows).collect(),
    }
}

/// Draws from the rows given, each of the `classes` in proportion.
fn drawn(
    mut rows: Vec<usize>,
    n_validation: usize,
    n_test: usize,
    classes: Option<&[u32]>,
    seed: u64,
) -> Parts {
    if n_validation + n_test == 0 {
        return Parts { train: rows, ..Parts::default() };
    }
    Stream::new(seed, "split", 0, 0).shuffle(&mut rows);
    let groups = match classes {
        Some(classes) => by_class(&rows, classes),
        None => vec![rows],
    };
    let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
    let test_sizes = apportion(n_test, &sizes);
    let left: Vec<usize> = sizes.iter().zip(&test_sizes).map(|(all, test)| all - test).collect();
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
    use crate::data::Amount;

    fn amounts(validation: Amount, test: Amount, method: Method) -> Split {
        Split { validation, test, method, ..Split::default() }
    }

    fn shares(validation: f64, test: f64) -> Split {
        amounts(Amount::Share(validation), Amount::Share(test), Method::Stratified)
    }

    fn pool(pool: usize) -> Available {
        Available { pool, ..Available::default() }
    }

    fn class_counts(rows: &[usize], classes: &[u32]) -> Vec<usize> {
        by_class(rows, classes).iter().map(Vec::len).collect()
    }

    #[test]
    fn each_class_gives_in_proportion() {
        // 60, 30 and 10 rows, mixed: a fifth validates, a tenth tests.
        let classes: Vec<u32> =
            (0..100).map(|row| [0, 0, 0, 0, 0, 0, 1, 1, 1, 2][row % 10]).collect();
        let parts = shares(0.2, 0.1).draw(pool(100), Some(&classes), None, 5);
        assert_eq!(class_counts(&parts.test, &classes), [6, 3, 1]);
        assert_eq!(class_counts(&parts.validation, &classes), [12, 6, 2]);
        assert_eq!(class_counts(&parts.train, &classes), [42, 21, 7]);
        let random = Split { method: Method::Random, ..shares(0.2, 0.1) };
        let parts = random.draw(pool(100), Some(&classes), None, 5);
        assert_eq!((parts.validation.len(), parts.test.len()), (20, 10));
        assert_ne!(class_counts(&parts.validation, &classes), [12, 6, 2]);
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
        let split = shares(0.3, 0.2);
        let draw = |split: &Split, seed| split.draw(pool(50), None, None, seed);
        assert_eq!(draw(&split, 1), draw(&split, 1));
        assert_ne!(draw(&split, 1), draw(&split, 2));
        let fixed = Split { seed: Some(1), ..split.clone() };
        assert_eq!(draw(&fixed, 2), draw(&split, 1));
        let none = Split::default().draw(pool(3), None, None, 1);
        assert_eq!(none, Parts { train: vec![0, 1, 2], ..Parts::default() });
    }

    #[test]
    fn rows_in_order_train_first_and_the_fixed_test_rows_come_last() {
        let split = amounts(Amount::Rows(2), Amount::default(), Method::InOrder);
        let available = Available { pool: 6, fixed_test: 3, listed_test: 0 };
        let parts = split.draw(available, None, None, 0);
        let expected =
            Parts { train: vec![0, 1, 2, 3], validation: vec![4, 5], test: vec![6, 7, 8] };
        assert_eq!(parts, expected);
        let limit = Limit { train: Some(3), validation: None, test: Some(1) };
        let parts = Split { limit, ..split }.draw(available, None, None, 0);
        assert_eq!(parts, Parts { train: vec![0, 1, 2], validation: vec![4, 5], test: vec![6] });
    }

    #[test]
    fn listed_rows_test_and_the_validation_rows_come_from_the_others() {
        let method = Method::TestRows("splits.txt".to_string());
        let split = amounts(Amount::Rows(3), Amount::default(), method);
        let available = Available { pool: 10, fixed_test: 0, listed_test: 2 };
        let parts = split.draw(available, None, Some(&[7, 2]), 0);
        assert_eq!((parts.test, parts.validation.len(), parts.train.len()), (vec![2, 7], 3, 5));
        let others = [parts.validation, parts.train].concat();
        assert!(others.iter().all(|row| ![2, 7].contains(row)));
    }

    #[test]
    fn resampling_draws_with_replacement_from_what_it_names() {
        let split = amounts(Amount::Rows(300), Amount::Rows(100), Method::InOrder);
        let parts = split.draw(pool(1000), None, None, 0);
        assert_eq!(split.resampled(&parts, 0), parts.train);
        for (resample, n) in [(Resample::Train, 600), (Resample::TrainAndValidation, 900)] {
            let split = Split { resample: Some(resample), ..split.clone() };
            let mut rows = split.resampled(&parts, 4);
            assert_eq!(rows, split.resampled(&parts, 4));
            assert_ne!(rows, split.resampled(&parts, 5));
            assert_eq!(rows.len(), n);
            rows.sort_unstable();
            assert!(rows.last().is_some_and(|&last| last < n));
            rows.dedup();
            // A row is left out with probability 1/e; its variance (1/e - 2/e²) n is at most
            // 0.0973 n, and five standard deviations of it leave room.
            let expected = n as f64 * (1.0 - (-1.0_f64).exp());
            assert!((rows.len() as f64 - expected).abs() < 5.0 * (0.0973 * n as f64).sqrt());
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled(
            classes in prop::collection::vec(0_u32..5, 1..200),
            validation in 0.0..1.0_f64,
            test in 0.0..1.0_f64,
            seed in any::<u64>(),
            method in 0..3_usize,
        ) {
            let method = [Method::Stratified, Method::Random, Method::InOrder][method].clone();
            let split = Split { method, ..shares(validation, test * (1.0 - validation) * 0.999) };
            let rows = classes.len();
            let parts = split.draw(pool(rows), Some(&classes), None, seed);
            let sizes = split.sizes(pool(rows));
            prop_assert_eq!(parts.train.len(), sizes.train);
            prop_assert_eq!(parts.validation.len(), sizes.validation);
            prop_assert_eq!(parts.test.len(), sizes.test);
            let mut all = [parts.train, parts.validation, parts.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }
}
