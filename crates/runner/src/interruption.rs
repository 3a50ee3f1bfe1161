//! A request to end early: raised by a signal, looked at between steps and between commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether training should come to an end; clones are the same request.
///
/// Runs look at it between two steps and between two stretches of an evaluation, by relaxed
/// loads. A run that ends so leaves no record: the next attempt begins it anew.
#[derive(Clone, Debug, Default)]
pub struct Interruption {
    own: Arc<State>,
    /// Whoever asks there asks here too.
    outer: Option<Arc<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_asked: AtomicBool,
    listeners: AtomicUsize,
}

/// A run was left before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// For as long as it lives, somebody looks at the request.
#[derive(Debug)]
pub(crate) struct Listening<'a>(&'a Interruption);

impl Interruption {
    /// Asks whoever trains to come to an end soon. Returns whether anybody does; otherwise the
    /// caller may stop the program, for there is nothing to bring into safety.
    pub fn ask(&self) -> bool {
        self.own.is_asked.store(true, Ordering::SeqCst);
        self.own.listeners.load(Ordering::SeqCst) > 0
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        let is_asked = |state: &Arc<State>| state.is_asked.load(Ordering::Relaxed);
        is_asked(&self.own) || self.outer.as_ref().is_some_and(is_asked)
    }

    /// A request of its own that is also made where this one is.
    pub(crate) fn within(&self) -> Self {
        Self { own: Arc::default(), outer: Some(Arc::clone(&self.own)) }
    }

    pub(crate) fn listen(&self) -> Listening<'_> {
        self.own.listeners.fetch_add(1, Ordering::SeqCst);
        Listening(self)
    }

    /// An error once somebody asked.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.is_asked() { Err(Interrupted) } else { Ok(()) }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.own.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}
