//! `accuracy.png`: the accuracy against the learning rate, or cell by cell.

use gradus_runner::{Metric, Part};

use super::learning_rate::draw_measure;
use super::sheet::{EDGE, Entry, Sample, Sheet};
use crate::axes::{LABEL_SIZE, Panel, Scale, TICK_SIZE, fitted};
use crate::canvas::{Align, Canvas, Mark, Stroke, Text};
use crate::cells::{Measure, Survey};
use crate::colors::{BLUE, INK, VERMILION, tint};
use crate::numbers::short;

pub(super) const CAPTION: &str = "Share of the predictions that name the right class, at the end; \
    medians over seeds, diverged runs counted as worst.";

/// More cells than this do not fit on a picture that one can read.
const MOST_CELLS: usize = 40;
const ROW: f64 = 44.0;

pub(super) fn draw(survey: &Survey<'_>) -> Option<Canvas> {
    let measure = accuracy(survey)?;
    if survey.varies_rate() {
        // Judged by accuracy, the first chart is this one.
        let is_judged = survey.judged.metric == Metric::Accuracy;
        return (!is_judged).then(|| draw_measure(survey, &measure));
    }
    Some(draw_cells(survey, &measure))
}

/// Final accuracy on the judged part if it is evaluated, or else on the first part that is.
pub(crate) fn accuracy(survey: &Survey<'_>) -> Option<Measure> {
    let experiment = &survey.results.experiment;
    let parts: &[Part] = survey.evaluated();
    let split = parts.iter().find(|&&part| part == survey.judged.split).or(parts.first())?;
    let measure = Measure::of(Metric::Accuracy, &experiment.loss, *split);
    let is_there = survey.records().any(|record| measure.curve(record).is_some());
    (experiment.metrics().contains(&Metric::Accuracy) && is_there).then_some(measure)
}

fn draw_cells(survey: &Survey<'_>, measure: &Measure) -> Canvas {
    let cells = &survey.cells[..survey.cells.len().min(MOST_CELLS)];
    let text = Text::new(LABEL_SIZE - 1.0, INK);
    let widest = cells.iter().map(|cell| text.width(&cell.label())).fold(0.0, f64::max).min(430.0);
    let subtitle = match survey.cells.len() {
        count if count > cells.len() => format!("the first {} of {count} cells", cells.len()),
        _ => format!("{} {}", measure.words(), measure.moment()),
    };
    let legend: [Entry; 4] = [
        (Sample::Mark(Mark::Diamond, INK), "median".into()),
        (Sample::Mark(Mark::Dot, tint(BLUE, 0.65)), "one seed".into()),
        (Sample::Band(tint(BLUE, 0.22)), "middle half of the seeds".into()),
        (Sample::Mark(Mark::Cross, VERMILION), "diverged".into()),
    ];
    let height = ROW * cells.len() as f64 + 110.0;
    let mut sheet = Sheet::new(survey, (1400.0, height), &subtitle, &legend);
    let values = cells.iter().flat_map(|cell| cell.records().map(|record| measure.value(record)));
    let panel = Panel {
        left: EDGE + widest + 24.0,
        top: sheet.top + 16.0,
        right: 1400.0 - EDGE - 90.0,
        bottom: sheet.top + 16.0 + ROW * cells.len() as f64,
        x: Scale::over(values, f64::INFINITY, 0.06),
        // A row each, the first on top.
        y: Scale::Linear { low: cells.len() as f64 - 0.5, high: -0.5 },
    };
    for tick in panel.x.ticks(10) {
        let x = panel.at_x(tick.value);
        let ends = [(x, panel.top), (x, panel.bottom)];
        sheet.canvas.line(&ends, Stroke::new(crate::colors::GRID, 1.0));
    }
    for (row, cell) in cells.iter().enumerate() {
        let y = panel.at_y(row as f64);
        let canvas = &mut sheet.canvas;
        let label = fitted(&cell.label(), 430.0, text);
        canvas.text((panel.left - 12.0, y), &label, text.aligned(Align::Right));
        let [worse, median, better] = [0.75, 0.5, 0.25].map(|share| cell.value_at(measure, share));
        if better.is_finite() {
            let (from, to) = (panel.at_x(worse), panel.at_x(better));
            canvas.rectangle((from, y - 12.0), (to, y + 12.0), tint(BLUE, 0.22), 1.0);
        }
        for record in cell.records() {
            let value = measure.value(record);
            if record.outcome.is_diverged() {
                let x = if value.is_finite() { panel.at_x(value) } else { panel.left };
                canvas.mark(Mark::Cross, (x, y), 5.0, VERMILION);
            } else if value.is_finite() {
                canvas.circle((panel.at_x(value), y), 4.2, tint(BLUE, 0.65));
            }
        }
        if median.is_finite() {
            canvas.mark(Mark::Diamond, (panel.at_x(median), y), 9.0, INK);
            canvas.text((panel.right + 12.0, y), &short(median), Text::new(TICK_SIZE, INK));
        }
    }
    panel.frame(&mut sheet.canvas);
    panel.x_labels(&mut sheet.canvas, panel.bottom, &measure.quantity());
    sheet.canvas
}
