//! Data as expressions that know where they were read, so that a mistake in a data file is shown in that file.

use super::{NOWHERE, plain_field};
use crate::data::Data;
use crate::encode::yaml::Place;
use crate::eval::expr::{Decl, E, Expr, FieldDecl, List, Scalar, Struct, X};
use crate::eval::label::Labels;
use crate::packages::Placed;
use crate::source::{FileId, SourceMap, Span};
use std::sync::Arc;

/// Placed data as an expression.
pub(crate) fn placed(p: &Placed, labels: &mut Labels, sources: &mut SourceMap) -> E {
    let Some(source) = &p.source else { return super::data(&p.data, labels) };
    let known = (0..sources.len() as u32).map(FileId).find(|id| sources.get(*id) == Some(source));
    let file = known.unwrap_or_else(|| sources.add(source.clone()));
    let starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(i, _)| i + 1)).collect();
    let w = Where { file, text: &source.text, starts };
    w.expr(&p.data, p.places.as_ref(), labels)
}

struct Where<'t> {
    file: FileId,
    text: &'t str,
    /// Where lines start.
    starts: Vec<usize>,
}

impl Where<'_> {
    fn expr(&self, data: &Data, place: Option<&Place>, labels: &mut Labels) -> E {
        crate::compile::stack(|| self.expr_here(data, place, labels))
    }

    fn expr_here(&self, data: &Data, place: Option<&Place>, labels: &mut Labels) -> E {
        let span = place.map_or(Span::new(self.file, 0, 0), |p| self.span(p.line, p.column));
        let kind = match data {
            Data::Null => X::Scalar(Scalar::Null),
            Data::Bool(b) => X::Scalar(Scalar::Bool(*b)),
            Data::Number(n) => X::Scalar(Scalar::Number(n.clone())),
            Data::String(s) => X::Scalar(Scalar::String(s.clone())),
            Data::Bytes(b) => X::Scalar(Scalar::Bytes(b.clone())),
            Data::List(items) => {
                let part = |i: usize| place.and_then(|p| p.nth(i));
                let elems = items.iter().enumerate().map(|(i, d)| self.expr(d, part(i), labels)).collect();
                X::List(List { elems, ellipsis: None })
            }
            Data::Struct(fields) => {
                let mut s = Struct { is_struct: true, ..Struct::default() };
                for (i, (name, value)) in fields.iter().enumerate() {
                    // Mostly the places are in the order of the fields.
                    let part = place.and_then(|p| p.named(i, name));
                    let label = labels.regular(name);
                    let value = self.expr(value, part, labels);
                    let label_span = match part.and_then(|p| p.key) {
                        Some((line, column)) => self.span(line, column),
                        None => NOWHERE,
                    };
                    s.decls.push(match plain_field(label, value) {
                        Decl::Field(f) => Decl::Field(Arc::new(FieldDecl { label_span, ..unshared(f) })),
                        other => other,
                    });
                }
                X::Struct(Box::new(s))
            }
        };
        Expr::new(kind, span)
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

/// A declaration that nobody else has yet.
fn unshared(f: Arc<FieldDecl>) -> FieldDecl {
    match Arc::try_unwrap(f) {
        Ok(f) => f,
        Err(shared) => FieldDecl {
            label: shared.label,
            constraint: shared.constraint,
            value: shared.value.clone(),
            label_alias: shared.label_alias,
            docs: shared.docs.clone(),
            attributes: shared.attributes.clone(),
            label_span: shared.label_span,
        },
    }
}
