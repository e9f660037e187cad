//! Labels: names of fields and list indices as one 32-bit number, interned per program.
//!
//! The kind of a label (regular, definition, hidden ...) is in its low bits, so that the common questions need no table. Labels made
//! during an evaluation go to the table of its instance and are dropped with it. Tests are at the end.

use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A label. Equal labels of one instance are equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(u32);

/// What a label names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelType {
    /// A regular field.
    Regular,
    /// A list element.
    Index,
    /// `#a`
    Definition,
    /// `_a`
    Hidden,
    /// `_#a`
    HiddenDefinition,
    /// A `let` or a value that is in no struct.
    Local,
}

impl Label {
    /// The label of values that have none: the root and values outside the tree.
    pub const NONE: Label = Label(5);

    fn new(kind: LabelType, n: u32) -> Label {
        Label((n << 3) | kind as u32)
    }

    /// The label of a list element.
    pub fn index(i: usize) -> Label {
        Label::new(LabelType::Index, i as u32)
    }

    /// What it names.
    pub fn kind(self) -> LabelType {
        match self.0 & 7 {
            0 => LabelType::Regular,
            1 => LabelType::Index,
            2 => LabelType::Definition,
            3 => LabelType::Hidden,
            4 => LabelType::HiddenDefinition,
            _ => LabelType::Local,
        }
    }

    /// Whether it is a regular field.
    pub fn is_regular(self) -> bool {
        self.0 & 7 == 0
    }

    /// Whether it is a definition, hidden or not.
    pub fn is_definition(self) -> bool {
        matches!(self.kind(), LabelType::Definition | LabelType::HiddenDefinition)
    }

    /// Whether it is hidden.
    pub fn is_hidden(self) -> bool {
        matches!(self.kind(), LabelType::Hidden | LabelType::HiddenDefinition)
    }

    /// The index, for list elements.
    pub fn as_index(self) -> Option<usize> {
        (self.kind() == LabelType::Index).then_some((self.0 >> 3) as usize)
    }

    fn number(self) -> usize {
        (self.0 >> 3) as usize
    }
}

/// A table of names. `base` is the number of names that another table before it holds.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    base: usize,
    names: Vec<Arc<str>>,
    map: FxHashMap<Arc<str>, u32>,
}

/// The hidden labels of different packages differ; the package stands before this character.
const QUALIFIER: char = '\0';

impl Interner {
    fn lookup(&self, name: &str) -> Option<u32> {
        self.map.get(name).copied()
    }

    fn intern(&mut self, name: &str) -> u32 {
        if let Some(n) = self.lookup(name) {
            return n;
        }
        let n = (self.base + self.names.len()) as u32;
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.map.insert(name, n);
        n
    }
}

/// The labels of a program, or of an instance on top of those of its program.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    below: Option<Arc<Labels>>,
    own: Interner,
}

impl Labels {
    /// An empty table on top of another one.
    pub fn above(below: Arc<Labels>) -> Labels {
        let base = below.own.base + below.own.names.len();
        Labels { below: Some(below), own: Interner { base, ..Interner::default() } }
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.below.as_ref().and_then(|b| b.find(name)).or_else(|| self.own.lookup(name))
    }

    fn intern(&mut self, name: &str) -> u32 {
        match self.below.as_ref().and_then(|b| b.find(name)) {
            Some(n) => n,
            None => self.own.intern(name),
        }
    }

    /// The label of a regular field.
    pub fn regular(&mut self, name: &str) -> Label {
        let n = self.intern(name);
        Label::new(LabelType::Regular, n)
    }

    /// The label that an identifier declares in the package `package`.
    pub fn identifier(&mut self, name: &str, package: &str) -> Label {
        let kind = identifier_type(name);
        let n = match kind {
            LabelType::Hidden | LabelType::HiddenDefinition if !package.is_empty() => {
                self.intern(&format!("{package}{QUALIFIER}{name}"))
            }
            _ => self.intern(name),
        };
        Label::new(kind, n)
    }

    /// The label of a field by its name, if any field of this instance or program has it.
    pub fn find_identifier(&self, name: &str, package: &str) -> Option<Label> {
        let kind = identifier_type(name);
        let n = match kind {
            LabelType::Hidden | LabelType::HiddenDefinition if !package.is_empty() => {
                self.find(&format!("{package}{QUALIFIER}{name}"))
            }
            _ => self.find(name),
        };
        n.map(|n| Label::new(kind, n))
    }

    /// The label of a regular field by its name, if any field has it.
    pub fn find_regular(&self, name: &str) -> Option<Label> {
        self.find(name).map(|n| Label::new(LabelType::Regular, n))
    }

    /// The name of a label without the package of hidden ones; digits for an index.
    pub fn name(&self, label: Label) -> Arc<str> {
        if let Some(i) = label.as_index() {
            return i.to_string().into();
        }
        if label.kind() == LabelType::Local {
            return "".into();
        }
        let name = self.raw(label.number());
        if !label.is_hidden() {
            return name;
        }
        match name.rsplit_once(QUALIFIER) {
            Some((_, n)) => n.into(),
            None => name,
        }
    }

    fn raw(&self, n: usize) -> Arc<str> {
        if n < self.own.base {
            return self.below.as_ref().map(|b| b.raw(n)).unwrap_or_else(|| "".into());
        }
        self.own.names.get(n - self.own.base).cloned().unwrap_or_else(|| "".into())
    }

    /// The label as it stands in a path: quoted where it is no identifier.
    pub fn selector(&self, label: Label) -> String {
        let name = self.name(label);
        if label.is_regular() && !is_identifier(&name) {
            return crate::encode::cue::quote(&name);
        }
        name.to_string()
    }
}

fn identifier_type(name: &str) -> LabelType {
    if name.starts_with("_#") {
        LabelType::HiddenDefinition
    } else if name.starts_with('#') {
        LabelType::Definition
    } else if name.starts_with('_') {
        LabelType::Hidden
    } else {
        LabelType::Regular
    }
}

/// Whether a regular field of this name can be written without quotes.
pub fn is_identifier(name: &str) -> bool {
    match name.is_ascii() {
        true => {
            let mut bytes = name.bytes();
            bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'$')
                && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
        }
        // What is a letter, the lexer knows.
        false => !name.starts_with(['_', '#']) && crate::syntax::is_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::ast;

    #[test]
    fn names_without_quotes_are_those_that_are_read_as_names() {
        for c in (' '..=char::MAX).step_by(97).chain("٣Ⅷ²\u{65b}é_$#9?".chars()) {
            for name in [c.to_string(), format!("a{c}")] {
                let text = format!("{name}: 1");
                let (tree, mistakes) = crate::syntax::parse(crate::source::FileId(0), &text);
                let field = |d: &ast::Decl| match &d.kind {
                    ast::DeclKind::Field(f) => {
                        matches!(&f.label.kind, ast::LabelKind::Ident(n) if *n == name)
                    }
                    _ => false,
                };
                let read = mistakes.is_empty() && tree.decls.iter().any(field);
                // `_a` and `#a` are names as well, of other fields.
                assert!(name.starts_with(['_', '#']) || is_identifier(&name) == read, "{name:?}");
            }
        }
    }

    #[test]
    fn labels_of_an_instance_extend_those_of_its_program() {
        let mut program = Labels::default();
        let a = program.regular("a");
        let def = program.identifier("#a", "");
        let mut instance = Labels::above(Arc::new(program));
        assert_eq!(instance.regular("a"), a);
        let b = instance.regular("b");
        assert_ne!(a, b);
        assert_eq!(&*instance.name(b), "b");
        assert_eq!(&*instance.name(def), "#a");
        assert!(def.is_definition());
        assert_eq!(Label::index(7).as_index(), Some(7));
    }

    #[test]
    fn hidden_labels_belong_to_their_package() {
        let mut labels = Labels::default();
        let (x, y) = (labels.identifier("_x", "p"), labels.identifier("_x", "q"));
        assert_ne!(x, y);
        assert_eq!(&*labels.name(x), "_x");
        let odd = labels.regular("a-b");
        assert_eq!(labels.selector(odd), "\"a-b\"");
    }
}
