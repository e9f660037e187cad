//! Concrete data out of vertices.

use super::arena::*;
use super::core::{Evaluator, Res};
use super::expr::Scalar;
use super::label::LabelType;
use crate::data::{Builder, Data, Sink};
use crate::encode::json::{Text, Writer};
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;

/// A scalar as data.
pub(super) fn scalar_data(s: &Scalar) -> Data {
    match s {
        Scalar::Null => Data::Null,
        Scalar::Bool(b) => Data::Bool(*b),
        Scalar::Number(n) => Data::Number(n.clone()),
        Scalar::String(s) => Data::String(s.clone()),
        Scalar::Bytes(b) => Data::Bytes(b.clone()),
    }
}

impl Evaluator {
    /// The value of a vertex as data: regular fields, defaults taken. Fails with all reasons why it is not concrete.
    pub(crate) fn data(&mut self, v: VId) -> Result<Data, Vec<ErrId>> {
        self.told_whole(v, Builder::default).map(Builder::finish)
    }

    /// The same as JSON. Nothing is held but the text.
    pub(crate) fn json(&mut self, v: VId) -> Result<Text, Vec<ErrId>> {
        match self.json_in_parts(v) {
            Some(text) => Ok(text),
            None => self.json_in_one(v),
        }
    }

    /// The same, by this evaluation alone.
    pub(super) fn json_in_one(&mut self, v: VId) -> Result<Text, Vec<ErrId>> {
        self.told_whole(v, Writer::marked).map(Text::from)
    }

    /// Tells a value to a sink. At first part by part, each judged and told before the next one is looked at, so that it need not be kept; where that
    /// finds a mistake, everything is gone through for all of them.
    fn told_whole<S: Sink>(&mut self, v: VId, new: impl Fn() -> S) -> Result<S, Vec<ErrId>> {
        let around = (self.held, self.held_around);
        self.held_around = self.held;
        let told = self.told_to(v, new);
        (self.held, self.held_around) = around;
        told
    }

    fn told_to<S: Sink>(&mut self, v: VId, new: impl Fn() -> S) -> Result<S, Vec<ErrId>> {
        if self.frames.is_empty() {
            let mut sink = new();
            if self.told(v, &mut sink).is_some() {
                return Ok(sink);
            }
        }
        let errors = self.all_errors(v, true);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut sink = new();
        self.tell(v, &mut sink).map_err(|e| vec![e])?;
        Ok(sink)
    }

    /// Judges the value of a vertex and tells it, part by part. `None` if there is a mistake in it.
    fn told(&mut self, v: VId, sink: &mut dyn Sink) -> Option<()> {
        let Some((list, arcs)) = self.begin(v, true, sink)? else { return Some(()) };
        sink.open(list, arcs.len());
        self.tell_fields(v, list, &arcs, sink)?;
        sink.close();
        Some(())
    }

    /// Judges a vertex, and with `all` what is in it beside what is told. Gives the fields or elements that are left to tell, and whether it is a list; nothing if
    /// it is told already.
    pub(super) fn begin(
        &mut self,
        v: VId,
        all: bool,
        sink: &mut dyn Sink,
    ) -> Option<Option<(bool, Vec<Arc_>)>> {
        self.step().ok()?;
        self.holds(sink.held() as u64).ok()?;
        let mut errors = Vec::new();
        let Some(t) = self.judged(v, true, &mut errors) else {
            return errors.is_empty().then(|| self.tell(v, sink).ok())?.map(|()| None);
        };
        if !errors.is_empty() {
            return None;
        }
        let scalar = self.scalar_at(t).map(|(s, _)| scalar_data(s));
        let list = self.v(t).kind == Kind::LIST;
        let want = if list { LabelType::Index } else { LabelType::Regular };
        let mut arcs = self.ordered(t);
        let mut other = Vec::new();
        arcs.retain(|a| {
            let is_told = scalar.is_none() && a.constraint == Constraint::Regular && a.label.kind() == want;
            other.extend((!is_told).then_some(*a));
            is_told
        });
        self.attempting = true;
        for a in other.into_iter().filter(|_| all) {
            self.collect_field(a, true, true, &mut errors);
            if !errors.is_empty() {
                break;
            }
        }
        self.attempting = false;
        if !errors.is_empty() {
            return None;
        }
        if let Some(s) = scalar {
            sink.scalar(&s);
            return Some(None);
        }
        if list {
            arcs.sort_by_key(|a| a.label.as_index());
        }
        Some(Some((list, arcs)))
    }

    /// Judges and tells fields or elements of `v`, and forgets them where that is worth while.
    pub(super) fn tell_fields(
        &mut self,
        v: VId,
        list: bool,
        arcs: &[Arc_],
        sink: &mut dyn Sink,
    ) -> Option<()> {
        let forgets = self.forgets_fields(v, arcs.len());
        for a in arcs {
            if !list {
                sink.label(&self.labels.name(a.label));
            }
            let marked = forgets && self.mark(a.vertex);
            let told = crate::compile::stack(|| self.told(a.vertex, sink));
            if marked {
                self.unmark();
            }
            told?;
        }
        Some(())
    }

    /// Tells the value of a vertex, which was found to be concrete.
    fn tell(&mut self, v: VId, sink: &mut dyn Sink) -> Res<()> {
        self.step()?;
        self.holds(sink.held() as u64)?;
        self.expand(v);
        let t = self.with_default(v);
        self.expand(t);
        if let Some((s, _)) = self.scalar_at(t) {
            sink.scalar(&scalar_data(s));
            return Ok(());
        }
        let list = self.v(t).kind == Kind::LIST;
        let want = if list { LabelType::Index } else { LabelType::Regular };
        let mut arcs = self.ordered(t);
        arcs.retain(|a| a.constraint == Constraint::Regular && a.label.kind() == want);
        if list {
            arcs.sort_by_key(|a| a.label.as_index());
        }
        sink.open(list, arcs.len());
        for a in arcs {
            if !list {
                sink.label(&self.labels.name(a.label));
            }
            crate::compile::stack(|| self.tell(a.vertex, sink))?;
        }
        sink.close();
        Ok(())
    }
}
