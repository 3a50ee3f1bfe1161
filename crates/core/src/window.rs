//! A window that slides over an image: the geometry of convolution and pooling.

use std::ops::Range;

use crate::graph::LARGEST_SAMPLE;
use crate::{Pair, Scalar};

/// A window of `kernel` by `kernel` taps on one channel of an image, moved in steps of `stride`;
/// `padding` rows and columns are thought around the image, and taps lie `dilation` apart.
///
/// Tap `i` of output `o` reads input `o stride + i dilation - padding`, along each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) height: Axis,
    pub(crate) width: Axis,
}

/// One axis of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) input: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
    /// How often it fits.
    pub(crate) output: usize,
}

/// What a layer says of its window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowShape {
    pub(crate) kernel: Pair,
    pub(crate) stride: Pair,
    pub(crate) padding: Pair,
    pub(crate) dilation: Pair,
}

impl WindowShape {
    /// The window over an image of these rows and columns.
    ///
    /// # Errors
    /// Everything that is wrong with it, on one line; `origin` is where the image comes from.
    pub(crate) fn over(self, image: Pair, origin: &str) -> Result<Window, String> {
        let counts =
            [("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)];
        let zeros: Vec<String> = counts
            .into_iter()
            .filter(|(_, count)| count.height == 0 || count.width == 0)
            .map(|(name, count)| format!("{name} {count}; at least 1x1 is needed"))
            .collect();
        if !zeros.is_empty() {
            return Err(zeros.join("; "));
        }
        if self.padding.height.max(self.padding.width) > LARGEST_SAMPLE {
            let most = Pair::both(LARGEST_SAMPLE);
            return Err(format!("padding {}; at most {most} is allowed", self.padding));
        }
        let axis = |input, side: fn(Pair) -> usize| {
            let [kernel, stride, padding, dilation] =
                [self.kernel, self.stride, self.padding, self.dilation].map(side);
            Axis::new(input, kernel, stride, padding, dilation)
        };
        let height = axis(image.height, |pair| pair.height);
        let width = axis(image.width, |pair| pair.width);
        let (Some(height), Some(width)) = (height, width) else {
            let mut message = format!("kernel {}", self.kernel);
            if self.dilation != Pair::both(1) {
                message += &format!(" with dilation {}", self.dilation);
            }
            message += &format!(" does not fit the {image} image of {origin}");
            if self.padding != Pair::both(0) {
                message += &format!(" with padding {}", self.padding);
            }
            return Err(message + "; a smaller kernel, or more padding, is needed");
        };
        Ok(Window { height, width })
    }
}

impl Axis {
    /// `None` where the kernel does not fit, or the sums do not fit a machine word.
    fn new(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
    ) -> Option<Self> {
        let padded = padding.checked_mul(2)?.checked_add(input)?;
        let extent = dilation.checked_mul(kernel - 1)?.checked_add(1)?;
        let output = padded.checked_sub(extent)? / stride + 1;
        Some(Self { input, kernel, stride, padding, dilation, output })
    }

    /// The outputs whose tap `tap` lies inside the image, and the input that the first one reads.
    fn inside(&self, tap: usize) -> (Range<usize>, usize) {
        let offset = tap * self.dilation;
        let start = self.padding.saturating_sub(offset).div_ceil(self.stride);
        let end = (self.padding + self.input).saturating_sub(offset).div_ceil(self.stride);
        let end = end.min(self.output);
        if start >= end {
            return (0..0, 0);
        }
        (start..end, start * self.stride + offset - self.padding)
    }
}

/// The stretches of rows that one tap connects: as many on the output side as on the input side.
#[derive(Clone, Debug)]
pub(crate) struct Stretches {
    /// Number of outputs a stretch.
    pub(crate) len: usize,
    /// The outputs' rows and columns that read inside the image; all others read padding.
    rows: Range<usize>,
    columns: Range<usize>,
    first_input: usize,
    input_step: usize,
    output_width: usize,
}

impl Stretches {
    /// Where each begins in the plane of the output and in that of the input.
    pub(crate) fn starts(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Self { rows, columns, first_input, input_step, output_width, .. } = self.clone();
        rows.enumerate().map(move |(count, row)| {
            (row * output_width + columns.start, first_input + count * input_step)
        })
    }
}

impl Window {
    /// Pixels of a channel of the input.
    pub(crate) fn input_len(&self) -> usize {
        self.height.input * self.width.input
    }

    /// Pixels of a channel of the output.
    pub(crate) fn output_len(&self) -> usize {
        self.height.output * self.width.output
    }

    /// Number of taps.
    pub(crate) fn kernel_len(&self) -> usize {
        self.height.kernel * self.width.kernel
    }

    /// Whether each output reads just the input in its own place.
    pub(crate) fn is_identity(&self) -> bool {
        [self.height, self.width]
            .iter()
            .all(|axis| (axis.kernel, axis.stride, axis.padding) == (1, 1, 0))
    }

    /// Whether it is 2x2 pixels moved by 2, without padding: the pooling that most networks have.
    pub(crate) fn is_halving(&self) -> bool {
        [self.height, self.width]
            .iter()
            .all(|axis| (axis.kernel, axis.stride, axis.padding) == (2, 2, 0))
    }

    /// All taps, row by row.
    pub(crate) fn taps(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (height, width) = (self.height.kernel, self.width.kernel);
        (0..height).flat_map(move |row| (0..width).map(move |column| (row, column)))
    }

    /// What tap `(row, column)` connects.
    pub(crate) fn stretches(&self, (row, column): (usize, usize)) -> Stretches {
        let (rows, first_row) = self.height.inside(row);
        let (columns, first_column) = self.width.inside(column);
        let len = columns.len();
        Stretches {
            len,
            rows: if len == 0 { 0..0 } else { rows },
            columns,
            first_input: first_row * self.width.input + first_column,
            input_step: self.height.stride * self.width.input,
            output_width: self.width.output,
        }
    }

    /// Writes the columns of `x` (C, H W): row `(c, i, j)` of `columns` (C kh kw, OH OW) is what tap
    /// `(i, j)` reads of channel `c`, zero where it reads padding.
    pub(crate) fn write_columns<T: Scalar>(&self, x: &[T], columns: &mut [T]) {
        let stride = self.width.stride;
        let mut rows = columns.chunks_exact_mut(self.output_len());
        for plane in x.chunks_exact(self.input_len()) {
            for (tap, row) in self.taps().zip(&mut rows) {
                let stretches = self.stretches(tap);
                let mut done = 0;
                for (to, from) in stretches.starts() {
                    row[done..to].fill(T::ZERO);
                    done = to + stretches.len;
                    let (to, from) = (&mut row[to..done], &plane[from..]);
                    if stride == 1 {
                        to.copy_from_slice(&from[..to.len()]);
                    } else {
                        to.iter_mut().zip(from.chunks(stride)).for_each(|(to, x)| *to = x[0]);
                    }
                }
                row[done..].fill(T::ZERO);
            }
        }
    }

    /// Adds `columns` to the places of `dx` (C, H W) that [`Window::write_columns`] reads them from.
    pub(crate) fn add_columns<T: Scalar>(&self, columns: &[T], dx: &mut [T]) {
        let stride = self.width.stride;
        let mut rows = columns.chunks_exact(self.output_len());
        for plane in dx.chunks_exact_mut(self.input_len()) {
            for (tap, row) in self.taps().zip(&mut rows) {
                let stretches = self.stretches(tap);
                for (from, to) in stretches.starts() {
                    let (from, to) = (&row[from..][..stretches.len], &mut plane[to..]);
                    if stride == 1 {
                        to.iter_mut().zip(from).for_each(|(dx, &d)| *dx += d);
                    } else {
                        to.chunks_mut(stride).zip(from).for_each(|(dx, &d)| dx[0] += d);
                    }
                }
            }
        }
    }
}
