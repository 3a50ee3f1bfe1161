//! Reading a table of numbers, a record a row; every wrong cell is named by line and column.

use std::collections::{BTreeMap, HashMap};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
use gradus_core::{Mistake, Shape};

use super::csv::CsvTarget;
use super::dataset::{excerpt, list};
use super::file::Content;
use super::lines::Lines;
use super::{Dataset, RawTargets, Values};

/// How to read a table whose description has been checked.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    /// Where the experiment names the file.
    pub(super) place: &'a str,
    pub(super) header: bool,
    pub(super) delimiter: u8,
    pub(super) target: &'a CsvTarget,
}

/// Which columns are what.
struct Columns {
    names: Vec<String>,
    inputs: Vec<usize>,
    targets: Vec<usize>,
}

/// One record, and what a message about it needs.
struct Cells<'a> {
    table: &'a Table<'a>,
    content: &'a Content,
    columns: &'a Columns,
    line: u64,
    record: &'a StringRecord,
}

/// The rows as they are read, and what is wrong with them.
#[derive(Default)]
struct Rows {
    inputs: Vec<f64>,
    numbers: Vec<f64>,
    classes: Vec<u32>,
    /// Class names by first appearance.
    labels: HashMap<String, u32>,
    mistakes: Vec<Mistake>,
}

impl Table<'_> {
    /// Reads all rows; stops after ten wrong cells.
    pub(super) fn read(&self, content: Content) -> Result<Dataset, Vec<Mistake>> {
        const MOST_MISTAKES: usize = 10;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.delimiter)
            .trim(Trim::All)
            .from_reader(Lines::new(content));
        let mut record = StringRecord::new();
        let mut line = self.advance(&mut reader, &mut record).map_err(|mistake| vec![mistake])?;
        if line.is_none() {
            let content = &reader.get_ref().content;
            return Err(vec![content.mistake(self.place, "it is empty", "a table of numbers")]);
        }
        let columns = self.columns(&reader.get_ref().content, &record)?;
        if self.header {
            line = self.advance(&mut reader, &mut record).map_err(|mistake| vec![mistake])?;
        }
        let mut rows = Rows::default();
        while let Some(here) = line.filter(|_| rows.mistakes.len() < MOST_MISTAKES) {
            let content = &reader.get_ref().content;
            let cells =
                Cells { table: self, content, columns: &columns, line: here, record: &record };
            rows.add(&cells);
            line = match self.advance(&mut reader, &mut record) {
                Ok(line) => line,
                Err(mistake) => {
                    rows.mistakes.push(mistake);
                    None
                }
            };
        }
        if rows.inputs.is_empty() && rows.mistakes.is_empty() {
            let help = "at least one record of numbers";
            let content = &reader.get_ref().content;
            rows.mistakes.push(content.mistake(self.place, "it has no rows", help));
        }
        if !rows.mistakes.is_empty() {
            rows.mistakes.truncate(MOST_MISTAKES);
            return Err(rows.mistakes);
        }
        Ok(rows.finish(columns, self.target))
    }

    /// Reads the next record and gives its line, or `None` at the end. A record of more than a
    /// megabyte is an open quote or no table.
    fn advance(
        &self,
        reader: &mut Reader<Lines>,
        record: &mut StringRecord,
    ) -> Result<Option<u64>, Mistake> {
        const MOST_BYTES: u64 = 1 << 20;
        let start = reader.position().byte();
        let reason = "a record is longer than 1 MiB, perhaps an open quote";
        reader.get_mut().content.stop_at(start + MOST_BYTES, reason);
        let read = reader.read_record(record);
        let line = reader.get_mut().line_at(start);
        let error = match read {
            Ok(next) => return Ok(next.then_some(line)),
            Err(error) => error,
        };
        let (what, help) = match error.kind() {
            ErrorKind::Io(error) => {
                (format!("cannot be read: {error}"), "a whole table, plain or gzip")
            }
            ErrorKind::UnequalLengths { expected_len, len, .. } => (
                format!("has {len} cells, the first record has {expected_len}"),
                "the same columns in every record",
            ),
            ErrorKind::Utf8 { err, .. } => {
                (format!("is not UTF-8 in column {}", err.field()), "text in UTF-8")
            }
            _ => (error.to_string(), "a table of numbers"),
        };
        let content = &reader.get_ref().content;
        Err(content.mistake(self.place, &format!("line {line} {what}"), help))
    }

    /// Finds the columns by the first record.
    fn columns(&self, content: &Content, first: &StringRecord) -> Result<Columns, Vec<Mistake>> {
        let names: Vec<String> = if self.header {
            first.iter().map(String::from).collect()
        } else {
            (0..first.len()).map(|index| index.to_string()).collect()
        };
        let mut mistakes = Vec::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            if let Some(earlier) = seen.insert(name, index) {
                let what =
                    format!("columns {earlier} and {index} are both named {}", excerpt(name));
                let help = "different names, or `header: false` if the first line is data";
                mistakes.push(content.mistake(self.place, &what, help));
            }
        }
        let mut targets = Vec::new();
        for (place, name) in self.target.wanted() {
            match seen.get(name.as_str()) {
                Some(&index) => targets.push(index),
                None => {
                    let what = format!("there is no column {}", excerpt(name));
                    let help = format!("one of {}", list(&names));
                    mistakes.push(content.mistake(&place, &what, &help));
                }
            }
        }
        let inputs: Vec<usize> =
            (0..names.len()).filter(|index| !targets.contains(index)).collect();
        if inputs.is_empty() {
            let help = "at least one column beside the targets";
            mistakes.push(content.mistake(self.place, "no column is left as an input", help));
        }
        if mistakes.is_empty() { Ok(Columns { names, inputs, targets }) } else { Err(mistakes) }
    }
}

impl Rows {
    fn add(&mut self, cells: &Cells<'_>) {
        let columns = cells.columns;
        let mut number = |index: usize| {
            let parsed = cells.record[index].parse::<f64>().ok().filter(|value| value.is_finite());
            if parsed.is_none() {
                self.mistakes.push(cells.wrong(index));
            }
            // A value nobody sees: a mistake was pushed.
            parsed.unwrap_or_default()
        };
        self.inputs.extend(columns.inputs.iter().map(|&index| number(index)));
        match cells.table.target {
            CsvTarget::Numbers(_) => {
                self.numbers.extend(columns.targets.iter().map(|&index| number(index)));
            }
            CsvTarget::Class(_) => {
                let label = &cells.record[columns.targets[0]];
                if label.is_empty() {
                    self.mistakes.push(cells.wrong(columns.targets[0]));
                }
                let next = self.labels.len() as u32;
                // Looked up first: a row whose class is known allocates nothing.
                let class = match self.labels.get(label) {
                    Some(&class) => class,
                    None => *self.labels.entry(label.to_string()).or_insert(next),
                };
                self.classes.push(class);
            }
        }
    }

    fn finish(self, columns: Columns, target: &CsvTarget) -> Dataset {
        let name = |&index: &usize| columns.names[index].clone();
        let targets = match target {
            CsvTarget::Numbers(names) => {
                RawTargets::Numbers { rows: self.numbers, names: names.clone() }
            }
            CsvTarget::Class(_) => numbered(self.classes, self.labels),
        };
        let input_names: Vec<String> = columns.inputs.iter().map(name).collect();
        let shape = Shape::Features(input_names.len());
        Dataset::new(shape, Values::Numbers(self.inputs), targets, 0, input_names)
    }
}

/// Renumbers classes from first appearance to the order of their names.
fn numbered(mut rows: Vec<u32>, labels: HashMap<String, u32>) -> RawTargets {
    let whole: Option<BTreeMap<String, i64>> =
        labels.keys().map(|label| Some((label.clone(), label.parse().ok()?))).collect();
    let mut names: Vec<String> = labels.keys().cloned().collect();
    // Where all are whole numbers their value comes first; "1" and "01" are still two classes.
    names.sort_by_cached_key(|name| (whole.as_ref().map(|values| values[name]), name.clone()));
    let mut number = vec![0; names.len()];
    for (new, name) in names.iter().enumerate() {
        number[labels[name] as usize] = new as u32;
    }
    rows.iter_mut().for_each(|class| *class = number[*class as usize]);
    RawTargets::Classes { rows, names }
}

impl Cells<'_> {
    fn wrong(&self, index: usize) -> Mistake {
        let (cell, column) = (&self.record[index], excerpt(&self.columns.names[index]));
        let start = format!("line {}, column {column}", self.line);
        if cell.is_empty() {
            let what = format!("{start}: the cell is empty");
            return self.content.mistake(self.table.place, &what, "a value");
        }
        let what = format!("{start}: {} is not a finite number", excerpt(cell));
        let help = if !self.table.header && self.line == 1 {
            "`header: true` if the first line names the columns"
        } else if cell.contains(',') {
            "a decimal point, not a comma"
        } else {
            "a decimal number; text may stand only in the column of the class"
        };
        self.content.mistake(self.table.place, &what, help)
    }
}
