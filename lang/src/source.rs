//! Where text comes from: sources, the files of one compilation, and spans into them.
//!
//! A `Span` is three small numbers, so that every node of the tree and of the compiled form can carry one. Turning it into
//! a file name, line and column is the work of [`SourceMap`], done only when something is shown.

use std::sync::Arc;

/// A named piece of source text, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name shown in messages: usually the path as the user gave it.
    pub name: String,
    /// The text.
    pub text: Arc<str>,
}

impl Source {
    /// A source with a name and text.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Source {
        Source { name: name.into(), text: text.into() }
    }
}

/// The index of a file in its [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// A range in a file.
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// From the start of `self` to the end of `other`, which lies later in the same file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start, end: other.end }
    }
}

/// A place as people read it: lines and columns count from 1, columns in bytes, as the reference implementation counts them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The name of the source.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in bytes, from 1.
    pub column: u32,
}

/// The files of one compilation, with the tables that turn offsets into lines.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<Arc<FileEntry>>,
}

#[derive(Debug)]
struct FileEntry {
    source: Source,
    line_starts: Vec<u32>,
}

impl SourceMap {
    /// Adds a file and gives its id.
    pub fn add(&mut self, source: Source) -> FileId {
        let mut line_starts = vec![0];
        line_starts
            .extend(source.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1));
        self.files.push(Arc::new(FileEntry { source, line_starts }));
        FileId(self.files.len() as u32 - 1)
    }

    /// The source behind an id, if it is of this map.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(file.0 as usize).map(|f| &f.source)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The place where a span starts; `None` for a span of no file of this map.
    pub fn position(&self, span: Span) -> Option<Position> {
        let f = self.files.get(span.file.0 as usize)?;
        let line = f.line_starts.partition_point(|s| *s <= span.start);
        let column = span.start - f.line_starts.get(line - 1).copied().unwrap_or(0) + 1;
        Some(Position { file: f.source.name.clone(), line: line as u32, column })
    }

    /// The text of a span, empty if it does not lie in its file.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).and_then(|s| s.text.get(span.start as usize..span.end as usize)).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one() {
        let mut map = SourceMap::default();
        let file = map.add(Source::new("a.cue", "x: 1\ny: 2\n"));
        let at = |start, end| map.position(Span::new(file, start, end)).unwrap();
        assert_eq!((at(0, 1).line, at(0, 1).column), (1, 1));
        assert_eq!((at(5, 6).line, at(5, 6).column), (2, 1));
        assert_eq!((at(8, 9).line, at(8, 9).column), (2, 4));
        assert_eq!(map.text(Span::new(file, 5, 9)), "y: 2");
    }
}
