//! Handwritten digits, 8x8: real, small, and there without a download.

use std::io::Read;

use flate2::read::GzDecoder;
use gradus_core::Shape;

use super::dataset::pixel_names;
use super::{Dataset, RawTargets, Values};

/// 64 grey values from 0 to 16, row by row, then the class; source and license stand beside it.
const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Pictures of the shape 1x8x8 in the order of the file, 10 classes.
pub(super) fn read() -> Dataset {
    const WHOLE: &str = "the embedded file is whole: a test reads it";
    let mut text = String::new();
    GzDecoder::new(FILE).read_to_string(&mut text).expect(WHOLE);
    let (mut grey, mut rows) = (Vec::new(), Vec::new());
    for line in text.lines() {
        // Not as a table of anything: small whole numbers are read ten times faster so, and
        // reading them was most of what a short run did before its first step.
        let mut cells = line.split(',').map(|cell| cell.parse::<u8>().expect(WHOLE));
        grey.extend(cells.by_ref().take(64));
        rows.extend(cells.map(u32::from));
    }
    let targets = RawTargets::Classes { rows, names: (0..10).map(|d| d.to_string()).collect() };
    let shape = Shape::Image { channels: 1, height: 8, width: 8 };
    Dataset::new(shape, Values::Bytes(grey), targets, 0, pixel_names(8, 8))
}

#[cfg(test)]
mod tests {
    use super::*;

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
