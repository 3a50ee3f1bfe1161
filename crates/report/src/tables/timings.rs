//! `timings.csv`: what depends on the clock, kept apart from everything else.

use super::Writer;
use crate::cells::Survey;
use crate::numbers::exact;

pub(super) fn write(survey: &Survey<'_>, writer: &mut Writer) -> csv::Result<()> {
    writer.write_record(["position", "key", "seconds"])?;
    for run in &survey.results.runs {
        if let Some(timing) = run.timing {
            writer.write_record([&*run.position.to_string(), &run.key, &exact(timing.seconds)])?;
        }
    }
    Ok(())
}
