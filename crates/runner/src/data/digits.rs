//! Handwritten digits, 8x8: real, small, and there without a download.

use gradus_core::Shape;

use super::dataset::pixel_names;
use super::file::Content;
use super::read_table::Table;
use super::table::{Column, Header, Target};
use super::{Dataset, Values};

/// 64 grey values from 0 to 16, row by row, then the class; source and license stand beside it.
const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Pictures of the shape 1x8x8 in the order of the file, 10 classes.
pub(super) fn read() -> Dataset {
    let target = Target::Class(Column::Position(-1));
    let table = Table { header: Header::Absent, delimiter: b',', drop: &[], target: &target };
    let content = Content::gzip(FILE, FILE.len() as u64, "digits".to_string());
    let read =
        table.read(content, "data.source").expect("the embedded file is whole: a test reads it");
    let Values::Numbers(numbers) = read.inputs else { unreachable!("tables hold numbers") };
    let bytes = Values::Bytes(numbers.into_iter().map(|grey| grey as u8).collect());
    let shape = Shape::Image { channels: 1, height: 8, width: 8 };
    Dataset::new(shape, bytes, read.targets, 0, pixel_names(8, 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RawTargets;

    #[test]
    fn there_are_1797_pictures_and_the_first_is_a_zero() {
        let dataset = read();
        let (Values::Bytes(grey), RawTargets::Classes { rows, names }) =
            (&dataset.inputs, &dataset.targets)
        else {
            panic!("bytes with classes");
        };
        assert_eq!((dataset.rows(), grey.len()), (1797, 1797 * 64));
        assert_eq!(grey[..16], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
        assert_eq!(grey.iter().max(), Some(&16));
        assert_eq!(rows[..11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
        assert_eq!(names.concat(), "0123456789");
    }
}
