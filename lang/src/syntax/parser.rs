//! Drives the grammar: arranges tokens, and goes on after a mistake.
//!
//! After a mistake the declaration around it is replaced by one token and the text is parsed again, so that each mistake is
//! reported once and does not hide those behind it. Tests: `tests.rs`.

use super::ast;
use super::grammar::{Parser, Stopped};
use super::lexer;
use super::token::{Tok, Token};
use super::{comments, layout, mistake};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// How many mistakes of grammar are looked for in one file.
const MAX_MISTAKES: usize = 20;

/// Parses a file.
pub(crate) fn file(file: FileId, text: &str) -> (ast::File<'_>, Vec<Diagnostic>) {
    let mut lexed = lexer::lex(file, text);
    let notes = std::mem::take(&mut lexed.comments);
    let (tree, errors) = parse(file, text, lexed, true, |p| p.file());
    let mut tree = tree.unwrap_or_else(|| ast::File { id: file, ..ast::File::default() });
    comments::attach(&mut tree, text, &notes);
    (tree, errors)
}

/// Parses an expression.
pub(crate) fn expr(file: FileId, text: &str) -> (ast::Expr<'_>, Vec<Diagnostic>) {
    let mut lexed = lexer::lex(file, text);
    let notes = std::mem::take(&mut lexed.comments);
    let (tree, errors) = parse(file, text, lexed, false, |p| p.whole_expr());
    let mut tree = tree.unwrap_or_else(|| ast::Expr::new(ast::ExprKind::Bad, Span::new(file, 0, text.len())));
    comments::attach_expr(&mut tree, file, text, &notes);
    (tree, errors)
}

/// Parses by one rule. `recover`: whether declarations with a mistake are given up for those behind them.
fn parse<'t, T>(
    file: FileId,
    text: &'t str,
    lexed: lexer::Lexed,
    recover: bool,
    rule: impl Fn(&mut Parser<'t, '_>) -> Result<T, Stopped>,
) -> (Option<T>, Vec<Diagnostic>) {
    if text.len() >= u32::MAX as usize {
        return (None, vec![Diagnostic::new(Code::Syntax, "the file is larger than 4 GiB")]);
    }
    let (mut tokens, mut errors) = layout::arrange(file, text, lexed);
    let mut tree = None;
    for _ in 0..MAX_MISTAKES {
        let mut parser = Parser::new(file, text, &tokens);
        let parsed = rule(&mut parser);
        let (mut found, mistake) = (parser.b.errors, parser.mistake);
        if let Ok(t) = parsed {
            errors.append(&mut found);
            tree = Some(t);
            break;
        }
        let Some((at, want)) = mistake else { break };
        errors.extend(mistake::describe(file, text, &tokens, at, want));
        if !recover || !replace(&mut tokens, at) {
            errors.append(&mut found);
            break;
        }
    }
    errors.sort_by_key(|d| d.labels.first().map_or(0, |l| l.span.start));
    errors.dedup();
    (tree, errors)
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
    let bad = Token { tok: Tok::BadDecl, end: tokens[end - 1].end, ..tokens[start] };
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
