//! From text to an experiment: all mistakes of form at once, though the reader stops at the first.

use std::collections::BTreeSet;
use std::ops::Range;

use ron::error::{Position, SpannedError};
use ron::extensions::Extensions;
use ron::{Error, Options};

use super::tree::Node;
use crate::experiment::Experiment;

/// One mistake of form, placed in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// More mistakes than this in one file are not worth listing.
const MOST_PROBLEMS: usize = 50;

/// The form of the files: `Some` and the brackets of a variant's struct may be left out.
fn options() -> Options {
    Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .with_default_extension(Extensions::UNWRAP_NEWTYPES)
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES)
}

/// Reads an experiment and stops at the first mistake.
pub(crate) fn parse(text: &str) -> Result<Experiment, SpannedError> {
    options().from_str(text)
}

/// Reads an experiment, or finds everything that is wrong with its form.
///
/// After each mistake the field or item it stands in is blanked out and the text is read again; a
/// field that is missing only because it was blanked is no mistake of the file.
pub(crate) fn read(text: &str) -> Result<Experiment, Vec<Problem>> {
    let mut problems = not_finite(text);
    let mut working = text.to_string();
    let mut blanked = BTreeSet::new();
    while problems.len() < MOST_PROBLEMS {
        let error = match parse(&working) {
            Ok(experiment) if problems.is_empty() => return Ok(experiment),
            Ok(_) => break,
            Err(error) => error,
        };
        let at = byte(&working, error.span.start);
        if let Error::MissingStructField { field, .. } = error.code
            && blanked.contains(field)
        {
            break;
        }
        let problem = problem(text, &error);
        if !problems.iter().any(|known| known.span == problem.span) {
            problems.push(problem);
        }
        let Some(around) = Node::scan(&working).and_then(|tree| tree.around(at)) else { break };
        let name: String = working[around.clone()]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        blanked.insert(name);
        blank(&mut working, around);
    }
    problems.sort_by_key(|problem| problem.span.start);
    Err(problems)
}

/// RON reads `1e999` as infinity and knows `inf` and `NaN`; no number here may be one of them.
fn not_finite(text: &str) -> Vec<Problem> {
    let leaves = Node::scan(text).map(|tree| tree.leaves()).unwrap_or_default();
    let is_not_finite = |token: &str| {
        let digits: String = token.chars().filter(|&c| c != '_').collect();
        let bare = digits.trim_end_matches("f64").trim_end_matches("f32");
        bare.parse::<f64>().is_ok_and(|number| !number.is_finite())
    };
    leaves
        .into_iter()
        .filter(|span| is_not_finite(&text[span.clone()]))
        .map(|span| Problem {
            message: format!("{} is not a finite number", &text[span.clone()]),
            span,
            help: "allowed: finite numbers; the largest is about 1.8e308".to_string(),
        })
        .collect()
}

/// Spaces in place of the piece and the comma behind it; lines and places stay what they are.
fn blank(text: &mut String, piece: Range<usize>) {
    let rest = &text[piece.end..];
    let spaces = rest.len() - rest.trim_start().len();
    let end = if rest[spaces..].starts_with(',') { piece.end + spaces + 1 } else { piece.end };
    let blanks: String = text[piece.start..end]
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8()))
        .collect();
    text.replace_range(piece.start..end, &blanks);
}

/// The byte of a position; its columns count characters from 1.
fn byte(text: &str, position: Position) -> usize {
    let line_start: usize =
        text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = text[line_start..].split('\n').next().unwrap_or_default();
    let column = line.char_indices().nth(position.col.saturating_sub(1));
    line_start + column.map_or(line.len(), |(index, _)| index)
}

fn problem(text: &str, error: &SpannedError) -> Problem {
    let (start, end) = (byte(text, error.span.start), byte(text, error.span.end));
    // A mistake at the very end of the text is shown at its last character.
    let last = text.trim_end().len().saturating_sub(1);
    let start = start.min(last);
    let span = start..end.clamp(start + 1, text.len().max(start + 1));
    let field = Node::scan(text).and_then(|tree| tree.around(start));
    let (message, help) = words(&error.code);
    let span = match (&error.code, field) {
        // The reader stops behind a bad value; the value itself is what must be shown.
        (
            Error::ExpectedInteger
            | Error::ExpectedFloat
            | Error::IntegerOutOfBounds
            | Error::InvalidValueForType { .. }
            | Error::ExpectedString
            | Error::ExpectedBoolean
            | Error::ExpectedArray,
            Some(field),
        ) => one_line(text, field),
        _ => one_line(text, span),
    };
    Problem { span, message, help }
}

fn one_line(text: &str, span: Range<usize>) -> Range<usize> {
    let length = text[span.clone()].find('\n').unwrap_or(span.len());
    span.start..span.start + length.max(1)
}

fn words(error: &Error) -> (String, String) {
    match error {
        Error::NoSuchStructField { expected, found, outer } => {
            let place = outer.as_ref().map_or(String::new(), |outer| format!(" of `{outer}`"));
            (format!("unknown field `{found}`{place}"), suggestion(found, expected, "fields"))
        }
        Error::NoSuchEnumVariant { expected, found, outer } => {
            let kind = outer.as_ref().map_or(String::new(), |outer| format!(" for `{outer}`"));
            (format!("unknown value `{found}`{kind}"), suggestion(found, expected, "values"))
        }
        Error::MissingStructField { field, outer } => {
            let place = outer.as_ref().map_or(String::new(), |outer| format!(" of `{outer}`"));
            (format!("the field `{field}`{place} is missing"), format!("add `{field}: …`"))
        }
        Error::DuplicateStructField { field, .. } => {
            (format!("the field `{field}` stands twice"), "keep one of them".to_string())
        }
        Error::ExpectedInteger => {
            ("not a whole number from 0".to_string(), "allowed: a whole number from 0".to_string())
        }
        Error::IntegerOutOfBounds => (
            "this whole number is too large or below 0".to_string(),
            "allowed: whole numbers from 0 to 18446744073709551615".to_string(),
        ),
        Error::ExpectedFloat => {
            ("not a number".to_string(), "allowed: a number such as 0.1 or 1e-3".to_string())
        }
        other => {
            let text = other.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
            (format!("{first}{}", letters.as_str()), "see the form of a file in README".to_string())
        }
    }
}

fn suggestion(found: &str, expected: &[&str], what: &str) -> String {
    let allowed = format!("allowed {what}: {}", expected.join(", "));
    let distance = |name: &&&str| strsim::damerau_levenshtein(found, name);
    match expected.iter().min_by_key(distance) {
        Some(nearest) if distance(&nearest) <= 1 + found.len() / 3 => {
            format!("did you mean `{nearest}`? {allowed}")
        }
        _ => allowed,
    }
}
