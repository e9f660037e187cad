//! Concrete data out of vertices.

use super::arena::*;
use super::core::{Evaluator, Res};
use super::expr::Scalar;
use super::label::LabelType;
use crate::data::{Builder, Data, Sink};
use crate::encode::json::Writer;
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
        let errors = self.all_errors(v, true);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut builder = Builder::default();
        self.tell(v, &mut builder).map_err(|e| vec![e])?;
        Ok(builder.finish())
    }

    /// The same as JSON, with line breaks. Nothing is held but the text.
    pub(crate) fn json(&mut self, v: VId) -> Result<String, Vec<ErrId>> {
        let errors = self.all_errors(v, true);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut writer = Writer::pretty();
        self.tell(v, &mut writer).map_err(|e| vec![e])?;
        Ok(writer.out)
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
