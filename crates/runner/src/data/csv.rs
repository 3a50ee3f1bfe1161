//! Tables in files, with a class or with numbers to predict: the description.

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

use super::dataset::excerpt;
use super::file::Files;
use super::source::Recipe;
use super::table::Table;

/// Which columns of a table are to be predicted, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum CsvTarget {
    /// The class: any text. Classes are numbered in the order of their names, or in the order of
    /// their values if all of them are whole numbers.
    Class(String),
    /// Numbers, in this order.
    Numbers(Vec<String>),
}

pub(super) fn default_header() -> bool {
    true
}

pub(super) fn default_delimiter() -> char {
    ','
}

/// Checks the description; what it returns reads the file.
pub(super) fn recipe<'a>(
    path: &'a str,
    header: bool,
    delimiter: char,
    target: &'a CsvTarget,
) -> Result<Recipe<'a>, Vec<Mistake>> {
    let mut mistakes = target.mistakes();
    let separates = delimiter.is_ascii() && !"\"\r\n\0".contains(delimiter);
    if !separates || delimiter.is_ascii_alphanumeric() || ".+-".contains(delimiter) {
        mistakes.push(Mistake::new(
            "data.source.delimiter",
            format!("{delimiter:?} cannot stand between numbers"),
            "one ASCII character such as ',', ';' or '\\t'",
        ));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let table = Table { place: "data.source.path", header, delimiter: delimiter as u8, target };
    Ok(Box::new(move |files: &Files<'_>| {
        let content = files.open(table.place, path).map_err(|mistake| vec![mistake])?;
        table.read(content)
    }))
}

impl CsvTarget {
    fn mistakes(&self) -> Vec<Mistake> {
        let CsvTarget::Numbers(names) = self else { return Vec::new() };
        let place = |index: usize| format!("data.source.target[0][{index}]");
        let mut mistakes = Vec::new();
        if names.is_empty() {
            let help = "at least one name of a column";
            mistakes.push(Mistake::new("data.source.target[0]", "nothing to predict", help));
        }
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                let what = format!("column {} stands twice", excerpt(name));
                mistakes.push(Mistake::new(place(index), what, "each column once"));
            }
        }
        mistakes
    }

    /// The wanted columns with their places in the experiment.
    pub(super) fn wanted(&self) -> Vec<(String, &String)> {
        match self {
            CsvTarget::Class(name) => vec![("data.source.target[0]".to_string(), name)],
            CsvTarget::Numbers(names) => names
                .iter()
                .enumerate()
                .map(|(index, name)| (format!("data.source.target[0][{index}]"), name))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::data::{Dataset, RawTargets, Values};

    const CLASS: &str = "Class(\"kind\")";

    /// Loads a table, with further fields of the description.
    fn load(table: &[u8], target: &str, fields: &str) -> Result<Dataset, Vec<Mistake>> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("t.csv"), table).expect("a file can be written");
        let text = format!("(source: Csv(path: \"t.csv\", target: {target}{fields}))");
        let data: crate::data::Data = ron::from_str(&text).expect("the text has the right form");
        assert_eq!(data.mistakes(), []);
        data.load(folder.path())
    }

    /// The ends of the messages, after the path, and the helps.
    fn check(table: &[u8], target: &str, expected: &[(&str, &str)]) {
        let mistakes = load(table, target, "").expect_err("the table is wrong");
        let found: Vec<(&str, &str)> = mistakes
            .iter()
            .map(|mistake| {
                let message = mistake.message.split_once("t.csv\": ");
                (message.map_or(mistake.message.as_str(), |(_, end)| end), mistake.help.as_str())
            })
            .collect();
        assert_eq!(found, expected);
    }

    fn classes(rows: &[u32], names: &[&str]) -> RawTargets {
        let names = names.iter().map(|name| name.to_string()).collect();
        RawTargets::Classes { rows: rows.to_vec(), names }
    }

    #[test]
    fn a_table_with_a_class_is_read() {
        let table = "\u{feff}a, kind ,b\r\n1,pear, 2.5\r\n-3e2,\"ap\nple\",.5\r\n\r\n+4,pear,6\r\n";
        let dataset = load(table.as_bytes(), CLASS, "").expect("the table is right");
        assert_eq!(dataset.input_names, ["a", "b"]);
        assert_eq!(dataset.inputs, Values::Numbers(vec![1.0, 2.5, -300.0, 0.5, 4.0, 6.0]));
        assert_eq!(dataset.targets, classes(&[1, 0, 1], &["ap\nple", "pear"]));
    }

    #[test]
    fn whole_numbers_are_classes_in_the_order_of_their_values() {
        let read = |table: &str| {
            let read = load(table.as_bytes(), "Class(\"1\")", ", header: false, delimiter: ';'");
            read.expect("the table is right").targets
        };
        assert_eq!(read("0;10\n0;9\n0;-1\n0;10\n"), classes(&[2, 1, 0, 2], &["-1", "9", "10"]));
        assert_eq!(read("0;10\n0;9\n0;x\n"), classes(&[0, 1, 2], &["10", "9", "x"]));
    }

    #[test]
    fn numbers_to_predict_come_in_the_order_asked() {
        let dataset = load(b"a,b,c\n1,2,3\n4,5,6", "Numbers([\"c\", \"a\"])", "");
        let dataset = dataset.expect("the table is right");
        assert_eq!(dataset.inputs, Values::Numbers(vec![2.0, 5.0]));
        let names = ["c", "a"].map(String::from).to_vec();
        let rows = vec![3.0, 1.0, 6.0, 4.0];
        assert_eq!(dataset.targets, RawTargets::Numbers { rows, names });
    }

    #[test]
    fn wrong_cells_are_named_by_line_and_column() {
        let cell = "a decimal number; text may stand only in the column of the class";
        check(
            b"a,b,kind\r\n1,x,p\r\n\r\n2,1e999,p\n3,nan,\n\"4,5\",,p\n",
            CLASS,
            &[
                ("line 2, column \"b\": \"x\" is not a finite number", cell),
                ("line 4, column \"b\": \"1e999\" is not a finite number", cell),
                ("line 5, column \"b\": \"nan\" is not a finite number", cell),
                ("line 5, column \"kind\": the cell is empty", "a value"),
                (
                    "line 6, column \"a\": \"4,5\" is not a finite number",
                    "a decimal point, not a comma",
                ),
                ("line 6, column \"b\": the cell is empty", "a value"),
            ],
        );
        let many = format!("a,kind\n{}", "x,p\n".repeat(1000));
        assert_eq!(load(many.as_bytes(), CLASS, "").expect_err("text").len(), 10);
        let header = load(b"a,b\n1,2\n", "Class(\"1\")", ", header: false").expect_err("a header");
        assert_eq!(header[0].help, "`header: true` if the first line names the columns");
    }

    #[test]
    fn broken_tables_are_refused() {
        let same = "the same columns in every record";
        check(
            b"a,kind\n1,p\n1,2,p\n",
            CLASS,
            &[("line 3 has 3 cells, the first record has 2", same)],
        );
        let text = "text in UTF-8";
        check(b"a,kind\n1,\xff\n", CLASS, &[("line 2 is not UTF-8 in column 1", text)]);
        let rows = "at least one record of numbers";
        check(b"a,kind\n", CLASS, &[("it has no rows", rows)]);
        let input = "at least one column beside the targets";
        check(b"kind\np\n", CLASS, &[("no column is left as an input", input)]);
        let names = "different names, or `header: false` if the first line is data";
        check(b"a,kind,a\n1,p,1\n", CLASS, &[("columns 0 and 2 are both named \"a\"", names)]);
        let open = format!("a,kind\n1,\"{}", "p\n".repeat(1 << 20));
        check(
            open.as_bytes(),
            CLASS,
            &[(
                "line 2 cannot be read: a record is longer than 1 MiB, perhaps an open quote",
                "a whole table, plain or gzip",
            )],
        );
        check(b"\n\n", CLASS, &[("it is empty", "a table of numbers")]);
    }

    #[test]
    fn unknown_targets_are_named_at_their_place() {
        let mistakes = load(b"a,b\n1,2\n", "Numbers([\"b\", \"y\"])", "").expect_err("no y");
        assert_eq!(mistakes[0].place, "data.source.target[0][1]");
        assert!(mistakes[0].message.ends_with("there is no column \"y\""));
        assert_eq!(mistakes[0].help, "one of \"a\", \"b\"");
    }

    #[test]
    fn a_description_that_no_table_fits_is_refused_unread() {
        let target = CsvTarget::Numbers(vec!["a".to_string(), "a".to_string()]);
        let mistakes = recipe("t.csv", true, '1', &target).err().unwrap_or_default();
        let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        assert_eq!(places, ["data.source.target[0][1]", "data.source.delimiter"]);
        assert!(recipe("t.csv", true, ',', &CsvTarget::Numbers(Vec::new())).is_err());
    }

    #[test]
    fn compression_does_not_change_the_digest() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        let target = CsvTarget::Class("64".to_string());
        let read = |name: &str, folder: &Path| {
            let read = recipe(name, false, ',', &target);
            let files = Files { folder, obtain: "" };
            read.and_then(|read| read(&files)).expect("the table is right")
        };
        let packed = read("digits.csv.gz", &folder);
        let mut text = Vec::new();
        let bytes = fs::read(folder.join("digits.csv.gz")).expect("the file is committed");
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text)
            .expect("the file is whole");
        let plain = tempfile::tempdir().expect("a folder can be made");
        fs::write(plain.path().join("plain.csv"), text).expect("a file can be written");
        assert_eq!(packed, read("plain.csv", plain.path()));
        assert_eq!(packed.rows(), 1797);
    }
}
