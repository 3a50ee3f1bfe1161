//! Four points on a line: the smallest regression, which a single weight solves.

use gradus_core::Shape;

use super::{Dataset, RawTargets, Values};

/// x = 1, 2, 3, 4 and y = 2x.
pub(super) fn points() -> Dataset {
    let x = vec![1.0, 2.0, 3.0, 4.0];
    let rows = x.iter().map(|x| 2.0 * x).collect();
    let targets = RawTargets::Numbers { rows, names: vec!["y".to_string()] };
    Dataset::new(Shape::Features(1), Values::Numbers(x), targets, 0, vec!["x".to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y_is_twice_x() {
        let dataset = points();
        assert_eq!((dataset.rows(), dataset.target_width()), (4, 1));
        let names = vec!["y".to_string()];
        assert_eq!(dataset.targets, RawTargets::Numbers { rows: vec![2.0, 4.0, 6.0, 8.0], names });
    }
}
