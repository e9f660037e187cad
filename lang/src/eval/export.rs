//! Concrete data out of vertices.

use super::arena::*;
use super::core::{Evaluator, Res};
use super::expr::Scalar;
use super::label::LabelType;
use crate::data::Data;
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
        self.data_unchecked(v).map_err(|e| vec![e])
    }

    fn data_unchecked(&mut self, v: VId) -> Res<Data> {
        self.step()?;
        self.expand(v);
        let t = self.with_default(v);
        self.expand(t);
        if let Some((s, _)) = self.scalar_at(t) {
            return Ok(scalar_data(s));
        }
        let list = self.v(t).kind == Kind::LIST;
        let want = if list { LabelType::Index } else { LabelType::Regular };
        let mut arcs = self.ordered(t);
        arcs.retain(|a| a.constraint == Constraint::Regular && a.label.kind() == want);
        if list {
            let mut items = Vec::with_capacity(arcs.len());
            let mut arcs = arcs;
            arcs.sort_by_key(|a| a.label.as_index());
            for a in arcs {
                items.push(crate::compile::stack(|| self.data_unchecked(a.vertex))?);
            }
            return Ok(Data::List(items));
        }
        let mut fields = Vec::with_capacity(arcs.len());
        for a in arcs {
            let value = crate::compile::stack(|| self.data_unchecked(a.vertex))?;
            fields.push((self.labels.name(a.label), value));
        }
        Ok(Data::Struct(fields))
    }
}
