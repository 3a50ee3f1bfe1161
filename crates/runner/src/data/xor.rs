//! Exclusive or: the smallest problem that no network without a hidden layer solves.

use gradus_core::Shape;

use super::{Dataset, RawTargets, Values};

/// (0, 0), (0, 1), (1, 0), (1, 1) with classes 0, 1, 1, 0.
pub(super) fn points() -> Dataset {
    let inputs = Values::Numbers(vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    let names = ["0", "1"].map(String::from).to_vec();
    let targets = RawTargets::Classes { rows: vec![0, 1, 1, 0], names };
    Dataset::new(Shape::Features(2), inputs, targets, 0, ["a", "b"].map(String::from).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_whether_the_coordinates_differ() {
        let dataset = points();
        let (Values::Numbers(x), RawTargets::Classes { rows, .. }) =
            (&dataset.inputs, &dataset.targets)
        else {
            panic!("numbers with classes");
        };
        let differ: Vec<u32> = x.chunks(2).map(|point| u32::from(point[0] != point[1])).collect();
        assert_eq!(rows, &differ);
    }
}
