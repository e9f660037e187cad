//! The way in for programs that embed the language: compile once, make instances, fill, look up, export.
//!
//! A [`Program`] is immutable and may be shared between threads. An [`Instance`] is one evaluation of it with its own arena, dropped whole;
//! evaluation happens on demand and an instance stays on one thread at a time. A [`Value`] is a handle into an instance.

use crate::data::Data;
use crate::diag::{Code, Diagnostic};
use crate::pkg::Kind;
use crate::source::{Source, SourceMap, Span};
use crate::syntax::ast::Constraint;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where imports that are not standard packages come from.
pub trait Packages {
    /// The files of the package with this import path (without the `:name` suffix), or `None` if there is none.
    fn sources(&self, import_path: &str) -> Option<Vec<Source>>;
}

/// No packages but the standard ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPackages;

impl Packages for NoPackages {
    fn sources(&self, _import_path: &str) -> Option<Vec<Source>> {
        None
    }
}

/// What went wrong: every mistake, with the sources that its spans lie in.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// The mistakes, in the order in which they were found.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that spans refer to.
    pub sources: SourceMap,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.diagnostics.iter().enumerate() {
            let sep = if i == 0 { "" } else { "\n" };
            let colon = if d.path.is_empty() { "" } else { ": " };
            write!(f, "{sep}{}{colon}{}", d.path, d.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// How much one evaluation may use before it ends with an error of [`Code::Budget`].
#[derive(Clone, Debug)]
pub struct Budget {
    /// Steps of evaluation: conjuncts added, expressions evaluated.
    pub steps: u64,
    /// Depth of nesting and of references.
    pub depth: u32,
    /// Bytes held by the arena and by texts made in it, roughly.
    pub memory: u64,
    /// Ends the evaluation soon after it becomes true.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: 50_000_000, depth: 1_000, memory: 2 << 30, cancel: None }
    }
}

/// A path into a value: fields by name (definitions with `#`, hidden ones with `_`) and list indices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A regular field, whatever characters its name has.
    Field(Arc<str>),
    /// A definition (`#a`, `_#a`) or hidden field (`_a`).
    Special(Arc<str>),
    /// An element of a list.
    Index(usize),
}

impl Path {
    /// Reads a path such as `a.b."c-d".#e[0]`. Bare parts may hold any characters but `.`, `[`, `]` and `"`; a bare part of digits is an
    /// index where the value is a list. Gives `None` if it is malformed.
    ///
    /// ```
    /// # use stepwell_lang::{Path, Step};
    /// let path = Path::parse("spec.containers[0].\"x.y\"").unwrap();
    /// assert_eq!(path.0.len(), 4);
    /// assert_eq!(path.0[2], Step::Index(0));
    /// ```
    pub fn parse(text: &str) -> Option<Path> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(r) = rest.strip_prefix('[') {
                let end = r.find(']')?;
                let inner = r[..end].trim();
                steps.push(match inner.strip_prefix('"').and_then(|s| s.strip_suffix('"')) {
                    Some(name) => Step::Field(name.into()),
                    None => Step::Index(inner.parse().ok()?),
                });
                rest = &r[end + 1..];
            } else if let Some(r) = rest.strip_prefix('"') {
                let end = r.find('"')?;
                steps.push(Step::Field(r[..end].into()));
                rest = &r[end + 1..];
            } else {
                let end = rest.find(['.', '[', '"', ']']).unwrap_or(rest.len());
                let name = &rest[..end];
                if name.is_empty() {
                    return None;
                }
                steps.push(match name.starts_with('#') || name.starts_with('_') {
                    true => Step::Special(name.into()),
                    false => Step::Field(name.into()),
                });
                rest = &rest[end..];
            }
            match rest.strip_prefix('.') {
                Some("") => return None,
                Some(r) => rest = r,
                None if rest.is_empty() || rest.starts_with('[') => {}
                None => return None,
            }
        }
        Some(Path(steps))
    }
}

impl<S: AsRef<str>> FromIterator<S> for Path {
    /// A path of plain fields, one for each name.
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Path {
        let step = |n: S| match n.as_ref().starts_with(['#', '_']) {
            true => Step::Special(n.as_ref().into()),
            false => Step::Field(n.as_ref().into()),
        };
        Path(names.into_iter().map(step).collect())
    }
}

/// A compiled program: the files of one instance and all packages they import. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    sources: Arc<SourceMap>,
}

fn unbuilt(sources: &SourceMap) -> Failure {
    Failure {
        diagnostics: vec![Diagnostic::new(Code::Budget, "the evaluator is not there yet")],
        sources: sources.clone(),
    }
}

impl Program {
    /// Compiles the files of one package together. Fails with everything that is wrong in the text: syntax, names, imports.
    pub fn compile(sources: Vec<Source>, packages: &dyn Packages) -> Result<Program, Failure> {
        let _ = packages;
        let mut map = SourceMap::default();
        for s in sources {
            map.add(s);
        }
        Ok(Program { sources: Arc::new(map) })
    }

    /// The files of the program.
    pub fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// A new evaluation with the default budget.
    pub fn instance(&self) -> Instance {
        self.instance_with(Budget::default())
    }

    /// A new evaluation.
    pub fn instance_with(&self, budget: Budget) -> Instance {
        let _ = budget;
        Instance { program: self.clone() }
    }
}

/// One evaluation of a program.
#[derive(Debug)]
pub struct Instance {
    program: Program,
}

impl Instance {
    /// The value of the whole program.
    pub fn root(&self) -> Value<'_> {
        Value { instance: self, _private: PhantomData }
    }

    /// Unifies data into the value at a path, making fields on the way. Only what depends on it is evaluated again.
    /// A conflict shows where it arises, as with any other value; the error here is of the path alone (through a scalar, beyond a list).
    pub fn fill(&self, path: &Path, data: &Data) -> Result<(), Failure> {
        let _ = (path, data);
        Err(unbuilt(&self.program.sources))
    }

    /// Unifies an expression into the value at a path. Names in it are resolved from that place outwards to the root.
    pub fn fill_source(&self, path: &Path, source: &Source) -> Result<(), Failure> {
        let _ = (path, source);
        Err(unbuilt(&self.program.sources))
    }

    /// Evaluates an expression whose names are the fields of `scope`, then of the structs around it. Standard packages may
    /// be used by their short names without an import where `imports` is true.
    pub fn eval(&self, source: &Source, scope: Value<'_>, imports: bool) -> Result<Value<'_>, Failure> {
        let _ = (source, scope, imports);
        Err(unbuilt(&self.program.sources))
    }

    /// The unification of two values of this instance, as a new value outside the tree.
    pub fn unify(&self, a: Value<'_>, b: Value<'_>) -> Value<'_> {
        let _ = (a, b);
        self.root()
    }

    /// Data as a value of this instance, outside the tree.
    pub fn data(&self, data: &Data) -> Value<'_> {
        let _ = data;
        self.root()
    }

    /// The files of the program and those that came with expressions.
    pub fn sources(&self) -> SourceMap {
        self.program.sources().clone()
    }
}

/// Which fields [`Value::fields`] gives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which {
    /// Optional and required fields that have no value.
    pub constraints: bool,
    /// Definitions.
    pub definitions: bool,
    /// Hidden fields.
    pub hidden: bool,
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field<'i> {
    /// Its value.
    pub value: Value<'i>,
    /// Whether it is regular, required without a value, or optional without a value.
    pub constraint: Constraint,
}

/// A value of an instance: a handle, cheap to copy. Everything asked of it is evaluated on demand.
#[derive(Clone, Copy, Debug)]
pub struct Value<'i> {
    instance: &'i Instance,
    _private: PhantomData<()>,
}

impl<'i> Value<'i> {
    /// The value at a path below, if it exists as a regular, definition or hidden field or list element.
    pub fn lookup(self, path: &Path) -> Option<Value<'i>> {
        let _ = path;
        None
    }

    /// The field of this name, also a definition (`#a`) or hidden one (`_a`).
    pub fn get(self, name: &str) -> Option<Value<'i>> {
        let _ = name;
        None
    }

    /// The label of this value in its parent: a field's name as in [`Path`], or an index as digits; empty for the root.
    pub fn label(self) -> Arc<str> {
        Arc::from("")
    }

    /// The fields in order: the regular ones, and what `which` asks for.
    pub fn fields(self, which: Which) -> Vec<Field<'i>> {
        let _ = which;
        Vec::new()
    }

    /// The elements of a list; `None` for other values.
    pub fn elements(self) -> Option<Vec<Value<'i>>> {
        None
    }

    /// The kinds that the value may still have; one bit where it is decided.
    pub fn kind(self) -> Kind {
        Kind::TOP
    }

    /// Whether the value itself is a scalar, list or struct and not a type, bound or undecided disjunction. A default counts.
    /// Fields and elements are not asked.
    pub fn is_concrete(self) -> bool {
        false
    }

    /// Whether the value has a default (a marked branch, or an open list).
    pub fn has_default(self) -> bool {
        false
    }

    /// The marked branch of a disjunction that is not decided otherwise; `None` for all other values, open lists among them.
    pub fn default_value(self) -> Option<Value<'i>> {
        None
    }

    /// The text, if it is a string (or defaults to one).
    pub fn as_str(self) -> Option<Arc<str>> {
        None
    }

    /// The truth value, if it is one (or defaults to one).
    pub fn as_bool(self) -> Option<bool> {
        None
    }

    /// The integer, if it is one (or defaults to one) and fits.
    pub fn as_int(self) -> Option<i64> {
        None
    }

    /// The mistake that this value itself is, if it is one; not those of its fields. Incomplete values give their diagnostic too
    /// ([`Code::Incomplete`] and its like), if they are expressions that cannot be evaluated yet.
    pub fn error(self) -> Option<Diagnostic> {
        None
    }

    /// Checks the value and everything in it. With `concrete`, what is not concrete (and required fields that are missing) are mistakes as well.
    pub fn validate(self, concrete: bool) -> Result<(), Failure> {
        let _ = concrete;
        Err(unbuilt(&self.instance.program.sources))
    }

    /// The value as concrete data: regular fields only, defaults taken.
    pub fn data(self) -> Result<Data, Failure> {
        Err(unbuilt(&self.instance.program.sources))
    }

    /// The documentation comments of the fields that make up this value, one entry for each line, without `//` and the blank after it.
    /// Markers such as `+patchKey=name` are among them.
    pub fn docs(self) -> Vec<Arc<str>> {
        Vec::new()
    }

    /// The attributes of the fields that make up this value: name and body.
    pub fn attributes(self) -> Vec<(Arc<str>, Arc<str>)> {
        Vec::new()
    }

    /// The path from the root, as messages show it.
    pub fn path(self) -> String {
        String::new()
    }

    /// Where the value is written: every place that takes part.
    pub fn spans(self) -> Vec<Span> {
        Vec::new()
    }

    /// The value as source text of the language. What is not concrete is shown as it stands.
    pub fn to_source(self) -> String {
        String::from("_")
    }
}
