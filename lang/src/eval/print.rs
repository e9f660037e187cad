//! Values and expressions as source text, for messages and for `eval`.

use super::arena::*;
use super::core::{Evaluator, Val};
use super::expr::{Callee, Clause, Decl, E, Part, Scalar, X};
use super::label::LabelType;
use crate::data::{Data, Kept, Shared};
use crate::encode::cue::{quote, quote_bytes};
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;
use std::sync::Arc;

/// A scalar as it would be written.
pub(crate) fn scalar(s: &Scalar) -> String {
    match s {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(b) => b.to_string(),
        Scalar::Number(n) => n.to_string(),
        Scalar::String(s) => quote(s),
        Scalar::Bytes(b) => quote_bytes(b),
    }
}

/// A text cut short where it is too long for a message.
pub(super) fn brief(text: String) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Data in one line, cut short where it is long.
pub(super) fn data(d: &Data) -> String {
    match d {
        Data::Null => "null".to_owned(),
        Data::Bool(b) => b.to_string(),
        Data::Number(n) => n.to_string(),
        Data::String(s) => quote(s),
        Data::Bytes(b) => quote_bytes(b),
        Data::List(items) => {
            let items: Vec<String> = items.iter().take(10).map(data).collect();
            format!("[{}]", items.join(","))
        }
        Data::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().take(10).map(|(n, v)| format!("{}:{}", name(n), data(v))).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

fn name(n: &str) -> String {
    if super::label::is_identifier(n) { n.to_owned() } else { quote(n) }
}

/// Filled data in one line, cut short where it is long.
fn shared(data: &Shared) -> String {
    match &data.0 {
        Kept::Scalar(s) => scalar(s),
        Kept::List(items) => {
            format!("[{}]", items.iter().take(8).map(shared).collect::<Vec<_>>().join(","))
        }
        Kept::Struct(fields) => {
            let field = |(n, v): &(Arc<str>, Shared)| format!("{}:{}", name(n), shared(v));
            format!("{{{}}}", fields.iter().take(8).map(field).collect::<Vec<_>>().join(","))
        }
    }
}

/// A set of kinds: `int`, `(int|string)`, `_`.
pub(crate) fn kind(k: Kind) -> String {
    if k == Kind::TOP {
        return "_".to_owned();
    }
    if k.is_bottom() {
        return "_|_".to_owned();
    }
    let mut parts = Vec::new();
    for (bit, text) in [
        (Kind::NULL, "null"),
        (Kind::BOOL, "bool"),
        (Kind::INT, "int"),
        (Kind::FLOAT, "float"),
        (Kind::STRING, "string"),
        (Kind::BYTES, "bytes"),
        (Kind::FUNCTION, "func"),
        (Kind::LIST, "list"),
        (Kind::STRUCT, "struct"),
        (Kind::NUMBER, "number"),
    ] {
        let whole = k.contains(Kind::NUMBER);
        if !k.contains(bit) || (whole && (bit == Kind::INT || bit == Kind::FLOAT)) {
            continue;
        }
        parts.push(text);
    }
    match parts.as_slice() {
        [one] => (*one).to_owned(),
        _ => format!("({})", parts.join("|")),
    }
}

pub(crate) fn callee(c: Callee) -> String {
    match c {
        Callee::Package(path, f) => super::builtin::short(path, f.name),
        Callee::Predeclared(p) => p.name().to_owned(),
    }
}

/// An expression as source text, in one line and short.
pub(super) fn expr(ev: &Evaluator, e: &E) -> String {
    match &e.kind {
        X::Scalar(s) => scalar(s),
        X::Data(data) => shared(data),
        X::Top => "_".to_owned(),
        X::Bottom => "_|_".to_owned(),
        X::Type { kind: k, range: None } => kind(*k),
        X::Type { range: Some((low, high)), .. } => match high {
            Some(high) => format!(">={low} & <={high}"),
            None => format!(">={low}"),
        },
        X::Struct(s) => {
            let mut parts = Vec::new();
            for d in s.decls.iter().take(8) {
                parts.push(match d {
                    Decl::Field(f) => {
                        let mark = mark(f.constraint);
                        format!("{}{mark}:{}", ev.labels.selector(f.label), expr(ev, &f.value))
                    }
                    Decl::Dynamic(k, f) => format!("({}):{}", expr(ev, k), expr(ev, &f.value)),
                    Decl::Pattern(p, f) => format!("[{}]:{}", expr(ev, p), expr(ev, &f.value)),
                    Decl::Embed(x) | Decl::Comprehension(x) => expr(ev, x),
                    Decl::Ellipsis => "...".to_owned(),
                });
            }
            format!("{{{}}}", parts.join(","))
        }
        X::List(l) => {
            let mut parts: Vec<String> = l.elems.iter().map(|x| expr(ev, x)).collect();
            match &l.ellipsis {
                Some(Some(x)) => parts.push(format!("...{}", expr(ev, x))),
                Some(None) => parts.push("...".to_owned()),
                None => {}
            }
            format!("[{}]", parts.join(","))
        }
        X::Field { label, .. } => ev.labels.name(*label).to_string(),
        X::Let { .. } | X::This { .. } | X::LabelOf { .. } | X::Dynamic { .. } => "_".to_owned(),
        X::Package(_) => "package".to_owned(),
        X::Missing(m) => m.written.clone(),
        X::Linked(v) => ev.show_depth(*v, 0),
        X::Function(f) => callee(*f),
        X::Alias(x) => expr(ev, x),
        X::Select(x, label, _) => format!("{}.{}", expr(ev, x), ev.labels.selector(*label)),
        X::Index(x, i) => format!("{}[{}]", expr(ev, x), expr(ev, i)),
        X::Slice(x, lo, hi) => {
            let end = |e: &Option<E>| e.as_ref().map(|e| expr(ev, e)).unwrap_or_default();
            format!("{}[{}:{}]", expr(ev, x), end(lo), end(hi))
        }
        X::Call(f, args) => {
            let args: Vec<String> = args.iter().map(|a| expr(ev, a)).collect();
            format!("{}({})", expr(ev, f), args.join(","))
        }
        X::Unary(op, x) | X::Bound(op, x) => format!("{}{}", op.as_str(), expr(ev, x)),
        X::Binary(op, l, r) => format!("{} {} {}", expr(ev, l), op.as_str(), expr(ev, r)),
        X::And(terms) => terms.iter().map(|t| expr(ev, t)).collect::<Vec<_>>().join(" & "),
        X::Or(terms) => {
            let term = |(t, marked): &(E, bool)| format!("{}{}", if *marked { "*" } else { "" }, expr(ev, t));
            format!("({})", terms.iter().map(term).collect::<Vec<_>>().join("|"))
        }
        X::Interpolation { parts, .. } => {
            let mut out = String::from("\"");
            for p in parts {
                match p {
                    Part::Text(t) => out.push_str(&String::from_utf8_lossy(t)),
                    Part::Expr(x) => out.push_str(&format!("\\({})", expr(ev, x))),
                }
            }
            out.push('"');
            out
        }
        X::Comprehension(c) => {
            let clause = |c: &Clause| match c {
                Clause::For { value, source, .. } => {
                    format!("for {} in {}", ev.labels.name(*value), expr(ev, source))
                }
                Clause::If(x) => format!("if {}", expr(ev, x)),
                Clause::Let(l, x) => format!("let {} = {}", ev.labels.name(*l), expr(ev, x)),
            };
            let clauses: Vec<String> = c.clauses.iter().map(clause).collect();
            format!("{} {}", clauses.join(" "), expr(ev, &c.value))
        }
    }
}

fn mark(c: Constraint) -> &'static str {
    match c {
        Constraint::Regular => "",
        Constraint::Required => "!",
        Constraint::Optional => "?",
    }
}

impl Evaluator {
    /// A value in one line, as messages show it.
    pub(crate) fn show(&self, v: VId) -> String {
        self.show_depth(v, 3)
    }

    pub(super) fn show_val(&self, v: &Val) -> String {
        match v {
            Val::Scalar(s) => scalar(s),
            Val::Vertex(v) => self.show(self.with_default(*v)),
        }
    }

    fn show_depth(&self, v: VId, depth: u32) -> String {
        let v = self.settled(v);
        let x = self.v(v);
        if let Some((s, _)) = self.scalar_at(v) {
            return scalar(s);
        }
        if x.state == State::Unprocessed {
            return match self.conjuncts(v).first() {
                Some(c) if depth > 0 && x.conjuncts.len() == 1 => expr(self, &c.expr),
                _ => "_".to_owned(),
            };
        }
        if self.failed(v) {
            return "_|_".to_owned();
        }
        if let Some(ext) = self.ext_ref(v)
            && !ext.branches.is_empty()
        {
            let show = |(b, m): &(VId, Mode)| {
                let star = if *m == Mode::Default { "*" } else { "" };
                format!("{star}{}", self.show_depth(*b, depth))
            };
            return ext.branches.iter().map(show).collect::<Vec<_>>().join(" | ");
        }
        let list = self.ext_ref(v).and_then(|e| e.list.as_deref());
        if x.kind == Kind::LIST && list.is_some() {
            if depth == 0 {
                return "[...]".to_owned();
            }
            let mut items: Vec<String> =
                self.arcs(v).iter().take(10).map(|a| self.show_depth(a.vertex, depth - 1)).collect();
            if let Some(l) = list
                && l.exact.is_none()
            {
                let rest = l.rest.first().and_then(|r| r.expr.as_ref()).map(|e| expr(self, e));
                items.push(format!("...{}", rest.unwrap_or_default()));
            }
            return format!("[{}]", items.join(","));
        }
        if x.is_struct && x.kind.contains(Kind::STRUCT) {
            if depth == 0 {
                return "{...}".to_owned();
            }
            let show = |a: &Arc_| {
                let label = self.labels.selector(a.label);
                format!("{label}{}:{}", mark(a.constraint), self.show_depth(a.vertex, depth - 1))
            };
            let fields: Vec<String> = self
                .arcs(v)
                .iter()
                .filter(|a| a.label.kind() != LabelType::Local)
                .take(10)
                .map(show)
                .collect();
            return format!("{{{}}}", fields.join(","));
        }
        if let Some(e) = x.err {
            let _ = e;
            return match self.conjuncts(v).first() {
                Some(c) => expr(self, &c.expr),
                None => "_".to_owned(),
            };
        }
        self.show_constraints(v)
    }

    /// Types, bounds and validators.
    pub(crate) fn show_constraints(&self, v: VId) -> String {
        let x = self.v(v);
        let mut parts: Vec<String> = Vec::new();
        let empty = Ext::default();
        let ext = self.ext_ref(v).unwrap_or(&empty);
        let implied = ext.bounds.iter().any(|b| match &b.value {
            BoundValue::Scalar(s) if b.op != crate::syntax::ast::UnaryOp::NotEqual => {
                x.kind == Kind::NUMBER && matches!(s, Scalar::Number(_))
                    || x.kind == s.kind() && x.kind != Kind::INT
            }
            _ => x.kind == Kind::TOP || x.kind == Kind(Kind::TOP.0 & !Kind::NULL.0),
        });
        let function = x.kind == Kind::FUNCTION;
        if !implied && !function && (ext.validators.is_empty() || x.kind.0.is_power_of_two()) {
            parts.push(kind(x.kind));
        }
        parts.extend(ext.bounds.iter().map(|b| self.show_bound(b)));
        parts.extend(ext.validators.iter().map(|f| expr(self, &f.expr)));
        if parts.is_empty() {
            parts.push(kind(x.kind));
        }
        parts.join(" & ")
    }
}
