//! The blocks that names are looked up in while a file is compiled. Each block is one environment at evaluation.

use crate::diag::{Code, Diagnostic};
use crate::eval::expr::E;
use crate::eval::label::Label;
use crate::source::Span;
use crate::syntax::ast::Ident;
use rustc_hash::{FxHashMap, FxHashSet};
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
    /// Names of patterns' values: they mean something in these values only, but may not be taken twice here.
    patterns: FxHashSet<Arc<str>>,
    /// Declared in this order, for messages.
    order: Vec<Arc<str>>,
    /// The `let` whose value is being compiled: it is not in scope there.
    defining: Option<u32>,
    /// Which `let`s the values of others name, and where.
    needs: Vec<(u32, u32, Span)>,
}

impl Block {
    /// Whether nothing else in the block has a name that an alias or `let` is to have.
    fn is_free(&self, what: &str, name: &str) -> Result<(), String> {
        if self.fields.contains_key(name) {
            return Err(format!("cannot have both {what} and field with name {name:?} in same scope"));
        }
        if self.locals.contains_key(name) || self.patterns.contains(name) {
            return Err(format!("{what} {name:?} redeclared in same scope"));
        }
        Ok(())
    }
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

    /// Begins with the value of a `let` of the innermost block; gives its index.
    pub(super) fn define(&mut self, name: &str) -> Option<u32> {
        let block = self.blocks.last_mut()?;
        let Binding::Let(index) = block.locals.get(name)?.binding else { return None };
        block.defining = Some(index);
        Some(index)
    }

    /// Ends the value of a `let`.
    pub(super) fn defined(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.defining = None;
        }
    }

    /// Leaves a block; lets and aliases that nothing used are mistakes.
    pub(super) fn pop(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(block) = self.blocks.pop() {
            unused(&block, diagnostics);
            circular(&block, diagnostics);
        }
    }

    /// Ends a file: its lets and aliases are its own.
    pub(super) fn close_file(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(block) = self.blocks.last_mut() {
            unused(block, diagnostics);
            circular(block, diagnostics);
            block.locals.clear();
            block.patterns.clear();
            block.order.clear();
            block.needs.clear();
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
        let local = Local { binding, span: name.span, used: false };
        block.is_free(what, name.name)?;
        block.locals.insert(name.name.into(), local);
        block.order.push(name.name.into());
        Ok(())
    }

    /// Takes the name of a pattern's value, which is in scope only in that value.
    pub(super) fn declare_pattern(&mut self, name: &Ident) -> Result<(), String> {
        let Some(block) = self.blocks.last_mut() else { return Ok(()) };
        block.is_free("alias", name.name)?;
        block.patterns.insert(name.name.into());
        Ok(())
    }

    /// Finds a name from the innermost block outwards; gives how many blocks up.
    pub(super) fn find(&mut self, name: &str, span: Span) -> Option<(u32, Found)> {
        for (up, block) in self.blocks.iter_mut().rev().enumerate() {
            let up = up as u32;
            let own = block.defining;
            let in_scope = |l: &&mut Local| !matches!(l.binding, Binding::Let(i) if own == Some(i));
            if let Some(local) = block.locals.get_mut(name).filter(in_scope) {
                local.used = true;
                if let (Some(own), Binding::Let(i)) = (own, &local.binding)
                    && block.needs.last().is_none_or(|n| (n.0, n.1) != (own, *i))
                {
                    block.needs.push((own, *i, span));
                }
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

/// Values of `let`s that name each other in a circle are mistakes.
fn circular(block: &Block, diagnostics: &mut Vec<Diagnostic>) {
    let mut needs: FxHashMap<u32, Vec<(u32, Span)>> = FxHashMap::default();
    for (own, other, span) in &block.needs {
        needs.entry(*own).or_default().push((*other, *span));
    }
    let mut done = FxHashSet::default();
    for (start, ..) in &block.needs {
        // The way from `start` to where the search stands: each `let`, and which of those that it needs is looked at.
        let mut way: Vec<(u32, usize)> = vec![(*start, 0)];
        let mut on_way: FxHashMap<u32, usize> = FxHashMap::from_iter([(*start, 0)]);
        while let Some((own, i)) = way.last_mut() {
            let next = needs.get(own).and_then(|n| n.get(*i)).filter(|_| !done.contains(own));
            let Some((other, _)) = next else {
                on_way.remove(own);
                done.insert(*own);
                way.pop();
                continue;
            };
            *i += 1;
            if let Some(at) = on_way.get(other) {
                let (first, looked_at) = way[*at];
                let span = needs[&first][looked_at - 1].1;
                let message = "cyclic references in let clause or alias".to_owned();
                let told = Diagnostic::new(Code::Reference, message).at(span, "this leads back to itself");
                diagnostics.push(told);
            } else if !done.contains(other) {
                on_way.insert(*other, way.len());
                way.push((*other, 0));
            }
        }
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
