//! A picture in memory: lines, areas, marks and text, in pixels of the finished picture.
//!
//! Plotters draws into a buffer three times as large in both directions, which is averaged down
//! at the end: its wide lines are not smoothed otherwise. Chart axes are our own (`axes.rs`):
//! plotters' labels cannot be kept inside the picture, nor written as `0.001 ... 10`.

use std::sync::Once;

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color as _, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle, register_font,
};

use crate::colors::Color;

/// How many times as large the drawing is as the picture, in each direction.
const SCALE: usize = 3;
/// How far plotters sets DejaVu's letters too high, as a share of the size: with it, the point of
/// a text is at half the height between its capitals and its small letters.
const LOWERED: f64 = 0.19;
/// Why drawing is not a `Result`: there is no file and no device to fail.
const IN_MEMORY: &str = "drawing into memory with embedded fonts cannot fail";

/// A place in the picture: pixels from the left and from the top.
pub(crate) type Point = (f64, f64);

/// Where a text lies from its point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

/// How a text looks. Its point is at the middle of its height.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) size: f64,
    pub(crate) color: Color,
    pub(crate) align: Align,
    pub(crate) is_bold: bool,
}

/// How a line looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    pub(crate) color: Color,
    pub(crate) width: f64,
    /// Pixels drawn and left out, in turn; empty for an unbroken line.
    pub(crate) dashes: &'static [f64],
}

/// Shapes of marks that differ without color.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mark {
    Dot,
    Cross,
    Up,
    Down,
    Diamond,
    Square,
}

/// The picture.
pub(crate) struct Canvas {
    size: (u32, u32),
    buffer: Vec<u8>,
}

impl Canvas {
    /// A white picture of this many pixels.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let size = (width * SCALE as u32, height * SCALE as u32);
        let buffer = vec![255; size.0 as usize * size.1 as usize * 3];
        Self { size, buffer }
    }

    fn backend(&mut self) -> BitMapBackend<'_> {
        BitMapBackend::with_buffer(&mut self.buffer, self.size)
    }

    /// Fills the rectangle between two corners; `strength` 1 is opaque.
    pub(crate) fn rectangle(&mut self, from: Point, to: Point, color: Color, strength: f64) {
        let (from, to) = (large(from), large(to));
        // The far edge belongs to the neighbor.
        let corner = (to.0 - 1, to.1 - 1);
        if corner.0 >= from.0 && corner.1 >= from.1 {
            let color = rgb(color).mix(strength);
            self.backend().draw_rect(from, corner, &color, true).expect(IN_MEMORY);
        }
    }

    /// Fills the convex polygon with these corners.
    pub(crate) fn polygon(&mut self, corners: &[Point], color: Color) {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(large).collect();
        self.backend().fill_polygon(corners, &rgb(color)).expect(IN_MEMORY);
    }

    /// Fills between `low` and `high` (both y) over rising `x`, column by column, so that an area
    /// of any shape is drawn evenly. The items are (x, low, high).
    pub(crate) fn band(&mut self, edges: &[(f64, f64, f64)], color: Color, strength: f64) {
        let color = rgb(color).mix(strength);
        for pair in edges.windows(2) {
            let [(x0, low0, high0), (x1, low1, high1)] = [pair[0], pair[1]];
            let (from, to) = (large((x0, 0.0)).0, large((x1, 0.0)).0);
            for column in from..to {
                let share = f64::from(column - from) / f64::from(to - from);
                let bottom = large((0.0, low0 + (low1 - low0) * share)).1;
                let top = large((0.0, high0 + (high1 - high0) * share)).1;
                let ends = ((column, top.min(bottom)), (column, top.max(bottom)));
                self.backend().draw_line(ends.0, ends.1, &color).expect(IN_MEMORY);
            }
        }
    }

    /// Draws a line through these points with round joints.
    pub(crate) fn line(&mut self, points: &[Point], stroke: Stroke) {
        if stroke.dashes.is_empty() {
            points.windows(2).for_each(|pair| self.segment(pair[0], pair[1], stroke));
            return;
        }
        // Where the pattern stands: the dash, and how much of it is drawn already.
        let (mut dash, mut drawn) = (0, 0.0);
        for pair in points.windows(2) {
            let length = distance(pair[0], pair[1]);
            let mut done = 0.0;
            while done < length {
                let next = (done + stroke.dashes[dash] - drawn).min(length);
                if dash % 2 == 0 {
                    let (from, to) = (between(pair, done / length), between(pair, next / length));
                    self.segment(from, to, stroke);
                }
                drawn += next - done;
                done = next;
                if drawn >= stroke.dashes[dash] - 1e-9 {
                    (dash, drawn) = ((dash + 1) % stroke.dashes.len(), 0.0);
                }
            }
        }
    }

    fn segment(&mut self, from: Point, to: Point, stroke: Stroke) {
        let half = stroke.width / 2.0;
        if from.0 == to.0 || from.1 == to.1 {
            // Plotters' polygons lose half a pixel on upright edges; rectangles do not.
            let (low, high) =
                ((from.0.min(to.0), from.1.min(to.1)), (from.0.max(to.0), from.1.max(to.1)));
            let (dx, dy) = if from.0 == to.0 { (half, 0.0) } else { (0.0, half) };
            self.rectangle((low.0 - dx, low.1 - dy), (high.0 + dx, high.1 + dy), stroke.color, 1.0);
        } else {
            let length = distance(from, to);
            let (nx, ny) = ((to.1 - from.1) / length * half, (from.0 - to.0) / length * half);
            let corners = [
                (from.0 + nx, from.1 + ny),
                (to.0 + nx, to.1 + ny),
                (to.0 - nx, to.1 - ny),
                (from.0 - nx, from.1 - ny),
            ];
            self.polygon(&corners, stroke.color);
        }
        if stroke.width >= 1.5 && stroke.dashes.is_empty() {
            self.circle(from, half, stroke.color);
            self.circle(to, half, stroke.color);
        }
    }

    /// Fills a circle.
    pub(crate) fn circle(&mut self, center: Point, radius: f64, color: Color) {
        let radius = (radius * SCALE as f64).round() as u32;
        self.backend().draw_circle(large(center), radius, &rgb(color), true).expect(IN_MEMORY);
    }

    /// Draws a mark, `radius` from its middle to its ends.
    pub(crate) fn mark(&mut self, mark: Mark, (x, y): Point, radius: f64, color: Color) {
        let r = radius;
        match mark {
            Mark::Dot => self.circle((x, y), r, color),
            Mark::Cross => {
                let stroke = Stroke { color, width: (r * 0.45).max(1.2), dashes: &[] };
                self.segment((x - r, y - r), (x + r, y + r), stroke);
                self.segment((x - r, y + r), (x + r, y - r), stroke);
            }
            Mark::Up => self.polygon(&[(x, y - r), (x + r, y + r), (x - r, y + r)], color),
            Mark::Down => self.polygon(&[(x, y + r), (x + r, y - r), (x - r, y - r)], color),
            Mark::Diamond => {
                self.polygon(&[(x, y - r), (x + r, y), (x, y + r), (x - r, y)], color);
            }
            Mark::Square => self.rectangle((x - r, y - r), (x + r, y + r), color, 1.0),
        }
    }

    /// Writes on one line.
    pub(crate) fn text(&mut self, at: Point, words: &str, text: Text) {
        let h = match text.align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let at = (at.0, at.1 + text.size * LOWERED);
        self.backend().draw_text(words, &text_style(text, h), large(at)).expect(IN_MEMORY);
    }

    /// Writes upward, centered on the point.
    pub(crate) fn text_upward(&mut self, at: Point, words: &str, text: Text) {
        let style = text_style(text, HPos::Center).transform(FontTransform::Rotate270);
        let at = (at.0 + text.size * LOWERED, at.1);
        self.backend().draw_text(words, &style, large(at)).expect(IN_MEMORY);
    }

    /// The finished picture: 8-bit RGB, row by row.
    fn averaged(&self) -> Vec<u8> {
        let (width, row) = (self.size.0 as usize / SCALE, self.size.0 as usize * 3);
        let mut finished = Vec::with_capacity(self.buffer.len() / (SCALE * SCALE));
        for rows in self.buffer.chunks_exact(row * SCALE) {
            for position in 0..width * 3 {
                let (x, channel) = (position / 3 * SCALE, position % 3);
                let sum: u32 = (0..SCALE * SCALE)
                    .map(|cell| rows[cell / SCALE * row + (x + cell % SCALE) * 3 + channel])
                    .map(u32::from)
                    .sum();
                let count = (SCALE * SCALE) as u32;
                finished.push(((sum + count / 2) / count) as u8);
            }
        }
        finished
    }

    /// The finished picture as PNG; the same drawing gives the same bytes.
    pub(crate) fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let size = (self.size.0 / SCALE as u32, self.size.1 / SCALE as u32);
        let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header().expect(IN_MEMORY);
        writer.write_image_data(&self.averaged()).expect(IN_MEMORY);
        writer.finish().expect(IN_MEMORY);
        bytes
    }
}

impl Text {
    /// Plain text of this size, its point at its left end.
    pub(crate) fn new(size: f64, color: Color) -> Self {
        Self { size, color, align: Align::Left, is_bold: false }
    }

    pub(crate) fn bold(self) -> Self {
        Self { is_bold: true, ..self }
    }

    pub(crate) fn aligned(self, align: Align) -> Self {
        Self { align, ..self }
    }

    /// Width of these words in pixels.
    pub(crate) fn width(self, words: &str) -> f64 {
        let (width, _) = font(self).box_size(words).expect(IN_MEMORY);
        f64::from(width) / SCALE as f64
    }
}

impl Stroke {
    /// An unbroken line.
    pub(crate) fn new(color: Color, width: f64) -> Self {
        Self { color, width, dashes: &[] }
    }

    pub(crate) fn dashed(self, dashes: &'static [f64]) -> Self {
        Self { dashes, ..self }
    }
}

/// The embedded face, known to plotters from the first use on.
fn font(text: Text) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let faces =
            [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())];
        for (style, bytes) in faces {
            let registered = register_font(FontFamily::SansSerif.as_str(), style, bytes);
            assert!(registered.is_ok(), "the embedded font is whole");
        }
    });
    let style = if text.is_bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::SansSerif, text.size * SCALE as f64, style)
}

fn text_style(text: Text, h: HPos) -> TextStyle<'static> {
    TextStyle {
        font: font(text),
        color: rgb(text.color).to_backend_color(),
        pos: Pos::new(h, VPos::Center),
    }
}

fn rgb([red, green, blue]: Color) -> RGBColor {
    RGBColor(red, green, blue)
}

fn large((x, y): Point) -> (i32, i32) {
    let large = |pixels: f64| (pixels * SCALE as f64).round() as i32;
    (large(x), large(y))
}

fn distance(a: Point, b: Point) -> f64 {
    ((b.0 - a.0) * (b.0 - a.0) + (b.1 - a.1) * (b.1 - a.1)).sqrt()
}

fn between(pair: &[Point], share: f64) -> Point {
    let (from, to) = (pair[0], pair[1]);
    (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
}

#[cfg(test)]
mod tests {
    use super::{Canvas, Stroke, Text};
    use crate::colors::INK;

    #[test]
    fn a_slanted_line_is_smooth_and_the_bytes_are_the_same_twice() {
        let draw = || {
            let mut canvas = Canvas::new(60, 40);
            canvas.line(&[(5.0, 5.0), (55.0, 30.0)], Stroke::new(INK, 2.0));
            canvas.text((5.0, 35.0), "η = 0.1", Text::new(9.0, INK));
            canvas
        };
        let canvas = draw();
        let pixels = canvas.averaged();
        assert_eq!(pixels.len(), 60 * 40 * 3);
        let between = pixels.iter().filter(|&&value| value > 40 && value < 240).count();
        assert!(between > 60, "only {between} values lie between ink and paper");
        assert_eq!(canvas.png(), draw().png());
    }

    #[test]
    fn bold_is_wider() {
        let text = Text::new(20.0, INK);
        assert!(text.bold().width("learning rate") > text.width("learning rate"));
    }
}
