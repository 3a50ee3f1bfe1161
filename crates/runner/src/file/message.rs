//! Mistakes shown in the text, in the form of rustc's messages.

use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use gradus_core::Mistake;

use super::FileErrors;
use super::syntax::Problem;
use super::tree::Node;

/// A text and its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// All problems, one below the other.
    pub(crate) fn report(&self, problems: &[Problem]) -> FileErrors {
        let path = self.path.display().to_string();
        let renderer = Renderer::plain();
        let mut text = String::new();
        for problem in problems {
            let snippet = Snippet::source(self.text)
                .path(&path)
                .annotation(AnnotationKind::Primary.span(problem.span.clone()));
            let group = Level::ERROR
                .primary_title(&problem.message)
                .element(snippet)
                .element(Level::HELP.message(&problem.help));
            text.push_str(&renderer.render(&[group]));
            text.push_str("\n\n");
        }
        FileErrors { text, count: problems.len(), only_missing_data: false }
    }

    /// Mistakes that were found after parsing, placed by their paths.
    pub(crate) fn problems(&self, mistakes: &[Mistake]) -> Vec<Problem> {
        let tree = Node::scan(self.text);
        let problem = |mistake: &Mistake| Problem {
            span: tree.as_ref().map_or(0..0, |tree| tree.find(self.text, &mistake.place)),
            message: mistake.message.clone(),
            help: mistake.help.clone(),
        };
        mistakes.iter().map(problem).collect()
    }
}
