//! Why no alternative of a disjunction fits, in the user's words.
//!
//! Every alternative has fallen for a reason of its own, and most of these reasons are of no interest to whoever made one mistake. Where all of them refuse the same
//! value, that value is told, with those that are allowed. Where some of them are ruled out by what is not the mistake (another type of
//! value, another literal in a field that tells the alternatives apart), those that are left are meant, and their mistakes are told.

use super::arena::*;
use super::core::Evaluator;
use super::label::Label;
use crate::diag::{Code, Diagnostic};
use crate::pkg::Kind;
use crate::source::Span;

/// So many allowed values are named.
const MANY_VALUES: usize = 12;

/// So many mistakes of one alternative are told.
const MANY_MISTAKES: usize = 20;

/// Disjunctions within alternatives of disjunctions are looked into so far.
const DEEPEST: u32 = 8;

/// An alternative that does not fit.
#[derive(Debug)]
struct Fallen {
    /// The value with it; `NONE` if that is not known.
    branch: VId,
    /// The mistake that was met first.
    cause: ErrId,
    /// All of them.
    faults: Vec<Fault>,
}

/// One mistake in an alternative.
#[derive(Debug)]
struct Fault {
    error: ErrId,
    /// Where it is, from the value that has the alternatives.
    place: Vec<Label>,
    /// The values that do not go together, if it is that, and where they are written.
    sides: Option<Sides>,
}

/// Two values that do not go together.
type Sides = [Value; 2];

/// One of them: as it is shown, where it is written, and its kinds.
#[derive(Clone, Debug, PartialEq)]
struct Value {
    shown: String,
    span: Span,
    kind: Kind,
}

/// What is said of the alternatives that are not meant.
#[derive(Debug, Default)]
struct Others {
    hint: Vec<String>,
    /// Where they take part, and how.
    labels: Vec<(Span, &'static str)>,
}

impl Evaluator {
    /// The error of two values that are not the same, or not of the same type.
    pub(super) fn conflict(&mut self, a: (&str, Span, Kind), b: (&str, Span, Kind)) -> ErrId {
        let mut message = format!("conflicting values {} and {}", a.0, b.0);
        if a.2 != b.2 {
            let (a, b) = (super::print::kind(a.2), super::print::kind(b.2));
            message.push_str(&format!(" (mismatched types {a} and {b})"));
        }
        let start = "conflicting values ".len();
        let e = self.error(Code::Conflict, a.1, message);
        let bottom = self.bottom_mut(e);
        bottom.spans.push(b.1);
        bottom.sides = Some([side(start, a), side(start + a.0.len() + " and ".len(), b)]);
        e
    }

    /// The error of a value that does not do what is asked of it.
    pub(super) fn refused(&mut self, value: (&str, Span), (how, what, span): (&str, &str, Span)) -> ErrId {
        let message = format!("invalid value {} ({how} {what})", value.0);
        let start = "invalid value ".len();
        let behind = start + value.0.len() + " (".len() + how.len() + 1;
        let e = self.error(Code::Conflict, span, message);
        let bottom = self.bottom_mut(e);
        bottom.spans.push(value.1);
        let value = (value.0, value.1, Kind::TOP);
        bottom.sides = Some([side(start, value), side(behind, (what, span, Kind::TOP))]);
        e
    }

    /// An error as users see it: what it comes down to, where it is that no alternative fits.
    pub(crate) fn diagnostics(&mut self, e: ErrId) -> Vec<Diagnostic> {
        self.broken_down(e, 0)
    }

    fn broken_down(&mut self, e: ErrId, depth: u32) -> Vec<Diagnostic> {
        if self.bottom(e).code != Code::EmptyDisjunction || depth > DEEPEST {
            return vec![self.diagnostic(e)];
        }
        let (path, mut all) = (self.path_text(self.bottom(e).at), self.fallen(e));
        let others = self.leave_out(&mut all);
        if let Some(d) = self.not_among(e, &all) {
            return vec![beside(d, others)];
        }
        let mut out: Vec<Diagnostic> = Vec::new();
        match all.as_slice() {
            [only] => {
                for error in only.faults.iter().take(MANY_MISTAKES).map(|f| f.error) {
                    for d in crate::compile::stack(|| self.broken_down(error, depth + 1)) {
                        let d = d.folded(&path);
                        if !out.contains(&d) {
                            out.push(d);
                        }
                    }
                }
            }
            several => {
                let causes = several.iter().map(|f| f.cause).collect();
                let rest = Bottom { causes, ..self.bottom(e).clone() };
                let rest = self.push_error(rest);
                out.push(self.diagnostic(rest));
            }
        }
        if !out.is_empty() {
            let first = out.remove(0);
            out.insert(0, beside(first, others));
        }
        out
    }

    /// The alternatives of a disjunction of which none fits, each with all that is wrong with it.
    fn fallen(&mut self, e: ErrId) -> Vec<Fallen> {
        let (at, mut causes) = (self.bottom(e).at, self.bottom(e).causes.clone());
        // `_|_` among the terms is no alternative.
        let stated = |ev: &Self, c: ErrId| ev.bottom(c).code == Code::User;
        if !causes.iter().all(|c| stated(self, *c)) {
            causes.retain(|c| !stated(self, *c));
        }
        let mut all: Vec<(VId, ErrId, Vec<ErrId>)> = Vec::new();
        for cause in causes {
            let branch = self.branch_around(self.bottom(cause).at, at);
            let errors = if branch == NONE { Vec::new() } else { self.all_errors(branch, false) };
            let whole = errors.contains(&cause) && self.exhausted().is_none();
            all.push((branch, cause, if whole { errors } else { vec![cause] }));
        }
        // An error that is told of another value has its places elsewhere.
        let paths: Vec<_> = all.iter().flat_map(|f| &f.2).map(|f| self.path(self.bottom(*f).at)).collect();
        let (first, rest) = paths.split_first().map_or((&[][..], &[][..]), |(f, r)| (&f[..], r));
        let shared = |n: &usize| rest.iter().all(|p| p.get(..*n) == first.get(..*n));
        let common = (0..=first.len()).rev().find(shared).unwrap_or(0);
        let base = self.path(at).len().min(common);
        let fault = |error: ErrId| {
            let b = self.bottom(error);
            let side = |s: Side| {
                let shown = b.message.get(s.shown.0 as usize..s.shown.1 as usize).unwrap_or_default();
                Value { shown: shown.to_owned(), span: s.span, kind: s.kind }
            };
            Fault { error, place: self.path(b.at).split_off(base), sides: b.sides.map(|s| s.map(side)) }
        };
        let faults = |(branch, cause, errors): (VId, ErrId, Vec<ErrId>)| Fallen {
            branch,
            cause,
            faults: errors.into_iter().map(fault).collect(),
        };
        all.into_iter().map(faults).collect()
    }

    /// The branch of `v` that a vertex is in.
    fn branch_around(&self, inside: VId, v: VId) -> VId {
        let mut up = inside;
        while up != NONE && (up == v || self.v(up).stands_for != v) {
            up = self.v(up).parent;
        }
        up
    }

    /// What is at a place in an alternative.
    fn found(&self, f: &Fallen, place: &[Label]) -> Option<VId> {
        if f.branch == NONE {
            return None;
        }
        place.iter().try_fold(self.settled(f.branch), |v, l| Some(self.settled(self.arc(v, *l)?.vertex)))
    }

    fn place_text(&self, place: &[Label]) -> String {
        place.iter().map(|l| self.labels.selector(*l)).collect::<Vec<_>>().join(".")
    }

    /// Leaves out the alternatives that are not meant, as far as that can be told.
    fn leave_out(&self, all: &mut Vec<Fallen>) -> Others {
        let mut others = Others::default();
        // Another type of value.
        let itself = |f: &Fallen| f.at(&[]).next().is_some();
        if part(all, itself) {
            let meant = all.iter().find(|f| !itself(f)).and_then(|f| self.found(f, &[]));
            if let Some(kind) = meant.map(|v| self.v(v).kind) {
                let sides = all.iter().flat_map(|f| f.at(&[]).flatten());
                let values = each_once(sides.filter(|s| s.kind.and(kind).is_bottom()));
                let is = if values.len() == 1 { "is" } else { "are" };
                if !values.is_empty() {
                    others.hint.push(format!("{} {is} allowed too", listed(&values)));
                    others.labels.extend(values.iter().map(|v| (v.span, "another alternative")));
                }
            }
            all.retain(|f| !itself(f));
        }
        // Another literal in a field that tells the alternatives apart.
        while let Some(place) = telling(all) {
            let wanted = |f: &Fallen| f.at(&place).any(literal);
            let meant = all.iter().find(|f| !wanted(f)).and_then(|f| self.found(f, &place));
            if let Some(given) = meant.map(|v| self.show(v)) {
                let name = self.place_text(&place);
                let values =
                    each_once(all.iter().flat_map(|f| f.at(&place).flatten()).filter(|s| s.shown != given));
                let may = listed(&values);
                others.hint.push(format!("{name}: {given} asks for this; {name} may also be {may}"));
                others.labels.extend(values.iter().map(|v| (v.span, "another alternative")));
            }
            all.retain(|f| !wanted(f));
        }
        // More mistakes than those that another alternative has as well.
        let places: Vec<Vec<&[Label]>> =
            all.iter().map(|f| f.faults.iter().map(|g| &*g.place).collect()).collect();
        let more = |i: usize| {
            places.iter().any(|few| {
                few.iter().all(|p| places[i].contains(p)) && places[i].iter().any(|p| !few.contains(p))
            })
        };
        let more: Vec<bool> = (0..places.len()).map(more).collect();
        let mut more = more.into_iter();
        all.retain(|f| {
            let dropped = more.next().unwrap_or(false);
            let at = self.bottom(f.cause).spans.first().filter(|_| dropped);
            others.labels.extend(at.map(|s| (*s, "does not fit another alternative")));
            !dropped
        });
        others
    }

    /// The mistake if all alternatives refuse one value at one place.
    fn not_among(&self, e: ErrId, all: &[Fallen]) -> Option<Diagnostic> {
        let [first, _, ..] = all else { return None };
        let (fault, given, allowed) = first.faults.iter().find_map(|f| {
            let clashes: Vec<Vec<_>> = all.iter().map(|a| a.at(&f.place).collect()).collect();
            if clashes.iter().any(Vec::is_empty) {
                return None;
            }
            let clashes: Vec<_> = clashes.into_iter().flatten().collect();
            let given = in_common(&clashes)?;
            let others = clashes.into_iter().flatten().filter(|s| s.shown != given.shown);
            Some((f, given, each_once(others)))
        })?;
        let told = without_covered(&allowed);
        let is = if told.len() == 1 { "is" } else { "are" };
        let shown = brief(&given.shown);
        let message = format!("{shown} is not allowed here; allowed {is} {}", listed(&told));
        let mut d = Diagnostic::new(Code::EmptyDisjunction, message);
        let path = self.path_text(self.bottom(e).at);
        let dot = if path.is_empty() || fault.place.is_empty() { "" } else { "." };
        d = d.path(format!("{path}{dot}{}", self.place_text(&fault.place))).folded(&path);
        let spans = std::iter::once(given.span).chain(self.bottom(e).spans.iter().copied());
        for span in spans.filter(|s| *s != crate::compile::NOWHERE) {
            if !d.labels.iter().any(|l| l.span == span) {
                let what = if span == given.span { "not one of them" } else { "" };
                d = d.at(span, what);
            }
        }
        d.hint = nearest(given, &allowed);
        Some(d)
    }
}

fn side(start: usize, (shown, span, kind): (&str, Span, Kind)) -> Side {
    Side { shown: (start as u32, (start + shown.len()) as u32), span, kind }
}

impl Fallen {
    /// The values that do not go together at a place.
    fn at(&self, place: &[Label]) -> impl Iterator<Item = &Sides> {
        self.faults.iter().filter(move |f| f.place == place).filter_map(|f| f.sides.as_ref())
    }
}

/// Whether something holds for some alternatives and not for all.
fn part(all: &[Fallen], holds: impl Fn(&Fallen) -> bool) -> bool {
    all.iter().any(&holds) && !all.iter().all(&holds)
}

/// The place nearest to the top at which some alternatives want another literal than is there, and others do not.
fn telling(all: &[Fallen]) -> Option<Vec<Label>> {
    let places = all
        .iter()
        .flat_map(|f| &f.faults)
        .filter(|f| !f.place.is_empty() && f.sides.as_ref().is_some_and(literal));
    places.map(|f| &f.place).filter(|p| part(all, |f| f.at(p).any(literal))).min_by_key(|p| p.len()).cloned()
}

/// Whether both values are written out.
fn literal(sides: &Sides) -> bool {
    let written = |s: &str| {
        s.starts_with(['"', '\''])
            || s.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
            || matches!(s, "true" | "false" | "null")
    };
    sides.iter().all(|s| written(&s.shown))
}

/// The value that takes part in every clash, best of all by the place where it is written.
fn in_common<'a>(clashes: &[&'a Sides]) -> Option<&'a Value> {
    let (first, rest) = clashes.split_first()?;
    let everywhere = |same: &dyn Fn(&Value) -> bool| rest.iter().all(|c| c.iter().any(same));
    let placed = first.iter().rev().find(|s| everywhere(&|t| t == *s));
    placed.or_else(|| first.iter().rev().find(|s| everywhere(&|t| t.shown == s.shown)))
}

/// Values that are shown alike only once.
fn each_once<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for v in values {
        if !out.iter().any(|known| known.shown == v.shown) {
            out.push(v.clone());
        }
    }
    out
}

/// Values without those that a type among them has anyway: a default, as in `*1 | int`.
fn without_covered(values: &[Value]) -> Vec<Value> {
    let covers = |t: &Value, v: &Value| {
        t.shown != v.shown && t.kind.contains(v.kind) && t.shown == super::print::kind(t.kind)
    };
    values.iter().filter(|v| !values.iter().any(|t| covers(t, v))).cloned().collect()
}

fn listed(values: &[Value]) -> String {
    let more = if values.len() > MANY_VALUES { ", ..." } else { "" };
    let shown: Vec<_> = values.iter().take(MANY_VALUES).map(|v| brief(&v.shown)).collect();
    format!("{}{more}", shown.join(", "))
}

fn brief(value: &str) -> String {
    super::print::brief(value.to_owned())
}

/// The allowed value that may be meant, also where it is one of another type.
fn nearest(given: &Value, allowed: &[Value]) -> Option<String> {
    let bare = |s: &str| s.strip_prefix('"').and_then(|s| s.strip_suffix('"')).map(str::to_owned);
    let inner = bare(&given.shown);
    if let Some(same) = allowed.iter().find(|a| inner.as_ref() == Some(&a.shown)) {
        return Some(format!("did you mean {}, without quotes?", same.shown));
    }
    if let Some(same) = allowed.iter().find(|a| bare(&a.shown).as_ref() == Some(&given.shown)) {
        return Some(format!("did you mean {}, with quotes?", same.shown));
    }
    // Strings are compared with strings, and all else with its like.
    let alike = allowed.iter().filter(|a| bare(&a.shown).is_some() == inner.is_some());
    let alike: Vec<String> = alike.map(|a| bare(&a.shown).unwrap_or_else(|| a.shown.clone())).collect();
    let near = crate::text::nearest(inner.as_ref().unwrap_or(&given.shown), alike.iter().map(|a| &**a))?;
    let near = if inner.is_some() { format!("\"{near}\"") } else { near.to_owned() };
    Some(format!("did you mean {near}?"))
}

/// Adds what is said of other alternatives.
fn beside(mut d: Diagnostic, others: Others) -> Diagnostic {
    // What tells apart alternatives further in says more.
    let further_in = d.hint.as_ref().is_some_and(|h| h.contains(" asks for this; "));
    for more in others.hint.into_iter().filter(|_| !further_in) {
        d.hint = Some(match d.hint.take() {
            Some(hint) if hint.ends_with('?') => format!("{hint} {more}"),
            Some(hint) => format!("{hint}; {more}"),
            None => more,
        });
    }
    for (span, what) in others.labels {
        if span != crate::compile::NOWHERE && !d.labels.iter().any(|l| l.span == span) {
            d = d.at(span, what);
        }
    }
    d
}
