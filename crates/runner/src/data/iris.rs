//! Fisher's iris flowers: 150 rows, the smallest real classification.

use super::Dataset;
use super::file::Content;
use super::read_table::Table;
use super::table::{Column, Header, Target};

/// Counts and class names, then four lengths and the class a row; source and license stand beside
/// it.
const FILE: &str = include_str!("../../data/iris.csv");

/// Rows in the order of the file: 50 of each class.
pub(super) fn read() -> Dataset {
    let target = Target::Class(Column::Position(-1));
    let table = Table { header: Header::Counts, delimiter: b',', drop: &[], target: &target };
    let content = Content::embedded(FILE.as_bytes(), "iris");
    let mut read =
        table.read(content, "data.source").expect("the embedded file is whole: a test reads it");
    read.input_names =
        ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
            .map(String::from)
            .to_vec();
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{RawTargets, Values};

    #[test]
    fn there_are_150_flowers_of_3_named_classes() {
        let dataset = read();
        let (Values::Numbers(lengths), RawTargets::Classes { rows, names }) =
            (&dataset.inputs, &dataset.targets)
        else {
            panic!("numbers with classes");
        };
        assert_eq!((dataset.rows(), lengths.len()), (150, 600));
        assert_eq!(lengths[..4], [5.1, 3.5, 1.4, 0.2]);
        assert_eq!(lengths[596..], [5.9, 3.0, 5.1, 1.8]);
        assert_eq!(*rows, [vec![0; 50], vec![1; 50], vec![2; 50]].concat());
        assert_eq!(*names, ["setosa", "versicolor", "virginica"]);
    }
}
