//! Drives the generated parser: arranges tokens, goes on after a mistake, and words what was expected.
//!
//! After a mistake the declaration around it is replaced by one token and the text is parsed again, so that each mistake is
//! reported once and does not hide those behind it. Tests: below and in `tests.rs`.

use super::ast;
use super::build::Builder;
use super::lexer;
use super::token::{Tok, Token};
use super::{comments, grammar, layout};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};
use lalrpop_util::ParseError;
use std::cell::Cell;

/// How many mistakes of grammar are looked for in one file.
const MAX_MISTAKES: usize = 20;

/// Parses a file.
pub(crate) fn file(file: FileId, text: &str) -> (ast::File, Vec<Diagnostic>) {
    let lexed = lexer::lex(file, text);
    let notes = lexed.comments.clone();
    let run = Run { file, text, recover: true };
    let (tree, errors) =
        run.parse(lexed, |b, tokens| grammar::FileParser::new().parse(b, tokens).map(|i| b.file(i)));
    let mut tree = tree.unwrap_or_else(|| ast::File { id: file, ..ast::File::default() });
    comments::attach(&mut tree, text, &notes);
    (tree, errors)
}

/// Parses an expression.
pub(crate) fn expr(file: FileId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    let lexed = lexer::lex(file, text);
    let notes = lexed.comments.clone();
    let run = Run { file, text, recover: false };
    let (tree, errors) = run.parse(lexed, |b, tokens| grammar::ExpressionParser::new().parse(b, tokens));
    let mut tree = tree.unwrap_or_else(|| ast::Expr::new(ast::ExprKind::Bad, Span::new(file, 0, text.len())));
    comments::attach_expr(&mut tree, file, text, &notes);
    (tree, errors)
}

type Triple = (u32, Tok, u32);

struct Run<'a> {
    file: FileId,
    text: &'a str,
    recover: bool,
}

impl Run<'_> {
    fn parse<T>(
        self,
        lexed: lexer::Lexed,
        grammar: impl Fn(&Builder<'_>, &mut dyn Iterator<Item = Triple>) -> Result<T, ParseError<u32, Tok, ()>>,
    ) -> (Option<T>, Vec<Diagnostic>) {
        if self.text.len() >= u32::MAX as usize {
            return (None, vec![Diagnostic::new(Code::Syntax, "the file is larger than 4 GiB")]);
        }
        let (mut tokens, mut errors) = layout::arrange(self.file, self.text, lexed);
        let mut tree = None;
        for _ in 0..MAX_MISTAKES {
            let read = Cell::new(0usize);
            let builder = Builder::new(self.file, self.text);
            let mut stream = tokens.iter().map(|t| {
                read.set(read.get() + 1);
                (t.start, t.tok, t.end)
            });
            match grammar(&builder, &mut stream) {
                Ok(t) => {
                    tree = Some(t);
                    errors.extend(builder.into_errors());
                    break;
                }
                Err(e) => {
                    let at = match &e {
                        ParseError::UnrecognizedEof { .. } => tokens.len(),
                        _ => read.get().saturating_sub(1),
                    };
                    errors.extend(self.describe(&tokens, at, e));
                    if !self.recover || !replace(&mut tokens, at) {
                        errors.extend(builder.into_errors());
                        break;
                    }
                }
            }
        }
        errors.sort_by_key(|d| d.labels.first().map_or(0, |l| l.span.start));
        errors.dedup();
        (tree, errors)
    }

    /// Words a mistake. `None` where it has been told of already.
    fn describe(&self, tokens: &[Token], at: usize, e: ParseError<u32, Tok, ()>) -> Option<Diagnostic> {
        let (ParseError::UnrecognizedToken { expected, .. } | ParseError::UnrecognizedEof { expected, .. }) =
            e
        else {
            return Some(Diagnostic::new(Code::Syntax, "the text goes on where it should end"));
        };
        let token = tokens.get(at).copied();
        if token.is_some_and(|t| matches!(t.tok, Tok::Bad | Tok::BadDecl)) {
            return None;
        }
        let before = at.checked_sub(1).and_then(|i| tokens.get(i)).copied();
        if before.is_some_and(|t| t.tok == Tok::Bad) {
            return None;
        }
        let found = match token {
            None => "the end of the file".to_owned(),
            Some(t) if t.is_inserted_comma() => "the end of the line".to_owned(),
            Some(t) => match t.tok {
                Tok::Ident | Tok::Number | Tok::String => {
                    let text = self.text.get(t.start as usize..t.end as usize).unwrap_or("");
                    let text = text.lines().next().unwrap_or("");
                    format!("`{}`", text.chars().take(40).collect::<String>())
                }
                tok => tok.describe().to_owned(),
            },
        };
        let span = match token {
            Some(t) => Span::new(self.file, t.start as usize, t.end as usize),
            None => Span::new(self.file, self.text.len(), self.text.len()),
        };
        let has = |name: &str| expected.iter().any(|e| e.trim_matches('"') == name);
        let wanted = if has("name") && has("number") {
            if has("bad-declaration") { "a field or a value" } else { "a value" }.to_owned()
        } else if has(",") && has("+") {
            // Behind a whole operand.
            let ends: Vec<&str> = ["}", "]", ")"].into_iter().filter(|c| has(c)).collect();
            match ends.first() {
                Some(c) => format!("`,`, a new line or `{c}`"),
                None => "`,` or a new line".to_owned(),
            }
        } else if has("{") && has("for") {
            "`{` or another clause".to_owned()
        } else {
            let names: Vec<String> = expected
                .iter()
                .map(|e| e.trim_matches('"'))
                .filter(|e| !matches!(*e, "bad" | "bad-declaration"))
                // What continues an operand is hardly ever what is missing.
                .filter(|e| expected.len() < 4 || !matches!(*e, "." | "..." | "(" | "[" | "="))
                .map(|e| match e {
                    "name" => "a name".to_owned(),
                    "string" => "a string".to_owned(),
                    "interp-mid" | "interp-end" => "`)`".to_owned(),
                    e => format!("`{e}`"),
                })
                .take(6)
                .collect();
            let mut names = names;
            names.dedup();
            match names.split_last() {
                Some((last, [])) => last.clone(),
                Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
                None => "something else".to_owned(),
            }
        };
        let d = Diagnostic::new(Code::Syntax, format!("expected {wanted}, found {found}")).at(span, "");
        Some(match hint(before, token, &expected) {
            Some(h) => d.hint(h),
            None => d,
        })
    }
}

/// Advice for frequent mistakes.
fn hint(before: Option<Token>, found: Option<Token>, expected: &[String]) -> Option<&'static str> {
    let found = found?;
    let before = before.map(|t| t.tok);
    let comma = expected.iter().any(|e| e == "\",\"");
    match found.tok {
        Tok::Colon if expected.iter().any(|e| e == "\"=\"") => None,
        Tok::Colon => Some("a label is a name, a string, `(expression)` or `[pattern]`"),
        Tok::Assign => {
            Some("a field is written `name: value`; `let name = value` gives a name to an expression")
        }
        Tok::Comma if before == Some(Tok::Colon) => Some("a field needs a value"),
        Tok::RBrace if before == Some(Tok::Colon) => Some("a field needs a value"),
        Tok::Package => Some("the package clause stands alone on the first line"),
        _ if comma && matches!(before, Some(Tok::Ident | Tok::String)) && found.tok != Tok::Comma => {
            Some("a field is written `name: value`, and declarations are separated by `,` or a new line")
        }
        _ if comma => Some("declarations and elements are separated by `,` or a new line"),
        _ => None,
    }
}

/// Replaces the declaration around a mistake by one token. `false` where there is nothing to replace.
fn replace(tokens: &mut Vec<Token>, at: usize) -> bool {
    let mut start = at;
    let mut depth = 0usize;
    let mut inside = false;
    while start > 0 {
        let tok = tokens[start - 1].tok;
        match tok {
            Tok::Comma if depth == 0 && !inside => break,
            _ => {}
        }
        if tok.closes() {
            depth += 1;
        }
        if tok.opens() {
            if depth > 0 {
                depth -= 1;
            } else if tok == Tok::LBrace {
                break;
            } else {
                // Inside of parentheses or a list: the declaration is further out.
                inside = true;
            }
        }
        start -= 1;
        if inside && depth == 0 {
            // Look for the separator on the level outside of the bracket.
            inside = false;
        }
    }
    let mut end = at;
    depth = 0;
    let mut outer = enclosing(tokens, start, at);
    while let Some(t) = tokens.get(end) {
        if t.tok == Tok::Comma && depth == 0 && outer == 0 {
            break;
        }
        if t.tok.closes() {
            if depth > 0 {
                depth -= 1;
            } else if outer > 0 {
                outer -= 1;
            } else {
                break;
            }
        }
        if t.tok.opens() {
            depth += 1;
        }
        end += 1;
    }
    let only_bad = |t: &[Token]| t.iter().all(|t| t.tok == Tok::BadDecl);
    if only_bad(&tokens[start..end]) {
        // The mistake is that nothing may stand here: join with what is before, or remove a stray separator.
        if start == end && tokens.get(end).is_some_and(|t| t.tok == Tok::Comma) {
            tokens.remove(end);
            return true;
        }
        if start == 0 || tokens[start - 1].tok != Tok::Comma {
            return false;
        }
        let before = start - 1;
        tokens.remove(before);
        return replace(tokens, before);
    }
    let bad = Token { tok: Tok::BadDecl, start: tokens[start].start, end: tokens[end - 1].end };
    tokens.splice(start..end, [bad]);
    true
}

/// How many brackets are open at `at` since `start`.
fn enclosing(tokens: &[Token], start: usize, at: usize) -> usize {
    let mut open = 0usize;
    for t in &tokens[start..at.min(tokens.len())] {
        if t.tok.closes() {
            open = open.saturating_sub(1);
        }
        if t.tok.opens() {
            open += 1;
        }
    }
    open
}
