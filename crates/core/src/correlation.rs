//! Convolution over images without columns: rows of pixels against taps, many pixels at once.

use std::array::from_fn;
use std::ops::Range;

use pulp::Simd;

use crate::Scalar;

/// Pixels that no vector is longer than, and partial sums of a weight's gradient.
pub(crate) const LANES: usize = 16;
/// The most planes that are computed at once. With two vectors of each they fill 12 of the 16
/// vector registers that AVX2 has, and are loaded seldom enough to keep the multipliers busy.
const BLOCK: usize = 6;

/// An image in memory with zeros around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) planes: usize,
    /// Rows, and pixels a row, of the image.
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Rows of zeros above the image, and zeros before each row.
    pub(crate) above: usize,
    pub(crate) left: usize,
    /// Rows, and numbers a row, with the zeros on all sides.
    pub(crate) rows: usize,
    pub(crate) stride: usize,
}

impl Frame {
    /// Numbers, with what a vector reads beyond the last row.
    pub(crate) fn len(&self) -> usize {
        self.planes * self.rows * self.stride + 2 * LANES
    }

    /// Writes the pixels of `image` (planes, height, width) into `frame`, which is zero elsewhere.
    #[inline(always)]
    pub(crate) fn write<T: Scalar>(&self, image: &[T], frame: &mut [T]) {
        let planes = frame.chunks_exact_mut(self.rows * self.stride);
        for (to, image) in planes.zip(image.chunks_exact(self.height * self.width)) {
            let rows = to[self.above * self.stride..].chunks_exact_mut(self.stride);
            for (to, row) in rows.zip(image.chunks_exact(self.width)) {
                to[self.left..][..self.width].copy_from_slice(row);
            }
        }
    }
}

/// `target[o, r, q] = Σ w[o, c, i, j] frame[c, r + i, q + j]` over planes `c` and taps `(i, j)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correlation {
    pub(crate) source: Frame,
    pub(crate) targets: usize,
    /// Rows, and pixels a row, of a target.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Rows and columns of the taps.
    pub(crate) kernel: (usize, usize),
}

/// Targets that are computed together.
fn blocks(targets: usize) -> impl Iterator<Item = Range<usize>> {
    let count = targets.div_ceil(BLOCK);
    (0..count).map(move |block| block * targets / count..(block + 1) * targets / count)
}

/// Calls a method whose last constant is the size of a block.
macro_rules! for_block {
    ($len:expr, $self:ident.$method:ident($($argument:expr),*)) => {
        match $len {
            1 => $self.$method::<T, S, 1>($($argument),*),
            2 => $self.$method::<T, S, 2>($($argument),*),
            3 => $self.$method::<T, S, 3>($($argument),*),
            4 => $self.$method::<T, S, 4>($($argument),*),
            5 => $self.$method::<T, S, 5>($($argument),*),
            _ => $self.$method::<T, S, BLOCK>($($argument),*),
        }
    };
}

impl Correlation {
    /// Weights of a target.
    pub(crate) fn taps(&self) -> usize {
        self.source.planes * self.kernel.0 * self.kernel.1
    }

    /// Visits the weights `(o, c, i, j)` in the order that they are read in: in blocks of targets,
    /// the targets of a tap side by side.
    pub(crate) fn for_each_weight(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let (height, width) = self.kernel;
        for block in blocks(self.targets) {
            for tap in 0..self.taps() {
                let (plane, i, j) = (tap / (height * width), tap / width % height, tap % width);
                block.clone().for_each(|target| visit(target, plane, i, j));
            }
        }
    }

    /// Computes all targets (targets, rows, width), beginning each sum at that of `starts`, with the
    /// weights in the order of [`Correlation::for_each_weight`].
    #[inline(always)]
    pub(crate) fn apply<T: Scalar, S: Simd>(
        &self,
        simd: S,
        frame: &[T],
        mut weights: &[T],
        starts: &[T],
        targets: &mut [T],
    ) {
        let pixels = self.rows * self.width;
        for block in blocks(self.targets) {
            let (own, rest) = weights.split_at(block.len() * self.taps());
            weights = rest;
            let targets = &mut targets[block.start * pixels..block.end * pixels];
            for_block!(
                block.len(),
                self.apply_block(simd, frame, own, &starts[block.clone()], targets)
            );
        }
    }

    #[inline(always)]
    fn apply_block<T: Scalar, S: Simd, const B: usize>(
        &self,
        simd: S,
        frame: &[T],
        weights: &[T],
        starts: &[T],
        targets: &mut [T],
    ) {
        let starts = starts.first_chunk::<B>().expect("a start for each target");
        for column in (0..self.width).step_by(T::lanes::<S>()) {
            let mut row = 0;
            while row + 1 < self.rows {
                let sums: [[_; 2]; B] = self.sum(simd, frame, weights, starts, (row, column));
                self.write::<T, S, B, 2>(sums, (row, column), targets);
                row += 2;
            }
            if row < self.rows {
                let sums: [[_; 1]; B] = self.sum(simd, frame, weights, starts, (row, column));
                self.write::<T, S, B, 1>(sums, (row, column), targets);
            }
        }
    }

    /// One vector in each of `R` rows from `(row, column)` on, of `B` targets.
    #[inline(always)]
    fn sum<T: Scalar, S: Simd, const B: usize, const R: usize>(
        &self,
        simd: S,
        frame: &[T],
        weights: &[T],
        starts: &[T; B],
        (row, column): (usize, usize),
    ) -> [[T::Vector<S>; R]; B] {
        let Frame { planes, height, above, rows, stride, .. } = self.source;
        let ((kernel_height, kernel_width), lanes) = (self.kernel, T::lanes::<S>());
        // Taps before and behind these read zeros.
        let first = above.saturating_sub(row + R - 1);
        let end = kernel_height.min((above + height).saturating_sub(row)).max(first);
        let mut sums = starts.map(|start| [T::splat(simd, start); R]);
        for plane in 0..planes {
            for i in first..end {
                let start = (plane * rows + row + i) * stride + column;
                let x: [&[T]; R] =
                    from_fn(|r| &frame[start + r * stride..][..kernel_width - 1 + lanes]);
                let weights = &weights[(plane * kernel_height + i) * kernel_width * B..];
                let weights = weights[..kernel_width * B].as_chunks::<B>().0;
                for (j, weights) in weights.iter().enumerate() {
                    let x: [_; R] = from_fn(|r| T::vectors::<S>(&x[r][j..j + lanes])[0]);
                    for (sums, &weight) in sums.iter_mut().zip(weights) {
                        let weight = T::splat(simd, weight);
                        for (sum, x) in sums.iter_mut().zip(x) {
                            *sum = T::add_product(simd, *sum, weight, x);
                        }
                    }
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn write<T: Scalar, S: Simd, const B: usize, const R: usize>(
        &self,
        sums: [[T::Vector<S>; R]; B],
        (row, column): (usize, usize),
        targets: &mut [T],
    ) {
        let lanes = T::lanes::<S>();
        let len = lanes.min(self.width - column);
        for (plane, sums) in targets.chunks_exact_mut(self.rows * self.width).zip(sums) {
            for (r, sum) in sums.into_iter().enumerate() {
                let to = &mut plane[(row + r) * self.width + column..][..len];
                if len == lanes {
                    T::vectors_mut::<S>(to)[0] = sum;
                } else {
                    let mut numbers = [T::ZERO; LANES];
                    T::vectors_mut::<S>(&mut numbers)[0] = sum;
                    to.copy_from_slice(&numbers[..len]);
                }
            }
        }
    }

    /// [`LANES`] pixels each that a target takes whose rows lie as far apart as the source's.
    pub(crate) fn stretches(&self) -> usize {
        ((self.rows - 1) * self.source.stride + self.width).div_ceil(LANES)
    }

    /// Writes `dy` (targets, rows, width) for [`Correlation::differentiate`]: in blocks, the same
    /// stretch of all planes side by side. `plane` is room for one, zero between the rows.
    #[inline(always)]
    pub(crate) fn write_targets<T: Scalar>(
        &self,
        dy: &[T],
        plane: &mut [[T; LANES]],
        mut stretches: &mut [[T; LANES]],
    ) {
        let mut planes = dy.chunks_exact(self.rows * self.width);
        for block in blocks(self.targets) {
            let (own, rest) = stretches.split_at_mut(block.len() * self.stretches());
            stretches = rest;
            for (index, dy) in planes.by_ref().take(block.len()).enumerate() {
                let rows = plane.as_flattened_mut().chunks_mut(self.source.stride);
                for (to, dy) in rows.zip(dy.chunks_exact(self.width)) {
                    to[..self.width].copy_from_slice(dy);
                }
                let own = own.chunks_exact_mut(block.len());
                own.zip(&*plane).for_each(|(to, from)| to[index] = *from);
            }
        }
    }

    /// The gradient by the weights: to the [`LANES`] partial sums of each, in the order of
    /// [`Correlation::for_each_weight`], adds `dy[o, r, q] frame[c, r + i, q + j]` over the pixels
    /// `(r, q)`, the k-th of them in the frame's order to sum `k` modulo [`LANES`].
    #[inline(always)]
    pub(crate) fn differentiate<T: Scalar, S: Simd>(
        &self,
        simd: S,
        frame: &[T],
        mut dy: &[[T; LANES]],
        mut sums: &mut [[T; LANES]],
    ) {
        for block in blocks(self.targets) {
            let (own_dy, rest) = dy.split_at(block.len() * self.stretches());
            dy = rest;
            let (own, rest) = sums.split_at_mut(block.len() * self.taps());
            sums = rest;
            for_block!(block.len(), self.differentiate_block(simd, frame, own_dy, own));
        }
    }

    #[inline(always)]
    fn differentiate_block<T: Scalar, S: Simd, const B: usize>(
        &self,
        simd: S,
        frame: &[T],
        dy: &[[T; LANES]],
        sums: &mut [[T; LANES]],
    ) {
        let (dy, _) = dy.as_chunks::<B>();
        let (sums, _) = sums.as_chunks_mut::<B>();
        let (Frame { rows, stride, .. }, (height, width)) = (self.source, self.kernel);
        let x = |tap: usize| {
            let (plane, i, j) = (tap / (height * width), tap / width % height, tap % width);
            &frame[(plane * rows + i) * stride + j..][..dy.len() * LANES]
        };
        let (pairs, last) = sums.as_chunks_mut::<2>();
        for (pair, sums) in pairs.iter_mut().enumerate() {
            differentiate_taps(simd, [x(2 * pair), x(2 * pair + 1)], dy, sums);
        }
        if let [last] = last {
            differentiate_taps(simd, [x(self.taps() - 1)], dy, std::array::from_mut(last));
        }
    }
}

/// The partial sums of `P` taps, which read `x`, for `B` targets.
#[inline(always)]
fn differentiate_taps<T: Scalar, S: Simd, const B: usize, const P: usize>(
    simd: S,
    x: [&[T]; P],
    dy: &[[[T; LANES]; B]],
    sums: &mut [[[T; LANES]; B]; P],
) {
    let lanes = T::lanes::<S>();
    for part in (0..LANES).step_by(lanes) {
        let mut own: [[_; B]; P] =
            from_fn(|p| from_fn(|b| T::vectors::<S>(&sums[p][b][part..part + lanes])[0]));
        for (index, dy) in dy.iter().enumerate() {
            let x: [_; P] = from_fn(|p| T::vectors::<S>(&x[p][index * LANES + part..][..lanes])[0]);
            for b in 0..B {
                let dy = T::vectors::<S>(&dy[b][part..part + lanes])[0];
                for p in 0..P {
                    own[p][b] = T::add_product(simd, own[p][b], x[p], dy);
                }
            }
        }
        for (sums, own) in sums.iter_mut().zip(own) {
            for (sums, own) in sums.iter_mut().zip(own) {
                T::vectors_mut::<S>(&mut sums[part..part + lanes])[0] = own;
            }
        }
    }
}
