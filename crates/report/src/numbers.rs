//! Numbers as people read them, in sentences, tables and beside ticks.

/// The shortest text that reads back as the same bits, for tables: `0.1`, `1e300`, `inf`.
pub(crate) fn exact(value: f64) -> String {
    let written_out = value == 0.0 || !value.is_finite() || (1e-5..1e16).contains(&value.abs());
    if written_out { value.to_string() } else { format!("{value:e}") }
}

/// Three significant digits: `0.00215`, `3.16`, `12345`, `1.2e-7`, `inf`.
pub(crate) fn short(value: f64) -> String {
    digits(value, 3)
}

/// This many significant digits, without zeros at the end.
pub(crate) fn digits(value: f64, significant: i32) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".to_string();
    }
    // Rounded first, so that 0.9999 is seen as 1.00 and not as four nines.
    let after_point = (significant - 1).max(0) as usize;
    let scientific = format!("{value:.after_point$e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let decimals = (significant - 1 - exponent).max(0) as usize;
    trimmed(&format!("{value:.decimals$}")).to_string()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A tick: written out from 0.0001 to 100000, as a power of ten beyond.
pub(crate) fn tick(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (0.99e-4..1.01e5).contains(&magnitude) {
        return digits(value, 4);
    }
    let scientific = digits(value, 3);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let raised: String = exponent.chars().map(superscript).collect();
    if mantissa == "1" { format!("10{raised}") } else { format!("{mantissa}·10{raised}") }
}

fn superscript(digit: char) -> char {
    match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        other => other.to_digit(10).and_then(|n| char::from_u32(0x2070 + n)).unwrap_or(other),
    }
}

/// `1 run`, `5 runs`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::{short, tick};

    #[test]
    fn three_digits_and_no_more() {
        for (value, text) in [
            (0.00215443469, "0.00215"),
            (3.16227766, "3.16"),
            (0.1, "0.1"),
            (10.0, "10"),
            (0.99999, "1"),
            (12345.6, "12346"),
            (1.2e-7, "1.2e-7"),
            (1e300, "1e300"),
            (-2.5, "-2.5"),
            (0.0, "0"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn ticks_are_what_one_would_write() {
        for (value, text) in [
            (0.001, "0.001"),
            (10.0, "10"),
            (1e5, "100000"),
            (1e-6, "10⁻⁶"),
            (1e12, "10¹²"),
            (2e-7, "2·10⁻⁷"),
            (0.225, "0.225"),
        ] {
            assert_eq!(tick(value), text);
        }
    }
}
