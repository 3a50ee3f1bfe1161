//! Files of data that are broken, and data that its description does not fit.

use std::fmt::Write as _;

use super::{hold, said, with};

/// An IDX file of `count` pictures of 2x2, or with one dimension of as many labels.
fn idx(dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(bytes);
    file
}

const CSV: &str = "Table(path: \"table.csv\", target: Class(\"kind\"))";
const IDX: &str = "Idx(train_images: \"images\", train_labels: \"labels\")";

#[test]
fn files_of_data_that_are_missing_or_broken() {
    let of = |source: &str| {
        with(&[("source: Iris", &format!("source: {source}")), ("(validation: 0.2)", "()")])
    };
    let whole = idx(&[3, 2, 2], &[0, 64, 128, 255, 1, 2, 3, 4, 5, 6, 7, 8]);
    let labels = idx(&[3], &[0, 1, 2]);
    let obtained = of(IDX).replace("inputs:", "obtain: \"ask the library of Delft\", inputs:");
    type Beside<'a> = Vec<(&'a str, &'a [u8])>;
    let cases: Vec<(&str, String, Beside<'_>)> = vec![
        ("no IDX file", of(IDX), vec![]),
        ("no IDX file, and where to get it", obtained, vec![]),
        ("no CSV file", of(CSV), vec![]),
        ("no file in data/", of(&CSV.replace("table", "../data/table")), vec![]),
        ("IDX cut in its head", of(IDX), vec![("images", &whole[..9]), ("labels", &labels)]),
        ("IDX cut in its body", of(IDX), vec![("images", &whole[..25]), ("labels", &labels)]),
        ("IDX of nothing", of(IDX), vec![("images", b""), ("labels", &labels)]),
        ("no IDX at all", of(IDX), vec![("images", b"PNG, say"), ("labels", &labels)]),
        (
            "fewer labels",
            of(IDX),
            vec![("images", &whole), ("labels", b"\0\0\x08\x01\0\0\0\x01\0")],
        ),
        ("CSV of nothing", of(CSV), vec![("table.csv", b"")]),
        ("CSV without the column", of(CSV), vec![("table.csv", b"a,b\n1,2\n3,4\n")]),
        ("CSV with a word", of(CSV), vec![("table.csv", b"a,kind\n1,x\ntwo,y\n")]),
        ("CSV with a short line", of(CSV), vec![("table.csv", b"a,b,kind\n1,2,x\n3,y\n")]),
        ("CSV with infinity", of(CSV), vec![("table.csv", b"a,kind\n1,x\ninf,y\n")]),
    ];
    let mut all = String::new();
    for (what, text, beside) in cases {
        let said = said(text.as_bytes(), &beside).unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    hold("files_of_data_that_are_missing_or_broken", &all);
}

/// Splits that nothing, or not this data, can be split by; tables that are not as described.
#[test]
fn data_that_does_not_fit_its_description() {
    let split = |split: &str| with(&[("(validation: 0.2)", split)]);
    let table = |fields: &str| {
        let source = format!("source: Table(path: \"table\", {fields})");
        with(&[("source: Iris", &source), ("(validation: 0.2)", "()")])
    };
    let blanks: &[u8] = b"1 2 0\n3 4 1\n\n5 6 2 \n\n";
    let counts: &[u8] = b"3,1,a,b\n1,0\n2,1\n3,2\n";
    let listed = "(method: TestRows(\"splits\"))";
    let seeds = with(&[
        ("(validation: 0.2)", listed),
        ("points: 13))], seeds: 5", "points: 13)), Seed([0, 1, 2, 9])]"),
    ]);
    type Beside<'a> = Vec<(&'a str, &'a [u8])>;
    let cases: Vec<(&str, String, Beside<'_>)> = vec![
        ("more rows than there are", split("(validation: 150)"), vec![]),
        ("a share that is none", split("(validation: -2, test: \"half\")"), vec![]),
        ("a test part that is not there", split("(validation: 0.2, pooled: true)"), vec![]),
        ("limits", split("(validation: 30, limit: (train: 0, test: 3))"), vec![]),
        ("a limit too high", split("(validation: 30, limit: (train: 121))"), vec![]),
        ("nothing to draw from", split("(resample: TrainAndValidation)"), vec![]),
        ("a seed for nothing", split("(test: 10, method: InOrder, seed: 3)"), vec![]),
        ("a method", split("(method: Sorted)"), vec![]),
        ("no file of splits", split(listed), vec![]),
        ("two test parts", split("(test: 0.1, method: TestRows(\"splits\"))"), vec![]),
        ("row numbers", split(listed), vec![("splits", b"1 2\n3\n4 150\n5 5\nx y\n")]),
        ("fewer lists than seeds", split(listed), vec![("splits", b"1 2\n3 4\n5 6\n7 8\n")]),
        ("a seed beyond the lists", seeds, vec![("splits", b"1 2\n3 4\n5 6\n7 8\n")]),
        (
            "a column that is not there",
            table("header: Absent, delimiter: ' ', drop: [0, 7], target: Class(-4)"),
            vec![("table", blanks)],
        ),
        (
            "a wrong cell between blanks",
            table("header: Absent, delimiter: ' ', target: Class(-1)"),
            vec![("table", b"1 2 0\n\n3 four 1\n")],
        ),
        ("counts", table("header: Counts, target: Class(-1)"), vec![("table", counts)]),
        ("one class", table("target: Class(-1)"), vec![("table", b"a,b\n1,x\n2,x\n3,x\n")]),
        (
            "a scaling by nothing",
            with(&[("inputs: Standardize", "inputs: Affine(subtract: 0.5, divide: 0)")]),
            vec![],
        ),
    ];
    let mut all = String::new();
    for (what, text, beside) in cases {
        let said = said(text.as_bytes(), &beside).unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    hold("data_that_does_not_fit_its_description", &all);
}
