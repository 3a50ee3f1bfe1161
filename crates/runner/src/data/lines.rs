//! Line numbers of records, for messages; the csv crate's are off at CRLF and at blank lines.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::file::Content;

/// Content that remembers where lines break ahead of the record that is being read.
pub(super) struct Lines {
    pub(super) content: Content,
    /// Offsets of carriage returns and line feeds that no record has passed yet.
    breaks: VecDeque<(u64, u8)>,
    /// Line feeds that a record has passed.
    passed: u64,
}

impl Lines {
    pub(super) fn new(content: Content) -> Self {
        Self { content, breaks: VecDeque::new(), passed: 0 }
    }

    /// The line, from 1, of the record that the parser began at byte `start`, perhaps with line
    /// breaks before its first cell. Starts may only grow.
    pub(super) fn line_at(&mut self, mut start: u64) -> u64 {
        while let Some(&(offset, byte)) = self.breaks.front() {
            if offset > start {
                break;
            }
            if offset == start {
                start += 1;
            }
            self.passed += u64::from(byte == b'\n');
            self.breaks.pop_front();
        }
        self.passed + 1
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let offset = self.content.position;
        let count = self.content.read(buffer)?;
        for (&byte, offset) in buffer[..count].iter().zip(offset..) {
            if matches!(byte, b'\r' | b'\n') {
                self.breaks.push_back((offset, byte));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_carriage_returns_are_counted() {
        let text = b"a\r\n\r\nb\n\"c\nc\"\n\n\nd";
        let mut lines = Lines::new(Content::embedded(text, "text"));
        lines.read_to_end(&mut Vec::new()).expect("memory can be read");
        // Where the csv crate says that the records start: after the carriage return.
        let found = [0, 2, 7, 13].map(|start| lines.line_at(start));
        assert_eq!(found, [1, 3, 4, 8]);
    }
}
