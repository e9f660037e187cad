//! The comments of YAML, kept where its data becomes text of the language: those on lines of their own stand before what follows them, the
//! others behind what they stand beside.

use super::Place;
use crate::data::Data;
use crate::encode::{MAX_DEPTH, cue};
use granit_parser::{Event, Parser};
use std::vec::IntoIter;

struct Comment {
    line: u32,
    /// What follows the `#`.
    text: String,
}

/// The comments of a text that are not written yet.
pub struct Comments {
    left: IntoIter<Comment>,
    /// The line of the last scalar that was written.
    line: u32,
    out: String,
}

impl Comments {
    /// The comments of a YAML text.
    ///
    /// ```
    /// use stepwell_lang::encode::yaml::{Comments, Rules, parse_documents};
    /// let text = "# how many\nn: 3 # or 4\n";
    /// let document = parse_documents(text, Rules::Language).unwrap().remove(0);
    /// let mut comments = Comments::of(text);
    /// assert_eq!(comments.expression(&document.data, &document.positions), "{\n// how many\nn: 3 // or 4\n}");
    /// ```
    pub fn of(text: &str) -> Comments {
        let options = granit_parser::options! {
            emit_comments: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        // Whether the text can be read is not judged here.
        let events = Parser::new_from_str_with_options(text, options).map_while(Result::ok);
        let comments = events.filter_map(|(event, span)| match event {
            Event::Comment(text, _) => {
                Some(Comment { line: span.start.line() as u32, text: text.to_string() })
            }
            _ => None,
        });
        let mut comments: Vec<Comment> = comments.collect();
        comments.sort_by_key(|c| c.line);
        Comments { left: comments.into_iter(), line: 0, out: String::new() }
    }

    /// Whether there are comments that are not written yet.
    pub fn any(&self) -> bool {
        self.left.len() > 0
    }

    /// Data at its place in the text as an expression, with the comments up to its end. Several documents are written in their order.
    pub fn expression(&mut self, data: &Data, place: &Place) -> String {
        self.out.clear();
        crate::compile::stack(|| self.value(data, Some(place)));
        std::mem::take(&mut self.out)
    }

    /// What stands behind everything, as comments on lines of their own.
    pub fn rest(&mut self) -> String {
        self.out.clear();
        self.before(u32::MAX);
        std::mem::take(&mut self.out)
    }

    fn value(&mut self, data: &Data, place: Option<&Place>) {
        match data {
            Data::Struct(fields) if !fields.is_empty() => {
                self.out.push_str("{\n");
                for (i, (label, value)) in fields.iter().enumerate() {
                    let part = place.and_then(|p| p.named(i, label));
                    if let Some((part, (line, _))) = part.and_then(|p| Some((p, p.key?))) {
                        // Beside a key whose value begins below it there is no room.
                        self.before(if part.line > line { line + 1 } else { line });
                    }
                    self.out.push_str(&format!("{}: ", cue::label(label)));
                    crate::compile::stack(|| self.value(value, part));
                    self.beside();
                }
                self.out.push('}');
            }
            Data::List(items) if !items.is_empty() => {
                self.out.push_str("[\n");
                for (i, item) in items.iter().enumerate() {
                    let part = place.and_then(|p| p.nth(i));
                    self.before(part.map_or(0, |p| p.line));
                    crate::compile::stack(|| self.value(item, part));
                    self.out.push(',');
                    self.beside();
                }
                self.out.push(']');
            }
            scalar => {
                self.line = place.map_or(self.line, |p| p.line);
                self.out.push_str(&cue::expression(scalar));
            }
        }
    }

    fn next_if(&mut self, fits: impl Fn(&Comment) -> bool) -> Option<Comment> {
        fits(self.left.as_slice().first()?).then(|| self.left.next())?
    }

    fn before(&mut self, line: u32) {
        while let Some(comment) = self.next_if(|c| c.line < line) {
            self.out.push_str(&format!("//{}\n", comment.text.trim_end()));
        }
    }

    fn beside(&mut self) {
        let line = self.line;
        if let Some(comment) = self.next_if(|c| c.line == line) {
            self.out.push_str(&format!(" //{}", comment.text.trim_end()));
        }
        self.out.push('\n');
    }
}
