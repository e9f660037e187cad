//! A program as a tree that prints itself, and what is left of it when parts are taken away.

use std::collections::BTreeSet;

/// What a part of a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// An expression: any other one may stand in its place.
    Expr,
    /// A declaration, or another part that can only be left out.
    Other,
}

/// A part of a program: text around and between parts.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) sort: Sort,
    pub(super) open: String,
    pub(super) between: &'static str,
    pub(super) close: &'static str,
    pub(super) parts: Vec<Part>,
    /// How many of the parts there must be.
    pub(super) least: usize,
}

impl Part {
    /// An expression without parts.
    pub(super) fn word(text: impl Into<String>) -> Part {
        Part::new(Sort::Expr, text, "", "", Vec::new(), 0)
    }

    pub(super) fn new(
        sort: Sort,
        open: impl Into<String>,
        between: &'static str,
        close: &'static str,
        parts: Vec<Part>,
        least: usize,
    ) -> Part {
        Part { sort, open: open.into(), between, close, parts, least }
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.open);
        for (i, p) in self.parts.iter().enumerate() {
            out.push_str(if i > 0 { self.between } else { "" });
            p.write(out);
        }
        out.push_str(self.close);
    }

    /// The names of the fields that it declares, as far as they are part of the output or can be asked for.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let letter = |c: char| c.is_alphanumeric() || c == '#' || c == '_';
        let is_name = |n: &str| !n.is_empty() && !n.starts_with('_') && n.chars().all(letter);
        let name = |p: &'_ Part| p.open.split_once(": ").map(|(n, _)| n).filter(|n| is_name(n)).map(str::len);
        self.parts.iter().filter_map(|p| name(p).map(|n| &p.open[..n])).collect()
    }

    /// Programs that have one part less, or a simpler one; the simplest first.
    pub(super) fn simpler(&self) -> Vec<Part> {
        let mut out = Vec::new();
        let gone = (0..self.parts.len()).filter(|_| self.parts.len() > self.least);
        for i in gone {
            let mut less = self.clone();
            less.parts.remove(i);
            out.push(less);
        }
        for (i, part) in self.parts.iter().enumerate() {
            let mut instead: Vec<Part> = Vec::new();
            if part.sort == Sort::Expr {
                instead.extend(["1", "_", "{}"].into_iter().filter(|w| *w != part.open).map(Part::word));
                part.expressions(&mut instead);
            }
            instead.extend(part.simpler());
            out.extend(instead.into_iter().map(|new| {
                let mut other = self.clone();
                other.parts[i] = new;
                other
            }));
        }
        out
    }

    /// The outermost expressions among its parts.
    fn expressions(&self, out: &mut Vec<Part>) {
        for p in &self.parts {
            match p.sort {
                Sort::Expr => out.push(p.clone()),
                Sort::Other => p.expressions(out),
            }
        }
    }
}
