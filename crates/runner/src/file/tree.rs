//! Where each value of a RON text stands.
//!
//! The `ron` crate reads the values; it keeps no places once a value is read. This scanner knows
//! only brackets, names, strings and comments, which is enough to find a value by its path, and to
//! cut one out so that the reader finds the next mistake.

use std::ops::Range;

/// A value and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A number, a string, a name alone.
    Leaf,
    /// Values in order, in any bracket.
    Items(Vec<Node>),
    /// `name: value` in order.
    Fields(Vec<Field>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: Range<usize>,
    pub(crate) value: Node,
}

/// RON itself stops at 128 levels.
const DEEPEST: usize = 128;

impl Node {
    /// Scans a whole text; `None` if its brackets do not match.
    pub(crate) fn scan(text: &str) -> Option<Self> {
        let mut scanner = Scanner { text, at: 0 };
        scanner.skip_blank();
        scanner.value(0)
    }

    /// The value at `place` (see [`gradus_core::Mistake::place`]), or the nearest value around it,
    /// and whether it is the one at `place`.
    fn walk(&self, text: &str, place: &str) -> (&Self, bool) {
        let mut node = self;
        for step in place.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match (&node.kind, step.strip_suffix(']')) {
                (Kind::Items(items), Some(index)) => {
                    index.parse::<usize>().ok().and_then(|index| items.get(index))
                }
                (Kind::Fields(fields), None) => fields
                    .iter()
                    .find(|field| &text[field.name.clone()] == step)
                    .map(|field| &field.value),
                // The only content of a variant such as `Momentum(0.9)` may be unwrapped.
                (Kind::Fields(_), Some("0")) => continue,
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// The value at `place`, if it is there.
    pub(crate) fn exact(&self, text: &str, place: &str) -> Option<&Self> {
        let (node, is_exact) = self.walk(text, place);
        is_exact.then_some(node)
    }

    /// The span of the value at `place`, or of the nearest value around it.
    pub(crate) fn find(&self, text: &str, place: &str) -> Range<usize> {
        let (node, is_exact) = self.walk(text, place);
        // A large value is pointed at by its beginning.
        if is_exact && !text[node.span.clone()].contains('\n') {
            return node.span.clone();
        }
        let end = text[node.span.clone()].find('\n').map_or(node.span.end, |n| node.span.start + n);
        node.span.start..end
    }

    /// The innermost field or item around the byte `at`, if the value is not the whole text.
    pub(crate) fn around(&self, at: usize) -> Option<Range<usize>> {
        let children: Vec<(Range<usize>, &Node)> = match &self.kind {
            Kind::Leaf => vec![],
            Kind::Items(items) => items.iter().map(|item| (item.span.clone(), item)).collect(),
            Kind::Fields(fields) => fields
                .iter()
                .map(|field| (field.name.start..field.value.span.end, &field.value))
                .collect(),
        };
        children
            .into_iter()
            .find(|(span, _)| span.start <= at && at <= span.end)
            .map(|(span, child)| child.around(at).unwrap_or(span))
    }

    /// Every value that holds no other.
    pub(crate) fn leaves(&self) -> Vec<Range<usize>> {
        match &self.kind {
            Kind::Leaf => vec![self.span.clone()],
            Kind::Items(items) => items.iter().flat_map(Node::leaves).collect(),
            Kind::Fields(fields) => fields.iter().flat_map(|field| field.value.leaves()).collect(),
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// White space, `// …` and nested `/* … */`.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            if let Some(character) = rest.chars().next().filter(|c| c.is_whitespace()) {
                self.at += character.len_utf8();
            } else if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.skip_block_comment();
            } else {
                return;
            }
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            if self.skip("/*") {
                depth += 1;
            } else if self.skip("*/") {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += self.next().map_or(1, char::len_utf8);
            }
        }
    }

    fn name(&mut self) -> Range<usize> {
        let start = self.at;
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '#';
        let rest = self.rest();
        self.at += rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        start..self.at
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEEPEST {
            return None;
        }
        let start = self.at;
        let first = self.next()?;
        if first == '"' {
            return self.string(start);
        }
        if first == '\'' {
            return self.character(start);
        }
        if first.is_alphabetic() || first == '_' {
            self.name();
            if self.rest().starts_with('"') {
                return self.string(start);
            }
            let end = self.at;
            self.skip_blank();
            if self.next() != Some('(') {
                self.at = end;
                return Some(Node { span: start..end, kind: Kind::Leaf });
            }
        }
        match self.next()? {
            '(' => self.bracketed(start, ')', depth),
            '[' => self.bracketed(start, ']', depth),
            '{' => self.bracketed(start, '}', depth),
            _ => self.token(start),
        }
    }

    /// A number or anything else up to the next delimiter.
    fn token(&mut self, start: usize) -> Option<Node> {
        let rest = self.rest();
        let is_end = |c: char| c.is_whitespace() || ",:()[]{}\"".contains(c);
        let length = rest.find(is_end).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then_some(Node { span: start..self.at, kind: Kind::Leaf })
    }

    /// A character between apostrophes, which may be a blank or a bracket.
    fn character(&mut self, start: usize) -> Option<Node> {
        self.skip("'").then_some(())?;
        let is_escaped = self.skip("\\");
        self.at += self.next()?.len_utf8();
        if is_escaped {
            // Such as `\u{41}`.
            self.at += self.rest().find('\'')?;
        }
        self.skip("'").then_some(Node { span: start..self.at, kind: Kind::Leaf })
    }

    fn string(&mut self, start: usize) -> Option<Node> {
        self.skip("\"").then_some(())?;
        loop {
            match self.next()? {
                '\\' => {
                    self.at += 1;
                    self.at += self.next()?.len_utf8();
                }
                '"' => {
                    self.at += 1;
                    return Some(Node { span: start..self.at, kind: Kind::Leaf });
                }
                other => self.at += other.len_utf8(),
            }
        }
    }

    fn bracketed(&mut self, start: usize, close: char, depth: usize) -> Option<Node> {
        self.at += 1;
        let (mut items, mut fields) = (Vec::new(), Vec::new());
        loop {
            self.skip_blank();
            if self.next()? == close {
                self.at += 1;
                let span = start..self.at;
                let kind =
                    if fields.is_empty() { Kind::Items(items) } else { Kind::Fields(fields) };
                return Some(Node { span, kind });
            }
            match self.field_name() {
                Some(name) => {
                    let value = self.value(depth + 1)?;
                    fields.push(Field { name, value });
                }
                None => items.push(self.value(depth + 1)?),
            }
            self.skip_blank();
            if !self.skip(",") && self.next()? != close {
                return None;
            }
        }
    }

    /// `name:` before a value, if that is what stands here.
    fn field_name(&mut self) -> Option<Range<usize>> {
        let before = self.at;
        let name = self.name();
        self.skip_blank();
        if !name.is_empty() && self.skip(":") {
            self.skip_blank();
            return Some(name);
        }
        self.at = before;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Node;

    const TEXT: &str = "// question\n(name: \"a(b\", /* x: 1 */ chain: [L2(1e-4), Momentum(0.9)],\n \
                        axes: [LearningRate(Log(from: 1e-3, to: 1.0))])";

    fn check(place: &str, expected: &str) {
        let tree = Node::scan(TEXT).expect("the brackets match");
        assert_eq!(&TEXT[tree.find(TEXT, place)], expected, "{place}");
    }

    #[test]
    fn values_are_found_by_their_place() {
        check("name", "\"a(b\"");
        check("chain[1]", "Momentum(0.9)");
        check("chain[1][0]", "0.9");
        check("axes[0][0].to", "1.0");
    }

    #[test]
    fn characters_are_values_whatever_they_are() {
        for character in ["' '", "'('", "','", "'\\''", "'\\t'", "'\\u{41}'", "'é'"] {
            let text = format!("(a: {character}, b: [1, {character}])");
            let tree = Node::scan(&text).expect("the brackets match");
            assert_eq!(&text[tree.find(&text, "a")], character);
            assert_eq!(&text[tree.find(&text, "b[1]")], character);
        }
        for text in ["(a: ')", "(a: '", "(a: '\\"] {
            assert_eq!(Node::scan(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_shown_by_what_is_around_it() {
        check("chain[7]", "[L2(1e-4), Momentum(0.9)]");
        check("axes[0][0].points", "Log(from: 1e-3, to: 1.0)");
    }

    #[test]
    fn the_innermost_item_around_a_byte() {
        let tree = Node::scan(TEXT).expect("the brackets match");
        let at = TEXT.find("0.9").expect("it is there");
        assert_eq!(&TEXT[tree.around(at).expect("it is inside")], "0.9");
        let at = TEXT.find("from").expect("it is there");
        assert_eq!(&TEXT[tree.around(at).expect("it is inside")], "from: 1e-3");
    }

    #[test]
    fn unbalanced_text_has_no_tree() {
        for text in ["(", "(a: [1, 2)", "(a: \"x)", "/* (", &"(".repeat(1000)] {
            assert_eq!(Node::scan(text), None, "{text}");
        }
    }
}
