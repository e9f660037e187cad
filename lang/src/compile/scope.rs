//! The blocks that names are looked up in while a file is compiled. Each block is one environment at evaluation.

use crate::diag::{Code, Diagnostic};
use crate::eval::expr::E;
use crate::eval::label::Label;
use crate::source::Span;
use crate::syntax::ast::Ident;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What a name is bound to in its block.
#[derive(Clone, Debug)]
pub(super) enum Binding {
    Field(Label),
    Let(u32),
    Dynamic(E),
    This,
    Label,
}

/// What a name was found to be.
pub(super) enum Found {
    Field(Label),
    Let(u32),
    This,
    Label,
    Dynamic(E),
}

#[derive(Debug)]
struct Local {
    binding: Binding,
    span: Span,
    used: bool,
}

#[derive(Debug, Default)]
struct Block {
    fields: FxHashMap<Arc<str>, Label>,
    locals: FxHashMap<Arc<str>, Local>,
    /// Declared in this order, for messages.
    order: Vec<Arc<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Scopes {
    blocks: Vec<Block>,
}

impl Scopes {
    pub(super) fn push_struct(&mut self) {
        self.blocks.push(Block::default());
    }

    fn push_alias(&mut self, name: &Ident<'_>, binding: Binding) {
        self.push_struct();
        // The block is new, so the name cannot be taken.
        let _ = self.declare_local(name, binding);
    }

    pub(super) fn push_value_alias(&mut self, name: &Ident) {
        self.push_alias(name, Binding::This);
    }

    pub(super) fn push_label_alias(&mut self, name: &Ident) {
        self.push_alias(name, Binding::Label);
    }

    /// Leaves a block; lets and aliases that nothing used are mistakes.
    pub(super) fn pop(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(block) = self.blocks.pop() {
            unused(&block, diagnostics);
        }
    }

    /// Ends a file: its lets and aliases are its own.
    pub(super) fn close_file(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(block) = self.blocks.last_mut() {
            unused(block, diagnostics);
            block.locals.clear();
            block.order.clear();
        }
    }

    pub(super) fn declare(&mut self, name: &str, binding: Binding) {
        if let (Some(block), Binding::Field(label)) = (self.blocks.last_mut(), binding) {
            block.fields.insert(name.into(), label);
        }
    }

    pub(super) fn declare_local(&mut self, name: &Ident, binding: Binding) -> Result<(), String> {
        let Some(block) = self.blocks.last_mut() else { return Ok(()) };
        let what = if matches!(binding, Binding::Let(_)) { "let clause" } else { "alias" };
        if block.fields.contains_key(name.name) {
            return Err(format!("cannot have both {what} and field with name {:?} in same scope", name.name));
        }
        let local = Local { binding, span: name.span, used: false };
        if block.locals.insert(name.name.into(), local).is_some() {
            return Err(format!("{what} {:?} redeclared in same scope", name.name));
        }
        block.order.push(name.name.into());
        Ok(())
    }

    pub(super) fn let_index(&self, name: &str) -> Option<u32> {
        match self.blocks.last()?.locals.get(name)?.binding {
            Binding::Let(i) => Some(i),
            _ => None,
        }
    }

    /// Finds a name from the innermost block outwards; gives how many blocks up.
    pub(super) fn find(&mut self, name: &str) -> Option<(u32, Found)> {
        for (up, block) in self.blocks.iter_mut().rev().enumerate() {
            let up = up as u32;
            if let Some(local) = block.locals.get_mut(name) {
                local.used = true;
                let found = match &local.binding {
                    Binding::Field(l) => Found::Field(*l),
                    Binding::Let(i) => Found::Let(*i),
                    Binding::Dynamic(e) => Found::Dynamic(e.clone()),
                    Binding::This => Found::This,
                    Binding::Label => Found::Label,
                };
                return Some((up, found));
            }
            if let Some(label) = block.fields.get(name) {
                return Some((up, Found::Field(*label)));
            }
        }
        None
    }

    /// Every name in scope, for suggestions.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().flat_map(|b| b.fields.keys().chain(b.locals.keys()).map(|n| &**n))
    }
}

fn unused(block: &Block, diagnostics: &mut Vec<Diagnostic>) {
    for name in &block.order {
        if let Some(local) = block.locals.get(name)
            && !local.used
            && !matches!(local.binding, Binding::Label)
        {
            let message = format!("unreferenced alias or let clause {name}");
            diagnostics.push(Diagnostic::new(Code::Reference, message).at(local.span, "nothing uses this"));
        }
    }
}
