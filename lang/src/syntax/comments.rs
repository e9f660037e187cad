//! Gives each comment to a node of the tree.
//!
//! The comments come in order of their places; the walk goes through the tree in the same order and hands each to the
//! nearest node: a comment on the lines before a node is its `Doc`, one behind it on the same line its `Line`, one before a closing
//! bracket is `Inner` to what the bracket closes. The documentation of a chain `a: b: c` goes to its innermost
//! declaration. No comment is lost: what finds no place in the tree goes to the file. Tests: below.

use super::ast::*;
use crate::source::{FileId, Span};

/// Adds the comments of a text to its tree.
pub(crate) fn attach<'t>(file: &mut File<'t>, text: &'t str, comments: &[(u32, u32)]) {
    if comments.is_empty() {
        return;
    }
    let mut w = Walk { groups: groups(file.id, text, comments).into_iter().peekable(), text };
    w.file(file);
}

/// Adds the comments of an expression's text.
pub(crate) fn attach_expr<'t>(x: &mut Expr<'t>, id: FileId, text: &'t str, comments: &[(u32, u32)]) {
    if comments.is_empty() {
        return;
    }
    let mut w = Walk { groups: groups(id, text, comments).into_iter().peekable(), text };
    w.sequence(std::slice::from_mut(x), text.len() as u32);
    let rest = w.rest();
    x.comments.extend(rest.into_iter().map(|g| g.at(Place::After)));
}

struct Group<'t> {
    lines: Vec<(Span, &'t str)>,
    space: Space,
    start: u32,
}

impl<'t> Group<'t> {
    fn at(self, place: Place) -> CommentGroup<'t> {
        CommentGroup { place, lines: self.lines, space: self.space }
    }

    /// Whether it stands on the line of what is before it.
    fn trailing(&self) -> bool {
        self.space < Space::Newline
    }
}

/// Joins comments on consecutive lines. One behind something else on its line stays alone.
fn groups<'t>(id: FileId, text: &'t str, comments: &[(u32, u32)]) -> Vec<Group<'t>> {
    let mut out: Vec<Group<'t>> = Vec::new();
    for &(start, end) in comments {
        let line = text.get(start as usize..end as usize).unwrap_or("").trim_end();
        let span = Span { file: id, start, end };
        let space = space_before(text, start);
        if let Some(last) = out.last_mut()
            && space == Space::Newline
            && !last.trailing()
            && last.lines.last().is_some_and(|(s, _)| {
                text.get(s.end as usize..start as usize).is_some_and(|t| t.trim().is_empty())
            })
        {
            last.lines.push((span, line));
            continue;
        }
        out.push(Group { lines: vec![(span, line)], space, start });
    }
    out
}

fn space_before(text: &str, at: u32) -> Space {
    let before = text.get(..at as usize).unwrap_or("");
    let white = &before[before.trim_end_matches([' ', '\t', '\r', '\n', ',']).len()..];
    match white.bytes().filter(|b| *b == b'\n').count() {
        _ if white.len() == before.len() => Space::Newline,
        0 if white.is_empty() => Space::None,
        0 => Space::Blank,
        1 => Space::Newline,
        _ => Space::Section,
    }
}

/// What can stand in a sequence between brackets.
trait Node<'t> {
    fn span(&self) -> Span;
    fn add(&mut self, c: CommentGroup<'t>);
    fn walk(&mut self, w: &mut Walk<'t>);
}

impl<'t> Node<'t> for Decl<'t> {
    fn span(&self) -> Span {
        self.span
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        match &mut self.kind {
            DeclKind::Field(f) if c.place == Place::Doc => match &mut f.value.kind {
                ExprKind::Struct(StructLit { decls, braces: false, .. }) => match decls.first_mut() {
                    Some(d) => d.add(c),
                    None => self.comments.push(c),
                },
                _ => self.comments.push(c),
            },
            _ => self.comments.push(c),
        }
    }

    fn walk(&mut self, w: &mut Walk<'t>) {
        match &mut self.kind {
            DeclKind::Field(f) => {
                match &mut f.label.kind {
                    LabelKind::Interpolation(x) | LabelKind::Dynamic(x) | LabelKind::Pattern(x) => w.expr(x),
                    LabelKind::Ident(_) | LabelKind::String(_) => {}
                }
                w.operand(&mut f.value);
                w.sequence(&mut f.attributes, self.span.end);
            }
            DeclKind::Embed(x) | DeclKind::Ellipsis(Some(x)) | DeclKind::Let { value: x, .. } => w.operand(x),
            DeclKind::Ellipsis(None) | DeclKind::Attribute(_) | DeclKind::Bad => {}
        }
        // What is left lies within a node that holds no comments.
        while let Some(g) = w.take(self.span.end) {
            self.comments.push(g.at(Place::After));
        }
    }
}

impl<'t> Node<'t> for Expr<'t> {
    fn span(&self) -> Span {
        self.span
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        self.comments.push(c);
    }

    fn walk(&mut self, w: &mut Walk<'t>) {
        w.expr(self);
    }
}

impl<'t> Node<'t> for Attribute<'t> {
    fn span(&self) -> Span {
        self.span
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        self.comments.push(c);
    }

    fn walk(&mut self, w: &mut Walk<'t>) {
        // A comment inside an attribute is part of its text.
        while w.take(self.span.end).is_some() {}
    }
}

impl<'t> Node<'t> for ImportSpec<'t> {
    fn span(&self) -> Span {
        self.span
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        self.comments.push(c);
    }

    fn walk(&mut self, _: &mut Walk<'t>) {}
}

impl<'t> Node<'t> for ImportDecl<'t> {
    fn span(&self) -> Span {
        self.span
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        self.comments.push(c);
    }

    fn walk(&mut self, w: &mut Walk<'t>) {
        let inner = w.sequence(&mut self.specs, self.span.end);
        self.comments.extend(inner.into_iter().map(|g| g.at(Place::Inner)));
    }
}

impl<'t> Node<'t> for Package<'t> {
    fn span(&self) -> Span {
        self.span
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        self.comments.push(c);
    }

    fn walk(&mut self, _: &mut Walk<'t>) {}
}

impl<'t> Node<'t> for Clause<'t> {
    fn span(&self) -> Span {
        self.span
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        self.comments.push(c);
    }

    fn walk(&mut self, w: &mut Walk<'t>) {
        match &mut self.kind {
            ClauseKind::For { source: x, .. }
            | ClauseKind::If(x)
            | ClauseKind::Let { value: x, .. }
            | ClauseKind::Try(Some((_, x))) => w.operand(x),
            ClauseKind::Try(None) => {}
        }
        while let Some(g) = w.take(self.span.end) {
            self.comments.push(g.at(Place::After));
        }
    }
}

/// An ellipsis at the end of a list, as a node beside the elements.
enum Elem<'a, 't> {
    Expr(&'a mut Expr<'t>),
    Ellipsis(&'a mut Ellipsis<'t>),
}

impl<'t> Node<'t> for Elem<'_, 't> {
    fn span(&self) -> Span {
        match self {
            Elem::Expr(x) => x.span,
            Elem::Ellipsis(e) => e.span,
        }
    }

    fn add(&mut self, c: CommentGroup<'t>) {
        match self {
            Elem::Expr(x) => x.comments.push(c),
            Elem::Ellipsis(e) => e.comments.push(c),
        }
    }

    fn walk(&mut self, w: &mut Walk<'t>) {
        match self {
            Elem::Expr(x) => w.expr(x),
            Elem::Ellipsis(Ellipsis { value: Some(x), .. }) => w.operand(x),
            Elem::Ellipsis(_) => {}
        }
    }
}

struct Walk<'t> {
    groups: std::iter::Peekable<std::vec::IntoIter<Group<'t>>>,
    text: &'t str,
}

impl<'t> Walk<'t> {
    /// The next comment, if it begins before an offset.
    fn take(&mut self, before: u32) -> Option<Group<'t>> {
        self.groups.next_if(|g| g.start < before)
    }

    fn pending(&mut self, before: u32) -> bool {
        self.groups.peek().is_some_and(|g| g.start < before)
    }

    fn rest(&mut self) -> Vec<Group<'t>> {
        self.groups.by_ref().collect()
    }

    /// A sequence of nodes before an offset. Gives the comments behind the last node.
    fn sequence<N: Node<'t>>(&mut self, nodes: &mut [N], end: u32) -> Vec<Group<'t>> {
        if !self.pending(end) {
            return Vec::new();
        }
        for i in 0..nodes.len() {
            let (before, rest) = nodes.split_at_mut(i);
            let Some(node) = rest.first_mut() else { break };
            while let Some(g) = self.take(node.span().start) {
                match before.last_mut() {
                    Some(last) if g.trailing() => last.add(g.at(Place::Line)),
                    _ => node.add(g.at(Place::Doc)),
                }
            }
            if self.pending(node.span().end) {
                node.walk(self);
            }
        }
        let mut inner = Vec::new();
        while let Some(g) = self.take(end) {
            match nodes.last_mut() {
                Some(last) if g.trailing() && inner.is_empty() => last.add(g.at(Place::Line)),
                _ => inner.push(g),
            }
        }
        inner
    }

    /// Gives the comments before an expression to it.
    fn before(&mut self, x: &mut Expr<'t>) {
        while let Some(g) = self.take(x.span.start) {
            x.comments.push(g.at(Place::Doc));
        }
    }

    /// An expression that is a part of another node, with the comments before it.
    fn operand(&mut self, x: &mut Expr<'t>) {
        self.before(x);
        self.expr(x);
    }

    /// The comments inside of an expression.
    fn expr(&mut self, x: &mut Expr<'t>) {
        let span = x.span;
        if !self.pending(span.end) {
            return;
        }
        match &mut x.kind {
            ExprKind::Struct(s) => {
                let end = span.end - u32::from(s.braces);
                let inner = self.sequence(&mut s.decls, end);
                x.comments.extend(inner.into_iter().map(|g| g.at(Place::Inner)));
            }
            ExprKind::List(l) => {
                let mut nodes: Vec<Elem<'_, 't>> = l.elems.iter_mut().map(Elem::Expr).collect();
                nodes.extend(l.ellipsis.as_deref_mut().map(Elem::Ellipsis));
                let inner = self.sequence(&mut nodes, span.end - 1);
                x.comments.extend(inner.into_iter().map(|g| g.at(Place::Inner)));
            }
            ExprKind::Call { fun, args, .. } => {
                self.expr(fun);
                let inner = self.sequence(args, span.end);
                x.comments.extend(inner.into_iter().map(|g| g.at(Place::Inner)));
            }
            ExprKind::Comprehension(c) => {
                let Comprehension { clauses, value, otherwise } = &mut **c;
                let rest = self.sequence(clauses, value.span.start);
                value.comments.extend(rest.into_iter().map(|g| g.at(Place::Doc)));
                self.expr(value);
                if let Some(o) = otherwise {
                    self.operand(o);
                }
            }
            ExprKind::Binary { l, r, .. } => {
                self.binary(l);
                self.operand(r);
            }
            ExprKind::Unary { x, .. }
            | ExprKind::Paren(x)
            | ExprKind::Open(x)
            | ExprKind::Alias { value: x, .. } => {
                self.operand(x);
            }
            ExprKind::Selector { x, .. } => self.expr(x),
            ExprKind::Index { x, index } => {
                self.expr(x);
                self.operand(index);
            }
            ExprKind::Slice { x, lo, hi } => {
                self.expr(x);
                lo.iter_mut().chain(hi.iter_mut()).for_each(|x| self.operand(x));
            }
            ExprKind::Interpolation(i) => i.exprs.iter_mut().for_each(|x| self.operand(x)),
            ExprKind::Bad
            | ExprKind::Ident(_)
            | ExprKind::Bottom
            | ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::String(_) => {}
        }
        while let Some(g) = self.take(span.end) {
            x.comments.push(g.at(Place::After));
        }
    }

    /// The left side of an operator, which may be a long chain: gone through without recursion.
    fn binary(&mut self, l: &mut Expr<'t>) {
        let mut spine: Vec<&mut Expr<'t>> = Vec::new();
        let mut at = l;
        while matches!(at.kind, ExprKind::Binary { .. }) {
            let ExprKind::Binary { l, r, .. } = &mut at.kind else { return };
            spine.push(r);
            at = l;
        }
        self.expr(at);
        for r in spine.into_iter().rev() {
            self.operand(r);
        }
    }

    fn file(&mut self, f: &mut File<'t>) {
        let end = self.text.len() as u32;
        let starts: Vec<u32> = [
            f.attributes.first().map(|a| a.span.start),
            f.package.as_ref().map(|p| p.span.start),
            f.imports.first().map(|i| i.span.start),
            f.decls.first().map(|d| d.span.start),
        ]
        .into_iter()
        .map(|s| s.unwrap_or(end))
        .collect();
        let after = |i: usize| starts[i..].iter().copied().min().unwrap_or(end);
        // Comments between two parts belong to the later one, unless they stand on the last line of the earlier.
        let mut rest = self.sequence(&mut f.attributes, after(1));
        if let Some(p) = &mut f.package {
            rest.into_iter().for_each(|g| p.add(g.at(Place::Doc)));
            rest = self.sequence(std::slice::from_mut(p), after(2));
        }
        if let Some(first) = f.imports.first_mut() {
            rest.into_iter().for_each(|g| first.add(g.at(Place::Doc)));
            rest = self.sequence(&mut f.imports, after(3));
        }
        if let Some(first) = f.decls.first_mut() {
            rest.into_iter().for_each(|g| first.add(g.at(Place::Doc)));
            rest = self.sequence(&mut f.decls, end);
        }
        f.comments.extend(rest.into_iter().map(|g| g.at(Place::Inner)));
        f.comments.extend(self.rest().into_iter().map(|g| g.at(Place::Inner)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn file(text: &str) -> File<'_> {
        let (file, errors) = parse(FileId(0), text);
        assert!(errors.is_empty(), "{errors:?}");
        file
    }

    fn field<'a, 't>(d: &'a Decl<'t>) -> &'a Field<'t> {
        match &d.kind {
            DeclKind::Field(f) => f,
            other => panic!("no field: {other:?}"),
        }
    }

    fn inside<'a, 't>(d: &'a Decl<'t>) -> &'a [Decl<'t>] {
        match &field(d).value.kind {
            ExprKind::Struct(s) => &s.decls,
            other => panic!("no struct: {other:?}"),
        }
    }

    #[test]
    fn documentation_of_a_chain_belongs_to_its_innermost_field() {
        let f = file("// +patchKey=name\nspec: template: spec: containers: [...]\n");
        let mut d = &f.decls[0];
        while let [inner] = match &field(d).value.kind {
            ExprKind::Struct(s) => s.decls.as_slice(),
            _ => &[],
        } {
            assert_eq!(d.docs().count(), 0);
            d = inner;
        }
        assert_eq!(d.docs().collect::<Vec<_>>(), ["+patchKey=name"]);
    }

    #[test]
    fn documentation_ends_on_the_line_before() {
        let f = file("// far\n\n// near\n//  by\na: 1 // behind\n\n// lost\n\nb: 2\n");
        assert_eq!(f.decls[0].docs().collect::<Vec<_>>(), ["near", " by"]);
        assert_eq!(f.decls[1].docs().count(), 0);
        let line: Vec<_> = f.decls[0].comments.iter().filter(|c| c.place == Place::Line).collect();
        assert_eq!(line[0].lines[0].1, "// behind");
    }

    #[test]
    fn documentation_inside_structs_and_lists() {
        let f = file(
            "parameter: {\n\t// +usage=Image\n\t// +short=i\n\timage: string\n\t// last\n}\nl: [\n\t// one\n\t1,\n]\n",
        );
        let image = &inside(&f.decls[0])[0];
        assert_eq!(image.docs().collect::<Vec<_>>(), ["+usage=Image", "+short=i"]);
        assert_eq!(field(&f.decls[0]).value.comments[0].place, Place::Inner);
    }

    /// Every comment of a text is found in its tree.
    #[test]
    fn no_comment_is_lost() {
        let text = "// 1\n\n// 2\npackage p // 3\n// 4\nimport ( // 5\n\"x\" // 6\n// 7\n) // 8\n// 9\na: // 10\n\
            // 11\n1 + // 12\n2 // 13\nb: [ // 14\n1, // 15\n// 16\n] // 17\nc: { // 18\n// 19\n...\n// 20\n} // 21\n\
            for x in y // 22\nif z { // 23\nq: f( // 24\n1, // 25\n// 26\n) // 27\n} // 28\n[ // 29\nstring]: {} // 30\n// 31\n";
        let f = file(text);
        let shown = format!("{f:?}");
        for n in 1..=31 {
            assert!(shown.contains(&format!("\"// {n}\"")), "{n}");
        }
    }
}
