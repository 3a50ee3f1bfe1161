//! The convolutional layer.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::pool::image;
use crate::graph::{Graph, LARGEST_SAMPLE, NewParameter, NodeId};
use crate::window::WindowShape;
use crate::{Pair, Role, Scalar, Shape, ops};

/// Filters that slide over an image. A file writes `Conv2d(filters: 6, kernel: 5, padding: 2)`; of
/// kernel, stride, padding and dilation each is a number or a pair, `kernel: (3, 5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Number of channels of the output.
    pub filters: usize,
    /// Rows and columns of a filter.
    pub kernel: Pair,
    /// Step of the filter.
    #[serde(default = "one")]
    pub stride: Pair,
    /// Zeros around the image, on each side.
    #[serde(default = "zero")]
    pub padding: Pair,
    /// Distance between the taps of a filter.
    #[serde(default = "one")]
    pub dilation: Pair,
    /// Whether a bias is added, one a filter.
    #[serde(default = "yes")]
    pub bias: bool,
}

fn one() -> Pair {
    Pair::both(1)
}

fn zero() -> Pair {
    Pair::both(0)
}

fn yes() -> bool {
    true
}

impl Conv2d {
    /// A square kernel, with everything else as it is by default.
    pub fn new(filters: usize, kernel: usize) -> Self {
        let kernel = Pair::both(kernel);
        Self { filters, kernel, stride: one(), padding: zero(), dilation: one(), bias: true }
    }

    /// Weights (filters, C kh kw), biases (1, filters), and the convolution by them.
    pub(super) fn build<T: Scalar>(
        self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        let Self { filters, kernel, stride, padding, dilation, bias } = self;
        let no_filters = (filters == 0).then(|| "0 filters; at least 1 is needed".to_string());
        let found = image(graph, input).and_then(|(channels, size)| {
            let shape = WindowShape { kernel, stride, padding, dilation };
            Ok((channels, shape.over(size, &graph.origin(input))?))
        });
        let (channels, window) = match (no_filters, found) {
            (None, Ok(found)) => found,
            (Some(first), Err(second)) => return Err(format!("{first}; {second}")),
            (Some(message), Ok(_)) | (None, Err(message)) => return Err(message),
        };
        let largest = |what: &str| format!("more than {LARGEST_SAMPLE} numbers in {what}");
        let area = kernel.height.checked_mul(kernel.width);
        let taps = area.and_then(|area| area.checked_mul(channels));
        let taps = taps.ok_or_else(|| largest(&format!("a filter of {kernel}")))?;
        let fan_out = filters.checked_mul(window.kernel_len());
        let fan_out = fan_out.ok_or_else(|| largest(&format!("{filters} filters of {kernel}")))?;
        let (height, width) = (window.height.output, window.width.output);
        let columns = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(taps));
        if columns.is_none_or(|columns| columns > LARGEST_SAMPLE) {
            let what = format!("{taps} taps for each of {height}x{width} outputs");
            return Err(largest(&what) + "; a larger stride, or a smaller kernel, is needed");
        }
        let first = graph.parameters.len();
        graph.push_parameter(NewParameter {
            name: "weight",
            shape: [filters, taps],
            fans: (taps, fan_out),
            role: Role::Weight,
            unit_axis: 0,
            initializer: None,
            blocks: 1,
            raised: None,
        })?;
        if bias {
            graph.push_parameter(NewParameter::bias("bias", filters, (taps, fan_out)))?;
        }
        let shape = Shape::Image { channels: filters, height, width };
        match ops::DirectConv2d::if_quicker(window, channels, filters, bias) {
            Some(operation) => graph.push(operation, &[input], first, shape),
            None => {
                let operation = ops::Conv2d { window, filters, taps, has_bias: bias };
                graph.push(operation, &[input], first, shape)
            }
        }
    }
}

impl fmt::Display for Conv2d {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Conv2d({}, {}", self.filters, self.kernel)?;
        let options = [
            ("stride", self.stride, one()),
            ("padding", self.padding, zero()),
            ("dilation", self.dilation, one()),
        ];
        for (name, value, _) in options.into_iter().filter(|(_, value, usual)| value != usual) {
            write!(formatter, ", {name} {value}")?;
        }
        formatter.write_str(if self.bias { ")" } else { ", no bias)" })
    }
}
