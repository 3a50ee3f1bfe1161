//! `learning_rate.png`: the judged value against the learning rate, and where training diverges.

use gradus_runner::At;

use super::sheet::{EDGE, Entry, Sample, Sheet, columns, hatch};
use crate::axes::{Panel, Scale, TICK_SIZE, fitted};
use crate::canvas::{Align, Canvas, Mark, Stroke, Text};
use crate::cells::{Cell, Facet, Measure, Survey};
use crate::colors::{BLUE, GRAY, GREEN, INK, PURPLE, VERMILION, WHITE, tint};
use crate::numbers::{counted, digits, short};
use crate::verdict::{Border, RateVerdict, verdict_of};
use gradus_runner::statistics::median;

pub(super) const CAPTION: &str = "The line is the median over seeds at the end, diverged runs \
    counted as worst; the band is the middle half; dots are single seeds; the dashed line is the \
    median of each run's best epoch. Crosses above are runs that diverged, the bars below their \
    share.";

/// More panels than this do not fit on a picture that one can read.
pub(super) const MOST_PANELS: usize = 12;
/// Two lines nearer to each other than this share of their value are one line to the eye.
const VISIBLE: f64 = 0.005;
const RAIL: f64 = 34.0;
const NOTES: f64 = 56.0;
const STRIP: f64 = 40.0;
const DASHES: &[f64] = &[9.0, 6.0];
const DOTS: &[f64] = &[2.5, 4.5];

pub(super) fn draw(survey: &Survey<'_>) -> Option<Canvas> {
    survey.varies_rate().then(|| draw_measure(survey, &survey.judged))
}

/// The chart for any measure: `accuracy.png` is this chart too.
pub(super) fn draw_measure(survey: &Survey<'_>, measure: &Measure) -> Canvas {
    let facets = &survey.facets[..survey.facets.len().min(MOST_PANELS)];
    let n_columns = columns(facets.len());
    let n_rows = facets.len().div_ceil(n_columns);
    let (width, row_height) = match n_columns {
        1 => (1400.0, 760.0),
        2 => (1500.0, 640.0),
        _ => (1800.0, 560.0),
    };
    let initial = initial_value(survey, measure);
    let mut subtitle = format!(
        "{} {}, {} a rate",
        measure.words(),
        measure.moment(),
        counted(survey.n_seeds(), "seed")
    );
    if facets.len() < survey.facets.len() {
        subtitle += &format!("; {} of {} panels shown", facets.len(), survey.facets.len());
    }
    let mut sheet = Sheet::new(
        survey,
        (width, row_height * n_rows as f64),
        &subtitle,
        &legend(survey, measure, initial),
    );
    let x = match survey.rates().as_slice() {
        // A single rate needs neighbors to be read.
        &[rate] => Scale::Log { low: rate / 4.0, high: rate * 4.0 },
        rates => Scale::over(rates.iter().copied(), 3.0, 0.04),
    };
    let y = value_scale(survey, measure, initial);
    let verdicts = (*measure == survey.judged).then(|| verdict_of(survey).learning_rates);
    let column_width = (width - 2.0 * EDGE) / n_columns as f64;
    for (index, facet) in facets.iter().enumerate() {
        let left = EDGE + column_width * (index % n_columns) as f64;
        let top = sheet.top + row_height * (index / n_columns) as f64;
        let heading = if facet.label.is_empty() { 0.0 } else { 34.0 };
        let panel = Panel {
            left: left + 92.0,
            top: top + heading + NOTES + RAIL,
            right: left + column_width - 12.0,
            bottom: top + row_height - 84.0 - STRIP,
            x,
            y,
        };
        if !facet.label.is_empty() {
            let above = Panel { top: panel.top - RAIL - NOTES, ..panel };
            above.heading(&mut sheet.canvas, &facet.label);
        }
        let verdict = verdicts.as_ref().map(|verdicts| &verdicts[index]);
        let picture = Picture { survey, facet, measure, panel, initial, verdict };
        picture.draw(&mut sheet.canvas);
    }
    sheet.canvas
}

/// Median of the measure before the first step; none for a measure that has no such value.
fn initial_value(survey: &Survey<'_>, measure: &Measure) -> Option<f64> {
    let of_curve = |record| {
        let curve = measure.curve(record)?;
        let start = curve.epochs.iter().position(|&epoch| epoch == 0);
        start.map(|index| curve.values[index])
    };
    let is_loss = measure.metric == gradus_runner::Metric::Loss;
    let values: Vec<f64> = survey
        .records()
        .filter_map(|record| of_curve(record).or(is_loss.then_some(record.initial_loss)))
        .collect();
    Some(median(&values)).filter(|value| value.is_finite())
}

fn legend(survey: &Survey<'_>, measure: &Measure, initial: Option<f64>) -> Vec<Entry> {
    let line = Stroke::new(INK, 2.8);
    let several = survey.n_seeds() > 1;
    let words = if several { format!("median {}", measure.moment()) } else { measure.moment() };
    let mut entries: Vec<Entry> = vec![(Sample::MarkedLine(line, Mark::Dot), words)];
    if several {
        entries.push((Sample::Mark(Mark::Dot, tint(BLUE, 0.65)), "one seed".into()));
        entries.push((Sample::Band(tint(BLUE, 0.22)), "middle half of the seeds".into()));
    }
    if shows_best(survey, measure) {
        let dashed = Stroke::new(BLUE, 2.2).dashed(DASHES);
        let words = if several { "median of the best epoch" } else { "best epoch" };
        entries.push((Sample::Line(dashed), words.into()));
    }
    if let Some(initial) = initial {
        let dotted = Stroke::new(GRAY, 2.0).dashed(DOTS);
        entries.push((Sample::Line(dotted), format!("before the first step: {}", short(initial))));
    }
    let shares: Vec<f64> = survey.cells.iter().map(|cell| cell.counts().diverged_share()).collect();
    if shares.iter().any(|&share| share > 0.0) {
        entries.push((Sample::Mark(Mark::Cross, VERMILION), "diverged".into()));
    }
    if shares.iter().any(|&share| share > 0.0 && share <= 0.5) {
        entries.push((Sample::Hatch, "some seeds diverge".into()));
    }
    if shares.iter().any(|&share| share > 0.5) {
        entries.push((Sample::Band(tint(VERMILION, 0.16)), "most diverge".into()));
    }
    entries
}

/// Whether the best epoch is another line than the end anywhere.
fn shows_best(survey: &Survey<'_>, measure: &Measure) -> bool {
    let at_best = measure.at(At::Best);
    let differs = |cell: &Cell<'_>| {
        let (end, best) = (cell.value_at(measure, 0.5), cell.value_at(&at_best, 0.5));
        end.is_finite() && (end - best).abs() > VISIBLE * end.abs()
    };
    survey.cells.iter().any(differs)
}

/// The scale of the values: accuracy from 0 to 1 as far as needed; a loss logarithmic from a
/// ratio of 2 on, cut a few times above the start, so that one bad seed does not flatten the rest.
fn value_scale(survey: &Survey<'_>, measure: &Measure, initial: Option<f64>) -> Scale {
    let moments = [measure.clone(), measure.at(At::Best)];
    let finished = survey.records().filter(|record| !record.outcome.is_diverged());
    let mut values: Vec<f64> = finished
        .flat_map(|record| moments.each_ref().map(|moment| moment.value(record)))
        .filter(|value| value.is_finite())
        .collect();
    values.extend(initial);
    if measure.metric.higher_is_better() {
        return Scale::over(values.into_iter(), f64::INFINITY, 0.05);
    }
    let bound = initial.map_or(f64::INFINITY, |initial| initial.max(median(&values)) * 10.0);
    values.iter_mut().for_each(|value| *value = value.min(bound));
    Scale::over(values.into_iter(), 2.0, 0.05)
}

/// One panel with its rail, its strip and its notes.
struct Picture<'a> {
    survey: &'a Survey<'a>,
    facet: &'a Facet,
    measure: &'a Measure,
    panel: Panel,
    initial: Option<f64>,
    verdict: Option<&'a RateVerdict>,
}

/// A line upright through the panel, with its words above.
struct Note {
    x: f64,
    words: String,
    color: crate::colors::Color,
    is_bold: bool,
}

impl Picture<'_> {
    fn cells(&self) -> impl Iterator<Item = (f64, &Cell<'_>)> {
        let cells = self.facet.cells.iter().map(|&index| &self.survey.cells[index]);
        cells.filter_map(|cell| Some((cell.rate()?, cell)))
    }

    fn draw(&self, canvas: &mut Canvas) {
        self.shade(canvas);
        self.panel.grid(canvas);
        self.draw_values(canvas);
        self.draw_notes(canvas);
        self.panel.frame(canvas);
        self.draw_rail(canvas);
        self.draw_strip(canvas);
        self.panel.y_labels(canvas, &self.measure.quantity());
        if self.cells().all(|(_, cell)| cell.records().next().is_none()) {
            self.panel.remark(canvas, "no run has a result yet");
        }
    }

    /// The edges of the column that belongs to a rate: half way to its neighbors.
    fn column(&self, rate: f64) -> (f64, f64) {
        let places: Vec<f64> = self.cells().map(|(rate, _)| self.panel.at_x(rate)).collect();
        let here = self.panel.at_x(rate);
        let below = places.iter().copied().filter(|&place| place < here).reduce(f64::max);
        let above = places.iter().copied().filter(|&place| place > here).reduce(f64::min);
        let half = |other: f64| (here + other) / 2.0;
        (below.map_or(self.panel.left, half), above.map_or(self.panel.right, half))
    }

    /// Shades from the first rate on at which most runs diverged; hatches where some did.
    fn shade(&self, canvas: &mut Canvas) {
        let Panel { top, right, bottom, .. } = self.panel;
        let top = top - RAIL;
        let mostly = self.cells().find(|(_, cell)| cell.counts().diverged_share() > 0.5);
        let edge = mostly.map_or(f64::INFINITY, |(rate, _)| self.column(rate).0);
        if edge.is_finite() {
            canvas.rectangle((edge, top), (right, bottom), tint(VERMILION, 0.16), 1.0);
        }
        for (rate, cell) in self.cells() {
            let (from, to) = self.column(rate);
            let share = cell.counts().diverged_share();
            if share > 0.0 && share <= 0.5 && from < edge {
                hatch(canvas, (from, top), (to.min(edge), bottom));
            }
        }
    }

    fn draw_values(&self, canvas: &mut Canvas) {
        let panel = self.panel;
        let at_best = self.measure.at(At::Best);
        let share = |measure: &Measure, share: f64| -> Vec<(f64, f64)> {
            self.cells().map(|(rate, cell)| (rate, cell.value_at(measure, share))).collect()
        };
        let medians = share(self.measure, 0.5);
        let (better, worse) = (share(self.measure, 0.25), share(self.measure, 0.75));
        if self.survey.n_seeds() > 1 {
            let edges: Vec<(f64, f64, f64)> = better
                .iter()
                .zip(&worse)
                .map(|(low, high)| (panel.at_x(low.0), panel.at_y(low.1), panel.at_y(high.1)))
                .collect();
            // Without a median the middle half has no middle.
            let mut from = 0;
            for part in medians.chunk_by(|a, b| a.1.is_finite() == b.1.is_finite()) {
                if part[0].1.is_finite() {
                    canvas.band(&edges[from..from + part.len()], tint(BLUE, 0.55), 0.4);
                }
                from += part.len();
            }
        }
        if let Some(initial) = self.initial {
            let ends = [(panel.left, panel.at_y(initial)), (panel.right, panel.at_y(initial))];
            canvas.line(&ends, Stroke::new(GRAY, 2.0).dashed(DOTS));
        }
        if shows_best(self.survey, self.measure) {
            self.draw_line(canvas, &share(&at_best, 0.5), Stroke::new(BLUE, 2.2).dashed(DASHES));
        }
        let radius = if self.survey.n_seeds() > 30 { 2.2 } else { 3.8 };
        for (rate, cell) in self.cells() {
            for record in cell.records().filter(|record| !record.outcome.is_diverged()) {
                let at = (rate, self.measure.value(record));
                panel.mark(canvas, Mark::Dot, at, radius, tint(BLUE, 0.65));
            }
        }
        self.draw_line(canvas, &medians, Stroke::new(INK, 2.8));
        for &(rate, value) in medians.iter().filter(|(_, value)| value.is_finite()) {
            panel.mark(canvas, Mark::Dot, (rate, value), 5.2, INK);
        }
    }

    /// A line through the finite values; it leaves the panel toward an infinite neighbor.
    fn draw_line(&self, canvas: &mut Canvas, values: &[(f64, f64)], stroke: Stroke) {
        for part in values.chunk_by(|a, b| a.1.is_finite() && b.1.is_finite()) {
            self.panel.line(canvas, part, stroke);
        }
    }

    /// The best rate with its interval, and the stability limit, their words in rows above.
    fn draw_notes(&self, canvas: &mut Canvas) {
        let Panel { left, right, top, .. } = self.panel;
        let limits = self.draw_limits(canvas);
        let best = self.draw_best(canvas);
        // Each in the lowest row in which it touches no other.
        let mut rows: [Vec<(f64, f64)>; 2] = Default::default();
        for note in best.into_iter().chain(limits) {
            let text = Text { is_bold: note.is_bold, ..Text::new(TICK_SIZE, note.color) };
            let words = fitted(&note.words, right - left + 50.0, text);
            let half = text.width(&words) / 2.0 + 6.0;
            let x = note.x.clamp((left + half - 60.0).min(right - half), (right - half).max(left));
            let is_free = |row: &Vec<(f64, f64)>| {
                row.iter().all(|&(from, to)| x + half < from || x - half > to)
            };
            let row = rows.iter().position(is_free).unwrap_or(1);
            rows[row].push((x - half, x + half));
            let y = top - RAIL - 14.0 - 24.0 * row as f64;
            canvas.text((x, y), &words, text.aligned(Align::Center));
        }
    }

    fn draw_limits(&self, canvas: &mut Canvas) -> Option<Note> {
        let limits = stability_limits(self.survey, self.facet);
        for &(_, limit) in &limits {
            if (0.0..=1.0).contains(&self.panel.x.share(limit)) {
                let x = self.panel.at_x(limit);
                let stroke = Stroke::new(PURPLE, 2.2).dashed(DASHES);
                canvas.line(&[(x, self.panel.top - RAIL), (x, self.panel.bottom)], stroke);
            }
        }
        let (_, first) = *limits.first()?;
        let values = limits.iter().map(|(moment, limit)| format!("{} {moment}", digits(*limit, 4)));
        let words = format!("2/λ: {}", values.collect::<Vec<_>>().join(", "));
        let words = match self.panel.x.share(first) {
            beyond if beyond > 1.0 => words + " →",
            below if below < 0.0 => format!("← {words}"),
            _ => words,
        };
        Some(Note { x: self.panel.at_x(first), words, color: PURPLE, is_bold: false })
    }

    fn draw_best(&self, canvas: &mut Canvas) -> Option<Note> {
        let verdict = self.verdict?;
        let (rate, value) = (verdict.best_rate?, verdict.best_median?);
        let Panel { top, bottom, .. } = self.panel;
        let x = self.panel.at_x(rate);
        canvas.line(&[(x, top - RAIL), (x, bottom)], Stroke::new(GREEN, 2.0));
        let mut words = format!("best {}", short(rate));
        match verdict.interval {
            Some([low, high]) if low < high => {
                let (from, to) = (self.panel.at_x(low), self.panel.at_x(high));
                let y = bottom - 12.0;
                canvas.line(&[(from, y), (to, y)], Stroke::new(GREEN, 5.0));
                for end in [from, to] {
                    canvas.line(&[(end, y - 7.0), (end, y + 7.0)], Stroke::new(GREEN, 2.4));
                }
                words += &format!(", 95 % interval {} to {}", short(low), short(high));
            }
            Some(_) => words += " (95 % interval: this rate alone)",
            None => {}
        }
        match verdict.border {
            Some(Border::Highest) => words += "; extend the range →",
            Some(Border::Lowest) => words = format!("← extend the range; {words}"),
            None => {}
        }
        let at = self.panel.at(rate, value);
        canvas.mark(Mark::Diamond, at, 12.0, WHITE);
        canvas.mark(Mark::Diamond, at, 9.5, GREEN);
        Some(Note { x, words, color: GREEN, is_bold: true })
    }

    /// The rail above the panel: a cross for each diverged run, beside each other as long as
    /// they fit.
    fn draw_rail(&self, canvas: &mut Canvas) {
        let rail = Panel { top: self.panel.top - RAIL, bottom: self.panel.top, ..self.panel };
        rail.frame(canvas);
        let y = (rail.top + rail.bottom) / 2.0;
        let text = Text::new(TICK_SIZE, INK).aligned(Align::Right);
        canvas.text((rail.left - 9.0, y), "diverged", text);
        for (rate, cell) in self.cells() {
            let count = cell.counts().diverged;
            if count == 0 {
                continue;
            }
            let (from, to) = self.column(rate);
            let step = ((to - from - 12.0) / count as f64).min(13.0);
            // More crosses than fit would be a smear: as many as fit, the strip has the share.
            let count =
                if step < 5.0 { ((to - from - 12.0) / 5.0).max(1.0) as usize } else { count };
            let step = step.max(5.0);
            for index in 0..count {
                let offset = step * (index as f64 - (count - 1) as f64 / 2.0);
                let x = (self.panel.at_x(rate) + offset).clamp(rail.left + 6.0, rail.right - 6.0);
                canvas.mark(Mark::Cross, (x, y), 5.0, VERMILION);
            }
        }
    }

    /// The strip below the panel: the share of the runs that diverged.
    fn draw_strip(&self, canvas: &mut Canvas) {
        let strip = Panel {
            top: self.panel.bottom + 6.0,
            bottom: self.panel.bottom + 6.0 + STRIP,
            y: Scale::Linear { low: 0.0, high: 1.0 },
            ..self.panel
        };
        for (rate, cell) in self.cells() {
            let share = cell.counts().diverged_share();
            let (from, to) = self.column(rate);
            let half = ((to - from) / 2.0 - 2.0).clamp(1.5, 16.0);
            let x = strip.at_x(rate);
            let (from, to) = ((x - half).max(strip.left), (x + half).min(strip.right));
            canvas.rectangle((from, strip.at_y(share)), (to, strip.bottom), VERMILION, 1.0);
        }
        strip.frame(canvas);
        let text = Text::new(TICK_SIZE - 2.0, INK).aligned(Align::Right);
        let middle = (strip.top + strip.bottom) / 2.0;
        canvas.text((strip.left - 9.0, middle - 7.0), "diverged", text);
        canvas.text((strip.left - 9.0, middle + 9.0), "0 to 100 %", text);
        strip.x_labels(canvas, strip.bottom, "learning rate");
    }
}

/// 2/λ at the start and at the end, medians over all runs of the facet that recorded it and did
/// not diverge; the end only where it differs visibly.
pub(crate) fn stability_limits(survey: &Survey<'_>, facet: &Facet) -> Vec<(&'static str, f64)> {
    let sharpness = |pick: fn(&[f64]) -> Option<&f64>| {
        let records = facet.cells.iter().flat_map(|&index| survey.cells[index].records());
        let values: Vec<f64> = records
            .filter_map(|record| {
                let curve = record.curves.iter().find(|curve| curve.metric == "sharpness")?;
                pick(&curve.values).copied()
            })
            .filter(|value| value.is_finite() && *value > 0.0)
            .collect();
        2.0 / median(&values)
    };
    let (start, end) = (sharpness(<[f64]>::first), sharpness(<[f64]>::last));
    let mut limits = Vec::new();
    if start.is_finite() {
        limits.push(("at the start", start));
    }
    if end.is_finite() && (end / start - 1.0).abs() > 0.02 {
        limits.push(("at the end", end));
    }
    limits
}
