//! A value as a file of the language: what `eval` prints. The text is laid out by the formatter afterwards.

use super::arena::*;
use super::core::Evaluator;
use super::expr::{Callee, Scalar, X};
use super::label::LabelType;
use crate::api::Show;
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;
use std::collections::BTreeSet;

/// What is being written.
struct Writer {
    show: Show,
    out: String,
    /// Standard packages that validators need.
    imports: BTreeSet<&'static str>,
}

impl Evaluator {
    /// The text of a file that holds a value: the fields of a struct without braces.
    pub(crate) fn file(&mut self, v: VId, show: Show) -> String {
        self.all_errors(v, false);
        let mut w = Writer { show, out: String::new(), imports: BTreeSet::new() };
        match self.shown_struct(v, show) {
            Some(t) => self.write_members(t, &mut w),
            None => {
                self.write_value(v, &mut w);
                w.out.push('\n');
            }
        }
        let imports: String = w.imports.iter().map(|p| format!("import {p:?}\n")).collect();
        match imports.is_empty() {
            true => w.out,
            false => format!("{imports}\n{}", w.out),
        }
    }

    /// The vertex that a value is shown from.
    fn shown_vertex(&mut self, v: VId, show: Show) -> VId {
        self.expand(v);
        let t = if show.open_defaults { self.settled(v) } else { self.with_default(v) };
        self.expand(t);
        t
    }

    /// The vertex of a value that is shown as fields.
    fn shown_struct(&mut self, v: VId, show: Show) -> Option<VId> {
        let t = self.shown_vertex(v, show);
        let fatal = self.v(v).denied.or(self.v(t).err).is_some_and(|e| !self.is_incomplete(e));
        let x = self.v(t);
        let choices = self.ext_ref(t).is_some_and(|x| !x.branches.is_empty());
        let plain = x.is_struct && x.kind.contains(Kind::STRUCT) && self.scalar_at(t).is_none();
        (plain && !fatal && !choices).then_some(t)
    }

    fn write_value(&mut self, v: VId, w: &mut Writer) {
        crate::compile::stack(|| self.write_value_here(v, w));
    }

    fn write_value_here(&mut self, v: VId, w: &mut Writer) {
        if self.step().is_err() {
            w.out.push('_');
            return;
        }
        let t = self.shown_vertex(v, w.show);
        if let Some(e) = self.v(v).denied.or(self.v(t).err).filter(|e| !self.is_incomplete(*e)) {
            let path = self.path_text(v);
            let colon = if path.is_empty() { "" } else { ": " };
            let message = self.bottom(e).message.replace('\n', " ");
            w.out.push_str(&format!("_|_ // {path}{colon}{message}"));
            return;
        }
        let branches = self.ext_ref(t).map_or(Vec::new(), |x| x.branches.to_vec());
        if !branches.is_empty() {
            for (i, (b, mode)) in branches.into_iter().enumerate() {
                w.out.push_str(if i > 0 { " | " } else { "" });
                w.out.push_str(if mode == Mode::Default { "*" } else { "" });
                self.write_value(b, w);
            }
            return;
        }
        if let Some((s, _)) = self.scalar_at(t) {
            let text = match s {
                Scalar::String(s) if s.contains('\n') => crate::encode::cue::expression(&s.as_ref().into()),
                s => super::print::scalar(s),
            };
            w.out.push_str(&text);
            return;
        }
        let list = self.ext_ref(t).and_then(|x| x.list.clone()).filter(|_| self.v(t).kind == Kind::LIST);
        if let Some(list) = list {
            w.out.push('[');
            for (i, e) in self.elements(t).unwrap_or_default().into_iter().enumerate() {
                w.out.push_str(if i > 0 { ", " } else { "" });
                self.write_value(e, w);
            }
            if w.show.open_defaults && list.exact.is_none() {
                w.out.push_str(if self.arcs(t).is_empty() { "..." } else { ", ..." });
                if let Some(e) = list.rest.first().and_then(|r| r.expr.clone()) {
                    w.out.push_str(&super::print::expr(self, &e));
                }
            }
            w.out.push(']');
            return;
        }
        if self.shown_struct(t, w.show).is_some() {
            let start = w.out.len();
            w.out.push_str("{\n");
            self.write_members(t, w);
            if w.out[start..].trim_end() == "{" {
                w.out.truncate(start + 1);
            }
            w.out.push('}');
            return;
        }
        let checks: Vec<&'static str> = self.ext_ref(t).map_or(Vec::new(), |x| {
            let path = |f: &Validator| match &f.expr.kind {
                X::Function(Callee::Package(path, _)) => Some(*path),
                X::Call(f, _) => match &f.kind {
                    X::Function(Callee::Package(path, _)) => Some(*path),
                    _ => None,
                },
                _ => None,
            };
            x.validators.iter().filter_map(path).collect()
        });
        w.imports.extend(checks);
        let text = self.show(t);
        w.out.push_str(&text);
    }

    fn write_members(&mut self, t: VId, w: &mut Writer) {
        for a in self.arcs(t).to_vec() {
            let shown = match a.label.kind() {
                LabelType::Regular | LabelType::Definition => true,
                LabelType::Hidden | LabelType::HiddenDefinition => w.show.hidden,
                LabelType::Index | LabelType::Local => false,
            };
            if !shown || (a.constraint == Constraint::Optional && !w.show.optional) {
                continue;
            }
            w.out.push_str(&self.labels.selector(a.label));
            w.out.push_str(match a.constraint {
                Constraint::Regular => ": ",
                Constraint::Optional => "?: ",
                Constraint::Required => "!: ",
            });
            self.write_value(a.vertex, w);
            if w.show.attributes {
                for d in self.decls(a.vertex) {
                    for (name, body) in d.attributes() {
                        w.out.push_str(&format!(" @{name}({body})"));
                    }
                }
            }
            w.out.push('\n');
        }
    }
}
