//! The formatter: from a tree to text in the one layout that `fmt` gives.
//!
//! It follows the reference: line breaks are the writer's, everything else is decided here. Lines are built from cells
//! (`align.rs`), gaps between tokens are collected until the next token and the widest wins ([`Printer::gap`]), brackets and values
//! indent what follows them once a line is broken ([`Printer::open`]). Declarations are in `decl.rs`, expressions in `expr.rs`.
//! Nothing but white space, trailing commas and the spelling of a few numbers and labels changes. Tests: `tests.rs` beside, and the
//! conformance vectors.

mod align;
mod decl;
mod expr;
#[cfg(test)]
mod tests;

use super::ast::*;
use crate::source::Span;
use align::Lines;

/// Formats a file. A file without mistakes formats to text that parses to the same tree; formatting twice changes nothing.
///
/// ```
/// use stepwell_lang::{source::FileId, syntax};
/// let (file, mistakes) = syntax::parse(FileId(0), "a:1\nbcd :   2 // two");
/// assert!(mistakes.is_empty());
/// assert_eq!(syntax::fmt::format(&file), "a:   1\nbcd: 2 // two\n");
/// ```
///
/// For trees that no text stands behind, [`Decl::space`] and [`Expr::space`] choose the lines: [`Space::Newline`] puts a declaration on a
/// line of its own, [`Space::None`] behind the one before it.
pub fn format(file: &File) -> String {
    let mut p = Printer::default();
    p.file(file);
    p.lines.finish()
}

/// Formats an expression, without a line end behind it.
pub fn format_expr(x: &Expr) -> String {
    let mut p = Printer::default();
    p.expr(x, 1);
    let mut text = p.lines.finish();
    text.truncate(text.trim_end().len());
    text
}

/// White space between two tokens. Of several wishes the widest wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Blank,
    /// The end of an aligned cell.
    Cell,
    Line,
    /// A line end that ends all columns.
    Flush,
    /// An empty line.
    Section,
}

/// How a node follows what is before it, as its writer had it.
fn line_gap(space: Space) -> Gap {
    match space {
        Space::None | Space::Blank => Gap::None,
        Space::Newline => Gap::Line,
        Space::Section => Gap::Section,
    }
}

#[derive(Default)]
struct Printer {
    lines: Lines,
    gap: Gap,
    /// What has been opened: whether it indents already, which it does from its first line break on.
    open: Vec<bool>,
    /// How far lines are indented.
    level: usize,
    /// How many lines have been ended.
    line: usize,
    /// Whether something has been written.
    begun: bool,
    /// Whether the last thing written was a comment behind something on its line.
    line_comment: bool,
}

impl Printer {
    /// Asks for white space before the next token.
    fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Lets what follows be indented by one step after the next line break.
    fn open(&mut self) {
        self.open.push(false);
    }

    fn close(&mut self) {
        if self.open.pop() == Some(true) {
            self.level -= 1;
        }
    }

    /// Writes a token.
    fn token(&mut self, text: &str) {
        self.space(true);
        self.line_comment = false;
        self.lines.text(text);
    }

    /// Writes a token that closes: it does not stand further in than what it closes.
    fn closing(&mut self, text: &str) {
        self.space(false);
        self.line_comment = false;
        self.lines.text(text);
    }

    fn space(&mut self, indent: bool) {
        let gap = std::mem::take(&mut self.gap);
        if !self.begun {
            self.begun = true;
            return;
        }
        match gap {
            Gap::None => {}
            Gap::Blank => self.lines.text(" "),
            Gap::Cell => self.lines.cell(),
            Gap::Line | Gap::Flush | Gap::Section => {
                self.line += 1;
                self.lines.newline();
                if gap > Gap::Line {
                    self.lines.flush();
                }
                if gap == Gap::Section {
                    self.lines.newline();
                }
                if indent && let Some(last @ false) = self.open.last_mut() {
                    *last = true;
                    self.level += 1;
                }
                (0..self.level).for_each(|_| self.lines.indent());
            }
        }
    }

    /// Writes a comment; a line end follows it.
    fn comment(&mut self, group: &CommentGroup) {
        let mut lines = group.lines.iter();
        if let Some((_, first)) = lines.next() {
            self.token(first);
        }
        for (_, line) in lines {
            self.gap(Gap::Line);
            self.token(line);
        }
        self.gap(Gap::Line);
    }

    /// The comments behind a node on its line.
    fn line_comments(&mut self, comments: &Comments) {
        for c in comments.iter().filter(|c| c.place == Place::Line) {
            self.gap(Gap::Cell);
            self.comment(c);
            self.line_comment = true;
        }
    }

    /// The comments in front of a node. `behind` tells of what stands before them.
    fn docs(&mut self, comments: &Comments, node: Space, behind: Behind) {
        let groups: Vec<&CommentGroup> = comments.iter().filter(|c| c.place == Place::Doc).collect();
        let mut after_line = self.line_comment;
        for (i, c) in groups.iter().enumerate() {
            let next = groups.get(i + 1).map_or(node, |n| n.space);
            if c.space < Space::Newline {
                // Behind the opening bracket, or an operator.
                self.gap(if behind == Behind::Brace { Gap::None } else { Gap::Blank });
                self.comment(c);
                if i + 1 < groups.len() {
                    self.gap(Gap::Section);
                }
                continue;
            }
            let floating = next == Space::Section;
            self.gap(if after_line && floating { Gap::Section } else { line_gap(c.space) });
            self.comment(c);
            after_line = false;
        }
        if !groups.is_empty() {
            self.gap(line_gap(node));
        }
    }

    /// The comments before a closing bracket. Gives whether there were any.
    fn inner(&mut self, comments: &Comments, behind: Behind) -> bool {
        let mut any = false;
        for c in comments.iter().filter(|c| c.place == Place::Inner || c.place == Place::After) {
            if c.space < Space::Newline {
                self.gap(if behind == Behind::Brace { Gap::None } else { Gap::Blank });
                self.comment(c);
                self.line_comment = true;
            } else {
                self.gap(if self.line_comment { Gap::Section } else { line_gap(c.space) });
                self.comment(c);
            }
            any = true;
        }
        any
    }
}

/// What a comment follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// An opening brace or bracket.
    Brace,
    /// An opening parenthesis, an operator, a colon.
    Token,
    /// A node of the same sequence.
    Node,
}
