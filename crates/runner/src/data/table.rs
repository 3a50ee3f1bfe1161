//! Tables in files, with a class or with numbers to predict: the description.

use std::fmt;

use gradus_core::Mistake;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::dataset::excerpt;
use super::file::Files;
use super::read_table::Table;
use super::records::Records;
use super::source::Recipe;

/// Which columns of a table are to be predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Target {
    /// The class: any text. Classes are numbered in the order of their names, or in the order of
    /// their values if all of them are whole numbers.
    Class(Column),
    /// Numbers, in this order.
    Numbers(Vec<Column>),
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name, `"age"` in a file.
    Name(String),
    /// By its position, `0` the first, `-1` the last.
    Position(i64),
}

/// What the first line of a table says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Header {
    /// The names of the columns.
    #[default]
    Names,
    /// `rows,columns,class names…`, as in the files of scikit-learn, whose last column is the
    /// number of the class. The columns are named "0", "1", ….
    Counts,
    /// Nothing: it is data. The columns are named "0", "1", ….
    Absent,
}

pub(super) fn default_delimiter() -> char {
    ','
}

/// Checks the description; what it returns reads the files.
pub(super) fn recipe<'a>(
    path: &'a str,
    append: &'a [String],
    header: Header,
    delimiter: char,
    drop: &'a [Column],
    target: &'a Target,
) -> Result<Recipe<'a>, Vec<Mistake>> {
    let mut mistakes = target.mistakes();
    mistakes.extend(twice(drop, "data.source.drop"));
    let separates = delimiter.is_ascii() && !"\"\r\n\0".contains(delimiter);
    if !separates || delimiter.is_ascii_alphanumeric() || ".+-".contains(delimiter) {
        mistakes.push(Mistake::new(
            "data.source.delimiter",
            format!("{delimiter:?} cannot stand between numbers"),
            "one ASCII character such as ',', ';' or '\\t'; ' ' stands for any number of blanks",
        ));
    }
    if header == Header::Counts && !append.is_empty() {
        mistakes.push(Mistake::new(
            "data.source.append",
            "a first line of counts says nothing of further columns",
            "leave `append` out, or choose another `header`",
        ));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let table = Table { header, delimiter: delimiter as u8, drop, target };
    Ok(Box::new(move |files: &Files<'_>| {
        let places = (0..append.len()).map(|index| format!("data.source.append[{index}]"));
        let places = std::iter::once("data.source.path".to_string()).chain(places);
        let paths = std::iter::once(path).chain(append.iter().map(String::as_str));
        let (mut opened, mut mistakes) = (Vec::new(), Vec::new());
        for (place, path) in places.zip(paths) {
            match files.open(&place, path) {
                Ok(content) => opened.push(Records::new(content, &place, table.delimiter)),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if mistakes.is_empty() { table.read_joined(opened) } else { Err(mistakes) }
    }))
}

impl Target {
    fn mistakes(&self) -> Vec<Mistake> {
        let Target::Numbers(columns) = self else { return Vec::new() };
        if columns.is_empty() {
            let help = "at least one column";
            return vec![Mistake::new("data.source.target[0]", "nothing to predict", help)];
        }
        twice(columns, "data.source.target[0]")
    }

    /// The wanted columns with their places in the experiment.
    pub(super) fn wanted(&self) -> Vec<(String, &Column)> {
        match self {
            Target::Class(column) => vec![("data.source.target[0]".to_string(), column)],
            Target::Numbers(columns) => Column::placed(columns, "data.source.target[0]"),
        }
    }
}

fn twice(columns: &[Column], place: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].contains(column) {
            let what = format!("column {column} stands twice");
            mistakes.push(Mistake::new(format!("{place}[{index}]"), what, "each column once"));
        }
    }
    mistakes
}

impl Column {
    /// Columns of a list at `place`, each with its own.
    pub(super) fn placed<'a>(columns: &'a [Self], place: &str) -> Vec<(String, &'a Self)> {
        let placed = |(index, column)| (format!("{place}[{index}]"), column);
        columns.iter().enumerate().map(placed).collect()
    }
}

impl fmt::Display for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Name(name) => formatter.write_str(&excerpt(name)),
            Column::Position(position) => position.fmt(formatter),
        }
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Column::Name(name) => serializer.serialize_str(name),
            Column::Position(position) => serializer.serialize_i64(*position),
        }
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reference;
        impl Visitor<'_> for Reference {
            type Value = Column;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a column, or its position (-1 is the last)")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Column, E> {
                Ok(Column::Name(name.to_string()))
            }

            fn visit_i64<E: Error>(self, position: i64) -> Result<Column, E> {
                Ok(Column::Position(position))
            }

            fn visit_u64<E: Error>(self, position: u64) -> Result<Column, E> {
                // No table is so wide, and that is what will be said.
                Ok(Column::Position(i64::try_from(position).unwrap_or(i64::MAX)))
            }
        }
        deserializer.deserialize_any(Reference)
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
        let text = format!("(source: Table(path: \"t.csv\", target: {target}{fields}))");
        let data: crate::data::Data = ron::from_str(&text).expect("the text has the right form");
        assert_eq!(data.mistakes(), []);
        data.load(folder.path(), None)
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
            let read = load(table.as_bytes(), "Class(\"1\")", ", header: Absent, delimiter: ';'");
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
        let header = load(b"a,b\n1,2\n", "Class(\"1\")", ", header: Absent").expect_err("a header");
        assert!(header[0].help.starts_with("`header: Names` if the first line names the columns"));
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
        let names = "different names, or `header: Absent` if the first line is data";
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
    fn columns_go_by_name_or_by_position_from_either_end() {
        let read = |target: &str, fields: &str| {
            let read = load(b"a,b,c,d\n1,2,3,4\n5,6,7,8\n", target, fields);
            let read = read.expect("the table is right");
            (read.input_names.concat(), read.targets.names().concat())
        };
        assert_eq!(read("Numbers([-1])", ""), ("abc".into(), "d".into()));
        assert_eq!(read("Class(0)", ", drop: [-1, \"b\"]"), ("c".into(), "15".into()));
        assert_eq!(read("Numbers([\"c\", 0])", ", drop: [1]"), ("d".into(), "ca".into()));
    }

    #[test]
    fn unknown_columns_are_named_at_their_place() {
        let check = |target: &str, fields: &str, place: &str, message: &str| {
            let found = load(b"a,b\n1,2\n", target, fields).expect_err("a wrong column");
            assert_eq!(found[0].place, place);
            assert!(found[0].message.ends_with(message), "{}", found[0].message);
            found[0].help.clone()
        };
        let place = "data.source.target[0][1]";
        let help = check("Numbers([\"b\", \"y\"])", "", place, "there is no column \"y\"");
        assert_eq!(help, "one of \"a\", \"b\"; by position 0 to 1, or from the end -1 to -2");
        check("Class(-3)", "", "data.source.target[0]", "there is no column -3");
        check("Class(1)", ", drop: [2]", "data.source.drop[0]", "there is no column 2");
        check("Numbers([1, \"b\"])", "", place, "column \"b\" stands twice");
        let both = "column \"b\" is left out and predicted";
        check("Class(1)", ", drop: [\"b\"]", "data.source.drop", both);
    }

    #[test]
    fn numbers_between_blanks_are_a_table() {
        let fields = ", header: Absent, delimiter: ' '";
        let read = load(b" 1 2\t3\n4  5 6 \n\n\n", "Numbers([-1])", fields);
        let read = read.expect("the table is right");
        assert_eq!(read.inputs, Values::Numbers(vec![1.0, 2.0, 4.0, 5.0]));
        let wrong = load(b"1 2 3\n\n4 x 6\n", "Numbers([-1])", fields).expect_err("a word");
        assert!(wrong[0].message.ends_with("line 3, column \"1\": \"x\" is not a finite number"));
    }

    #[test]
    fn a_first_line_of_counts_is_held_against_the_rest() {
        let read = |table: &str| {
            let read = load(table.as_bytes(), "Class(-1)", ", header: Counts");
            let end = |found: Vec<Mistake>| {
                let (_, end) = found[0].message.split_once("t.csv\": ").expect("the file is named");
                end.to_string()
            };
            read.map(|read| read.targets).map_err(end)
        };
        // The class that no row has keeps its number and its name.
        assert_eq!(read("2,1,a,b,c\n5,2\n6,0\n"), Ok(classes(&[2, 0], &["a", "b", "c"])));
        for (table, message) in [
            ("a,b\n1,0\n2,1\n", "line 1 does not begin with two counts"),
            ("3,1,a,b\n1,0\n2,1\n", "line 1 says 3 rows, 2 are there"),
            ("2,2,a,b\n1,0\n2,1\n", "line 1 says 2 columns beside the last, records have 2 cells"),
            ("2,1,a,b\n1,0\n2,2\n", "line 3: no name for class \"2\", line 1 names 2"),
            ("2,1,a,b\n1,0\n2,a\n", "line 3: no name for class \"a\", line 1 names 2"),
            ("2,1,a,b\n", "it has no rows"),
        ] {
            assert_eq!(read(table), Err(message.to_string()), "{table}");
        }
    }

    #[test]
    fn columns_of_further_files_follow_row_for_row() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let read = |second: &str| {
            for (name, text) in [("a", "1 2\n\n3 4\n"), ("b", second)] {
                fs::write(folder.path().join(name), text).expect("a file can be written");
            }
            let text = "(source: Table(path: \"a\", append: [\"b\"], header: Absent, \
                        delimiter: ' ', target: Numbers([-1])))";
            let data: crate::data::Data = ron::from_str(text).expect("the text has the right form");
            let end = |found: Vec<Mistake>| {
                let (_, end) = found[0].message.split_once("b\": ").expect("the file is named");
                end.split_once(", \"").map_or(end, |(end, _)| end).to_string()
            };
            data.load(folder.path(), None).map_err(end)
        };
        let both = read("5\n6\n").expect("both files are right");
        assert_eq!(both.inputs, Values::Numbers(vec![1.0, 2.0, 3.0, 4.0]));
        let names = vec!["2".to_string()];
        assert_eq!(both.targets, RawTargets::Numbers { rows: vec![5.0, 6.0], names });
        let wrong = |second: &str| read(second).expect_err("the second file is wrong");
        assert_eq!(wrong("5\n"), "it ends after line 1");
        assert_eq!(wrong("5\n6\n7\n"), "it goes on at line 3");
        assert_eq!(wrong("5\nx\n"), "line 2, column \"2\": \"x\" is not a finite number");
    }

    #[test]
    fn a_description_that_no_table_fits_is_refused_unread() {
        let names = ["a", "a"].map(|name| Column::Name(name.to_string()));
        let (target, twice) = (Target::Numbers(names.to_vec()), [1, 2, 1].map(Column::Position));
        let append = ["b.csv".to_string()];
        let wrong = recipe("t.csv", &append, Header::Counts, '1', &twice, &target);
        let mistakes = wrong.err().unwrap_or_default();
        let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        let fields = ["target[0][1]", "drop[2]", "delimiter", "append"];
        assert_eq!(places, fields.map(|field| format!("data.source.{field}")));
        let nothing = Target::Numbers(Vec::new());
        assert!(recipe("t.csv", &[], Header::Names, ',', &[], &nothing).is_err());
    }

    #[test]
    fn compression_does_not_change_the_digest() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        let target = Target::Class(Column::Name("64".to_string()));
        let read = |name: &str, folder: &Path| {
            let read = recipe(name, &[], Header::Absent, ',', &[], &target);
            let files = Files { folder, data_folder: None, obtain: "" };
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
