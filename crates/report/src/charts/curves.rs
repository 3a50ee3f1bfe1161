//! `curves.png`: the loss over the epochs, a line for each cell.

use gradus_runner::{Outcome, Part, RunRecord};

use super::key::Key;
use super::learning_rate::MOST_PANELS;
use super::sheet::{EDGE, Entry, Sample, Sheet, columns};
use crate::axes::{Panel, Scale};
use crate::canvas::{Canvas, Mark, Point, Stroke};
use crate::cells::{Cell, Facet, Survey, loss_name};
use crate::colors::{GRAY, INK, tint};
use gradus_runner::statistics::{median, quantile_of_sorted, sorted};

pub(super) const CAPTION: &str = "Lines are medians over seeds, bands the middle half. A run \
    ends with a cross where it diverged; from there on it counts as worst, so a median leaves \
    the picture once half of its runs are gone.";

/// Exploding losses are cut off at this many times the loss before the first step.
const TOP: f64 = 4.0;

/// A panel of more cells than this shows their medians alone: so many bands lie over each other
/// and hide the lines.
const MOST_BANDS: usize = 24;

/// A curve to draw: split, metric, heading.
type Source = (&'static str, &'static str, String);

/// Median and middle half of a cell over time, and where its diverged runs end.
struct Series {
    cell: usize,
    epochs: Vec<f64>,
    quartiles: Vec<[f64; 3]>,
    ends: Vec<Point>,
}

pub(super) fn draw(survey: &Survey<'_>) -> Option<Canvas> {
    if survey.cells.is_empty() {
        return None;
    }
    let sources = sources(survey);
    let shown = &survey.facets[..survey.facets.len().min(MOST_PANELS)];
    // Many facets leave room for one curve each: the evaluated one, which is the last.
    let sources = if shown.len() > 3 { &sources[sources.len() - 1..] } else { &sources[..] };
    let panels: Vec<(&Facet, &Source)> =
        shown.iter().flat_map(|facet| sources.iter().map(move |source| (facet, source))).collect();
    let all: Vec<Vec<Series>> = panels
        .iter()
        .map(|(facet, (split, metric, _))| {
            let cells = facet.cells.iter();
            cells.map(|&cell| series(cell, &survey.cells[cell], split, metric)).collect()
        })
        .collect();
    let key = Key::new(survey);
    let n_columns = if shown.len() > 3 { columns(panels.len()) } else { sources.len() };
    let n_rows = panels.len().div_ceil(n_columns);
    let row_height = if n_rows == 1 { 690.0 } else { 470.0 };
    let width = 1500.0 + key.width().max(150.0) - 150.0;
    let subtitle = match survey.facets.len() {
        count if count > shown.len() => format!("{} of {count} panels shown", shown.len()),
        _ => format!("{} against epochs", loss_name(&survey.results.experiment.loss)),
    };
    let mut sheet =
        Sheet::new(survey, (width, row_height * n_rows as f64), &subtitle, &legend(survey));
    let (x, y) = scales(survey, &all);
    let column_width = (width - 2.0 * EDGE - key.width()) / n_columns as f64;
    let mut bottom = sheet.top;
    for (index, ((facet, source), series)) in panels.iter().zip(&all).enumerate() {
        let top = sheet.top + row_height * (index / n_columns) as f64;
        let left = EDGE + column_width * (index % n_columns) as f64;
        let panel = Panel {
            left: left + 92.0,
            top: top + 40.0,
            right: left + column_width - 14.0,
            bottom: top + row_height - 78.0,
            x,
            y,
        };
        let heading = match (facet.label.as_str(), sources.len()) {
            ("", _) => source.2.clone(),
            (label, 1) => label.to_string(),
            (label, _) => format!("{}: {label}", source.2),
        };
        draw_panel(survey, &key, &mut sheet.canvas, &panel, series);
        panel.heading(&mut sheet.canvas, &heading);
        panel.y_labels(&mut sheet.canvas, loss_name(&survey.results.experiment.loss));
        panel.x_labels(&mut sheet.canvas, panel.bottom, "epoch");
        bottom = panel.bottom;
    }
    let key_left = width - EDGE - key.width();
    let top = sheet.top + 24.0;
    key.draw(survey, &mut sheet.canvas, (key_left, top, bottom));
    Some(sheet.canvas)
}

/// Training beside each held-out part; where only the training part is evaluated, that.
fn sources(survey: &Survey<'_>) -> Vec<Source> {
    let held_out = survey.evaluated().iter().filter(|&&part| part != Part::Train);
    let evaluates_train = survey.evaluated().contains(&Part::Train);
    let metric = if evaluates_train { "loss" } else { "running_loss" };
    let mean = if evaluates_train { "training" } else { "training, mean over each epoch" };
    let train = std::iter::once(("train", metric, mean.to_string()));
    train.chain(held_out.map(|part| (part.name(), "loss", part.name().to_string()))).collect()
}

fn has_bands(cells: usize) -> bool {
    cells <= MOST_BANDS
}

fn legend(survey: &Survey<'_>) -> Vec<Entry> {
    let mut entries = vec![(Sample::Line(Stroke::new(INK, 2.4)), "median over seeds".to_string())];
    if survey.n_seeds() > 1 && survey.facets.iter().any(|facet| has_bands(facet.cells.len())) {
        entries.push((Sample::Band(tint(INK, 0.18)), "middle half".into()));
    }
    if survey.cells.iter().any(|cell| cell.counts().diverged > 0) {
        entries.push((Sample::Mark(Mark::Cross, INK), "a run diverged".into()));
    }
    if constant(survey).is_finite() {
        let words = "best constant prediction (training part)";
        entries.push((Sample::Line(constant_stroke()), words.into()));
    }
    entries
}

/// What a constant prediction reaches on the training part; NaN where no run is there.
fn constant(survey: &Survey<'_>) -> f64 {
    median(&survey.records().map(|record| record.constant_loss).collect::<Vec<_>>())
}

fn constant_stroke() -> Stroke {
    Stroke::new(GRAY, 1.6).dashed(&[2.5, 4.5])
}

/// Index of the last point of a curve that is shown: the first at or after the divergence.
fn last_shown(record: &RunRecord, steps: &[u64]) -> usize {
    let end = steps.len().saturating_sub(1);
    match record.outcome {
        Outcome::Diverged { step, .. } => {
            steps.iter().position(|&done| done >= step).unwrap_or(end)
        }
        _ => end,
    }
}

fn series(index: usize, cell: &Cell<'_>, split: &str, metric: &str) -> Series {
    let curves: Vec<_> = cell
        .records()
        .filter_map(|record| {
            let curve = record.curve(split, metric).filter(|curve| !curve.values.is_empty())?;
            Some((record, curve, last_shown(record, &curve.steps)))
        })
        .collect();
    let longest = curves.iter().map(|(_, curve, _)| &curve.epochs).max_by_key(|e| e.len());
    let epochs = longest.cloned().unwrap_or_default();
    let value_at = |(record, curve, last): &(&RunRecord, &gradus_runner::Curve, usize), epoch| {
        let place = curve.epochs.partition_point(|&done| done <= epoch);
        match place.checked_sub(1) {
            None => f64::INFINITY,
            Some(place) if place > *last => f64::INFINITY,
            // A run that ended early because it was good enough stays where it was.
            Some(place) if curve.epochs[place] < epoch && record.outcome.is_diverged() => {
                f64::INFINITY
            }
            Some(place) => curve.values[place],
        }
    };
    let quartiles = epochs.iter().map(|&epoch| {
        let values = sorted(&curves.iter().map(|c| value_at(c, epoch)).collect::<Vec<_>>());
        [0.25, 0.5, 0.75].map(|share| quantile_of_sorted(&values, share))
    });
    let diverged = curves.iter().filter(|(record, ..)| record.outcome.is_diverged());
    let ends = diverged.map(|(_, curve, last)| (curve.epochs[*last] as f64, curve.values[*last]));
    Series {
        cell: index,
        quartiles: quartiles.collect(),
        epochs: epochs.iter().map(|&epoch| epoch as f64).collect(),
        ends: ends.collect(),
    }
}

fn scales(survey: &Survey<'_>, all: &[Vec<Series>]) -> (Scale, Scale) {
    let series = || all.iter().flatten();
    let last = series().flat_map(|s| s.epochs.iter().copied()).fold(1.0, f64::max);
    let initial = median(&survey.records().map(|record| record.initial_loss).collect::<Vec<_>>());
    // What trained runs end at is shown even if it is worse than that, up to a further factor.
    let trained = series().filter(|s| survey.cells[s.cell].counts().diverged_share() <= 0.5);
    let ends = trained.filter_map(|s| s.quartiles.last().map(|[_, median, _]| *median));
    let worst_end = ends.filter(|end| end.is_finite()).fold(0.0, f64::max);
    let bound = match initial {
        initial if initial.is_finite() && initial > 0.0 => {
            (initial * TOP).max(worst_end.min(initial * TOP * TOP))
        }
        _ => f64::INFINITY,
    };
    let values = series().flat_map(|s| s.quartiles.iter().flatten().copied());
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let values =
        values.into_iter().map(|value| value.min(bound)).chain([initial, constant(survey)]);
    (Scale::Whole { low: 0.0, high: last }, Scale::over(values, 3.0, 0.04))
}

fn draw_panel(survey: &Survey<'_>, key: &Key, canvas: &mut Canvas, panel: &Panel, all: &[Series]) {
    panel.grid(canvas);
    if has_bands(all.len()) {
        for series in all {
            draw_band(canvas, panel, series, key.stroke(survey, series.cell));
        }
    }
    let (from, to) = panel.x.ends();
    let constant = constant(survey);
    panel.line(canvas, &[(from, constant), (to, constant)], constant_stroke());
    for series in all {
        let stroke = key.stroke(survey, series.cell);
        let medians = series.quartiles.iter().map(|[_, median, _]| *median);
        let points: Vec<(f64, f64)> = series.epochs.iter().copied().zip(medians).collect();
        panel.line(canvas, &points, stroke);
        // Marks tell categories apart, and show a curve of a single point.
        let mark = key.mark(series.cell);
        let inside: Vec<_> = points.iter().filter(|(_, y)| panel.y.share(*y) <= 1.0).collect();
        if mark != Mark::Dot || points.len() == 1 {
            for &&at in inside.iter().step_by((inside.len() / 8).max(1)) {
                panel.mark(canvas, mark, at, 5.0, stroke.color);
            }
        }
    }
    for series in all {
        let color = key.stroke(survey, series.cell).color;
        for &(epoch, value) in &series.ends {
            let (x, y) = panel.at(epoch, value);
            let inside = (x.clamp(panel.left + 7.0, panel.right - 7.0), y.max(panel.top + 7.0));
            canvas.mark(Mark::Cross, inside, 6.5, [255; 3]);
            canvas.mark(Mark::Cross, inside, 5.5, color);
        }
    }
    panel.frame(canvas);
    if all.iter().all(|series| series.epochs.is_empty()) {
        panel.remark(canvas, "no run has a result yet");
    }
}

/// The band of a cell of which runs diverge ends where it leaves the panel: from there on it would
/// cover the picture and say nothing.
fn draw_band(canvas: &mut Canvas, panel: &Panel, series: &Series, stroke: Stroke) {
    let points = series.epochs.iter().zip(&series.quartiles);
    let edges: Vec<(f64, f64, f64)> = points
        .take_while(|(_, [.., worse])| series.ends.is_empty() || panel.y.share(*worse) <= 1.0)
        .map(|(&epoch, [better, _, worse])| {
            (panel.at_x(epoch), panel.at_y(*better), panel.at_y(*worse))
        })
        .collect();
    canvas.band(&edges, stroke.color, 0.13);
}
