//! A file of a table, record by record, each with its line.

use std::io::{BufRead, BufReader, Read};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
use gradus_core::Mistake;

use super::file::Content;
use super::lines::Lines;

/// A record of more bytes is an open quote or no table.
const MOST_BYTES: u64 = 1 << 20;

/// The records of a file, the current one at hand.
pub(super) struct Records {
    /// Where the experiment names the file.
    place: String,
    form: Form,
    /// Cells of the current record.
    cells: StringRecord,
    /// Its line, from 1.
    pub(super) line: u64,
    /// Cells that every record has, once the first of them is read.
    width: Option<usize>,
}

enum Form {
    /// A character between cells, quotes around some of them.
    Separated(Box<Reader<Lines>>),
    /// Any number of blanks between cells, a record a line.
    Blanks(BufReader<Content>),
}

impl Records {
    /// The records of `content`; the delimiter `' '` stands for any number of blanks.
    pub(super) fn new(content: Content, place: &str, delimiter: u8) -> Self {
        let form = if delimiter == b' ' {
            Form::Blanks(BufReader::new(content))
        } else {
            let mut builder = ReaderBuilder::new();
            builder.has_headers(false).flexible(true).delimiter(delimiter).trim(Trim::All);
            Form::Separated(Box::new(builder.from_reader(Lines::new(content))))
        };
        let cells = StringRecord::new();
        Self { place: place.to_string(), form, cells, line: 0, width: None }
    }

    /// Goes on to the next record that is not blank; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Mistake> {
        let read = match &mut self.form {
            Form::Separated(reader) => next_separated(reader, &mut self.cells, &mut self.line),
            Form::Blanks(reader) => next_of_blanks(reader, &mut self.cells, &mut self.line),
        };
        if !read.map_err(|(what, help)| self.wrong(&what, help))? {
            return Ok(false);
        }
        let (found, first) = (self.cells.len(), *self.width.get_or_insert(self.cells.len()));
        if found != first {
            let what = format!("has {found} cells, the first record has {first}");
            return Err(self.wrong(&what, "the same columns in every record"));
        }
        Ok(true)
    }

    /// Lets the records after the current one have another number of cells.
    pub(super) fn begin_body(&mut self) {
        self.width = None;
    }

    /// The cells of the current record.
    pub(super) fn cells(&self) -> &StringRecord {
        &self.cells
    }

    /// A mistake about this file.
    pub(super) fn mistake(&self, what: &str, help: &str) -> Mistake {
        self.content().mistake(&self.place, what, help)
    }

    /// Path of the file, quoted.
    pub(super) fn name(&self) -> &str {
        &self.content().name
    }

    /// A mistake about the current line.
    fn wrong(&self, what: &str, help: &str) -> Mistake {
        self.mistake(&format!("line {} {what}", self.line), help)
    }

    fn content(&self) -> &Content {
        match &self.form {
            Form::Separated(reader) => &reader.get_ref().content,
            Form::Blanks(reader) => reader.get_ref(),
        }
    }
}

/// What is wrong with a line, and what is allowed.
type Wrong = (String, &'static str);

const WHOLE: &str = "a whole table, plain or gzip";

fn next_separated(
    reader: &mut Reader<Lines>,
    cells: &mut StringRecord,
    line: &mut u64,
) -> Result<bool, Wrong> {
    let start = reader.position().byte();
    let reason = "a record is longer than 1 MiB, perhaps an open quote";
    reader.get_mut().content.stop_at(start + MOST_BYTES, reason);
    let read = reader.read_record(cells);
    *line = reader.get_mut().line_at(start);
    read.map_err(|error| match error.kind() {
        ErrorKind::Io(error) => (format!("cannot be read: {error}"), WHOLE),
        ErrorKind::Utf8 { err, .. } => {
            (format!("is not UTF-8 in column {}", err.field()), "text in UTF-8")
        }
        _ => (error.to_string(), "a table of numbers"),
    })
}

fn next_of_blanks(
    reader: &mut BufReader<Content>,
    cells: &mut StringRecord,
    line: &mut u64,
) -> Result<bool, Wrong> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        *line += 1;
        let read = reader.by_ref().take(MOST_BYTES).read_until(b'\n', &mut bytes);
        let length = read.map_err(|error| (format!("cannot be read: {error}"), WHOLE))?;
        if length == 0 {
            return Ok(false);
        }
        if length as u64 == MOST_BYTES {
            return Err(("is longer than 1 MiB".into(), "a record of numbers a line"));
        }
        let text = str::from_utf8(&bytes).map_err(|_| ("is not UTF-8".into(), "text in UTF-8"))?;
        *cells = text.split_ascii_whitespace().collect();
        if !cells.is_empty() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static [u8], delimiter: u8) -> Vec<Result<(u64, String), String>> {
        let mut records = Records::new(Content::embedded(text, "t"), "p", delimiter);
        let mut all = Vec::new();
        loop {
            match records.advance() {
                Ok(true) => {
                    let cells = records.cells().iter().collect::<Vec<_>>().join("|");
                    all.push(Ok((records.line, cells)));
                }
                Ok(false) => return all,
                Err(mistake) => {
                    all.push(Err(mistake.message));
                    return all;
                }
            }
        }
    }

    #[test]
    fn blanks_of_any_number_and_kind_stand_between_cells() {
        let all = read(b" 1 \t 2\r\n\n\n3  4 \n \n", b' ');
        assert_eq!(all, [Ok((1, "1|2".into())), Ok((4, "3|4".into()))]);
    }

    #[test]
    fn both_forms_hold_records_to_one_length() {
        let expected =
            [Ok((1, "1|2".into())), Err("t: line 3 has 1 cells, the first record has 2".into())];
        assert_eq!(read(b"1 2\n\n3\n", b' '), expected);
        assert_eq!(read(b"1,2\n\n3\n", b','), expected);
    }

    #[test]
    fn no_line_is_read_without_bound() {
        let long: &'static [u8] = Box::leak(vec![b'1'; 3 << 20].into_boxed_slice());
        assert_eq!(read(long, b' '), [Err("t: line 1 is longer than 1 MiB".into())]);
        assert_eq!(read(b"1 \xff\n", b' '), [Err("t: line 1 is not UTF-8".into())]);
    }
}
