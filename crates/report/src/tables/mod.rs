//! The tables that scripts read: one file each, one line each in [`TABLES`].

mod curves;
mod runs;
mod timings;

use crate::cells::Survey;

/// What a table is written with.
pub(crate) type Writer = csv::Writer<Vec<u8>>;
/// Writes a table, its head first.
type Write = fn(&Survey<'_>, &mut Writer) -> csv::Result<()>;

/// File name and writer of every table.
pub(crate) const TABLES: [(&str, Write); 3] =
    [("runs.csv", runs::write), ("curves.csv", curves::write), ("timings.csv", timings::write)];

/// A table as RFC 4180 text with `\n` at the ends of lines.
pub(crate) fn text(survey: &Survey<'_>, write: Write) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    write(survey, &mut writer)?;
    Ok(writer.into_inner().map_err(|unwritten| unwritten.into_error())?)
}
