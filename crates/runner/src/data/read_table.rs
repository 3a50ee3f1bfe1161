//! Reading a table of numbers, a record a row; every wrong cell is named by line and column.

use std::collections::{BTreeMap, HashMap};

use gradus_core::{Mistake, Shape};

use super::dataset::{excerpt, list};
use super::file::Content;
use super::records::Records;
use super::table::{Column, Header, Target};
use super::{Dataset, RawTargets, Values};

/// How to read a table whose description has been checked.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) header: Header,
    pub(super) delimiter: u8,
    pub(super) drop: &'a [Column],
    pub(super) target: &'a Target,
}

/// What is wrong with a table beyond this number is not worth listing.
const MOST_MISTAKES: usize = 10;

/// What is said of a table of a header alone.
const NO_ROWS: (&str, &str) = ("it has no rows", "at least one record of numbers");

/// Files side by side, row for row.
struct Joined {
    files: Vec<Records>,
    /// The first column of each.
    starts: Vec<usize>,
}

/// Which columns are what.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    inputs: Vec<usize>,
    targets: Vec<usize>,
}

/// What scikit-learn's first line says.
struct Counts {
    rows: usize,
    columns: usize,
    classes: Vec<String>,
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
    /// Reads all rows of a single file, which the experiment names at `place`.
    pub(super) fn read(&self, content: Content, place: &str) -> Result<Dataset, Vec<Mistake>> {
        self.read_joined(vec![Records::new(content, place, self.delimiter)])
    }

    /// Reads all rows of files whose columns stand side by side; stops after ten wrong cells.
    pub(super) fn read_joined(&self, files: Vec<Records>) -> Result<Dataset, Vec<Mistake>> {
        let mut joined = Joined { files, starts: Vec::new() };
        let mut is_there = joined.advance().map_err(|mistake| vec![mistake])?;
        if !is_there {
            return Err(vec![joined.files[0].mistake("it is empty", "a table of numbers")]);
        }
        let mut header = Vec::new();
        let mut counts = None;
        if self.header != Header::Absent {
            if self.header == Header::Names {
                let cells = joined.files.iter().flat_map(|file| file.cells().iter());
                header = cells.map(String::from).collect();
            } else {
                counts = Some(Counts::of(&joined.files[0]).map_err(|mistake| vec![mistake])?);
                joined.files[0].begin_body();
            }
            is_there = joined.advance().map_err(|mistake| vec![mistake])?;
            if !is_there && counts.is_some() {
                return Err(vec![joined.files[0].mistake(NO_ROWS.0, NO_ROWS.1)]);
            }
        }
        // A header without rows still says whether the columns asked for are there.
        let columns = self.columns(&mut joined, header)?;
        let class_names = counts.as_ref().map(|counts| counts.classes.as_slice());
        let mut rows = Rows::default();
        while is_there && rows.mistakes.len() < MOST_MISTAKES {
            rows.add(self, &joined, &columns, class_names);
            is_there = match joined.advance() {
                Ok(is_there) => is_there,
                Err(mistake) => {
                    rows.mistakes.push(mistake);
                    false
                }
            };
        }
        if rows.mistakes.is_empty() {
            rows.mistakes.extend(rows.wrong_size(&joined.files[0], &columns, counts.as_ref()));
        }
        if !rows.mistakes.is_empty() {
            rows.mistakes.truncate(MOST_MISTAKES);
            return Err(rows.mistakes);
        }
        Ok(rows.finish(columns, self.target, counts))
    }

    /// Finds the columns by the first record and, where there is one, the header.
    fn columns(&self, joined: &mut Joined, header: Vec<String>) -> Result<Columns, Vec<Mistake>> {
        joined.starts = joined.files.iter().scan(0, Joined::next_start).collect();
        let width = joined.files.iter().map(|file| file.cells().len()).sum();
        let names = match self.header {
            Header::Names => header,
            Header::Counts | Header::Absent => (0..width).map(|index| index.to_string()).collect(),
        };
        let file = &joined.files[0];
        let mut mistakes = Vec::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            if let Some(earlier) = seen.insert(name, index) {
                let what =
                    format!("columns {earlier} and {index} are both named {}", excerpt(name));
                let help = "different names, or `header: Absent` if the first line is data";
                mistakes.push(file.mistake(&what, help));
            }
        }
        let mut resolve = |wanted: Vec<(String, &Column)>| {
            let mut found: Vec<usize> = Vec::new();
            for (place, column) in wanted {
                let index = match column {
                    Column::Name(name) => seen.get(name.as_str()).copied(),
                    Column::Position(position) => at(*position, names.len()),
                };
                let wrong = match index {
                    None => Some((format!("there is no column {column}"), names_or_ends(&names))),
                    Some(index) if found.contains(&index) => {
                        Some((format!("column {column} stands twice"), "each column once".into()))
                    }
                    Some(index) => {
                        found.push(index);
                        None
                    }
                };
                let wrong = wrong.map(|(what, help)| file.mistake(&what, &help));
                mistakes.extend(wrong.map(|mistake| Mistake { place, ..mistake }));
            }
            found
        };
        let targets = resolve(self.target.wanted());
        let dropped = resolve(Column::placed(self.drop, "data.source.drop"));
        if let Some(both) = dropped.iter().find(|index| targets.contains(index)) {
            let what = format!("column {} is left out and predicted", excerpt(&names[*both]));
            let help = "a column that is not the target";
            let mistake = file.mistake(&what, help);
            mistakes.push(Mistake { place: "data.source.drop".into(), ..mistake });
        }
        let is_input = |index: &usize| !targets.contains(index) && !dropped.contains(index);
        let inputs: Vec<usize> = (0..names.len()).filter(is_input).collect();
        if inputs.is_empty() {
            let help = "at least one column beside the targets";
            mistakes.push(file.mistake("no column is left as an input", help));
        }
        if mistakes.is_empty() { Ok(Columns { names, inputs, targets }) } else { Err(mistakes) }
    }
}

/// The column at a position, which below 0 counts from the end.
fn at(position: i64, width: usize) -> Option<usize> {
    let index = if position < 0 { position.checked_add(width as i64)? } else { position };
    usize::try_from(index).ok().filter(|&index| index < width)
}

fn names_or_ends(names: &[String]) -> String {
    let last = names.len() - 1;
    format!("one of {}; by position 0 to {last}, or from the end -1 to -{}", list(names), last + 1)
}

impl Joined {
    fn next_start(start: &mut usize, file: &Records) -> Option<usize> {
        let first = *start;
        *start += file.cells().len();
        Some(first)
    }

    /// Goes on to the next record of every file; all must end together.
    fn advance(&mut self) -> Result<bool, Mistake> {
        let (first, others) = self.files.split_at_mut(1);
        let is_there = first[0].advance()?;
        for other in others {
            let line = other.line;
            if other.advance()? != is_there {
                let (name, end) = if is_there {
                    (first[0].name(), format!("it ends after line {line}"))
                } else {
                    (first[0].name(), format!("it goes on at line {}", other.line))
                };
                let what = format!("{end}, {name} does not");
                return Err(other.mistake(&what, "files of the same rows in the same order"));
            }
        }
        Ok(is_there)
    }

    /// The file that has the column, and the cell of the current row.
    fn cell(&self, column: usize) -> (&Records, &str) {
        let file = self.starts.partition_point(|&start| start <= column) - 1;
        (&self.files[file], &self.files[file].cells()[column - self.starts[file]])
    }

    /// The mistake of a cell that is not what it should be.
    fn wrong(&self, table: &Table<'_>, columns: &Columns, index: usize) -> Mistake {
        let ((file, cell), column) = (self.cell(index), excerpt(&columns.names[index]));
        let start = format!("line {}, column {column}", file.line);
        if cell.is_empty() {
            return file.mistake(&format!("{start}: the cell is empty"), "a value");
        }
        let what = format!("{start}: {} is not a finite number", excerpt(cell));
        let help = if table.header == Header::Absent && file.line == 1 {
            "`header: Names` if the first line names the columns, `header: Counts` if it counts \
             rows and columns"
        } else if cell.contains(',') {
            "a decimal point, not a comma"
        } else {
            "a decimal number; text may stand only in the column of the class"
        };
        file.mistake(&what, help)
    }
}

impl Counts {
    /// From a first line `rows,columns,class names…`.
    fn of(file: &Records) -> Result<Self, Mistake> {
        let mut cells = file.cells().iter();
        let mut count = || cells.next().and_then(|cell| cell.parse().ok());
        match (count(), count()) {
            (Some(rows), Some(columns)) => {
                Ok(Self { rows, columns, classes: cells.map(String::from).collect() })
            }
            _ => {
                let what = format!("line {} does not begin with two counts", file.line);
                let help = "rows, columns, names of classes; or `header: Names` or `Absent`";
                Err(file.mistake(&what, help))
            }
        }
    }
}

impl Rows {
    fn add(
        &mut self,
        table: &Table<'_>,
        joined: &Joined,
        columns: &Columns,
        class_names: Option<&[String]>,
    ) {
        let mut number = |&index: &usize| {
            let parsed = joined.cell(index).1.parse::<f64>().ok().filter(|value| value.is_finite());
            if parsed.is_none() {
                self.mistakes.push(joined.wrong(table, columns, index));
            }
            // A value nobody sees: a mistake was pushed.
            parsed.unwrap_or_default()
        };
        self.inputs.extend(columns.inputs.iter().map(&mut number));
        match table.target {
            Target::Numbers(_) => self.numbers.extend(columns.targets.iter().map(number)),
            Target::Class(_) => {
                let (file, label) = joined.cell(columns.targets[0]);
                if label.is_empty() {
                    self.mistakes.push(joined.wrong(table, columns, columns.targets[0]));
                }
                let next = self.labels.len() as u32;
                // Looked up first: a row whose class is known allocates nothing.
                let class = match self.labels.get(label) {
                    Some(&class) => class,
                    None => {
                        if let Some(names) = class_names
                            && label.parse::<usize>().ok().is_none_or(|class| class >= names.len())
                        {
                            let (line, n) = (file.line, names.len());
                            let what = format!(
                                "line {line}: no name for class {}, line 1 names {n}",
                                excerpt(label)
                            );
                            let help = "class numbers from 0, one for each name of line 1";
                            self.mistakes.push(file.mistake(&what, help));
                        }
                        *self.labels.entry(label.to_string()).or_insert(next)
                    }
                };
                self.classes.push(class);
            }
        }
    }

    /// No rows, or other numbers of rows and columns than the first line says.
    fn wrong_size(
        &self,
        file: &Records,
        columns: &Columns,
        counts: Option<&Counts>,
    ) -> Option<Mistake> {
        let rows = self.inputs.len() / columns.inputs.len();
        if rows == 0 {
            return Some(file.mistake(NO_ROWS.0, NO_ROWS.1));
        }
        let counts = counts?;
        let width = columns.names.len();
        let help = "the whole file: get it again";
        if counts.rows != rows {
            let what = format!("line 1 says {} rows, {rows} are there", counts.rows);
            Some(file.mistake(&what, help))
        } else if counts.columns.checked_add(1) != Some(width) {
            let what = format!(
                "line 1 says {} columns beside the last, records have {width} cells",
                counts.columns
            );
            Some(file.mistake(&what, help))
        } else {
            None
        }
    }

    fn finish(self, columns: Columns, target: &Target, counts: Option<Counts>) -> Dataset {
        let name = |&index: &usize| columns.names[index].clone();
        let targets = match (target, counts) {
            (Target::Numbers(_), _) => {
                let names = columns.targets.iter().map(name).collect();
                RawTargets::Numbers { rows: self.numbers, names }
            }
            (Target::Class(_), None) => numbered(self.classes, self.labels),
            (Target::Class(_), Some(counts)) => named(self.classes, &self.labels, counts.classes),
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

/// Renumbers classes from first appearance to the number that stands in the file.
fn named(mut rows: Vec<u32>, labels: &HashMap<String, u32>, names: Vec<String>) -> RawTargets {
    let mut number = vec![0; labels.len()];
    for (label, &class) in labels {
        number[class as usize] = label.parse().expect("checked when it was read");
    }
    rows.iter_mut().for_each(|class| *class = number[*class as usize]);
    RawTargets::Classes { rows, names }
}
