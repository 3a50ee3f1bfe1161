//! The real tables of the folder that `GRADUS_TEST_DATA` names, in every form they come in.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use gradus_core::TargetKind;
use gradus_runner::data::{Data, Dataset, RawTargets, Values};

/// The folder, or a line in the list of tests that could not be done.
fn folder(test: &str) -> Option<PathBuf> {
    if let Ok(folder) = std::env::var("GRADUS_TEST_DATA") {
        return Some(folder.into());
    }
    if let Ok(skips) = std::env::var("GRADUS_SKIPS") {
        let file = OpenOptions::new().append(true).create(true).open(skips);
        let mut file = file.expect("the list of skipped tests can be written");
        // In one piece, since other tests append to it at the same time.
        let line = format!("{test}: GRADUS_TEST_DATA names no folder\n");
        file.write_all(line.as_bytes()).expect("the list of skipped tests can be written");
    }
    None
}

fn load(folder: &Path, text: &str) -> (Data, Dataset) {
    let options =
        ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let data: Data = options.from_str(text).expect("the text is right");
    assert_eq!(data.mistakes(), []);
    let dataset = data.load(folder, None).unwrap_or_else(|found| panic!("{text}: {found:?}"));
    (data, dataset)
}

const BLANKS: &str = "header: Absent, delimiter: ' ', target: Numbers([-1])";

#[test]
fn tables_of_every_form_are_read() {
    let Some(folder) = folder("real_data::tables_of_every_form_are_read") else { return };
    for (source, rows, inputs, targets) in [
        (format!("\"uci/yacht.txt.gz\", {BLANKS}"), 308, 6, 1),
        (format!("\"uci/concrete.txt.gz\", {BLANKS}"), 1030, 8, 1),
        (format!("\"uci/wine-quality-red.txt.gz\", {BLANKS}"), 1599, 11, 1),
        (format!("\"uci/power-plant.txt.gz\", {BLANKS}"), 9568, 4, 1),
        (format!("\"uci/protein.txt.gz\", {BLANKS}"), 45_730, 9, 1),
        ("\"sklearn/iris.csv\", header: Counts, target: Class(-1)".into(), 150, 4, 3),
        ("\"sklearn/wine_data.csv\", header: Counts, target: Class(-1)".into(), 178, 13, 3),
        ("\"sklearn/breast_cancer.csv\", header: Counts, target: Class(-1)".into(), 569, 30, 2),
        ("\"sklearn/digits.csv.gz\", header: Absent, target: Class(-1)".into(), 1797, 64, 10),
        (
            "\"hpobench/segment.csv.gz\", header: Absent, drop: [0, 1, 2], target: Class(-1)"
                .into(),
            2310,
            16,
            7,
        ),
        (
            format!(
                "\"sklearn/diabetes_data_raw.csv.gz\", \
                 append: [\"sklearn/diabetes_target.csv.gz\"], {BLANKS}"
            ),
            442,
            10,
            1,
        ),
        (
            "\"sklearn/linnerud_exercise.csv\", append: [\"sklearn/linnerud_physiological.csv\"], \
             delimiter: ' ', target: Numbers([\"Weight\", \"Waist\", \"Pulse\"])"
                .into(),
            20,
            3,
            3,
        ),
    ] {
        let (_, dataset) = load(&folder, &format!("(source: Table(path: {source}))"));
        let found = (dataset.rows(), dataset.input_names.len(), dataset.target_width());
        assert_eq!(found, (rows, inputs, targets), "{source}");
    }
    let (_, cancer) = load(
        &folder,
        "(source: Table(path: \"sklearn/breast_cancer.csv\", header: Counts, target: Class(-1)))",
    );
    assert_eq!(cancer.targets.names(), ["malignant", "benign"]);
}

/// The last column, as it stands in the file, of the rows of a part.
fn targets(rows: &[usize], dataset: &Dataset) -> Vec<f64> {
    let RawTargets::Numbers { rows: all, .. } = &dataset.targets else { panic!("numbers") };
    rows.iter().map(|&row| all[row]).collect()
}

#[test]
fn the_standard_splits_are_taken_line_by_line() {
    let Some(folder) = folder("real_data::the_standard_splits_are_taken_line_by_line") else {
        return;
    };
    let text = format!(
        "(source: Table(path: \"uci/yacht.txt.gz\", {BLANKS}), \
         split: (method: TestRows(\"uci/yacht.test-splits.txt.gz\")))"
    );
    let (data, dataset) = load(&folder, &text);
    let sizes = dataset.sizes(&data.split);
    assert_eq!((sizes.train, sizes.validation, sizes.test), (277, 0, 31));
    let lists = dataset.test_lists.as_ref().expect("the file was read");
    assert_eq!((lists.lists.len(), &lists.lists[0][..4]), (20, &[121, 115, 286, 216][..]));
    for seed in [0, 19] {
        let mut list = lists.lists[seed].clone();
        list.sort_unstable();
        let prepared = dataset.prepare::<f64>(&data, TargetKind::Values, seed as u64);
        let test = prepared.test.expect("31 rows");
        assert_eq!((prepared.train.rows(), test.rows()), (277, 31));
        let gradus_runner::data::SampleTargets::Values(found) = test.targets else {
            panic!("numbers")
        };
        assert_eq!(found.into_raw_vec_and_offset().0, targets(&list, &dataset));
    }
    assert_eq!(dataset.check_seed(&data.split, "sweep.seeds", 19), None);
    let beyond = dataset.check_seed(&data.split, "sweep.seeds", 20).expect("there are 20 lines");
    assert!(beyond.message.starts_with("seed 20 takes line 21 of "), "{}", beyond.message);
    let (_, plain) =
        load(&folder, &format!("(source: Table(path: \"uci/yacht.txt.gz\", {BLANKS}))"));
    assert_ne!(plain.digest, dataset.digest, "the lists are part of the content");
}

#[test]
fn the_recipe_of_the_protein_table_gives_its_numbers() {
    let Some(folder) = folder("real_data::the_recipe_of_the_protein_table_gives_its_numbers")
    else {
        return;
    };
    let text = format!(
        "(source: Table(path: \"uci/protein.txt.gz\", {BLANKS}), \
         split: (validation: 0.2, test: 0.2, method: InOrder), \
         inputs: RelativeToMean, targets: RelativeToMean)"
    );
    let (data, dataset) = load(&folder, &text);
    let prepared = dataset.prepare::<f64>(&data, TargetKind::Values, 0);
    assert_eq!(prepared.train.rows(), 27_438);
    let validation = prepared.validation.expect("a fifth");
    assert_eq!(validation.rows(), 9146);
    // The figure of a net that says 0 always, which the published table shows for dead nets.
    let gradus_runner::data::SampleTargets::Values(values) = &validation.targets else {
        panic!("numbers")
    };
    let mse = values.iter().map(|y| y * y).sum::<f64>() / 9146.0;
    assert!((mse - 0.653_92).abs() < 5e-6, "{mse}");
}

#[test]
fn the_tutorials_parts_of_mnist_are_cut_from_the_files() {
    let Some(folder) = folder("real_data::the_tutorials_parts_of_mnist_are_cut_from_the_files")
    else {
        return;
    };
    let source = "Idx(train_images: \"mnist/train-images-idx3-ubyte.gz\", \
                  train_labels: \"mnist/train-labels-idx1-ubyte.gz\", \
                  test_images: \"mnist/t10k-images-idx3-ubyte.gz\", \
                  test_labels: \"mnist/t10k-labels-idx1-ubyte.gz\")";
    let split = "(validation: 10000, method: InOrder, \
                 limit: (train: 49800, validation: 9600, test: 9600))";
    let text = format!("(source: {source}, split: {split}, inputs: Divide(256))");
    let (data, dataset) = load(&folder, &text);
    let prepared = dataset.prepare::<f32>(&data, TargetKind::Classes, 0);
    let (Values::Bytes(bytes), Some(validation), Some(test)) =
        (&dataset.inputs, &prepared.validation, &prepared.test)
    else {
        panic!("bytes in three parts")
    };
    let sizes = [prepared.train.rows(), validation.rows(), test.rows()];
    assert_eq!(sizes, [49_800, 9600, 9600]);
    for (part, first) in [(&prepared.train, 0), (validation, 50_000), (test, 60_000)] {
        for row in [0, 9599] {
            let raw = &bytes[(first + row) * 784..][..784];
            let expected: Vec<f32> = raw.iter().map(|&byte| f32::from(byte) / 256.0).collect();
            assert_eq!(part.inputs.row(row).to_vec(), expected);
        }
    }
    // Scikit-learn's example: 30 % of all 70,000, whichever file they are in.
    let text = format!("(source: {source}, split: (test: 0.7, method: Random, pooled: true))");
    let (data, dataset) = load(&folder, &text);
    let sizes = dataset.sizes(&data.split);
    assert_eq!((sizes.train, sizes.validation, sizes.test), (21_000, 0, 49_000));
}
