//! Data as expressions that know where they were read, so that a mistake in a data file is shown in that file.

use super::{NOWHERE, field_at};
use crate::data::Data;
use crate::encode::yaml::Place;
use crate::eval::expr::{E, Expr, List, Scalar, Struct, X};
use crate::eval::label::Labels;
use crate::packages::Placed;
use crate::source::{FileId, SourceMap, Span};

/// Placed data as an expression.
pub(crate) fn placed(p: &Placed, labels: &mut Labels, sources: &mut SourceMap) -> E {
    let Some(source) = &p.source else { return super::data(&p.data, labels) };
    let known = (0..sources.len() as u32).map(FileId).find(|id| sources.get(*id) == Some(source));
    let file = known.unwrap_or_else(|| sources.add(source.clone()));
    let starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(i, _)| i + 1)).collect();
    let w = Where { file, text: &source.text, starts };
    expr(&p.data, Some((&w, p.places.as_ref())), labels)
}

pub(super) struct Where<'t> {
    file: FileId,
    text: &'t str,
    /// Where lines start.
    starts: Vec<usize>,
}

/// Data as an expression; `at` is the text it was read from, and the place of it there where that is known.
pub(super) fn expr(data: &Data, at: Option<(&Where<'_>, Option<&Place>)>, labels: &mut Labels) -> E {
    crate::compile::stack(|| expr_here(data, at, labels))
}

fn expr_here(data: &Data, at: Option<(&Where<'_>, Option<&Place>)>, labels: &mut Labels) -> E {
    let part = |find: &dyn Fn(&Place) -> Option<&Place>| at.map(|(w, place)| (w, place.and_then(find)));
    let kind = match data {
        Data::Null => X::Scalar(Scalar::Null),
        Data::Bool(b) => X::Scalar(Scalar::Bool(*b)),
        Data::Number(n) => X::Scalar(Scalar::Number(n.clone())),
        Data::String(s) => X::Scalar(Scalar::String(s.clone())),
        Data::Bytes(b) => X::Scalar(Scalar::Bytes(b.clone())),
        Data::List(items) => {
            let item = |(i, d): (usize, &Data)| expr(d, part(&|p| p.nth(i)), labels);
            X::List(List { elems: items.iter().enumerate().map(item).collect(), ellipsis: None })
        }
        Data::Struct(fields) => {
            let mut s = Struct { is_struct: true, ..Struct::default() };
            for (i, (name, value)) in fields.iter().enumerate() {
                // Mostly the places are in the order of the fields.
                let part = part(&|p| p.named(i, name));
                let label = labels.regular(name);
                let value = expr(value, part, labels);
                let key = part.and_then(|(w, place)| place?.key.map(|(line, column)| w.span(line, column)));
                s.decls.push(field_at(label, value, key.unwrap_or(NOWHERE)));
            }
            X::Struct(Box::new(s))
        }
    };
    Expr::new(kind, at.map_or(NOWHERE, |(w, place)| w.span_of(place)))
}

impl Where<'_> {
    fn span_of(&self, place: Option<&Place>) -> Span {
        place.map_or(Span::new(self.file, 0, 0), |p| self.span(p.line, p.column))
    }

    /// The word or quoted text that starts at a line and column; columns count characters.
    fn span(&self, line: u32, column: u32) -> Span {
        let start = self.starts.get(line.saturating_sub(1) as usize).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or("").lines().next().unwrap_or("");
        let skip = rest.char_indices().nth(column.saturating_sub(1) as usize).map_or(rest.len(), |(i, _)| i);
        let word = &rest[skip..];
        let len = match word.chars().next() {
            Some(q @ ('"' | '\'')) => word[1..].find(q).map_or(word.len(), |i| i + 2),
            Some('{' | '[' | '|' | '>') => 1,
            _ => {
                let end = word.find([',', ']', '}', '#']).unwrap_or(word.len());
                let end = word.find(": ").map_or(end, |i| i.min(end));
                word[..end].trim_end().trim_end_matches(':').len()
            }
        };
        Span::new(self.file, start + skip, start + skip + len)
    }
}
