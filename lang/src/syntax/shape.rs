//! For tests: what a tree says, without where and how it was written.

use super::ast::*;
use std::fmt::Write;

/// The meaning of a file as text: two files of the same shape differ in white space, comments and spelling only.
pub(super) fn shape(f: &File) -> String {
    let mut out = String::new();
    for a in &f.attributes {
        let _ = writeln!(out, "{}", a.text);
    }
    if let Some(p) = &f.package {
        let _ = writeln!(out, "package {}", p.name.name);
    }
    for s in f.imports.iter().flat_map(|i| &i.specs) {
        let name = s.name.as_ref().map_or("", |n| n.name);
        let _ = writeln!(out, "import {name} {}", s.path.text());
    }
    decls(&f.decls, &mut out);
    out
}

/// Every comment line of a file, in no order.
pub(super) fn comments(text: &str) -> Vec<String> {
    let lexed = super::lexer::lex(crate::source::FileId(0), text);
    let mut all: Vec<String> =
        lexed.comments.iter().map(|(l, r)| text[*l as usize..*r as usize].trim_end().to_owned()).collect();
    all.sort();
    all
}

fn decls(ds: &[Decl], out: &mut String) {
    for d in ds {
        match &d.kind {
            DeclKind::Field(f) => {
                if let Some(a) = &f.alias {
                    let _ = write!(out, "{}=", a.name);
                }
                match &f.label.kind {
                    LabelKind::Ident(n) => out.push_str(n),
                    LabelKind::String(s) => {
                        let _ = write!(out, "{:?}", s.value());
                    }
                    LabelKind::Interpolation(x) => expr(x, out),
                    LabelKind::Dynamic(x) => {
                        out.push_str("dynamic ");
                        expr(x, out);
                    }
                    LabelKind::Pattern(x) => {
                        out.push_str("pattern ");
                        expr(x, out);
                    }
                }
                let _ = write!(out, "{:?}: ", f.constraint);
                expr(&f.value, out);
                for a in &f.attributes {
                    let _ = write!(out, " {}", a.text);
                }
            }
            DeclKind::Embed(x) => expr(x, out),
            DeclKind::Let { name, value } => {
                let _ = write!(out, "let {} = ", name.name);
                expr(value, out);
            }
            DeclKind::Ellipsis(_) => out.push_str("..."),
            DeclKind::Attribute(a) => out.push_str(a.text),
            DeclKind::Bad => out.push_str("bad"),
        }
        out.push('\n');
    }
}

fn exprs<'a, 't: 'a>(xs: impl IntoIterator<Item = &'a Expr<'t>>, out: &mut String) {
    for x in xs {
        expr(x, out);
        out.push(';');
    }
}

fn expr(x: &Expr, out: &mut String) {
    out.push('(');
    match &x.kind {
        ExprKind::Bad => out.push_str("bad"),
        ExprKind::Ident(n) => out.push_str(n),
        ExprKind::Bottom => out.push_str("_|_"),
        ExprKind::Null => out.push_str("null"),
        ExprKind::Bool(b) => {
            let _ = write!(out, "{b}");
        }
        ExprKind::Number(n) => {
            // `1.` is `1.0`, and `.5` is `0.5`.
            let n = n.to_ascii_lowercase();
            let (whole, rest) = n.split_once('.').unwrap_or((&n, ""));
            let _ =
                write!(out, "{} {}", whole.trim_start_matches('0'), rest.strip_prefix('0').unwrap_or(rest));
        }
        ExprKind::String(s) => {
            let _ = write!(out, "{} {:?}", s.bytes, s.value());
        }
        ExprKind::Interpolation(i) => {
            i.parts.iter().for_each(|p| {
                let _ = write!(out, "{:?}", p.value());
            });
            exprs(&i.exprs, out);
        }
        ExprKind::Struct(s) => decls(&s.decls, out),
        ExprKind::List(l) => {
            exprs(&l.elems, out);
            if let Some(e) = &l.ellipsis {
                out.push_str("...");
                exprs(e.value.as_deref(), out);
            }
        }
        ExprKind::Comprehension(c) => {
            for clause in &c.clauses {
                match &clause.kind {
                    ClauseKind::For { key, value, source } => {
                        let _ = write!(out, "for {:?} {} ", key.as_ref().map(|k| &k.name), value.name);
                        expr(source, out);
                    }
                    ClauseKind::If(x) => {
                        out.push_str("if ");
                        expr(x, out);
                    }
                    ClauseKind::Let { name, value } => {
                        let _ = write!(out, "let {} ", name.name);
                        expr(value, out);
                    }
                    ClauseKind::Try(b) => {
                        out.push_str("try ");
                        exprs(b.as_ref().map(|b| &b.1), out);
                    }
                }
            }
            expr(&c.value, out);
            exprs(c.otherwise.as_ref(), out);
        }
        ExprKind::Unary { op, x, .. } => {
            out.push_str(op.as_str());
            expr(x, out);
        }
        ExprKind::Binary { op, l, r, .. } => {
            expr(l, out);
            out.push_str(op.as_str());
            expr(r, out);
        }
        ExprKind::Selector { x, sel } => {
            expr(x, out);
            match &sel.kind {
                LabelKind::Ident(n) => out.push_str(n),
                LabelKind::String(s) => {
                    let _ = write!(out, "{:?}", s.value());
                }
                _ => {}
            }
        }
        ExprKind::Index { x, index } => {
            expr(x, out);
            expr(index, out);
        }
        ExprKind::Slice { x, lo, hi } => {
            expr(x, out);
            exprs(lo.as_deref(), out);
            out.push(':');
            exprs(hi.as_deref(), out);
        }
        ExprKind::Call { fun, args, .. } => {
            expr(fun, out);
            exprs(args, out);
        }
        ExprKind::Paren(x) | ExprKind::Open(x) => expr(x, out),
        ExprKind::Alias { name, value } => {
            let _ = write!(out, "{}=", name.name);
            expr(value, out);
        }
    }
    out.push(')');
}
