//! Axes: scales with their ticks, and the panel that a chart is drawn in.

use crate::canvas::{Align, Canvas, Mark, Point, Stroke, Text};
use crate::colors::{Color, FAINT_GRID, FRAME, GRAY, GRID, INK};
use crate::numbers::tick;

/// Size of tick labels in pixels.
pub(crate) const TICK_SIZE: f64 = 17.0;
/// Size of axis and legend labels in pixels.
pub(crate) const LABEL_SIZE: f64 = 19.0;

/// How numbers are laid along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// By their difference.
    Linear { low: f64, high: f64 },
    /// The same, of what is counted: ticks at whole numbers only.
    Whole { low: f64, high: f64 },
    /// By their ratio; both ends above 0.
    Log { low: f64, high: f64 },
}

/// A tick: its value, and its label if it bears one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: Option<String>,
}

impl Scale {
    /// A scale over all of `values` that are finite (and above 0, if logarithmic), with
    /// `margin` of its length free at both ends. Logarithmic where the values span more than
    /// `log_from` times; around 1 where there are none.
    pub(crate) fn over(values: impl Iterator<Item = f64>, log_from: f64, margin: f64) -> Self {
        let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let positive = finite.iter().copied().filter(|&value| value > 0.0);
        let low = positive.clone().fold(f64::INFINITY, f64::min);
        let high = positive.fold(0.0, f64::max);
        let all_positive = finite.iter().all(|&value| value >= 0.0);
        if all_positive && high > 0.0 && high / low > log_from {
            let (low, high) = (libm::log10(low), libm::log10(high));
            let free = (high - low).max(0.1) * margin;
            // The largest double is near 1e308: an end beyond it would not be finite.
            let end = |exponent: f64| libm::pow(10.0, exponent.clamp(-307.0, 308.0));
            return Scale::Log { low: end(low - free), high: end(high + free) };
        }
        let low = finite.iter().copied().reduce(f64::min).unwrap_or(0.5);
        let high = finite.iter().copied().reduce(f64::max).unwrap_or(1.5);
        let span = if high > low { high - low } else { low.abs().max(1e-12) };
        Scale::Linear { low: low - span * margin, high: high + span * margin }
    }

    /// Its ends.
    pub(crate) fn ends(self) -> (f64, f64) {
        match self {
            Scale::Linear { low, high } | Scale::Whole { low, high } | Scale::Log { low, high } => {
                (low, high)
            }
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end; outside of both beyond them.
    pub(crate) fn share(self, value: f64) -> f64 {
        match self {
            Scale::Linear { low, high } | Scale::Whole { low, high } => {
                (value - low) / (high - low)
            }
            Scale::Log { low, .. } if value <= low * 1e-30 => -1.0,
            Scale::Log { low, high } => {
                let (low, high) = (libm::log10(low), libm::log10(high));
                (libm::log10(value) - low) / (high - low)
            }
        }
    }

    /// Its ticks, at most about `count` of them with a label.
    pub(crate) fn ticks(self, count: usize) -> Vec<Tick> {
        match self {
            Scale::Linear { low, high } => linear_ticks(low, high, count),
            Scale::Whole { low, high } => {
                let mut ticks = linear_ticks(low, high, count);
                ticks.retain(|tick| tick.value.fract() == 0.0);
                ticks
            }
            Scale::Log { low, high } => {
                let decades = libm::log10(high / low);
                if decades < 0.7 {
                    linear_ticks(low, high, count)
                } else {
                    log_ticks(low, high, count)
                }
            }
        }
    }
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let rough = (high - low) / count.max(2) as f64;
    let power = libm::pow(10.0, libm::log10(rough).floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough);
    let step = factor.unwrap_or(10.0) * power;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    let ticks = (first..=last).map(|index| {
        // Divided where the step is a fraction, so that 3 tenths is 0.3 and not 0.30000000000000004.
        let value =
            if step < 1.0 { index as f64 / (1.0 / step).round() } else { index as f64 * step };
        Tick { value, label: Some(tick(value)) }
    });
    ticks.collect()
}

/// Powers of ten with labels, their multiples without; those too where there are few decades.
fn log_ticks(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let (first, last) = (libm::log10(low).floor() as i32, libm::log10(high).ceil() as i32);
    let decades = libm::log10(high / low);
    let stride = ((decades / count.max(1) as f64).ceil() as i32).max(1);
    let labelled: &[u32] = match decades {
        _ if stride > 1 => &[1],
        few if few * 3.0 <= count as f64 => &[1, 2, 5],
        few if few < 1.5 => &[1, 2, 5],
        few if few * 2.0 <= count as f64 && few < 3.0 => &[1, 3],
        _ => &[1],
    };
    let mut ticks = Vec::new();
    for exponent in first..=last {
        let multiples = if stride > 1 { 1..=1 } else { 1..=9 };
        for multiple in multiples {
            let value: f64 = format!("{multiple}e{exponent}").parse().unwrap_or(f64::INFINITY);
            if value < low * 0.999_999 || value > high * 1.000_001 {
                continue;
            }
            let bears_label = labelled.contains(&multiple) && exponent.rem_euclid(stride) == 0;
            ticks.push(Tick { value, label: bears_label.then(|| tick(value)) });
        }
    }
    ticks
}

/// A rectangle with two scales.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
}

impl Panel {
    /// Pixels from the left.
    pub(crate) fn at_x(&self, value: f64) -> f64 {
        self.left + self.x.share(value).clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Pixels from the top, values beyond the scale at its ends.
    pub(crate) fn at_y(&self, value: f64) -> f64 {
        let share = if value.is_nan() { 1.0 } else { self.y.share(value).clamp(0.0, 1.0) };
        self.bottom - share * (self.bottom - self.top)
    }

    /// A point, values beyond the scales at their ends.
    pub(crate) fn at(&self, x: f64, y: f64) -> Point {
        (self.at_x(x), self.at_y(y))
    }

    /// Draws a mark; a value beyond the scale as a triangle at the end that it lies behind.
    pub(crate) fn mark(
        &self,
        canvas: &mut Canvas,
        mark: Mark,
        at: Point,
        radius: f64,
        color: Color,
    ) {
        let share = self.y.share(at.1);
        let (x, y) = self.at(at.0, at.1);
        if at.1.is_nan() || share > 1.0 {
            canvas.mark(Mark::Up, (x, self.top + radius), radius * 1.2, color);
        } else if share < 0.0 {
            canvas.mark(Mark::Down, (x, self.bottom - radius), radius * 1.2, color);
        } else {
            canvas.mark(mark, (x, y), radius, color);
        }
    }

    /// Draws a line through these points, cut off where it leaves the panel above or below. What is
    /// not finite lies at the upper end.
    pub(crate) fn line(&self, canvas: &mut Canvas, points: &[(f64, f64)], stroke: Stroke) {
        let placed = |&(x, y): &(f64, f64)| {
            let share = if y.is_finite() { self.y.share(y) } else { 1.0 };
            (self.at_x(x), share)
        };
        let point = |x: f64, share: f64| (x, self.bottom - share * (self.bottom - self.top));
        let mut part: Vec<Point> = Vec::new();
        for pair in points.windows(2) {
            let [(x0, share0), (x1, share1)] = [placed(&pair[0]), placed(&pair[1])];
            let (low, high) = (share0.min(share1), share0.max(share1));
            if low >= 1.0 || high < 0.0 {
                canvas.line(&std::mem::take(&mut part), stroke);
                continue;
            }
            // An end beyond the panel moves along the line up to the edge that it crosses.
            let end = |x: f64, share: f64| {
                let inside = share.clamp(0.0, 1.0);
                if inside == share {
                    return point(x, share);
                }
                point(x0 + (x1 - x0) * (inside - share0) / (share1 - share0), inside)
            };
            if part.is_empty() {
                part.push(end(x0, share0));
            }
            part.push(end(x1, share1));
            if !(0.0..=1.0).contains(&share1) {
                canvas.line(&std::mem::take(&mut part), stroke);
            }
        }
        canvas.line(&part, stroke);
    }

    /// Draws grid and frame.
    pub(crate) fn grid(&self, canvas: &mut Canvas) {
        for is_labelled in [false, true] {
            let color = if is_labelled { GRID } else { FAINT_GRID };
            let shown = |tick: &Tick| tick.label.is_some() == is_labelled;
            for tick in self.x_ticks().into_iter().filter(shown) {
                let x = self.at_x(tick.value);
                canvas.line(&[(x, self.top), (x, self.bottom)], Stroke::new(color, 1.0));
            }
            for tick in self.y_ticks().into_iter().filter(shown) {
                let y = self.at_y(tick.value);
                canvas.line(&[(self.left, y), (self.right, y)], Stroke::new(color, 1.0));
            }
        }
    }

    /// Draws the border.
    pub(crate) fn frame(&self, canvas: &mut Canvas) {
        let corners = [
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
            (self.left, self.top),
        ];
        canvas.line(&corners, Stroke::new(FRAME, 1.0));
    }

    /// Writes the labels of the x ticks with their upper edge near `top`, no two of them
    /// touching.
    pub(crate) fn x_labels(&self, canvas: &mut Canvas, top: f64, title: &str) {
        let text = Text::new(TICK_SIZE, INK).aligned(Align::Center);
        let mut free_from = f64::NEG_INFINITY;
        for tick in self.x_ticks() {
            let Some(label) = tick.label else { continue };
            let (x, half) = (self.at_x(tick.value), text.width(&label) / 2.0);
            if x - half > free_from + 8.0 {
                canvas.line(&[(x, top), (x, top + 5.0)], Stroke::new(FRAME, 1.0));
                canvas.text((x, top + 17.0), &label, text);
                free_from = x + half;
            }
        }
        let middle = (self.left + self.right) / 2.0;
        let text = Text::new(LABEL_SIZE, INK).aligned(Align::Center);
        canvas.text((middle, top + 44.0), title, text);
    }

    /// Writes the labels of the y ticks, and the title upward beside them.
    pub(crate) fn y_labels(&self, canvas: &mut Canvas, title: &str) {
        let text = Text::new(TICK_SIZE, INK).aligned(Align::Right);
        let mut widest: f64 = 0.0;
        for tick in self.y_ticks() {
            let Some(label) = tick.label else { continue };
            let y = self.at_y(tick.value);
            canvas.line(&[(self.left - 5.0, y), (self.left, y)], Stroke::new(FRAME, 1.0));
            canvas.text((self.left - 9.0, y), &label, text);
            widest = widest.max(text.width(&label));
        }
        let x = self.left - 9.0 - widest - 18.0;
        let middle = (self.top + self.bottom) / 2.0;
        canvas.text_upward((x, middle), title, Text::new(LABEL_SIZE, INK));
    }

    fn x_ticks(&self) -> Vec<Tick> {
        self.x.ticks(((self.right - self.left) / 85.0) as usize)
    }

    fn y_ticks(&self) -> Vec<Tick> {
        self.y.ticks(((self.bottom - self.top) / 45.0) as usize)
    }

    /// Writes a small heading above the panel.
    pub(crate) fn heading(&self, canvas: &mut Canvas, words: &str) {
        let text = Text::new(LABEL_SIZE, INK).bold();
        let words = fitted(words, self.right - self.left, text);
        canvas.text((self.left, self.top - 16.0), &words, text);
    }

    /// Writes a remark in the middle, such as why there is nothing to see.
    pub(crate) fn remark(&self, canvas: &mut Canvas, words: &str) {
        let middle = ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0);
        canvas.text(middle, words, Text::new(LABEL_SIZE, GRAY).aligned(Align::Center));
    }
}

/// `words`, shortened in the middle until they are no wider than `width`.
pub(crate) fn fitted(words: &str, width: f64, text: Text) -> String {
    if text.width(words) <= width {
        return words.to_string();
    }
    let letters: Vec<char> = words.chars().collect();
    for kept in (2..letters.len()).rev() {
        let (front, back) = (kept.div_ceil(2), kept / 2);
        let start: String = letters[..front].iter().collect();
        let end: String = letters[letters.len() - back..].iter().collect();
        let shortened = format!("{}…{}", start.trim_end(), end.trim_start());
        if text.width(&shortened) <= width {
            return shortened;
        }
    }
    "…".to_string()
}

#[cfg(test)]
mod tests {
    use super::{Scale, fitted};
    use crate::canvas::Text;
    use crate::colors::INK;

    fn labels(scale: Scale, count: usize) -> Vec<String> {
        scale.ticks(count).into_iter().filter_map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_written_without_idle_zeros() {
        let decades = Scale::Log { low: 8e-4, high: 12.0 };
        assert_eq!(labels(decades, 8), ["0.001", "0.01", "0.1", "1", "10"]);
        let narrow = Scale::Log { low: 0.19, high: 0.29 };
        assert_eq!(labels(narrow, 6), ["0.2", "0.22", "0.24", "0.26", "0.28"]);
        let whole = Scale::Whole { low: 0.95, high: 2.05 };
        assert_eq!(whole.ticks(7).iter().map(|tick| tick.value).collect::<Vec<_>>(), [1.0, 2.0]);
        let linear = Scale::Linear { low: -0.05, high: 1.05 };
        assert_eq!(labels(linear, 6), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        let huge = Scale::Log { low: 1e-300, high: 1e300 };
        assert!(labels(huge, 8).len() <= 9);
    }

    #[test]
    fn scales_bear_every_input() {
        for values in [vec![], vec![0.0], vec![f64::NAN, f64::INFINITY], vec![1e300, 0.0, 1e-300]] {
            let scale = Scale::over(values.into_iter(), 2.0, 0.05);
            let (low, high) = scale.ends();
            assert!(low < high && high.is_finite(), "{scale:?}");
            assert!(!scale.ticks(6).is_empty());
        }
        let scale = Scale::Log { low: 0.01, high: 1.0 };
        assert_eq!(scale.share(0.1), 0.5);
        assert!(scale.share(0.0) < 0.0);
    }

    #[test]
    fn long_words_are_shortened_in_the_middle() {
        let text = Text::new(15.0, INK);
        let short = fitted("weights HeNormal with a very long description", 150.0, text);
        assert!(text.width(&short) <= 150.0 && short.contains('…'), "{short}");
    }
}
