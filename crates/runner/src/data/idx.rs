//! Pictures and labels in the IDX format, the one of MNIST.
//!
//! A file is a header and a body of bytes. The header is big-endian: two zero bytes, the type of
//! the values (8: unsigned byte), the number of axes, then one 32-bit length an axis. Nothing in
//! it is believed before it agrees with the size of the file.
//! Source: Y. LeCun, C. Cortes, C. Burges, *The MNIST Database*, "File formats".

use gradus_core::{Mistake, Shape};

use super::dataset::pixel_names;
use super::file::{Content, Files};
use super::source::Recipe;
use super::{Dataset, RawTargets, Values};

/// Pictures and labels, one for one.
struct Part {
    height: usize,
    width: usize,
    images: Vec<u8>,
    labels: Vec<u8>,
}

/// One file.
struct Body {
    axes: Vec<usize>,
    bytes: Vec<u8>,
}

/// Checks the description; what it returns reads the files.
pub(super) fn recipe<'a>(
    train_images: &'a str,
    train_labels: &'a str,
    test_images: &'a Option<String>,
    test_labels: &'a Option<String>,
) -> Result<Recipe<'a>, Vec<Mistake>> {
    let test = match (test_images, test_labels) {
        (Some(images), Some(labels)) => Some((images, labels)),
        (None, None) => None,
        (given, _) => {
            let missing = if given.is_some() { "test_labels" } else { "test_images" };
            return Err(vec![Mistake::new(
                "data.source",
                format!("{missing} is missing"),
                "both test_images and test_labels, or neither",
            )]);
        }
    };
    Ok(Box::new(move |files| {
        let train = read_part(files, "train", train_images, train_labels);
        let test = test.map(|(images, labels)| read_part(files, "test", images, labels));
        match (train, test.transpose()) {
            (Ok(train), Ok(test)) => join(train, test).map_err(|mistake| vec![mistake]),
            (train, test) => {
                let mistakes = [train.err(), test.err()];
                Err(mistakes.into_iter().flatten().flatten().collect())
            }
        }
    }))
}

/// The test part follows the training part. Classes are 0 to the largest label of the latter.
fn join(mut train: Part, test: Option<Part>) -> Result<Dataset, Mistake> {
    let (height, width) = (train.height, train.width);
    let n_classes = train.labels.iter().max().map_or(0, |&last| usize::from(last) + 1);
    let test_rows = test.as_ref().map_or(0, |test| test.labels.len());
    if let Some(mut test) = test {
        if (test.height, test.width) != (height, width) {
            return Err(Mistake::new(
                "data.source.test_images",
                format!(
                    "test pictures are {}x{}, training pictures {height}x{width}",
                    test.height, test.width
                ),
                "files of one data set",
            ));
        }
        let unknown = test.labels.iter().position(|&label| usize::from(label) >= n_classes);
        if let Some(row) = unknown {
            return Err(Mistake::new(
                "data.source.test_labels",
                format!(
                    "label {} of test row {row} is above all training labels",
                    test.labels[row]
                ),
                format!("labels from 0 to {}", n_classes - 1),
            ));
        }
        train.images.append(&mut test.images);
        train.labels.append(&mut test.labels);
    }
    let rows = train.labels.iter().map(|&label| u32::from(label)).collect();
    let targets =
        RawTargets::Classes { rows, names: (0..n_classes).map(|n| n.to_string()).collect() };
    let shape = Shape::Image { channels: 1, height, width };
    let names = pixel_names(height, width);
    Ok(Dataset::new(shape, Values::Bytes(train.images), targets, test_rows, names))
}

/// Reads the pictures and the labels of `part`, both even if one of them is wrong.
fn read_part(
    files: &Files<'_>,
    part: &str,
    images: &str,
    labels: &str,
) -> Result<Part, Vec<Mistake>> {
    let labels_place = format!("data.source.{part}_labels");
    let images = read(files, &format!("data.source.{part}_images"), images, 3);
    let labels = read(files, &labels_place, labels, 1);
    match (images, labels) {
        (Ok(images), Ok(labels)) if images.axes[0] != labels.axes[0] => Err(vec![Mistake::new(
            labels_place,
            format!("{} labels for {} pictures", labels.axes[0], images.axes[0]),
            "the labels of these pictures",
        )]),
        (Ok(images), Ok(labels)) => {
            let (height, width) = (images.axes[1], images.axes[2]);
            Ok(Part { height, width, images: images.bytes, labels: labels.bytes })
        }
        (images, labels) => Err([images.err(), labels.err()].into_iter().flatten().collect()),
    }
}

/// Reads one file of bytes with `n_axes` axes.
fn read(files: &Files<'_>, place: &str, path: &str, n_axes: u8) -> Result<Body, Mistake> {
    let mut content = files.open(place, path)?;
    let axes = read_header(&mut content, place, n_axes)?;
    let header = content.position;
    let help = "the whole file: get it again";
    // Without overflow: each factor is below 2³², and the product stops at the size of the file.
    let size = axes.iter().try_fold(1_u64, |size, &axis| {
        size.checked_mul(axis as u64).filter(|&size| size <= content.most_bytes)
    });
    let asked = axes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    let Some(size) = size.filter(|size| size + header <= content.most_bytes) else {
        let most = content.most_bytes.saturating_sub(header);
        let what = format!(
            "its header asks for {asked} bytes from byte {header} on, at most {most} are there"
        );
        return Err(content.mistake(place, &what, help));
    };
    if size == 0 {
        return Err(content.mistake(place, &format!("it is empty: {asked}"), "at least one row"));
    }
    // One byte more, to see whether the content really ends.
    let bytes = match content.read_up_to(size + 1) {
        Ok(bytes) => bytes,
        Err(error) => return Err(content.unreadable(place, &error)),
    };
    if bytes.len() as u64 != size {
        let end = header + bytes.len() as u64;
        let found = if bytes.len() as u64 > size {
            format!("it goes on at byte {}", header + size)
        } else {
            format!("it ends at byte {end}")
        };
        let what = format!("{found}, its header ({asked}) says {} bytes", header + size);
        return Err(content.mistake(place, &what, help));
    }
    Ok(Body { axes, bytes })
}

/// Reads and checks the header; gives the lengths of the axes.
fn read_header(content: &mut Content, place: &str, n_axes: u8) -> Result<Vec<usize>, Mistake> {
    let length = 4 + 4 * usize::from(n_axes);
    let header = match content.read_up_to(length as u64) {
        Ok(header) => header,
        Err(error) => return Err(content.unreadable(place, &error)),
    };
    let expected = [0, 0, 8, n_axes];
    let kind = if n_axes == 3 { "pictures" } else { "labels" };
    let help = format!("an IDX file of {kind}, plain or gzip, that starts with {expected:02x?}");
    let start = &header[..header.len().min(4)];
    if !expected.starts_with(start) {
        let meaning = match *start {
            [0, 0, 8, 1] => ", those of labels",
            [0, 0, 8, 3] => ", those of pictures",
            [0, 0, 8, _] => ", another number of axes",
            [0, 0, 9..=14, _] => ", another type than unsigned bytes",
            _ => "",
        };
        let what = format!("its first bytes are {start:02x?}{meaning}");
        return Err(content.mistake(place, &what, &help));
    }
    if header.len() < length {
        let what = format!("it ends at byte {}, within its header of {length} bytes", header.len());
        return Err(content.mistake(place, &what, &help));
    }
    let axis = |bytes: &[u8]| bytes.iter().fold(0, |value, &byte| value << 8 | usize::from(byte));
    Ok(header[4..].chunks(4).map(axis).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::data::Data;

    /// Three pictures of 2x2.
    const IMAGES: [u8; 28] = [
        0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, // header
        10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 255,
    ];
    const LABELS: [u8; 11] = [0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory can be written");
        encoder.finish().expect("memory can be written")
    }

    fn description(test: bool) -> Data {
        let test = if test { ", test_images: Some(\"ti\"), test_labels: Some(\"tl\")" } else { "" };
        let text = format!("(source: Idx(train_images: \"i\", train_labels: \"l\"{test}))");
        ron::from_str(&text).expect("the text is right")
    }

    fn load(files: &[(&str, &[u8])]) -> Result<Dataset, Vec<Mistake>> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("a file can be written");
        }
        description(files.len() > 2).load(folder.path(), None)
    }

    /// The place and the end of the message, after the path, of the only mistake.
    fn mistake(images: &[u8], labels: &[u8]) -> String {
        let mistakes = load(&[("i", images), ("l", labels)]).expect_err("the files are wrong");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        let message = &mistakes[0].message;
        let end = message.split_once("\": ").map_or(message.as_str(), |(_, end)| end);
        format!("{}: {end}", mistakes[0].place)
    }

    #[test]
    fn pictures_and_labels_are_read() {
        let dataset = load(&[("i", &IMAGES), ("l", &LABELS)]).expect("the files are right");
        assert_eq!(dataset.input_shape, Shape::Image { channels: 1, height: 2, width: 2 });
        assert_eq!(dataset.inputs, Values::Bytes(IMAGES[16..].to_vec()));
        let names = ["0", "1", "2"].map(String::from).to_vec();
        assert_eq!(dataset.targets, RawTargets::Classes { rows: vec![2, 0, 1], names });
        assert_eq!(dataset.input_names, ["pixel 0,0", "pixel 0,1", "pixel 1,0", "pixel 1,1"]);
    }

    #[test]
    fn compression_does_not_change_the_digest() {
        let plain = load(&[("i", &IMAGES), ("l", &LABELS)]).expect("the files are right");
        let packed = load(&[("i", &gzip(&IMAGES)), ("l", &gzip(&LABELS))]);
        assert_eq!(packed, Ok(plain));
    }

    #[test]
    fn the_test_part_follows() {
        let test_labels = [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2];
        let files: [(&str, &[u8]); 4] =
            [("i", &IMAGES), ("l", &LABELS), ("ti", &IMAGES), ("tl", &test_labels)];
        let dataset = load(&files).expect("the files are right");
        assert_eq!((dataset.rows(), dataset.test_rows, dataset.inputs.len()), (6, 3, 24));
        let mut above = test_labels;
        above[9] = 3;
        let found = load(&[files[0], files[1], files[2], ("tl", &above)]).expect_err("label 3");
        assert_eq!(found[0].message, "label 3 of test row 1 is above all training labels");
        let mut flat = IMAGES;
        (flat[11], flat[15]) = (1, 4);
        let found = load(&[files[0], files[1], ("ti", &flat), files[3]]).expect_err("1x4");
        assert_eq!(found[0].message, "test pictures are 1x4, training pictures 2x2");
    }

    #[test]
    fn every_cut_is_noticed() {
        for end in 0..IMAGES.len() {
            for cut in [IMAGES[..end].to_vec(), gzip(&IMAGES[..end])] {
                let found = mistake(&cut, &LABELS);
                assert!(found.starts_with("data.source.train_images: "), "{end}: {found}");
            }
        }
        let packed = gzip(&IMAGES);
        for end in 0..packed.len() {
            mistake(&packed[..end], &LABELS);
        }
        assert_eq!(
            mistake(&IMAGES[..10], &LABELS),
            "data.source.train_images: it ends at byte 10, within its header of 16 bytes"
        );
        assert_eq!(
            mistake(&IMAGES[..20], &LABELS),
            "data.source.train_images: its header asks for 3 x 2 x 2 bytes from byte 16 on, at \
             most 4 are there"
        );
        assert_eq!(
            mistake(&gzip(&IMAGES[..20]), &LABELS),
            "data.source.train_images: it ends at byte 20, its header (3 x 2 x 2) says 28 bytes"
        );
        assert_eq!(
            mistake(&IMAGES, &[LABELS.as_slice(), &[0]].concat()),
            "data.source.train_labels: it goes on at byte 11, its header (3) says 11 bytes"
        );
    }

    #[test]
    fn other_files_are_told_apart() {
        assert_eq!(
            mistake(&LABELS, &LABELS),
            "data.source.train_images: its first bytes are [00, 00, 08, 01], those of labels"
        );
        assert_eq!(
            mistake(&[0, 0, 13, 3, 0], &LABELS),
            "data.source.train_images: its first bytes are [00, 00, 0d, 03], another type than \
             unsigned bytes"
        );
        assert_eq!(
            mistake(b"<html>", &LABELS),
            "data.source.train_images: its first bytes are [3c, 68, 74, 6d]"
        );
        assert_eq!(
            mistake(&IMAGES, &[0, 0, 8, 1, 0, 0, 0, 2, 1, 1]),
            "data.source.train_labels: 2 labels for 3 pictures"
        );
    }

    #[test]
    fn a_header_that_asks_for_everything_gets_nothing() {
        for axes in [[255; 12], [0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]] {
            let huge = [[0, 0, 8, 3].as_slice(), &axes, &[1, 2, 3]].concat();
            assert!(mistake(&huge, &LABELS).contains("its header asks for"));
            assert!(mistake(&gzip(&huge), &LABELS).contains("its header asks for"));
        }
        let empty = [0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2];
        assert!(mistake(&empty, &LABELS).ends_with("it is empty: 0 x 2 x 2"));
    }

    #[test]
    fn no_byte_of_a_header_can_break_the_reader() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = description(false);
        for (name, right) in [("i", IMAGES.as_slice()), ("l", LABELS.as_slice())] {
            fs::write(folder.path().join("i"), IMAGES).expect("a file can be written");
            fs::write(folder.path().join("l"), LABELS).expect("a file can be written");
            for (position, byte) in
                (0..right.len() - 3).flat_map(|at| (0..=255).map(move |b| (at, b)))
            {
                let mut changed = right.to_vec();
                changed[position] = byte;
                fs::write(folder.path().join(name), &changed).expect("a file can be written");
                // 2x2 and 1x4, say, are both right: a refusal is not asked for, only an answer.
                let header = if name == "i" { 16 } else { 8 };
                let read = data.load(folder.path(), None);
                assert!(
                    read.is_err() || position >= header || changed == right,
                    "{position} {byte}"
                );
            }
        }
    }

    #[test]
    fn missing_files_are_named_all_at_once_with_where_to_get_them() {
        let mut data = description(true);
        let folder = Path::new("nowhere");
        let mistakes = data.load(folder, None).expect_err("no file is there");
        assert_eq!(mistakes.len(), 4);
        assert_eq!(mistakes[2].place, "data.source.test_images");
        assert_eq!(mistakes[2].message, format!("there is no file {:?}", folder.join("ti")));
        assert!(mistakes[2].help.starts_with("put it there, or correct the path"));
        data.obtain = "ask the author".to_string();
        let help = &data.load(folder, None).expect_err("still")[0].help;
        assert!(help.starts_with("ask the author") && help.contains("; put it there"), "{help}");
    }

    #[test]
    fn a_folder_is_no_file_and_half_a_test_part_no_test_part() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::create_dir(folder.path().join("i")).expect("a folder can be made");
        let mistakes = description(false).load(folder.path(), None).expect_err("a folder");
        assert!(mistakes[0].message.ends_with("is not a regular file"));
        let text =
            "(source: Idx(train_images: \"i\", train_labels: \"l\", test_labels: Some(\"t\")))";
        let data: Data = ron::from_str(text).expect("the text has the right form");
        assert_eq!(data.mistakes()[0].message, "test_images is missing");
    }

    #[test]
    fn the_real_mnist_is_read() {
        let test = "data::idx::the_real_mnist_is_read";
        let Ok(folder) = std::env::var("GRADUS_TEST_DATA") else {
            if let Ok(skips) = std::env::var("GRADUS_SKIPS") {
                let mut file = fs::OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(skips)
                    .expect("the list of skipped tests can be written");
                let line = format!("{test}: GRADUS_TEST_DATA names no folder\n");
                file.write_all(line.as_bytes()).expect("the list of skipped tests can be written");
            }
            return;
        };
        let name = |file: &str| format!("mnist/{file}-ubyte.gz");
        let (train_images, train_labels) = (name("train-images-idx3"), name("train-labels-idx1"));
        let test_images = Some(name("t10k-images-idx3"));
        let test_labels = Some(name("t10k-labels-idx1"));
        let read = recipe(&train_images, &train_labels, &test_images, &test_labels);
        let files = Files { folder: Path::new(&folder), data_folder: None, obtain: "" };
        let dataset = read.and_then(|read| read(&files)).expect("the real files are right");
        assert_eq!(
            (dataset.rows(), dataset.test_rows, dataset.target_width()),
            (70_000, 10_000, 10)
        );
        assert_eq!(dataset.input_shape, Shape::Image { channels: 1, height: 28, width: 28 });
        let RawTargets::Classes { rows, .. } = &dataset.targets else { panic!("classes") };
        assert_eq!((rows[..5].to_vec(), rows[60_000]), (vec![5, 0, 4, 1, 9], 7));
        let Values::Bytes(bytes) = &dataset.inputs else { panic!("bytes") };
        // The mean grey value of the training pictures, which every MNIST example divides by.
        let sum: u64 = bytes[..60_000 * 784].iter().map(|&byte| u64::from(byte)).sum();
        assert!((sum as f64 / (60_000.0 * 784.0 * 255.0) - 0.1307).abs() < 5e-5);
    }
}
