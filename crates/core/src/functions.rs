//! `exp`, `exp_m1`, `ln_1p`, `erfc` and `tanh` of `f32` without a branch, so that a loop over them runs in
//! whatever vectors the machine has.
//!
//! A value and its bits never depend on the vectors: only IEEE additions, multiplications,
//! divisions and integer operations, each rounded by itself, in one order. Errors are stated in
//! units in the last place (ulp) of the exact value, the largest over all 2³² arguments.
//! Polynomials and split logarithms of 2: S. L. Moshier, *Cephes Math Library* 2.2 (1992), `expf`
//! and `logf`.

use std::f32::consts::LOG2_E;

/// ln 2 in two parts: the first has so few digits that its product with an exponent is exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Below this size `exp(x) - 1` and `ln(1 + x)` are `x` to half a unit in the last place.
const LINEAR: f32 = 1.0 / (1 << 24) as f32;

/// `exp(x)`, to within 1.0 ulp, subnormal results too; 0 below -104, infinite above 88.73.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Comparisons that are false for NaN, so that it passes.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (n, r) = reduce(x);
    // 2ⁿ in two factors: one alone would be infinite, or subnormal, before the product is.
    let half = n >> 1;
    (1.0 + exp_m1_of_rest(r)) * power_of_2(half) * power_of_2(n.wrapping_sub(half))
}

/// `exp(x) - 1`, to within 1.6 ulp; -1 below -17.4, infinite above 88.73.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    let bounded = if x > 89.0 { 89.0 } else { x };
    let bounded = if bounded < -30.0 { -30.0 } else { bounded };
    let half = half_exp_m1(bounded);
    if x.abs() < LINEAR { x } else { half + half }
}

/// `tanh(x) = m/(m + 1)` with `m = (exp(2x) - 1)/2`, to within 2.5 ulp; odd, never beyond 1, and 1
/// from 9.02 on.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let size = if x.abs() > 10.0 { 10.0 } else { x.abs() };
    let half = half_exp_m1(2.0 * size);
    (half / (half + 1.0)).copysign(x)
}

/// `ln(1 + x)`, to within 0.9 ulp; minus infinity at -1, NaN below.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    const SQRT_HALF: i32 = 0x3f35_04f3;
    // u + rest is 1 + x exactly. Source: Knuth, *The Art of Computer Programming* 2, section 4.2.2.
    let u = 1.0 + x;
    let part = u - 1.0;
    let rest = (1.0 - (u - part)) + (x - part);
    // u = 2ᵏ (1 + f) with 1 + f from √½ to √2.
    let bits = (u.to_bits() as i32).wrapping_sub(SQRT_HALF);
    let k = (bits >> 23) as f32;
    let f = f32::from_bits((bits & 0x007f_ffff).wrapping_add(SQRT_HALF) as u32) - 1.0;
    let mut q = 7.037_683_6e-2;
    q = q * f - 1.151_461e-1;
    q = q * f + 1.167_699_9e-1;
    q = q * f - 1.242_014_1e-1;
    q = q * f + 1.424_932_3e-1;
    q = q * f - 1.666_805_7e-1;
    q = q * f + 2.000_071_5e-1;
    q = q * f - 2.499_999_4e-1;
    q = q * f + 3.333_333e-1;
    let square = f * f;
    let small = q * f * square + k * LN_2[1] + rest / u - 0.5 * square;
    let y = small + f + k * LN_2[0];
    let y = if (x.abs() < LINEAR) | (x == f32::INFINITY) { x } else { y };
    let y = if x == -1.0 { f32::NEG_INFINITY } else { y };
    if x < -1.0 { f32::NAN } else { y }
}

/// `erfc(x) = 1 - erf(x)`, to within 5.0 ulp; 0 above 10.06.
///
/// For `z = |x|` it is `exp(-z²)` times a polynomial in `q = (z - 2)/(z + 2)` over `1 + 2z`. The
/// form is that of M. M. Shepherd and J. G. Laframboise, *Chebyshev Approximation of
/// (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞*, Mathematics of Computation 36 (1981); the coefficients
/// are a minimax fit of ours for z up to 10.5, with a relative error of 1.5e-8.
#[inline(always)]
pub(crate) fn erfc(x: f32) -> f32 {
    let z = if x.abs() > 10.5 { 10.5 } else { x.abs() };
    let q = (z - 2.0) / (z + 2.0);
    let mut p = -3.961_073e-4;
    p = p * q - 1.222_341_8e-3;
    p = p * q + 1.312_571e-3;
    p = p * q + 8.625_358e-3;
    p = p * q - 8.060_888e-3;
    p = p * q - 5.420_262_2e-2;
    p = p * q + 1.640_556_5e-1;
    p = p * q - 1.660_315_7e-1;
    p = p * q - 9.276_4e-2;
    p = p * q + 1.276_978_4;
    // The square of the upper half of the digits is exact; the rest of z² is small.
    let upper = f32::from_bits(z.to_bits() & 0xffff_f000);
    let rest = (upper - z) * (upper + z);
    let scaled = exp(-upper * upper) * (p / (1.0 + 2.0 * z));
    let y = scaled + scaled * exp_m1_of_rest(rest);
    if x < 0.0 { 2.0 - y } else { y }
}

/// `(exp(x) - 1)/2` for x from -30 to 89: with `x = n ln 2 + r` it is
/// `2ⁿ⁻¹ (exp(r) - 1) + (2ⁿ⁻¹ - 1/2)`, where nothing cancels; halved so that 2ⁿ is never infinite.
#[inline(always)]
fn half_exp_m1(x: f32) -> f32 {
    let (n, r) = reduce(x);
    let scale = power_of_2(n.wrapping_sub(1));
    scale * exp_m1_of_rest(r) + (scale - 0.5)
}

/// Whole n and `|r| ≤ ln 2/2`, nearly, with `x = n ln 2 + r`.
#[inline(always)]
fn reduce(x: f32) -> (i32, f32) {
    // So large that its last digit is a whole one: the sum is rounded to whole numbers.
    const WHOLE: f32 = 12_582_912.0;
    let shifted = x * LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    let r = x - n * LN_2[0] - n * LN_2[1];
    ((shifted.to_bits() as i32).wrapping_sub(WHOLE.to_bits() as i32), r)
}

/// `exp(r) - 1` for `|r| ≤ ln 2/2`.
#[inline(always)]
fn exp_m1_of_rest(r: f32) -> f32 {
    let mut q = 1.987_569_1e-4;
    q = q * r + 1.398_199_9e-3;
    q = q * r + 8.333_452e-3;
    q = q * r + 4.166_579_6e-2;
    q = q * r + 1.666_666_5e-1;
    q = q * r + 0.5;
    q * (r * r) + r
}

/// 2ⁿ for n from -126 to 127.
#[inline(always)]
fn power_of_2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::{erfc, exp, exp_m1, ln_1p, tanh};

    /// Units in the last place between a value and the exact one; where either is no finite `f32`
    /// they must be the same.
    fn error(y: f32, exact: f64, x: f32) -> f64 {
        let nearest = exact as f32;
        if !nearest.is_finite() || !y.is_finite() {
            assert!(y == nearest || (y.is_nan() && exact.is_nan()), "at {x:e}: {y} for {exact}");
            return 0.0;
        }
        // The exponent of the exact value, by its bits; subnormal numbers share the smallest one.
        let exponent = (exact.abs().to_bits() >> 52) as i32 - 1023;
        (f64::from(y) - exact).abs() / libm::exp2(f64::from(exponent.max(-126) - 23))
    }

    fn check(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, bound: f64) {
        // Every 1009th number of both signs, NaN and infinity among them, and special ones.
        let grid = (0..=u32::MAX).step_by(1009).map(f32::from_bits);
        let special = [0.0, 1e-45, f32::MIN_POSITIVE, 1.0, 88.72, 88.73, 103.9, 104.1, f32::MAX];
        let special = special.into_iter().chain([f32::INFINITY, f32::NAN]);
        let mut worst = (0.0, 0.0);
        for x in grid.chain(special.flat_map(|x| [x, -x])) {
            let error = error(f(x), exact(f64::from(x)), x);
            worst = if error > worst.0 { (error, x) } else { worst };
        }
        println!("{} ulp at {:e}", worst.0, worst.1);
        assert!(worst.0 <= bound, "{} ulp at {:e}, bound {bound}", worst.0, worst.1);
    }

    /// Against `libm` in `f64`, whose own error is below 1e-8 of a unit here.
    #[test]
    fn errors_are_as_small_as_stated() {
        check(exp, libm::exp, 1.0);
        check(exp_m1, libm::expm1, 1.6);
        check(erfc, libm::erfc, 5.0);
        check(tanh, libm::tanh, 2.5);
        check(ln_1p, libm::log1p, 0.9);
    }

    #[test]
    fn signs_of_zero_and_of_odd_functions_are_kept() {
        for f in [exp_m1, tanh, ln_1p] {
            assert_eq!(f(-0.0).to_bits(), (-0.0_f32).to_bits());
            assert_eq!(f(0.0).to_bits(), 0);
        }
        for bits in (0..f32::INFINITY.to_bits()).step_by(10_007) {
            let x = f32::from_bits(bits);
            assert_eq!(tanh(-x).to_bits(), (-tanh(x)).to_bits());
        }
    }

    /// What saturates does so for good: no step back, nothing beyond the end.
    #[test]
    fn ends_are_reached_and_never_left() {
        let from = |x: f32| (x.to_bits()..=f32::INFINITY.to_bits()).step_by(997);
        assert!(from(9.02).all(|bits| tanh(f32::from_bits(bits)) == 1.0));
        assert!((0..9.02_f32.to_bits()).step_by(997).all(|bits| tanh(f32::from_bits(bits)) <= 1.0));
        assert!(from(17.4).all(|bits| exp_m1(-f32::from_bits(bits)) == -1.0));
        assert!(from(104.0).all(|bits| exp(-f32::from_bits(bits)) == 0.0));
        assert!(from(88.73).all(|bits| exp(f32::from_bits(bits)) == f32::INFINITY));
        assert!(from(10.06).all(|bits| erfc(f32::from_bits(bits)) == 0.0));
        assert!(from(10.06).all(|bits| erfc(-f32::from_bits(bits)) == 2.0));
        assert_eq!(exp(0.0), 1.0);
    }
}
