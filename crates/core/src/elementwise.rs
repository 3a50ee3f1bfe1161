//! What operations share that make each value of their output from one value of their input.
//!
//! The closures become part of a vectorized loop: see [`vectorized`]. They are copied into it, so
//! that what they hold stays in registers.

use crate::simd::{self, vectorized};
use crate::{Backward, Forward, Scalar};

/// `y = f(x)`.
pub(crate) fn map<T: Scalar>(pass: Forward<'_, T>, f: impl Fn(T) -> T + Copy) {
    let x = pass.x(0).to_slice().expect("values lie one after the other");
    let y = pass.y.into_slice().expect("values lie one after the other");
    vectorized(
        #[inline(always)]
        || simd::map(x, y, f),
    );
}

/// `dx += g(x, y, dy)`, or `dx = g(x, y, dy)` where nothing stands there yet; whoever calls this
/// says so by [`Operation::heeds_beta`](crate::Operation::heeds_beta).
pub(crate) fn add_gradient<T: Scalar>(mut pass: Backward<'_, T>, g: impl Fn(T, T, T) -> T + Copy) {
    let x = pass.x(0).to_slice().expect("values lie one after the other");
    let y = pass.y.to_slice().expect("values lie one after the other");
    let dy = pass.dy.to_slice().expect("values lie one after the other");
    let is_first = pass.beta(0) == T::ZERO;
    let Some(dx) = pass.dx(0) else { return };
    let dx = dx.into_slice().expect("values lie one after the other");
    if is_first {
        vectorized(
            #[inline(always)]
            || write(dx, x, y, dy, g),
        );
    } else {
        vectorized(
            #[inline(always)]
            || add(dx, x, y, dy, g),
        );
    }
}

#[inline(always)]
fn write<T: Scalar>(dx: &mut [T], x: &[T], y: &[T], dy: &[T], g: impl Fn(T, T, T) -> T) {
    for (((dx, &x), &y), &dy) in dx.iter_mut().zip(x).zip(y).zip(dy) {
        *dx = g(x, y, dy);
    }
}

#[inline(always)]
fn add<T: Scalar>(dx: &mut [T], x: &[T], y: &[T], dy: &[T], g: impl Fn(T, T, T) -> T) {
    for (((dx, &x), &y), &dy) in dx.iter_mut().zip(x).zip(y).zip(dy) {
        *dx += g(x, y, dy);
    }
}
