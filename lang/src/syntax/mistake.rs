//! Words mistakes of grammar: what could have stood at a place, what was found, and advice for frequent ones. Tests: `tests.rs`.

use super::token::{Tok, Token};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// What could have stood where a parse ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Declaration,
    Value,
    Name,
    /// A name or a string behind a dot.
    Selector,
    /// The path of an import.
    Import,
    Assign,
    Colon,
    In,
    CommaOrIn,
    Brace,
    /// `{`, or a clause of a comprehension.
    Clause,
    /// What separates parts, or the token that ends them: [`Tok::End`] for the file.
    Separator(Tok),
    /// A closing bracket and nothing else.
    Close(Tok),
    /// The end of an expression that stands alone.
    End,
}

impl Want {
    fn describe(self) -> String {
        match self {
            Want::Declaration => "a field or a value".into(),
            Want::Value => "a value".into(),
            Want::Name => "a name".into(),
            Want::Selector => "a name or a string".into(),
            Want::Import => "the path of a package in quotes".into(),
            Want::Assign => "`=`".into(),
            Want::Colon => "`:`".into(),
            Want::In => "`in`".into(),
            Want::CommaOrIn => "`in` or `,`".into(),
            Want::Brace => "`{`".into(),
            Want::Clause => "`{` or another clause".into(),
            Want::Separator(Tok::End) => "`,` or a new line".into(),
            Want::Separator(close) => format!("`,`, a new line or {}", close.describe()),
            Want::Close(close) => close.describe().into(),
            Want::End => "an operator or the end of the expression".into(),
        }
    }
}

/// Words a mistake at `at`. `None` where it has been told of already.
pub(crate) fn describe(
    file: FileId,
    text: &str,
    tokens: &[Token],
    at: usize,
    want: Want,
) -> Option<Diagnostic> {
    let token = tokens.get(at).copied();
    if token.is_some_and(|t| matches!(t.tok, Tok::Bad | Tok::BadDecl)) {
        return None;
    }
    let before = at.checked_sub(1).and_then(|i| tokens.get(i)).copied();
    if before.is_some_and(|t| t.tok == Tok::Bad) {
        return None;
    }
    let found = match token {
        None if want == Want::End => "its end".to_owned(),
        None => Tok::End.describe().to_owned(),
        Some(t) if t.is_inserted_comma() => "the end of the line".to_owned(),
        Some(t) => match t.tok {
            Tok::Ident | Tok::Number | Tok::String => {
                let text = text.get(t.start as usize..t.end as usize).unwrap_or("");
                let text = text.lines().next().unwrap_or("");
                format!("`{}`", text.chars().take(40).collect::<String>())
            }
            tok => tok.describe().to_owned(),
        },
    };
    let span = match token {
        Some(t) => Span::new(file, t.start as usize, t.end as usize),
        None => Span::new(file, text.len(), text.len()),
    };
    let d =
        Diagnostic::new(Code::Syntax, format!("expected {}, found {found}", want.describe())).at(span, "");
    let slice = |t: Token| text.get(t.start as usize..t.end as usize);
    let adjoining = before
        .zip(token)
        .is_some_and(|(b, t)| b.tok == Tok::Number && t.tok == Tok::Ident && b.end == t.start);
    let words = (before.and_then(slice).unwrap_or(""), token.and_then(slice).unwrap_or(""));
    let elsewhere = foreign(words, adjoining, text.get(span.start as usize..).unwrap_or(""), want);
    Some(match elsewhere.or_else(|| hint(before, token, want)) {
        Some(h) => d.hint(h),
        None => d,
    })
}

/// Advice where something is written as other languages have it: the words before and at the mistake, whether a number adjoins it, and the text from it on.
fn foreign((before, found): (&str, &str), number: bool, rest: &str, want: Want) -> Option<&'static str> {
    Some(match (before, found) {
        ("package" | "import", _) if matches!(want, Want::Separator(_)) => {
            "the package clause and imports stand before the fields of a file"
        }
        ("else", "if") => "there is no `else if`: write an `if` of its own with the other condition",
        (_, "and") => "the operator is `&&`",
        (_, "or") => "the operator is `||`",
        ("not", _) => "the operator is `!`",
        ("#", _) => "a comment begins with `//`",
        ("?", _) => "there is no `condition ? a : b`: `[if condition {a}, b][0]` is the one or the other",
        _ if rest.starts_with("/*") => "a comment begins with `//` and ends with its line",
        _ if number => "units of numbers are K, M, G, T, P and Ki, Mi, Gi, Ti, Pi",
        _ => return None,
    })
}

/// Advice for frequent mistakes.
fn hint(before: Option<Token>, found: Option<Token>, want: Want) -> Option<&'static str> {
    let found = found?;
    let before = before.map(|t| t.tok);
    let separator = matches!(want, Want::Separator(_));
    match (found.tok, want) {
        (Tok::Colon, Want::Assign) => None,
        (Tok::Colon, Want::Separator(Tok::RBrack)) => {
            Some("a list holds no fields: is `]` missing before this one?")
        }
        (Tok::Colon, Want::Separator(Tok::RParen)) => {
            Some("arguments are no fields: is `)` missing before this one?")
        }
        (Tok::Colon, _) => Some("a label is a name, a string, `(expression)` or `[pattern]`"),
        (Tok::Assign, _) => {
            Some("a field is written `name: value`; `let name = value` gives a name to an expression")
        }
        (Tok::Comma | Tok::RBrace, _) if before == Some(Tok::Colon) => Some("a field needs a value"),
        (Tok::Package, _) => Some("the package clause stands alone on the first line"),
        (Tok::Comma, Want::Close(Tok::RParen)) if found.is_inserted_comma() => {
            Some("put `)` on this line, or end the line with an operator")
        }
        _ if separator && matches!(before, Some(Tok::Ident | Tok::String)) => {
            Some("a field is written `name: value`, and declarations are separated by `,` or a new line")
        }
        _ if separator => Some("declarations and elements are separated by `,` or a new line"),
        _ => None,
    }
}
