//! The whole of a value as a tree of JSON, errors and types included: what `eval --out tree` prints.

use super::arena::*;
use super::core::Evaluator;
use super::expr::{E, Scalar, X};
use super::label::LabelType;
use crate::diag::Code;
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;
use serde_json::{Map, Value as Json, json};

impl Evaluator {
    /// The tree of a vertex. The vertex must have been checked ([`Evaluator::all_errors`]), so that fields that are not allowed are known.
    pub(crate) fn tree(&mut self, v: VId) -> Json {
        crate::compile::stack(|| self.tree_here(v))
    }

    fn tree_here(&mut self, v: VId) -> Json {
        self.expand(v);
        let t = self.settled(v);
        self.expand(t);
        if self.v(v).denied.is_some() {
            return self.denied(t);
        }
        let err = self.v(t).err.or(self.v(v).err);
        let branches = self.ext_ref(t).map_or(Vec::new(), |x| x.branches.to_vec());
        if let Some(e) = err
            && !self.is_incomplete(e)
        {
            let kind = self.error_kind(e);
            let cycle = self.bottom(e).code == Code::StructuralCycle;
            if cycle && self.v(t).is_struct && self.inside(self.bottom(e).at, t) {
                return json!({ "struct": self.tree_fields(t, false) });
            }
            let regular = self.has_fields(t);
            if !cycle && regular && branches.is_empty() && self.has_cycle_below(t) {
                return json!({ "struct": self.tree_fields(t, false) });
            }
            let finite = !cycle || self.bottom(e).at != t;
            if finite && self.v(t).is_struct && regular && branches.is_empty() && self.v(t).forward == NONE {
                return json!({ "struct": self.tree_fields(t, false), "error": kind });
            }
            return json!({ "error": kind });
        }
        if !branches.is_empty() {
            let mut out = Map::new();
            out.insert("kind".to_owned(), Json::String(super::print::kind(self.v(t).kind)));
            match self.default_branches(t).as_slice() {
                // A list that is not decided has no elements that could be shown.
                [] if self.v(t).kind == Kind::LIST => return json!({"incomplete": "list"}),
                [] => {}
                [only] => {
                    out.insert("default".to_owned(), self.tree(*only));
                }
                // Several structs are a default that is not decided itself.
                several if several.len() < branches.len() => {
                    let kind = several.iter().fold(Kind::BOTTOM, |k, d| k.or(self.v(self.settled(*d)).kind));
                    if kind == Kind::STRUCT {
                        out.insert("default".to_owned(), json!({"kind": super::print::kind(kind)}));
                    }
                }
                _ => {}
            }
            return Json::Object(out);
        }
        let arcs = self.has_fields(t);
        if err.is_some() {
            if arcs {
                return json!({ "struct": self.tree_fields(t, false) });
            }
            return if self.only_refers(t) { json!({"kind": "_|_"}) } else { json!({"incomplete": "_|_"}) };
        }
        if let Some((s, _)) = self.scalar_at(t) {
            let shown = scalar(s);
            // A scalar with definitions in it is shown as these where one of them is bad.
            if arcs {
                let fields: Vec<VId> = self.arcs(t).iter().map(|a| a.vertex).collect();
                if fields.into_iter().any(|f| self.first_error(f).is_some_and(|e| !self.is_incomplete(e))) {
                    return json!({ "struct": self.tree_fields(t, true) });
                }
            }
            return shown;
        }
        // A field that must be there and cannot be leaves no value.
        let denied = |a: &Arc_| a.constraint == Constraint::Required && self.v(a.vertex).denied.is_some();
        if self.arcs(t).iter().any(denied) {
            return json!({"incomplete": "_|_"});
        }
        let x = self.v(t);
        if x.kind == Kind::LIST && self.ext_ref(t).is_some_and(|x| x.list.is_some()) {
            let mut arcs: Vec<Arc_> =
                self.arcs(t).iter().filter(|a| a.label.as_index().is_some()).copied().collect();
            arcs.sort_by_key(|a| a.label.as_index());
            // A list with a bad element is bad itself.
            let mut found = Vec::new();
            for a in &arcs {
                found.extend(self.all_errors(a.vertex, false));
            }
            if let Some(e) = found.first() {
                let kind = self.error_kind(*e);
                if self.arcs(t).iter().any(|a| a.label.as_index().is_none()) {
                    return json!({ "struct": self.tree_fields(t, false), "error": kind });
                }
                return json!({ "error": kind });
            }
            let items: Vec<Json> = arcs.into_iter().map(|a| self.tree(a.vertex)).collect();
            return json!({ "list": items });
        }
        if x.is_struct && (x.kind == Kind::STRUCT || arcs) {
            let constraints = x.kind == Kind::STRUCT;
            return json!({ "struct": self.tree_fields(t, constraints) });
        }
        json!({"kind": super::print::kind(x.kind)})
    }

    /// Whether a struct has fields that are there.
    fn has_fields(&self, t: VId) -> bool {
        let field = |a: &Arc_| a.label.as_index().is_none() && a.constraint == Constraint::Regular;
        self.arcs(t).iter().any(field)
    }

    /// Whether there is a structural cycle below a vertex, which then says more than that the vertex itself is wrong.
    fn has_cycle_below(&mut self, t: VId) -> bool {
        let fields = self.arcs(t).to_vec();
        let regular = fields.into_iter().filter(|a| a.constraint == Constraint::Regular);
        let errors: Vec<ErrId> = regular.flat_map(|a| self.all_errors(a.vertex, false)).collect();
        errors.into_iter().any(|e| self.bottom(e).code == Code::StructuralCycle)
    }

    /// What is not allowed, with everything below.
    fn denied(&mut self, t: VId) -> Json {
        let arcs = self.arcs(t).to_vec();
        let field = |a: &&Arc_| a.label.is_regular() && a.constraint == Constraint::Regular;
        let mut fields = Map::new();
        for a in arcs.iter().filter(field) {
            self.expand(a.vertex);
            let below = self.settled(a.vertex);
            self.expand(below);
            let name = self.labels.name(a.label).to_string();
            fields.insert(name, crate::compile::stack(|| self.denied(below)));
        }
        if fields.is_empty() {
            return json!({"error": "error"});
        }
        json!({ "struct": fields })
    }

    /// Whether a vertex is nothing but a reference that leads somewhere: what it refers to, and not the vertex itself, is incomplete then.
    fn only_refers(&mut self, t: VId) -> bool {
        let (env, expr) = match self.conjuncts(t) {
            [c] if is_reference(&c.expr) => (c.env, c.expr.clone()),
            _ => return false,
        };
        self.resolve(env, &expr).is_ok()
    }

    fn error_kind(&self, e: ErrId) -> &'static str {
        match self.bottom(e).code {
            Code::StructuralCycle => "structural-cycle",
            _ => "error",
        }
    }

    /// The fields of a struct; with `constraints` also those that are only declared.
    fn tree_fields(&mut self, t: VId, constraints: bool) -> Json {
        self.deny(t);
        let closers = self.closers(t);
        let mut fields = Map::new();
        for a in self.ordered(t) {
            if a.label.kind() == LabelType::Local || a.label.as_index().is_some() {
                continue;
            }
            let name = self.labels.name(a.label);
            match a.constraint {
                Constraint::Regular => {
                    fields.insert(name.to_string(), self.tree(a.vertex));
                }
                _ if !constraints => {}
                c => {
                    let mark = if c == Constraint::Optional { '?' } else { '!' };
                    let denied = a.label.is_regular()
                        && self.denied_by(t, &closers, self.conjuncts(a.vertex)).is_some();
                    let failed = denied || self.first_error(a.vertex).is_some();
                    let s = self.settled(a.vertex);
                    let none = failed || self.v(s).err.is_some();
                    let kind = if none { Kind::BOTTOM } else { self.v(s).kind };
                    fields.insert(format!("{name}{mark}"), json!({"kind": super::print::kind(kind)}));
                }
            }
        }
        Json::Object(fields)
    }
}

fn is_reference(e: &E) -> bool {
    match &e.kind {
        X::Field { .. } | X::Linked(_) => true,
        X::Select(x, ..) | X::Index(x, _) => {
            is_reference(x) || matches!(x.kind, X::Let { .. } | X::Package(_))
        }
        _ => false,
    }
}

fn scalar(s: &Scalar) -> Json {
    match s {
        Scalar::Null => Json::Null,
        Scalar::Bool(b) => json!(b),
        Scalar::String(s) => json!(&**s),
        Scalar::Bytes(b) => json!({"bytes": crate::encode::text_of(b)}),
        Scalar::Number(n) => {
            let text = n.to_json();
            // The tree is JSON text in the end; the exact digits are put in by the writer.
            let kind = if n.is_int() { "int" } else { "float" };
            json!({ kind: Exact(text) })
        }
    }
}

/// A number by its digits. `serde_json` without arbitrary precision would round it, so it travels as text with a mark and is unwrapped by [`text`].
struct Exact(String);

const MARK: &str = "\u{0}number:";

impl serde::Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("{MARK}{}", self.0))
    }
}

/// A tree as JSON text, two spaces a level.
pub(crate) fn text(tree: &Json) -> String {
    let text = serde_json::to_string_pretty(tree).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mark = "\"\\u0000number:";
    let mut rest = text.as_str();
    while let Some(at) = rest.find(mark) {
        out.push_str(&rest[..at]);
        let after = &rest[at + mark.len()..];
        let end = after.find('"').unwrap_or(after.len());
        out.push_str(&after[..end]);
        rest = after.get(end + 1..).unwrap_or("");
    }
    out.push_str(rest);
    out
}
