//! Names that stand for different things in the files of a package, as imports, `let`s and aliases of a file do, get different names, so that the files can be one
//! (`merge.rs`). The texts are changed where such a name is declared and where it is meant, not where a nearer one hides it.

use super::ast::{
    Clause, ClauseKind, Comprehension, Decl, DeclKind, Expr, ExprKind, File, Ident, ImportSpec, LabelKind,
};
use super::merge::local;
use crate::source::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The texts of the files of a package with other names where one stands for different things. A text that cannot be read is left as it is.
///
/// ```
/// use stepwell_lang::syntax::apart::apart;
/// let texts = apart(&["import \"list\"\nlet x = 1\na: list.Max([x])\n", "let x = 2\nb: {c: x, d: {x: 3, y: x}}\n"]);
/// assert_eq!(texts[1], "let x_1 = 2\nb: {c: x_1, d: {x: 3, y: x}}\n");
/// ```
pub fn apart(texts: &[&str]) -> Vec<String> {
    let files: Vec<File<'_>> =
        texts.iter().map(|text| super::parse(FileId(0), text)).map(|(file, _)| file).collect();
    let part = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '#'));
    let mut words: BTreeSet<&str> = texts.iter().flat_map(|text| text.split(part)).collect();
    let fields: BTreeSet<&str> = files.iter().flat_map(|f| &f.decls).filter_map(field_name).collect();
    // What a name that a file declares for itself stands for so far: the path of an import, or nothing that another file could mean.
    let mut taken: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut fresh: Vec<String> = Vec::new();
    let mut renames: Vec<Vec<(String, usize)>> = Vec::new();
    for file in &files {
        let mut own = Vec::new();
        let imports = file.imports.iter().flat_map(|d| &d.specs);
        let imports = imports.map(|spec| (local(spec), Some(spec.path.text().into_owned())));
        let locals = file.decls.iter().filter_map(local_name).map(|name| (name.to_owned(), None));
        for (name, path) in imports.chain(locals) {
            let clash = match taken.get(&name) {
                Some(known) => path.is_none() || *known != path,
                None => fields.contains(name.as_str()),
            };
            if !clash {
                taken.insert(name, path);
                continue;
            }
            // An import may have got a name in another file already.
            let known = path.as_ref().and_then(|p| taken.iter().find(|(_, known)| known.as_ref() == Some(p)));
            let new = match known {
                Some((new, _)) => new.clone(),
                None => (1_u32..)
                    .map(|n| format!("{name}_{n}"))
                    .find(|n| !words.contains(n.as_str()) && !fresh.contains(n))
                    .unwrap_or_default(),
            };
            taken.insert(new.clone(), path);
            own.push((name, fresh.len()));
            fresh.push(new);
        }
        renames.push(own);
    }
    words.clear();
    let mut out = Vec::new();
    for ((text, file), own) in texts.iter().zip(&files).zip(&renames) {
        let names = own.iter().map(|(old, new)| (old.as_str(), fresh[*new].as_str())).collect();
        let mut renamer = Renamer { names, hidden: Vec::new(), edits: Vec::new() };
        renamer.file(file);
        out.push(edited(text, renamer.edits));
    }
    out
}

fn edited(text: &str, mut edits: Vec<(Span, String)>) -> String {
    edits.sort_by_key(|e| e.0.start);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (span, new) in edits {
        let (start, end) = (span.start as usize, span.end as usize);
        out.push_str(text.get(at..start).unwrap_or_default());
        out.push_str(&new);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The name that a declaration declares for its own file.
fn local_name<'t>(d: &Decl<'t>) -> Option<&'t str> {
    match &d.kind {
        DeclKind::Let { name, .. } => Some(name.name),
        DeclKind::Field(f) => f.alias.as_ref().map(|a| a.name),
        _ => None,
    }
}

/// The name of a field.
fn field_name<'t>(d: &Decl<'t>) -> Option<&'t str> {
    match &d.kind {
        DeclKind::Field(f) => match f.label.kind {
            LabelKind::Ident(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

struct Renamer<'n> {
    /// Old and new names.
    names: Vec<(&'n str, &'n str)>,
    /// Names that something around declares.
    hidden: Vec<String>,
    edits: Vec<(Span, String)>,
}

impl Renamer<'_> {
    fn new_name(&self, name: &str) -> Option<String> {
        self.names.iter().find(|(old, _)| *old == name).map(|(_, new)| (*new).to_owned())
    }

    fn file(&mut self, file: &File<'_>) {
        if self.names.is_empty() {
            return;
        }
        for spec in file.imports.iter().flat_map(|d| &d.specs) {
            self.import(spec);
        }
        for d in &file.decls {
            match &d.kind {
                DeclKind::Let { name, .. } => self.declared(name),
                DeclKind::Field(f) => f.alias.iter().for_each(|a| self.declared(a)),
                _ => {}
            }
            self.decl(d);
        }
    }

    fn import(&mut self, spec: &ImportSpec<'_>) {
        let Some(new) = self.new_name(&local(spec)) else { return };
        match &spec.name {
            Some(name) => self.edits.push((name.span, new)),
            None => {
                self.edits.push((Span { end: spec.path.span.start, ..spec.path.span }, format!("{new} ")))
            }
        }
    }

    fn declared(&mut self, name: &Ident<'_>) {
        if let Some(new) = self.new_name(name.name) {
            self.edits.push((name.span, new));
        }
    }

    /// Goes through a part in which some names mean something else.
    fn within(&mut self, names: &[&str], f: impl FnOnce(&mut Self)) {
        let before = self.hidden.len();
        self.hidden.extend(names.iter().map(|n| (*n).to_owned()));
        crate::compile::stack(|| f(self));
        self.hidden.truncate(before);
    }

    fn decl(&mut self, d: &Decl<'_>) {
        match &d.kind {
            DeclKind::Field(f) => {
                let alias = match &f.label.kind {
                    LabelKind::Interpolation(x) | LabelKind::Dynamic(x) | LabelKind::Pattern(x) => {
                        self.label(x)
                    }
                    LabelKind::Ident(_) | LabelKind::String(_) => None,
                };
                let names: Vec<&str> = alias.into_iter().collect();
                self.within(&names, |r| r.expr(&f.value));
            }
            DeclKind::Embed(x) | DeclKind::Let { value: x, .. } | DeclKind::Ellipsis(Some(x)) => self.expr(x),
            DeclKind::Ellipsis(None) | DeclKind::Attribute(_) | DeclKind::Bad => {}
        }
    }

    /// Goes through a label; gives the name that it declares for its value.
    fn label<'t>(&mut self, x: &Expr<'t>) -> Option<&'t str> {
        match &x.kind {
            ExprKind::Alias { name, value } => {
                self.expr(value);
                Some(name.name)
            }
            _ => {
                self.expr(x);
                None
            }
        }
    }

    fn expr(&mut self, x: &Expr<'_>) {
        crate::compile::stack(|| self.expr_here(x));
    }

    fn expr_here(&mut self, x: &Expr<'_>) {
        match &x.kind {
            ExprKind::Ident(name) => {
                if !self.hidden.iter().any(|h| h == name)
                    && let Some(new) = self.new_name(name)
                {
                    self.edits.push((x.span, new));
                }
            }
            ExprKind::Interpolation(i) => i.exprs.iter().for_each(|e| self.expr(e)),
            ExprKind::Struct(s) => {
                let names: Vec<&str> =
                    s.decls.iter().flat_map(|d| [local_name(d), field_name(d)]).flatten().collect();
                self.within(&names, |r| s.decls.iter().for_each(|d| r.decl(d)));
            }
            ExprKind::List(l) => {
                l.elems.iter().for_each(|e| self.expr(e));
                l.ellipsis.iter().filter_map(|e| e.value.as_ref()).for_each(|e| self.expr(e));
            }
            ExprKind::Comprehension(c) => self.comprehension(c, &c.clauses),
            ExprKind::Unary { x, .. } | ExprKind::Paren(x) | ExprKind::Open(x) => self.expr(x),
            ExprKind::Selector { x, .. } => self.expr(x),
            ExprKind::Binary { l, r, .. } => [l, r].into_iter().for_each(|e| self.expr(e)),
            ExprKind::Index { x, index } => [x, index].into_iter().for_each(|e| self.expr(e)),
            ExprKind::Slice { x, lo, hi } => {
                self.expr(x);
                lo.iter().chain(hi).for_each(|e| self.expr(e));
            }
            ExprKind::Call { fun, args, .. } => {
                self.expr(fun);
                args.iter().for_each(|e| self.expr(e));
            }
            ExprKind::Alias { name, value } => self.within(&[name.name], |r| r.expr(value)),
            ExprKind::Bad
            | ExprKind::Bottom
            | ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::String(_) => {}
        }
    }

    /// The clauses that are left, each of which may declare names for those behind it and for the value.
    fn comprehension(&mut self, c: &Comprehension<'_>, clauses: &[Clause<'_>]) {
        let Some((first, rest)) = clauses.split_first() else {
            self.expr(&c.value);
            c.otherwise.iter().for_each(|e| self.expr(e));
            return;
        };
        let names: Vec<&str> = match &first.kind {
            ClauseKind::For { key, value, source } => {
                self.expr(source);
                key.iter().chain([value]).map(|n| n.name).collect()
            }
            ClauseKind::If(x) => {
                self.expr(x);
                Vec::new()
            }
            ClauseKind::Let { name, value } | ClauseKind::Try(Some((name, value))) => {
                self.expr(value);
                vec![name.name]
            }
            ClauseKind::Try(None) => Vec::new(),
        };
        self.within(&names, |r| r.comprehension(c, rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearer_keeps_its_name() {
        let first = "import \"math\"\nlet x = 1\nA=\"a-b\": x\n";
        let second = "import (\n\t\"ex.test/math\"\n\tm \"math\"\n)\nlet x = math.y + m.Pi\nA=\"c\": {\n\t\"\\(x)\": x\n\t[x=string]: x\n\tl: [for x in [x] if x > 0 let math = x {x + math}, x, ...x]\n\tv: x={y: x}\n\tw: -x & (x.x | x[x])\n\tlet A = x\n\tu: A\n}\nd: A\n";
        let texts = apart(&[first, second]);
        assert_eq!(texts[0], first);
        let want = "import (\n\tmath_1 \"ex.test/math\"\n\tm \"math\"\n)\nlet x_1 = math_1.y + m.Pi\nA_1=\"c\": {\n\t\"\\(x_1)\": x_1\n\t[x=string]: x\n\tl: [for x in [x_1] if x > 0 let math = x {x + math}, x_1, ...x_1]\n\tv: x={y: x}\n\tw: -x_1 & (x_1.x | x_1[x_1])\n\tlet A = x_1\n\tu: A\n}\nd: A_1\n";
        assert_eq!(texts[1], want);
    }

    #[test]
    fn a_field_of_the_package_is_not_hidden() {
        let texts =
            apart(&["let x = 1\na: x\n", "x: 2\nb: x\n", "import \"strings\"\nc: strings.ToUpper(\"\")\n"]);
        assert_eq!(texts[0], "let x_1 = 1\na: x_1\n");
        assert_eq!(texts[1], "x: 2\nb: x\n");
        // The same import in two files is one.
        let import = "import \"strings\"\nc: strings.Join([], \"\")\n";
        assert_eq!(apart(&[import, import]), [import, import]);
    }
}
