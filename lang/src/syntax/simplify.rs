//! `fmt -s`: the same file with less around it. A struct that holds nothing but one field loses its braces (`a: {b: 1}` is `a: b: 1`), and labels that need
//! no quotes lose them. A label keeps them where its name is meant or declared anywhere in the file: without quotes it would be what is meant.

use super::ast::{
    ClauseKind, CommentGroup, Decl, DeclKind, Expr, ExprKind, Field, File, ImportSpec, LabelKind, Place,
    Space, StrLit,
};
use super::merge::local;
use std::collections::BTreeSet;

/// Simplifies a file; what it means stays the same.
///
/// ```
/// use stepwell_lang::{source::FileId, syntax};
/// let (mut file, _) = syntax::parse(FileId(0), "\"a\": {\"b\": {c: 1}}\n\"d\": {e: 1, f: d}\n");
/// syntax::simplify::simplify(&mut file);
/// assert_eq!(syntax::fmt::format(&file), "a: b: c: 1\n\"d\": {e: 1, f: d}\n");
/// ```
pub fn simplify(file: &mut File<'_>) {
    let imports = file.imports.iter().flat_map(|d| &d.specs).map(|spec: &ImportSpec<'_>| local(spec));
    let mut simplifier = Simplifier { names: Names(imports.collect()), unquotes: false };
    for unquotes in [false, true] {
        simplifier.unquotes = unquotes;
        for d in &mut file.decls {
            simplifier.decl(d);
        }
    }
}

/// Names that are meant, or declared other than by fields.
struct Names(BTreeSet<String>);

impl Names {
    fn add(&mut self, name: &str) {
        if !self.0.contains(name) {
            self.0.insert(name.to_owned());
        }
    }
}

/// Goes through a file twice: when all names are known, labels lose their quotes.
struct Simplifier {
    names: Names,
    unquotes: bool,
}

impl Simplifier {
    /// Gives whether comments stand at the declaration, or at the last one of the chain that it begins.
    fn decl(&mut self, d: &mut Decl<'_>) -> bool {
        let mut commented = !d.comments.is_empty();
        match &mut d.kind {
            DeclKind::Field(f) => {
                let inner = self.field(f);
                if !inner && unbrace(f) && commented {
                    // What documents a chain stands at its last field.
                    let (docs, others): (Vec<_>, Vec<_>) =
                        d.comments.take().into_iter().partition(|c| c.place == Place::Doc);
                    d.comments.extend(others);
                    document(d, docs);
                }
                commented |= inner;
            }
            DeclKind::Let { name, value } => {
                self.names.add(name.name);
                self.expr(value);
            }
            DeclKind::Embed(x) | DeclKind::Ellipsis(Some(x)) => self.expr(x),
            DeclKind::Ellipsis(None) | DeclKind::Attribute(_) | DeclKind::Bad => {}
        }
        commented
    }

    /// Gives whether comments stand at the only declaration in its value.
    fn field(&mut self, f: &mut Field<'_>) -> bool {
        if let Some(alias) = &f.alias {
            self.names.add(alias.name);
        }
        match &mut f.label.kind {
            LabelKind::String(text) if self.unquotes => {
                if let Some(name) = plain(text).filter(|name| !self.names.0.contains(*name)) {
                    f.label.kind = LabelKind::Ident(name);
                }
            }
            LabelKind::Interpolation(x) | LabelKind::Dynamic(x) | LabelKind::Pattern(x) => self.expr(x),
            LabelKind::String(_) | LabelKind::Ident(_) => {}
        }
        match &mut f.value.kind {
            ExprKind::Struct(s) if s.decls.len() == 1 => {
                crate::compile::stack(|| s.decls.iter_mut().any(|d| self.decl(d)))
            }
            _ => {
                self.expr(&mut f.value);
                false
            }
        }
    }

    fn expr(&mut self, x: &mut Expr<'_>) {
        crate::compile::stack(|| self.expr_here(x));
    }

    fn expr_here(&mut self, x: &mut Expr<'_>) {
        match &mut x.kind {
            ExprKind::Ident(name) => self.names.add(name),
            ExprKind::Interpolation(i) => i.exprs.iter_mut().for_each(|e| self.expr(e)),
            ExprKind::Struct(s) => {
                for d in &mut s.decls {
                    self.decl(d);
                }
            }
            ExprKind::List(l) => {
                l.elems.iter_mut().for_each(|e| self.expr(e));
                l.ellipsis.iter_mut().filter_map(|e| e.value.as_mut()).for_each(|e| self.expr(e));
            }
            ExprKind::Comprehension(c) => {
                for clause in &mut c.clauses {
                    match &mut clause.kind {
                        ClauseKind::For { source: value, .. } | ClauseKind::If(value) => self.expr(value),
                        ClauseKind::Let { value, .. } | ClauseKind::Try(Some((_, value))) => self.expr(value),
                        ClauseKind::Try(None) => {}
                    }
                }
                self.expr(&mut c.value);
                c.otherwise.iter_mut().for_each(|e| self.expr(e));
            }
            ExprKind::Unary { x, .. } | ExprKind::Paren(x) | ExprKind::Open(x) => self.expr(x),
            ExprKind::Selector { x, .. } => self.expr(x),
            ExprKind::Binary { l, r, .. } => [l, r].into_iter().for_each(|e| self.expr(e)),
            ExprKind::Index { x, index } => [x, index].into_iter().for_each(|e| self.expr(e)),
            ExprKind::Slice { x, lo, hi } => {
                self.expr(x);
                lo.iter_mut().chain(hi).for_each(|e| self.expr(e));
            }
            ExprKind::Call { fun, args, .. } => {
                self.expr(fun);
                args.iter_mut().for_each(|e| self.expr(e));
            }
            ExprKind::Alias { name, value } => {
                self.names.add(name.name);
                self.expr(value);
            }
            ExprKind::Bad
            | ExprKind::Bottom
            | ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::String(_) => {}
        }
    }
}

/// Takes the braces off a struct that holds one field, unless comments or attributes stand in them.
fn unbrace(f: &mut Field<'_>) -> bool {
    let bare = f.attributes.is_empty() && f.value.comments.is_empty();
    let ExprKind::Struct(s) = &mut f.value.kind else { return false };
    let [only] = s.decls.as_mut_slice() else { return false };
    let field = matches!(&only.kind, DeclKind::Field(inner) if inner.attributes.is_empty());
    if !s.braces || !bare || !field {
        return false;
    }
    only.space = Space::None;
    s.braces = false;
    s.close = Space::None;
    true
}

/// Puts documentation to the last field of a chain such as `a: b: c: 1`, where it stands.
fn document<'t>(d: &mut Decl<'t>, docs: Vec<CommentGroup<'t>>) {
    if let DeclKind::Field(f) = &mut d.kind
        && let ExprKind::Struct(s) = &mut f.value.kind
        && !s.braces
        && let [only] = s.decls.as_mut_slice()
    {
        return document(only, docs);
    }
    d.comments.extend(docs);
}

/// The name that a label in quotes has without them.
fn plain<'t>(text: &StrLit<'t>) -> Option<&'t str> {
    let name = text.raw.strip_prefix('"')?.strip_suffix('"')?;
    let private = name.starts_with('_') || name.contains('#');
    (!private && !text.bytes && crate::eval::label::is_identifier(name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::syntax::{fmt::format, parse};

    fn simple(text: &str) -> String {
        let (mut file, mistakes) = parse(FileId(0), text);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        simplify(&mut file);
        let out = format(&file);
        let (mut again, mistakes) = parse(FileId(0), &out);
        assert!(mistakes.is_empty(), "{out}\n{mistakes:?}");
        simplify(&mut again);
        assert_eq!(format(&again), out, "simplifying again changes something");
        out
    }

    #[test]
    fn braces_around_one_field() {
        let text = "a: {\n\tb: {\n\t\tc: 1\n\t}\n}\n// doc\nd: {e: {f: [{g: {h: 1}}]}} // line\ni: {[string]: {j?: int}}\nk: {let l = 1, m: {n: 1}}\nif true {o: {p: 1}}\nq: {(a): {\"\\(a)\": 1}}\n";
        let want = "a: b: c: 1\n// doc\nd: e: f: [{g: h: 1}] // line\ni: [string]: j?:     int\nk: {let l = 1, m: n: 1}\nif true {o: p: 1}\nq: (a): \"\\(a)\": 1\n";
        assert_eq!(simple(text), want);
    }

    #[test]
    fn braces_that_hold_more() {
        for text in [
            "a: {\n\t// doc\n\tb: 1\n}\n",
            "a: {\n\tb: 1 // line\n}\n",
            "a: {\n\tb: 1\n\t// end\n}\n",
            "a: {b: 1} @x()\n",
            "a: {b: 1 @x()}\n",
            "a: {b: 1, @x()}\n",
            "a: {{b: 1}}\nc: {...}\nd: {}\n",
            "a: {b: 1} & {c: 1}\n",
            "a: {if true {b: 1}}\n",
        ] {
            assert_eq!(simple(text), text);
        }
    }

    #[test]
    fn labels_that_need_quotes() {
        let text = "\"a\": {\"b-c\": 1, \"_d\": 1, \"#e\": 1, \"é\"?: 1, \"for\"!: 1}\n";
        assert_eq!(simple(text), "a: {\"b-c\": 1, \"_d\": 1, \"#e\": 1, é?: 1, for!: 1}\n");
        // Without quotes it would be the field that is meant.
        let text = "import \"list\"\n\na: {\"b\": 1, c: b}\nd: {\"list\": 1, \"len\": len([])}\ne: {let f = 1, \"f\": 2}\n";
        assert_eq!(simple(text), text);
    }
}
