//! Weights of other programs: read, trained on as they would, written for them, refused when wrong.
//!
//! `fixtures/replay.py` made the fixtures with numpy and Python's `safetensors`.

use std::fs;
use std::path::Path;

use gradus_runner::data::Prepared;
use gradus_runner::{File, NamedArray, Precision, safetensors_bytes, train};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The file that begins with these bytes as its weights.
fn read(weights: &[u8], train: &str) -> Result<File, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("start.safetensors"), weights).expect("it is written");
    let path = folder.path().join("weights.ron");
    let text = format!(
        "// Does it go where numpy goes?\n(name: \"weights\", data: (source: Line), \
         model: [Dense(3), Tanh, Dense(1)], init: Weights(\"start.safetensors\"), loss: HalfMse, \
         optimizer: (chain: [Momentum(0.9)], learning_rate: 0.01), record: [Weights],\n\
         train: (batch: 3, order: AsInFile, {train}))"
    );
    fs::write(&path, text).expect("it is written");
    let stem = format!("{}/", folder.path().display());
    File::read(&path, None).map_err(|errors| errors.text.replace(&stem, ""))
}

fn final_weights(file: &File) -> Vec<NamedArray> {
    let experiment = &file.plan.experiment;
    let data: Prepared<f64> =
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), 0);
    train(experiment, 0, &data).arrays
}

/// Names, shapes and numbers of a file, through the product's own reader: a run of no length.
fn check_replay(train: &str, expected: &str) {
    let file = read(&fixture("start.safetensors"), train).unwrap_or_else(|text| panic!("{text}"));
    let found = final_weights(&file);
    let found = safetensors_bytes(&found, Precision::F64).expect("four arrays");
    let expected = fixture(expected);
    // The same arrays in the same order: the files differ in the last digits of numbers alone.
    assert_eq!(found.len(), expected.len());
    let head = 8 + u64::from_le_bytes(expected[..8].try_into().expect("8 bytes")) as usize;
    let numbers = |bytes: &[u8]| -> Vec<f64> {
        let word = |word: &[u8]| f64::from_le_bytes(word.try_into().expect("8 bytes"));
        bytes[head..].chunks_exact(8).map(word).collect()
    };
    let (found, expected) = (numbers(&found), numbers(&expected));
    assert_eq!(found.len(), 10);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-12, "{found} against {expected}");
    }
}

#[test]
fn a_trajectory_of_numpy_is_replayed() {
    check_replay("epochs: 10, precision: F64", "kept.safetensors");
    check_replay("epochs: 10, precision: F64, last_batch: Drop", "dropped.safetensors");
}

/// `written.safetensors` is what Rust wrote and `replay.py` has read back.
#[test]
fn what_is_written_is_the_same_bytes_every_time_and_reads_as_it_was() {
    let file =
        read(&fixture("start.safetensors"), "epochs: 1, precision: F64, diverged_above: 9.0");
    let mut file = file.unwrap_or_else(|text| panic!("{text}"));
    file.plan.experiment.optimizer.learning_rate = 1e-300;
    let bytes = safetensors_bytes(&final_weights(&file), Precision::F64).expect("four arrays");
    assert_eq!(bytes, fixture("written.safetensors"));
    assert!(read(&bytes, "epochs: 1, precision: F64").is_ok());
}

#[test]
fn the_content_of_the_weights_and_not_their_path_belongs_to_the_key() {
    let key = |bytes: &[u8]| {
        let file = read(bytes, "epochs: 1, precision: F64");
        file.unwrap_or_else(|text| panic!("{text}")).plan.keys[0].clone()
    };
    let start = fixture("start.safetensors");
    assert_eq!(key(&start), key(&start));
    assert_ne!(key(&start), key(&fixture("kept.safetensors")));
}

#[test]
fn wrong_files_of_weights_are_refused_with_their_reason() {
    let start = fixture("start.safetensors");
    let array = |name: &str, rows: u64, columns: u64, value: f64| NamedArray {
        name: name.to_string(),
        rows,
        columns,
        values: vec![value; (rows * columns) as usize],
    };
    let own = |arrays: &[NamedArray], precision| {
        safetensors_bytes(arrays, precision).expect("the names differ")
    };
    let right = |value: f64| {
        [
            array("0.Dense.weight", 1, 3, value),
            array("0.Dense.bias", 1, 3, 0.5),
            array("2.Dense.weight", 3, 1, 0.5),
            array("2.Dense.bias", 1, 1, 0.5),
        ]
    };
    let strange = [array("0.Dense.weight", 3, 1, 1.0), array("fc.bias", 1, 3, 1.0)];
    let mut huge = start.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut foreign = start.clone();
    let at = foreign.windows(3).position(|piece| piece == b"F64").expect("its type is named");
    foreign[at..at + 3].copy_from_slice(b"I64");
    let cases: [(&str, &str, Vec<u8>); 8] = [
        ("nothing", "precision: F64", vec![]),
        ("a picture", "precision: F64", b"\x89PNG\r\n\x1a\n and so on".to_vec()),
        ("a header beyond the file", "precision: F64", huge),
        ("a truncated file", "precision: F64", start[..start.len() - 1].to_vec()),
        ("another type", "precision: F64", foreign),
        ("other names and shapes", "precision: F64", own(&strange, Precision::F32)),
        ("infinity", "precision: F64", own(&right(f64::INFINITY), Precision::F32)),
        ("more digits than the run has", "precision: F32", start),
    ];
    let mut all = String::new();
    for (what, precision, bytes) in cases {
        let mut said = Ok(());
        let counted = allocation_counter::measure(|| {
            said = read(&bytes, &format!("epochs: 1, {precision}")).map(drop);
        });
        assert!(counted.bytes_max < 4 << 20, "{what}: {} bytes", counted.bytes_max);
        let said = said.err().unwrap_or_else(|| panic!("{what} is accepted"));
        all += &format!("===== {what}\n{said}");
    }
    assert!(read(&own(&right(0.5), Precision::F32), "epochs: 1, precision: F32").is_ok());
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(all) });
}
