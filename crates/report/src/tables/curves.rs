//! `curves.csv`: every recorded point on a line of its own, in plan order.

use super::Writer;
use crate::cells::Survey;
use crate::numbers::exact;

pub(super) fn write(survey: &Survey<'_>, writer: &mut Writer) -> csv::Result<()> {
    writer.write_record(["run", "key", "epoch", "step", "split", "metric", "layer", "value"])?;
    for run in &survey.results.runs {
        let position = run.position.to_string();
        for curve in run.record.iter().flat_map(|record| &record.curves) {
            let layer = curve.layer.map(|layer| layer.to_string()).unwrap_or_default();
            let times = curve.epochs.iter().zip(&*curve.steps);
            for ((epoch, step), value) in times.zip(&curve.values) {
                let (epoch, step, value) = (epoch.to_string(), step.to_string(), exact(*value));
                let (split, metric) = (&*curve.split, &*curve.metric);
                writer.write_record([
                    &*position, &run.key, &epoch, &step, split, metric, &layer, &value,
                ])?;
            }
        }
    }
    Ok(())
}
