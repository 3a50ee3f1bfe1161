//! Files of row numbers: the rows of a test part a line.

use gradus_core::Mistake;

use super::dataset::excerpt;
use super::file::{Content, Files};

/// Where the experiment names the file.
const PLACE: &str = "data.split.method[0]";

/// More mistakes than this in one file are not worth listing.
const MOST_MISTAKES: usize = 10;

/// The test parts of a file, as it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRows {
    /// The file, quoted, for messages.
    pub name: String,
    /// Row numbers, from 0, a list for each seed from 0; all of the same length.
    pub lists: Vec<Vec<usize>>,
}

/// Reads a file of whole numbers between blanks; `rows` is what they must stay below.
pub(super) fn read(files: &Files<'_>, path: &str, rows: usize) -> Result<TestRows, Vec<Mistake>> {
    let mut content = files.open(PLACE, path).map_err(|mistake| vec![mistake])?;
    let bytes = match content.read_up_to(u64::MAX) {
        Ok(bytes) => bytes,
        Err(error) => return Err(vec![content.unreadable(PLACE, &error)]),
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut lists: Vec<Vec<usize>> = Vec::new();
    let mut mistakes = Vec::new();
    for (line, numbers) in (1..).zip(text.trim_end().lines()) {
        match list(numbers, rows) {
            Ok(list) if lists.first().is_some_and(|first| first.len() != list.len()) => {
                let (found, first) = (list.len(), lists[0].len());
                let what = format!("line {line} has {found} row numbers, line 1 has {first}");
                mistakes.push(wrong(&content, &what, "test parts of one size"));
            }
            Ok(list) => lists.push(list),
            Err((what, help)) => {
                mistakes.push(wrong(&content, &format!("line {line}{what}"), &help));
            }
        }
        if mistakes.len() == MOST_MISTAKES {
            break;
        }
    }
    if lists.is_empty() && mistakes.is_empty() {
        mistakes.push(wrong(&content, "it is empty", "row numbers, a test part a line"));
    }
    if mistakes.is_empty() { Ok(TestRows { name: content.name, lists }) } else { Err(mistakes) }
}

fn wrong(content: &Content, what: &str, help: &str) -> Mistake {
    content.mistake(PLACE, what, help)
}

/// The numbers of a line, or what is wrong with it and what is allowed.
fn list(line: &str, rows: usize) -> Result<Vec<usize>, (String, String)> {
    let mut list = Vec::new();
    let mut is_there = vec![false; rows];
    for (position, word) in (1..).zip(line.split_ascii_whitespace()) {
        let start = format!(", number {position}: ");
        let allowed = format!("whole numbers from 0 to {}, the rows of the source", rows - 1);
        let Ok(row) = word.parse::<usize>() else {
            return Err((format!("{start}{} is no row number", excerpt(word)), allowed));
        };
        match is_there.get_mut(row) {
            None => return Err((format!("{start}there is no row {row}"), allowed)),
            Some(true) => {
                return Err((format!("{start}row {row} stands twice"), "each row once".into()));
            }
            Some(is_there) => *is_there = true,
        }
        list.push(row);
    }
    if list.is_empty() {
        return Err((" is empty".into(), "row numbers, a test part a line".into()));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lists(text: &str) -> Result<Vec<Vec<usize>>, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("splits"), text).expect("a file can be written");
        let files = Files { folder: folder.path(), data_folder: None, obtain: "" };
        let end = |mistake: Mistake| {
            assert_eq!(mistake.place, PLACE);
            mistake.message.split_once("splits\": ").map(|(_, end)| end.to_string())
        };
        read(&files, "splits", 10)
            .map(|read| read.lists)
            .map_err(|mistakes| mistakes.into_iter().filter_map(end).collect())
    }

    #[test]
    fn a_line_is_a_test_part_and_blank_lines_at_the_end_are_none() {
        assert_eq!(lists("1 2\n9\t0\r\n\n \n"), Ok(vec![vec![1, 2], vec![9, 0]]));
    }

    #[test]
    fn wrong_files_are_refused_with_line_and_number() {
        for (text, expected) in [
            ("", vec!["it is empty"]),
            ("1 2\n\n3 4\n", vec!["line 2 is empty"]),
            (
                "1 2\n3\n4 10\n5 x\n6 6\n-1 2",
                vec![
                    "line 2 has 1 row numbers, line 1 has 2",
                    "line 3, number 2: there is no row 10",
                    "line 4, number 2: \"x\" is no row number",
                    "line 5, number 2: row 6 stands twice",
                    "line 6, number 1: \"-1\" is no row number",
                ],
            ),
        ] {
            assert_eq!(lists(text), Err(expected.into_iter().map(String::from).collect()));
        }
        assert_eq!(lists(&"x\n".repeat(1000)).map_err(|found| found.len()), Err(10));
    }
}
