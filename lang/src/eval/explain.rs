//! Errors as the user sees them: what stands at each place, and what to do. Wording that needs to know only the kind of an error is here;
//! what knows more is said where the error is found. Snapshots: `tests/program/diagnostics.rs`.

use super::arena::*;
use super::core::Evaluator;
use crate::diag::{Code, Diagnostic, Label};
use crate::source::Span;

impl Evaluator {
    /// An error as the user sees it.
    pub(super) fn diagnostic(&self, e: ErrId) -> Diagnostic {
        let b = self.bottom(e);
        let mut d = Diagnostic::new(b.code, b.message.clone());
        if b.code == Code::EmptyDisjunction {
            d.message = format!("none of the {} alternatives fits", b.causes.len());
        }
        if b.at != NONE {
            d.path = self.path_text(b.at);
        }
        for s in &b.spans {
            if *s != crate::compile::NOWHERE && !d.labels.iter().any(|l| l.span == *s) {
                d = d.at(*s, "");
            }
        }
        // Why each branch of a failed disjunction fell, at the places where it did.
        for c in self.last_causes(e) {
            let c = self.bottom(c);
            let at = if c.at == NONE { String::new() } else { self.path_text(c.at) };
            // What is meant is said where it is not the value itself.
            let message = match at.strip_prefix(&d.path).map(|rest| rest.trim_start_matches('.')) {
                Some("") | None => c.message.clone(),
                Some(below) => format!("{below}: {}", c.message),
            };
            let mut said = false;
            for l in d.labels.iter_mut().filter(|l| c.spans.contains(&l.span) && l.message.is_empty()) {
                l.message = message.clone();
                said = true;
            }
            if let Some(l) = d.labels.iter_mut().find(|l| !said && c.spans.contains(&l.span))
                && !l.message.contains(&message)
            {
                l.message = format!("{}; {message}", l.message);
            }
        }
        label(b.code, &b.message, &mut d.labels);
        if b.code == Code::Conflict && d.labels.len() == 2 {
            self.show_ways(b, &mut d);
        }
        d.hint =
            b.hint.clone().or_else(|| self.nearest_field(e)).or_else(|| hint(b.code, &b.message, &d.path));
        d
    }

    /// Shows through which references the two sides of a conflict came, where they came through different ones.
    fn show_ways(&self, b: &Bottom, d: &mut Diagnostic) {
        let ways: Vec<_> = d.labels.iter().map(|l| (l.message.clone(), self.way_to(b.at, l.span))).collect();
        if let [(_, a), (_, b)] = ways.as_slice()
            && a == b
        {
            return;
        }
        for (what, way) in ways {
            if let Some(span) = way
                && !what.is_empty()
                && !d.labels.iter().any(|l| l.span == span)
            {
                d.labels.push(Label { span, message: format!("{what} comes through this") });
            }
        }
    }

    /// The outermost reference that brought what is written at a place to a vertex.
    fn way_to(&self, v: VId, written: Span) -> Option<Span> {
        if v == NONE {
            return None;
        }
        let c = self.conjuncts(v).iter().find(|c| c.expr.span == written)?;
        let mut way = None;
        let mut link = c.ci.chain;
        while link != 0 {
            let l = self.chains[link as usize];
            if l.site != crate::compile::NOWHERE {
                way = Some(l.site);
            }
            link = l.next;
        }
        way
    }

    /// The field that is meant, perhaps, where one was looked for that is not there.
    fn nearest_field(&self, e: ErrId) -> Option<String> {
        let name = self.bottom(e).message.strip_prefix("undefined field: ")?;
        let at = self.missed.binary_search_by_key(&e, |m| m.0).ok()?;
        let names: Vec<_> =
            self.arcs(self.missed.get(at)?.1).iter().map(|a| self.labels.selector(a.label)).collect();
        if let Some(near) = crate::text::nearest(name, names.iter().map(|n| &**n)) {
            return Some(format!("did you mean {near}?"));
        }
        let more = if names.len() > 8 { ", ..." } else { "" };
        let first = names.iter().take(8).map(|n| &**n).collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("there are: {first}{more}"))
    }

    /// The errors that led to an error in the end: causes that have causes themselves are followed.
    fn last_causes(&self, e: ErrId) -> Vec<ErrId> {
        let mut out = Vec::new();
        let mut todo: Vec<ErrId> = self.bottom(e).causes.iter().rev().copied().collect();
        while let Some(c) = todo.pop() {
            let causes = &self.bottom(c).causes;
            if causes.is_empty() {
                if !out.contains(&c) {
                    out.push(c);
                }
            } else {
                // Causes were there before what they led to, so this ends.
                todo.extend(causes.iter().rev());
            }
        }
        out
    }
}

/// What stands at the places of an error.
fn label(code: Code, message: &str, labels: &mut [Label]) {
    if code == Code::Conflict && labels.len() < 2 {
        // The other side is written nowhere that could be shown.
        return;
    }
    let mut say = |i: usize, what: &str| {
        if let Some(l) = labels.get_mut(i).filter(|l| l.message.is_empty()) {
            l.message = what.to_owned();
        }
    };
    match code {
        Code::Conflict if message.starts_with("invalid value") => {
            say(0, "this must hold");
            say(1, "the value");
        }
        Code::Conflict if message.starts_with("incompatible list lengths") => {
            say(0, "one list");
            say(1, "the other list");
        }
        Code::Conflict if message.starts_with("conflicting values") => {
            say(0, "one value");
            say(1, "the other value");
        }
        Code::NotAllowed => {
            let last = labels.len().saturating_sub(1);
            for (i, l) in labels.iter_mut().enumerate().filter(|(_, l)| l.message.is_empty()) {
                l.message =
                    if i == last && last > 0 { "closed by this" } else { "not one of its fields" }.into();
            }
        }
        Code::Required => say(0, "required here"),
        Code::Cycle => {
            say(0, "this needs the value itself");
            say(1, "this needs it as well");
        }
        Code::StructuralCycle => say(0, "this contains what it is in"),
        Code::Operand if message.starts_with("invalid operands") => {
            say(0, "the left one");
            say(1, "the right one");
        }
        Code::Operand if message == "division by zero" => say(0, "the divisor is 0"),
        Code::Ambiguous => say(0, "more than one of these is left"),
        _ => {}
    }
}

/// What to do about a kind of error.
fn hint(code: Code, message: &str, path: &str) -> Option<String> {
    let name = path.rsplit('.').next().unwrap_or(path);
    Some(match code {
        Code::Incomplete if !name.is_empty() && message.starts_with("incomplete value") => {
            format!("give {name} a value, or a default: `*value | ...`")
        }
        Code::Ambiguous => "say which one is meant by giving a value, or mark one as the default: `*`".into(),
        Code::Undefined => {
            let name = message.strip_prefix("cannot reference optional field: ")?;
            format!("give {name} a value, or look first whether it is there: `if x.{name} != _|_`")
        }
        Code::StructuralCycle => {
            "let it end somewhere: an optional field `name?:`, or an alternative such as `null | ...`".into()
        }
        Code::Cycle => "give one of the values that need each other without the others".into(),
        _ => return None,
    })
}
