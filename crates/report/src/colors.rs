//! Colors that keep their order and their difference for color-blind eyes, on white.

/// Red, green, blue.
pub(crate) type Color = [u8; 3];

pub(crate) const WHITE: Color = [255, 255, 255];
/// Text and median lines.
pub(crate) const INK: Color = [26, 26, 26];
/// Secondary text and reference lines.
pub(crate) const GRAY: Color = [96, 96, 96];
/// Borders of panels.
pub(crate) const FRAME: Color = [140, 140, 140];
/// Lines of the grid.
pub(crate) const GRID: Color = [230, 230, 230];
/// Lines between the decades of the grid.
pub(crate) const FAINT_GRID: Color = [243, 243, 243];
/// The judged value.
pub(crate) const BLUE: Color = [0, 114, 178];
/// What diverged.
pub(crate) const VERMILION: Color = [213, 94, 0];
/// The best.
pub(crate) const GREEN: Color = [0, 128, 96];
/// The stability limit.
pub(crate) const PURPLE: Color = [150, 70, 140];

/// Eight colors that stay apart under every common color blindness; yellow, too weak on white,
/// is darkened.
/// Source: Okabe and Ito, *Color Universal Design* (2008).
pub(crate) const CATEGORIES: [Color; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [230, 159, 0],
    [26, 26, 26],
    [166, 148, 0],
];

/// Viridis at equal steps up to nine tenths: beyond, its yellow is too weak on white.
/// Source: Smith and van der Walt, *A better default colormap for Matplotlib* (2015).
const ORDERED: [Color; 10] = [
    [68, 1, 84],
    [72, 36, 117],
    [65, 68, 135],
    [53, 95, 141],
    [42, 120, 142],
    [33, 145, 140],
    [34, 168, 132],
    [68, 191, 112],
    [122, 209, 81],
    [176, 214, 42],
];

/// The color at `share` (0 to 1) of an ordered scale, dark to light.
pub(crate) fn ordered(share: f64) -> Color {
    let place = share.clamp(0.0, 1.0) * (ORDERED.len() - 1) as f64;
    let low = (place as usize).min(ORDERED.len() - 2);
    mixed(ORDERED[low], ORDERED[low + 1], place - low as f64)
}

/// `share` of `b` in `a`.
pub(crate) fn mixed(a: Color, b: Color, share: f64) -> Color {
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    [mix(a[0], b[0]), mix(a[1], b[1]), mix(a[2], b[2])]
}

/// A tint of `color`: 1 is the color itself, 0 white.
pub(crate) fn tint(color: Color, strength: f64) -> Color {
    mixed(WHITE, color, strength)
}

#[cfg(test)]
mod tests {
    use super::{ORDERED, ordered};

    /// Relative luminance. Source: WCAG 2.2.
    fn luminance(color: [u8; 3]) -> f64 {
        let linear = color.map(|c| (f64::from(c) / 255.0).powf(2.2));
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn the_ordered_scale_grows_lighter_all_the_way() {
        assert_eq!((ordered(0.0), ordered(1.0)), (ORDERED[0], ORDERED[9]));
        let steps: Vec<f64> =
            (0..=40).map(|step| luminance(ordered(f64::from(step) / 40.0))).collect();
        assert!(steps.windows(2).all(|pair| pair[1] > pair[0]), "{steps:?}");
    }
}
