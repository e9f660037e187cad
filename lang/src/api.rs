//! The way in for programs that embed the language: compile once, make instances, fill, look up, export.
//!
//! A [`Program`] is immutable and may be shared between threads. An [`Instance`] is one evaluation of it with its own arena, dropped whole;
//! evaluation happens on demand and an instance stays on one thread at a time. A [`Value`] is a handle into an instance.

use crate::compile::Compiled;
use crate::data::{Data, Shared};
use crate::diag::{Code, Diagnostic};
use crate::encode::TypeError;
use crate::encode::json::Text;
use crate::eval::Evaluator;
use crate::eval::arena::{ErrId, NONE, VId};
use crate::eval::expr::{E, Expr, Scalar, X};
use crate::eval::label::Labels;
pub(crate) use crate::packages::{Attribute, AttributePlace, NoPackages, Package, Packages, Placed, Refusal};
use crate::pkg::Kind;
use crate::source::{Source, SourceMap, Span};
use crate::syntax::ast::Constraint;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What went wrong: every mistake, with the sources that its spans lie in.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// The mistakes: what is wrong, then what is not concrete yet, each in the order in which they were found.
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
    /// Bytes held by the arena and by texts made in it, roughly: the process takes up to half as much again.
    pub memory: u64,
    /// Ends the evaluation soon after it becomes true.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: 25_000_000, depth: 1_000, memory: 320 << 20, cancel: None }
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

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            let dot = if i > 0 && !matches!(step, Step::Index(_)) { "." } else { "" };
            write!(f, "{dot}{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Field(n) if !crate::eval::label::is_identifier(n) => {
                write!(f, "{}", crate::encode::cue::quote(n))
            }
            Step::Field(n) | Step::Special(n) => write!(f, "{n}"),
            Step::Index(i) => write!(f, "[{i}]"),
        }
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
    compiled: Arc<Compiled>,
}

impl Program {
    /// Compiles the files of one package together. Fails with everything that is wrong in the text: syntax, names, imports.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "x: 1 + 2")], &NoPackages).unwrap();
    /// let instance = program.instance();
    /// assert_eq!(instance.root().get("x").unwrap().as_int(), Some(3));
    /// ```
    pub fn compile(sources: Vec<Source>, packages: &dyn Packages) -> Result<Program, Failure> {
        match crate::compile::program(sources, packages) {
            Ok(compiled) => Ok(Program { compiled: Arc::new(compiled) }),
            Err((diagnostics, sources)) => Err(Failure { diagnostics, sources }),
        }
    }

    #[cfg(test)]
    pub(crate) fn compiled(&self) -> Arc<Compiled> {
        self.compiled.clone()
    }

    /// The files of the program.
    pub fn sources(&self) -> &SourceMap {
        &self.compiled.sources
    }

    /// What the program selects of a field that is filled in (`x` and `y` if it says `field.x` and `field.y`): more need not be filled
    /// in. `None` if it uses the field as a whole, or gives it a value itself.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Source};
    /// let selected = |text: &str| {
    ///     let program = Program::compile(vec![Source::new("a.cue", text)], &NoPackages).unwrap();
    ///     program.selected("in").map(|names| names.iter().map(|n| n.to_string()).collect::<Vec<_>>())
    /// };
    /// assert_eq!(selected("in: _, a: in.y, b: \"\\(in.x.z)\""), Some(vec!["x".into(), "y".into()]));
    /// assert_eq!(selected("in: _, a: in"), None);
    /// ```
    pub fn selected(&self, field: &str) -> Option<BTreeSet<Arc<str>>> {
        crate::compile::selected(&self.compiled, field)
    }

    /// The fields that the program selects of anything, also of imported packages (`p.#A`: `#A`), and the texts that stand in it. What it makes up
    /// (`x[a + b]`) is not among them.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Source};
    /// let source = Source::new("a.cue", "a: {#b: c: \"x\"}, d: a.#b, e: a[\"f\"]");
    /// let program = Program::compile(vec![source], &NoPackages).unwrap();
    /// assert_eq!(program.mentioned().iter().map(|n| &**n).collect::<Vec<_>>(), ["#b", "f", "x"]);
    /// ```
    pub fn mentioned(&self) -> BTreeSet<Arc<str>> {
        crate::compile::mentioned(&self.compiled)
    }

    /// The names that the program asks packages for and that these do not have. Evaluation counts them as not there yet.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "import \"list\"\na: list.Nope")], &NoPackages).unwrap();
    /// assert_eq!(program.missing()[0].message, "package \"list\" has no Nope");
    /// ```
    pub fn missing(&self) -> Vec<Diagnostic> {
        crate::compile::missing(&self.compiled)
    }

    /// A new evaluation with the default budget.
    pub fn instance(&self) -> Instance {
        self.instance_with(Budget::default())
    }

    /// A new evaluation.
    pub fn instance_with(&self, budget: Budget) -> Instance {
        let labels = Labels::above(self.compiled.labels.clone());
        let mut evaluator = Evaluator::new(self.compiled.clone(), labels, budget);
        let root = evaluator.root(0);
        let sources = RefCell::new(self.compiled.sources.clone());
        Instance { evaluator: RefCell::new(evaluator), sources, root }
    }
}

/// One evaluation of a program.
#[derive(Debug)]
pub struct Instance {
    evaluator: RefCell<Evaluator>,
    sources: RefCell<SourceMap>,
    root: VId,
}

impl Instance {
    /// The value of the whole program.
    pub fn root(&self) -> Value<'_> {
        self.value(self.root)
    }

    fn value(&self, v: VId) -> Value<'_> {
        Value { instance: self, v }
    }

    fn failure(&self, errors: Vec<ErrId>) -> Failure {
        let mut ev = self.evaluator.borrow_mut();
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        // What is wrong goes before what is only not said yet, which may be for that very reason.
        let (open, wrong): (Vec<ErrId>, Vec<ErrId>) =
            errors.into_iter().partition(|e| ev.bottom(*e).incomplete);
        for e in wrong.into_iter().chain(open) {
            for d in ev.diagnostics(e) {
                if !diagnostics.contains(&d) {
                    diagnostics.push(d);
                }
            }
        }
        Failure { diagnostics, sources: self.sources.borrow().clone() }
    }

    fn path_failure(&self, path: &Path, at: usize, why: &str) -> Failure {
        let shown = path.to_string();
        let part = path.0.get(at).map(|s| s.to_string()).unwrap_or_default();
        let d = Diagnostic::new(Code::Undefined, format!("cannot fill {shown}: {why} at {part}")).path(shown);
        Failure { diagnostics: vec![d], sources: self.sources.borrow().clone() }
    }

    /// Unifies data into the value at a path, making fields on the way. Only what depends on it is evaluated again.
    /// A conflict shows where it arises, as with any other value; the error here is of the path alone (beyond the end of a list).
    ///
    /// ```
    /// use stepwell_lang::{Data, NoPackages, Path, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "n: int\nout: n * 2")], &NoPackages).unwrap();
    /// let instance = program.instance();
    /// instance.fill(&Path::parse("n").unwrap(), &Data::int(21)).unwrap();
    /// assert_eq!(instance.root().get("out").unwrap().as_int(), Some(42));
    /// ```
    pub fn fill(&self, path: &Path, data: &Data) -> Result<(), Failure> {
        self.fill_shared(path, &Shared::from(data))
    }

    /// As [`Instance::fill`], with data that many instances are given.
    pub fn fill_shared(&self, path: &Path, data: &Shared) -> Result<(), Failure> {
        self.fill_expr(path, Expr::new(X::Data(data.clone()), crate::compile::NOWHERE), None)
    }

    /// Unifies data into the value at a path, as [`Instance::fill`]; mistakes in it are shown where it was read.
    pub fn fill_placed(&self, path: &Path, data: &Placed) -> Result<(), Failure> {
        self.fill_expr(path, self.placed_expr(data), None)
    }

    fn placed_expr(&self, data: &Placed) -> E {
        let mut ev = self.evaluator.borrow_mut();
        crate::compile::placed(data, &mut ev.labels, &mut self.sources.borrow_mut())
    }

    /// Data as a value of this instance, outside the tree; mistakes in it are shown where it was read.
    pub fn placed(&self, data: &Placed) -> Value<'_> {
        let expr = self.placed_expr(data);
        let v = self.evaluator.borrow_mut().detached(vec![(NONE, expr)]);
        self.value(v)
    }

    fn fill_expr(&self, path: &Path, expr: E, env: Option<u32>) -> Result<(), Failure> {
        let mut ev = self.evaluator.borrow_mut();
        let result = ev.fill(self.root, &path.0, expr, env);
        drop(ev);
        result.map_err(|(at, why)| self.path_failure(path, at, why))
    }

    /// Unifies an expression into the value at a path. Names in it are those of the root's fields.
    pub fn fill_source(&self, path: &Path, source: &Source) -> Result<(), Failure> {
        let (expr, env) = self.compile_expr(source, self.root(), false)?;
        self.fill_expr(path, expr, Some(env))
    }

    fn compile_expr(&self, source: &Source, scope: Value<'_>, imports: bool) -> Result<(E, u32), Failure> {
        let mut ev = self.evaluator.borrow_mut();
        let (env, names) = ev.scope_of(scope.v);
        let mut labels = std::mem::take(&mut ev.labels);
        let mut sources = self.sources.borrow_mut();
        let found = crate::compile::expression(source.clone(), names, imports, &mut labels, &mut sources);
        ev.labels = labels;
        if found.diagnostics.is_empty() {
            return Ok((found.expr, env));
        }
        Err(Failure { diagnostics: found.diagnostics, sources: sources.clone() })
    }

    /// Evaluates an expression whose names are the fields of `scope`, then of the structs around it. Standard packages may
    /// be used by their short names without an import where `imports` is true; the expression may then begin with imports of its own, too.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "a: {b: 2}, c: 3")], &NoPackages).unwrap();
    /// let instance = program.instance();
    /// let a = instance.root().get("a").unwrap();
    /// let sum = instance.eval(&Source::new("expr", "b + c"), a, false).unwrap();
    /// assert_eq!(sum.as_int(), Some(5));
    /// let upper = instance.eval(&Source::new("expr", "import s \"strings\"\ns.ToUpper(\"\\(b)x\")"), a, true).unwrap();
    /// assert_eq!(upper.as_str().as_deref(), Some("2X"));
    /// ```
    pub fn eval(&self, source: &Source, scope: Value<'_>, imports: bool) -> Result<Value<'_>, Failure> {
        let (expr, env) = self.compile_expr(source, scope, imports)?;
        let v = self.evaluator.borrow_mut().detached(vec![(env, expr)]);
        Ok(self.value(v))
    }

    /// The unification of two values of this instance, as a new value outside the tree.
    pub fn unify(&self, a: Value<'_>, b: Value<'_>) -> Value<'_> {
        let v = self.evaluator.borrow_mut().unified(&[a.v, b.v]);
        self.value(v)
    }

    /// The value at a path from the root, written as in [`Path::parse`]; `None` also where it is no path.
    pub fn lookup(&self, path: &str) -> Option<Value<'_>> {
        self.root().lookup(&Path::parse(path)?)
    }

    /// Data as a value of this instance, outside the tree.
    pub fn data(&self, data: &Data) -> Value<'_> {
        let expr = Expr::new(X::Data(data.into()), crate::compile::NOWHERE);
        let v = self.evaluator.borrow_mut().detached(vec![(NONE, expr)]);
        self.value(v)
    }

    /// The files of the program and those that came with expressions.
    pub fn sources(&self) -> SourceMap {
        self.sources.borrow().clone()
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

/// What [`Value::to_file`] shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Show {
    /// Optional fields.
    pub optional: bool,
    /// Hidden fields.
    pub hidden: bool,
    /// Attributes of fields.
    pub attributes: bool,
    /// Whether defaults are left open: `*1 | int` instead of `1`.
    pub open_defaults: bool,
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
    v: VId,
}

impl<'i> Value<'i> {
    pub(crate) fn instance(self) -> &'i Instance {
        self.instance
    }

    /// Lets a writer work on the evaluation itself.
    pub(crate) fn with_evaluator<T>(
        self,
        f: impl FnOnce(&mut Evaluator, VId) -> Result<T, Vec<ErrId>>,
    ) -> Result<T, Failure> {
        let found = f(&mut self.instance.evaluator.borrow_mut(), self.v);
        found.map_err(|errors| self.instance.failure(errors))
    }

    fn ev(&self) -> std::cell::RefMut<'i, Evaluator> {
        self.instance.evaluator.borrow_mut()
    }

    /// The value at a path below, if it exists as a regular, definition or hidden field or list element. Defaults are taken on the way.
    pub fn lookup(self, path: &Path) -> Option<Value<'i>> {
        let mut v = self.v;
        for step in &path.0 {
            v = self.ev().child(v, step)?;
        }
        Some(self.instance.value(v))
    }

    /// The field of this name, also a definition (`#a`) or hidden one (`_a`).
    pub fn get(self, name: &str) -> Option<Value<'i>> {
        let step = match name.starts_with(['#', '_']) {
            true => Step::Special(name.into()),
            false => Step::Field(name.into()),
        };
        let v = self.ev().child(self.v, &step)?;
        Some(self.instance.value(v))
    }

    /// The label of this value in its parent: a field's name as in [`Path`], or an index as digits; empty for the root.
    pub fn label(self) -> Arc<str> {
        let ev = self.ev();
        ev.labels.name(ev.label(self.v))
    }

    /// The fields in order: the regular ones, and what `which` asks for.
    pub fn fields(self, which: Which) -> Vec<Field<'i>> {
        let found = self.ev().fields(self.v, which);
        found.into_iter().map(|(v, constraint)| Field { value: self.instance.value(v), constraint }).collect()
    }

    /// Whether the field is there because of a comprehension (`if`, `for`) and nothing else.
    pub fn is_yielded(self) -> bool {
        self.ev().is_yielded(self.v)
    }

    /// The elements of a list; `None` for other values.
    pub fn elements(self) -> Option<Vec<Value<'i>>> {
        let found = self.ev().elements(self.v)?;
        Some(found.into_iter().map(|v| self.instance.value(v)).collect())
    }

    /// What the value is made of besides its fields: what the elements of a list may be, what fields by pattern may be, and the branches of a
    /// disjunction.
    ///
    /// ```
    /// # use stepwell_lang::{NoPackages, Program, Source, Which};
    /// let program = Program::compile(vec![Source::new("a.cue", "a: [...{n: int}]")], &NoPackages).unwrap();
    /// let instance = program.instance();
    /// let inside = instance.lookup("a").unwrap().inside();
    /// assert_eq!(&*inside[0].fields(Which::default())[0].value.label(), "n");
    /// ```
    pub fn inside(self) -> Vec<Value<'i>> {
        let found = self.ev().inner(self.v);
        found.into_iter().map(|v| self.instance.value(v)).collect()
    }

    /// The kinds that the value may still have; one bit where it is decided. Nothing for an error.
    pub fn kind(self) -> Kind {
        self.ev().kind(self.v)
    }

    /// Whether the value itself is a scalar, list or struct and not a type, bound or undecided disjunction. A default counts.
    /// Fields and elements are not asked.
    pub fn is_concrete(self) -> bool {
        self.ev().is_concrete(self.v)
    }

    /// Whether the value has a default (a marked branch, or an open list).
    pub fn has_default(self) -> bool {
        self.ev().has_default(self.v)
    }

    fn scalar(self) -> Option<Scalar> {
        self.ev().scalar(self.v)
    }

    /// The marked branch of a disjunction that is not decided otherwise; `None` for all other values, open lists among them.
    ///
    /// ```
    /// # use stepwell_lang::{NoPackages, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "a: *1 | int, b: 1")], &NoPackages).unwrap();
    /// let instance = program.instance();
    /// assert_eq!(instance.lookup("a").and_then(|a| a.default_value()).and_then(|v| v.as_int()), Some(1));
    /// assert!(instance.lookup("b").and_then(|b| b.default_value()).is_none());
    /// ```
    pub fn default_value(self) -> Option<Value<'i>> {
        let branch = self.ev().default_of(self.v)?;
        Some(self.instance.value(branch))
    }

    /// Whether every value that `other` may be is one that this value may be: whether `other` is an instance of it. The other value must be of
    /// the same instance.
    ///
    /// ```
    /// # use stepwell_lang::{NoPackages, Program, Source};
    /// let text = "#Service: {name: string, port: *80 | int}\nweb: #Service & {name: \"web\"}";
    /// let program = Program::compile(vec![Source::new("a.cue", text)], &NoPackages).unwrap();
    /// let instance = program.instance();
    /// let (service, web) = (instance.lookup("#Service").unwrap(), instance.lookup("web").unwrap());
    /// assert!(service.subsumes(web));
    /// assert!(!web.subsumes(service));
    /// ```
    pub fn subsumes(self, other: Value<'_>) -> bool {
        std::ptr::eq(self.instance, other.instance) && self.ev().subsumes(self.v, other.v)
    }

    /// The text, if it is a string (or defaults to one).
    pub fn as_str(self) -> Option<Arc<str>> {
        match self.scalar()? {
            Scalar::String(s) => Some(s),
            _ => None,
        }
    }

    /// The truth value, if it is one (or defaults to one).
    pub fn as_bool(self) -> Option<bool> {
        match self.scalar()? {
            Scalar::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// The integer, if it is one (or defaults to one) and fits.
    pub fn as_int(self) -> Option<i64> {
        match self.scalar()? {
            Scalar::Number(n) if n.is_int() => n.to_i64(),
            _ => None,
        }
    }

    /// The mistake that this value itself is, if it is one; not those of its fields. Incomplete values give their diagnostic too
    /// ([`Code::Incomplete`] and its like), if they are expressions that cannot be evaluated yet.
    pub fn error(self) -> Option<Diagnostic> {
        let mut ev = self.ev();
        let e = ev.own_error(self.v)?;
        ev.diagnostics(e).into_iter().next()
    }

    /// Checks the value and everything in it. With `concrete`, what is not concrete (and required fields that are missing) are mistakes as well.
    pub fn validate(self, concrete: bool) -> Result<(), Failure> {
        let errors = self.ev().all_errors(self.v, concrete);
        if errors.is_empty() { Ok(()) } else { Err(self.instance.failure(errors)) }
    }

    /// The value as concrete data: regular fields only, defaults taken.
    pub fn data(self) -> Result<Data, Failure> {
        let found = self.ev().data(self.v);
        found.map_err(|errors| self.instance.failure(errors))
    }

    /// The value as JSON with line breaks: what [`Value::data`] gives, written without being held as data first.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "a: 1 + 2, b: []")], &NoPackages).unwrap();
    /// assert_eq!(program.instance().root().json().unwrap(), "{\n    \"a\": 3,\n    \"b\": []\n}");
    /// ```
    pub fn json(self) -> Result<String, Failure> {
        self.json_text().map(|text| text.to_string())
    }

    /// The same, held without white space and laid out while it is written: for values that are large.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "a: [1, 2]")], &NoPackages).unwrap();
    /// let mut out = Vec::new();
    /// program.instance().root().json_text().unwrap().write(&mut out).unwrap();
    /// assert_eq!(out, b"{\n    \"a\": [\n        1,\n        2\n    ]\n}");
    /// ```
    pub fn json_text(self) -> Result<Text, Failure> {
        let found = self.ev().json(self.v);
        found.map_err(|errors| self.instance.failure(errors))
    }

    /// The value as a Rust type: regular fields only, defaults taken.
    ///
    /// ```
    /// # use stepwell_lang::{NoPackages, Program, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "name: \"web\", ports: [80, 70000]")], &NoPackages).unwrap();
    /// let instance = program.instance();
    /// #[derive(serde::Deserialize)]
    /// struct Service { name: String, ports: Vec<u32> }
    /// let service: Service = instance.root().decode().unwrap();
    /// assert_eq!((service.name.as_str(), service.ports.len()), ("web", 2));
    /// // What does not fit is told with its path and place.
    /// let failure = instance.lookup("ports").unwrap().decode::<Vec<u16>>().unwrap_err();
    /// assert_eq!(failure.to_string(), "ports[1]: invalid value: integer `70000`, expected u16");
    /// assert_eq!(failure.diagnostics[0].positions(&failure.sources)[0].column, 26);
    /// ```
    ///
    /// # Errors
    /// What is wrong with the value or not concrete, and the part of it that the type cannot hold.
    pub fn decode<T: serde::de::DeserializeOwned>(self) -> Result<T, Failure> {
        let data = self.data()?;
        data.decode().map_err(|e: TypeError| {
            let part = self.lookup(&e.path()).unwrap_or(self);
            let path =
                Path::parse(&self.path()).unwrap_or_default().0.into_iter().chain(e.path().0).collect();
            let d = Diagnostic::new(Code::Output, e.message()).path(Path(path).to_string());
            let diagnostics = vec![part.spans().into_iter().fold(d, |d, span| d.at(span, ""))];
            Failure { diagnostics, sources: self.instance.sources() }
        })
    }

    /// The documentation comments of the fields that make up this value, one entry for each line, without `//` and the blank after it.
    /// Markers such as `+patchKey=name` are among them.
    pub fn docs(self) -> Vec<Arc<str>> {
        let ev = self.ev();
        let mut out: Vec<Arc<str>> = Vec::new();
        for d in ev.decls(self.v) {
            for line in d.docs() {
                if !out.contains(line) {
                    out.push(line.clone());
                }
            }
        }
        out
    }

    /// The attributes of the fields that make up this value: name and body.
    pub fn attributes(self) -> Vec<(Arc<str>, Arc<str>)> {
        let ev = self.ev();
        let mut out: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for d in ev.decls(self.v) {
            for a in d.attributes() {
                if !out.contains(a) {
                    out.push(a.clone());
                }
            }
        }
        out
    }

    /// The path from the root, as messages show it.
    pub fn path(self) -> String {
        self.ev().path_text(self.v)
    }

    /// Where the value is written: every place that takes part.
    pub fn spans(self) -> Vec<Span> {
        self.ev().spans(self.v).into_iter().filter(|s| *s != crate::compile::NOWHERE).collect()
    }

    /// The value as a file of the language in its one form, with the fields that `show` asks for.
    ///
    /// ```
    /// use stepwell_lang::{NoPackages, Program, Show, Source};
    /// let program = Program::compile(vec![Source::new("a.cue", "#A: {n: int}, a: #A & {n: 1}")], &NoPackages).unwrap();
    /// assert_eq!(program.instance().root().to_file(Show::default()), "#A: {\n\tn: int\n}\na: {\n\tn: 1\n}\n");
    /// ```
    pub fn to_file(self, show: Show) -> String {
        let text = self.ev().file(self.v, show);
        let (file, mistakes) = crate::syntax::parse(crate::source::FileId(0), &text);
        match mistakes.is_empty() {
            true => crate::syntax::fmt::format(&file),
            false => text,
        }
    }

    /// The value as source text of the language. What is not concrete is shown as it stands.
    pub fn to_source(self) -> String {
        self.ev().source(self.v)
    }

    /// The whole value as JSON text, errors and types included, in the form that `eval --out tree` prints.
    pub fn tree(self) -> String {
        let mut ev = self.ev();
        ev.all_errors(self.v, false);
        let tree = ev.tree(self.v);
        crate::eval::tree::text(&tree)
    }
}

/// What is compiled is shared between threads. An instance may move between them, though it is used by one at a time: programs that
/// wait while they evaluate rely on it.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Program>();
    shared::<(Data, Shared, Path, Budget, Source, SourceMap, Failure, Diagnostic, TypeError)>();
    fn sendable<T: Send>() {}
    sendable::<Instance>();
};
