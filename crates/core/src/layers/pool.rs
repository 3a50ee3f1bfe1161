//! Layers that summarize an image: by windows, or whole.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, NodeId};
use crate::window::{Window, WindowShape};
use crate::{Pair, Scalar, Shape, ops};

/// A window without weights. A file writes `MaxPool2d(kernel: 2)`; of kernel, stride and padding
/// each is a number or a pair, `kernel: (2, 3)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool2d {
    /// Rows and columns of the window.
    pub kernel: Pair,
    /// Step of the window; as large as the window when left out.
    #[serde(default)]
    pub stride: Option<Pair>,
    /// Rows and columns around the image, on each side; at most half of the window.
    #[serde(default = "zero")]
    pub padding: Pair,
}

fn zero() -> Pair {
    Pair::both(0)
}

impl Pool2d {
    /// A square window that is moved by its own size.
    pub fn new(kernel: usize) -> Self {
        Self { kernel: Pair::both(kernel), stride: None, padding: zero() }
    }

    /// The window over the image at `input`, and the shape of what comes out.
    fn window<T: Scalar>(self, graph: &Graph<T>, input: NodeId) -> Result<(Window, Shape), String> {
        let (channels, size) = image(graph, input)?;
        let Self { kernel, padding, .. } = self;
        // Beyond it a window could lie on nothing but padding.
        let most = Pair { height: kernel.height / 2, width: kernel.width / 2 };
        let too_much = (padding.height > most.height || padding.width > most.width).then(|| {
            format!("padding {padding} is more than half of kernel {kernel}; at most {most}")
        });
        // A kernel of 0 is named once, and not as a stride too.
        let by_kernel = Pair { height: kernel.height.max(1), width: kernel.width.max(1) };
        let stride = self.stride.unwrap_or(by_kernel);
        let shape = WindowShape { kernel, stride, padding, dilation: Pair::both(1) };
        match (too_much, shape.over(size, &graph.origin(input))) {
            (None, Ok(window)) => {
                let (height, width) = (window.height.output, window.width.output);
                Ok((window, Shape::Image { channels, height, width }))
            }
            (Some(message), Ok(_)) | (None, Err(message)) => Err(message),
            (Some(first), Err(second)) => Err(format!("{first}; {second}")),
        }
    }

    pub(super) fn build_max<T: Scalar>(
        self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        let (window, shape) = self.window(graph, input)?;
        graph.push(ops::MaxPool2d { window }, &[input], graph.parameters.len(), shape)
    }

    pub(super) fn build_average<T: Scalar>(
        self,
        graph: &mut Graph<T>,
        input: NodeId,
    ) -> Result<NodeId, String> {
        let (window, shape) = self.window(graph, input)?;
        graph.push(ops::AvgPool2d { window }, &[input], graph.parameters.len(), shape)
    }
}

impl fmt::Display for Pool2d {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.kernel)?;
        if let Some(stride) = self.stride.filter(|&stride| stride != self.kernel) {
            write!(formatter, ", stride {stride}")?;
        }
        if self.padding != zero() {
            write!(formatter, ", padding {}", self.padding)?;
        }
        Ok(())
    }
}

/// A number for each channel.
pub(super) fn build_global_average<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
) -> Result<NodeId, String> {
    let (channels, size) = image(graph, input)?;
    let operation = ops::GlobalAvgPool { pixels: size.height * size.width };
    graph.push(operation, &[input], graph.parameters.len(), Shape::Features(channels))
}

/// Channels, and rows and columns, of the image at `input`; anything else is refused.
pub(super) fn image<T: Scalar>(graph: &Graph<T>, input: NodeId) -> Result<(usize, Pair), String> {
    match graph.shape(input) {
        Shape::Image { channels, height, width } => Ok((channels, Pair { height, width })),
        other => Err(format!(
            "it takes an image, but {} gives {other}; layers on images stand before those that \
             make a plain vector of them, and the data must be images",
            graph.origin(input)
        )),
    }
}
