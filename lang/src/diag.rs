//! The one diagnostic type of the language: what is wrong, at which path, at which places, and what to do.
//!
//! Errors are data here and are rendered elsewhere (`report.rs`). Codes are never reused once released.

use crate::source::{Position, SourceMap, Span};

/// What kind of mistake a diagnostic tells of. The text form (`as_str`) is what tools see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The text is not in the language's grammar.
    Syntax,
    /// A literal that does not denote a value.
    Literal,
    /// A name that nothing declares, or that may not be declared here.
    Reference,
    /// An import that cannot be resolved or is not used.
    Import,
    /// Two values that do not unify.
    Conflict,
    /// A field that a closed struct does not allow.
    NotAllowed,
    /// A required field that is not there.
    Required,
    /// A value that is not concrete where one is needed.
    Incomplete,
    /// A field or element that does not exist.
    Undefined,
    /// Every branch of a disjunction failed.
    EmptyDisjunction,
    /// More than one branch of a disjunction is left, and no default.
    Ambiguous,
    /// A value depends on itself.
    Cycle,
    /// A struct that would contain itself for ever.
    StructuralCycle,
    /// A function was called with what it does not take, or failed.
    Call,
    /// An operator was given what it does not take.
    Operand,
    /// An error that the program itself states with `error(...)`, or a literal `_|_`.
    User,
    /// The evaluation used up its budget or was cancelled.
    Budget,
    /// A value that the output format cannot hold.
    Output,
}

impl Code {
    /// The stable name that `--error-format json` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Syntax => "syntax",
            Code::Literal => "literal",
            Code::Reference => "reference",
            Code::Import => "import",
            Code::Conflict => "conflict",
            Code::NotAllowed => "not-allowed",
            Code::Required => "required",
            Code::Incomplete => "incomplete",
            Code::Undefined => "undefined",
            Code::EmptyDisjunction => "empty-disjunction",
            Code::Ambiguous => "ambiguous",
            Code::Cycle => "cycle",
            Code::StructuralCycle => "structural-cycle",
            Code::Call => "call",
            Code::Operand => "operand",
            Code::User => "user",
            Code::Budget => "budget",
            Code::Output => "output",
        }
    }
}

/// A place that takes part in an error, with what is to be said about it (may be empty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, in a few words.
    pub message: String,
}

/// One mistake: headline, path, places and advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of mistake.
    pub code: Code,
    /// The path of the value, as a selector (`a.b."c-d".0`); empty for the root or where there is none.
    pub path: String,
    /// The headline: one sentence without a full stop.
    pub message: String,
    /// Every place that took part; the first is the primary one.
    pub labels: Vec<Label>,
    /// What the user can do, where something helpful can be said.
    pub hint: Option<String>,
    /// Where in the value at the path it is, if the value has alternatives and this is a mistake in one of them. The headline begins with it.
    pub below: Box<str>,
}

impl Diagnostic {
    /// A diagnostic with a code and a headline.
    pub fn new(code: Code, message: impl Into<String>) -> Diagnostic {
        let (path, below) = (String::new(), "".into());
        Diagnostic { code, path, message: message.into(), labels: Vec::new(), hint: None, below }
    }

    /// The headline, and what was meant perhaps: for who has one line.
    pub fn line(&self) -> String {
        match self.hint.as_ref().filter(|hint| hint.starts_with("did you mean ")) {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// Adds a place.
    pub fn at(mut self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Sets the path.
    pub fn path(mut self, path: impl Into<String>) -> Diagnostic {
        self.path = path.into();
        self
    }

    /// Sets the advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The mistake as one of the value at `path`, which it is in.
    pub(crate) fn folded(self, path: &str) -> Diagnostic {
        let mut d = self.unfolded();
        let Some(below) = d.path.strip_prefix(path) else { return d };
        let below: Box<str> = below.trim_start_matches('.').into();
        if !below.is_empty() {
            d.message = format!("{below}: {}", d.message);
            (d.path, d.below) = (path.to_owned(), below);
        }
        d
    }

    /// The mistake at its own path, also where it is one of a value with alternatives that is around it.
    pub fn unfolded(mut self) -> Diagnostic {
        let below = std::mem::take(&mut self.below);
        if let Some(message) = self.message.strip_prefix(&*below).and_then(|m| m.strip_prefix(": ")) {
            let dot = if self.path.is_empty() { "" } else { "." };
            (self.path, self.message) = (format!("{}{dot}{below}", self.path), message.to_owned());
        }
        self
    }

    /// The places as people read them, in order, without repeats.
    pub fn positions(&self, sources: &SourceMap) -> Vec<Position> {
        let mut out: Vec<Position> = Vec::new();
        for p in self.labels.iter().filter_map(|l| sources.position(l.span)) {
            if !out.contains(&p) {
                out.push(p);
            }
        }
        out
    }
}
