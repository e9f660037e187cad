//! Expressions. Tests: `tests.rs` beside.
//!
//! Blanks around operators tell how strongly they bind: `1 + 2*3`, and none deep inside: `f(a+b, c)`. The rule is the one gofmt made
//! known: `depth` grows with nesting, and operators weaker than a limit that depends on it get blanks.

use super::*;

const MULTIPLY: u8 = 7;
const ADD: u8 = 6;

impl Printer {
    /// An expression, at a depth of nesting in operators.
    pub(super) fn expr(&mut self, x: &Expr, depth: usize) {
        match &x.kind {
            ExprKind::Bad => {}
            ExprKind::Ident(name) => self.token(name),
            ExprKind::Bottom => self.token("_|_"),
            ExprKind::Null => self.token("null"),
            ExprKind::Bool(b) => self.token(if *b { "true" } else { "false" }),
            ExprKind::Number(n) => self.token(&number(n)),
            ExprKind::String(s) => self.string(s),
            ExprKind::Interpolation(i) => self.interpolation(i),
            ExprKind::Struct(s) => self.structure(s, &x.comments),
            ExprKind::List(l) => self.list(l, &x.comments),
            ExprKind::Comprehension(c) => self.comprehension(c),
            ExprKind::Unary { op, x, .. } => {
                self.token(op.as_str());
                if let ExprKind::Unary { op: UnaryOp::Equal | UnaryOp::Match, .. } = &x.kind {
                    // The two would be read as one: `! =~x`.
                    self.gap(Gap::Blank);
                }
                self.docs(&x.comments, x.space, Behind::Token);
                self.expr(x, depth);
            }
            ExprKind::Binary { .. } => self.binary(x, depth),
            ExprKind::Selector { x, sel } => {
                self.expr(x, depth);
                self.token(".");
                // The only line break within an operand: after the dot.
                if let ExprKind::Selector { .. }
                | ExprKind::Call { .. }
                | ExprKind::Ident(_)
                | ExprKind::Index { .. } = &x.kind
                    && sel.span.start > x.span.end + 1
                {
                    self.gap(Gap::Line);
                }
                match &sel.kind {
                    LabelKind::String(s) => self.token(s.raw),
                    LabelKind::Ident(name) => self.token(name),
                    LabelKind::Interpolation(x) | LabelKind::Dynamic(x) | LabelKind::Pattern(x) => {
                        self.expr(x, depth)
                    }
                }
            }
            ExprKind::Index { x: operand, index } => {
                self.expr(operand, depth);
                self.token("[");
                self.inside(index, x.span, depth + 1);
                self.token("]");
            }
            ExprKind::Slice { x, lo, hi } => {
                self.expr(x, depth);
                self.token("[");
                let both = [lo, hi].into_iter().flatten().count() == 2;
                let operator = |x: &Option<Box<Expr>>| {
                    x.as_ref().is_some_and(|x| matches!(x.kind, ExprKind::Binary { .. }))
                };
                let blanks =
                    if depth <= 1 && both && (operator(lo) || operator(hi)) { Gap::Blank } else { Gap::None };
                for (i, x) in [lo, hi].into_iter().enumerate() {
                    if i > 0 {
                        self.gap(blanks);
                        self.token(":");
                        self.gap(blanks);
                    }
                    if let Some(x) = x {
                        self.gap(line_gap(x.space));
                        self.docs(&x.comments, x.space, Behind::Token);
                        self.expr(x, depth + 1);
                    }
                }
                self.token("]");
            }
            ExprKind::Call { fun, args, close, .. } => {
                self.expr(fun, depth);
                self.token("(");
                self.args(args, *close, &x.comments, if args.len() > 1 { depth + 1 } else { depth });
                self.token(")");
            }
            ExprKind::Paren(inner) => {
                self.token("(");
                self.inside(inner, x.span, if depth > 1 { depth - 1 } else { depth });
                self.token(")");
            }
            ExprKind::Alias { name, value } => {
                self.token(name.name);
                let runs = matches!(&value.kind, ExprKind::Unary { op: UnaryOp::Equal | UnaryOp::Match, .. });
                let after = runs || value.space == Space::Blank;
                let gap = value.span.start as usize - (name.span.end as usize).min(value.span.start as usize);
                let before = runs || gap > 1 + usize::from(after);
                self.token(if before { " =" } else { "=" });
                self.gap(line_gap(value.space).max(if after { Gap::Blank } else { Gap::None }));
                self.docs(&value.comments, value.space, Behind::Token);
                self.expr(value, depth);
            }
            ExprKind::Open(x) => {
                self.expr(x, depth);
                self.token("...");
            }
        }
        if !matches!(x.kind, ExprKind::Struct(_) | ExprKind::List(_) | ExprKind::Call { .. }) {
            self.inner(&x.comments, Behind::Token);
        }
    }

    /// A chain of operators, gone through from the left without recursion.
    fn binary(&mut self, x: &Expr, depth: usize) {
        // Each link with the depth and limit that it would have if its left side were a call of its own.
        let mut links = Vec::new();
        let mut at = x;
        let mut level = depth.max(1);
        let mut limit = cutoff(x, level);
        while let ExprKind::Binary { op, l, r, .. } = &at.kind {
            links.push((*op, r, level, limit));
            let same =
                matches!(&l.kind, ExprKind::Binary { op: left, .. } if left.precedence() == op.precedence());
            if !same {
                level += 1;
                limit = cutoff(l, level);
            }
            at = l;
        }
        self.expr(at, level);
        for (op, r, level, limit) in links.into_iter().rev() {
            let blanks = op.precedence() < limit;
            if blanks {
                self.gap(Gap::Blank);
            }
            self.token(op.as_str());
            let line = line_gap(r.space);
            if r.comments.iter().any(|c| c.place == Place::Doc) {
                self.docs(&r.comments, r.space, Behind::Token);
            } else if line >= Gap::Line {
                self.gap(line);
            } else if blanks {
                self.gap(Gap::Blank);
            }
            self.expr(r, level + 1);
        }
    }

    /// An expression between brackets, which keeps the blanks around it.
    pub(super) fn inside(&mut self, x: &Expr, outer: Span, depth: usize) {
        self.gap(if x.space == Space::Blank { Gap::Blank } else { line_gap(x.space) });
        self.docs(&x.comments, x.space, Behind::Token);
        self.expr(x, depth);
        if x.span.end + 1 < outer.end {
            self.gap(Gap::Blank);
        }
    }

    fn args(&mut self, args: &[Expr], close: Space, comments: &Comments, depth: usize) {
        for (i, a) in args.iter().enumerate() {
            let first = a.comments.iter().find(|c| c.place == Place::Doc).map_or(a.space, |c| c.space);
            let commented = i
                .checked_sub(1)
                .and_then(|i| args.get(i))
                .is_some_and(|b| b.comments.iter().any(|c| c.place == Place::Line));
            if i > 0 && line_gap(first) == Gap::None && !commented {
                self.gap(Gap::Blank);
            }
            if i == 0 && first == Space::Blank {
                self.gap(Gap::Blank);
            }
            if first >= Space::Newline {
                self.gap(line_gap(first));
            }
            self.docs(&a.comments, a.space, Behind::Token);
            self.expr(a, depth);
            let last = i + 1 == args.len();
            let inner = comments.iter().any(|c| matches!(c.place, Place::Inner | Place::After));
            let commented = a.comments.iter().any(|c| c.place == Place::Line);
            if !last || close >= Space::Newline || inner || commented {
                self.token(",");
            }
            self.line_comments(&a.comments);
        }
        if self.inner(comments, Behind::Token) || close >= Space::Newline {
            self.gap(line_gap(close).max(Gap::Line));
        }
    }

    fn structure(&mut self, s: &StructLit, comments: &Comments) {
        if !s.braces && s.decls.len() == 1 {
            self.decls(&s.decls, Behind::Token, false);
            return;
        }
        self.token("{");
        self.open();
        let line = self.line;
        self.decls(&s.decls, Behind::Brace, comments.iter().any(|c| c.place == Place::Inner));
        let inner = self.inner(comments, if s.decls.is_empty() { Behind::Brace } else { Behind::Node });
        let broken = inner || self.line > line || (s.close >= Space::Newline && !s.decls.is_empty());
        if s.decls.last().is_some_and(ends_in_bracket) {
            // Brackets that close together stay together, and stay apart.
            self.gap(line_gap(s.close));
        } else if broken {
            self.gap(Gap::Line);
        }
        self.close();
        self.closing("}");
    }

    fn list(&mut self, l: &ListLit, comments: &Comments) {
        self.token("[");
        self.open();
        let inner = comments.iter().any(|c| matches!(c.place, Place::Inner | Place::After));
        let total = l.elems.len() + usize::from(l.ellipsis.is_some());
        let mut commented = false;
        for i in 0..total {
            let (notes, space) = match (l.elems.get(i), &l.ellipsis) {
                (Some(x), _) => (&x.comments, x.space),
                (None, Some(e)) => (&e.comments, e.space),
                (None, None) => break,
            };
            let first = notes.iter().find(|c| c.place == Place::Doc).map_or(space, |c| c.space);
            let newline = first >= Space::Newline || commented;
            if i > 0 {
                if l.commas || !newline {
                    // A comment may stand behind the comma.
                    if !commented {
                        self.token(",");
                    }
                }
                if !newline {
                    self.gap(Gap::Blank);
                }
            }
            if first >= Space::Newline && !(self.line_comment && notes.iter().any(|c| c.place == Place::Doc))
            {
                self.gap(line_gap(first));
            }
            self.docs(
                notes,
                space.max(if first >= Space::Newline { Space::Newline } else { space }),
                if i == 0 { Behind::Brace } else { Behind::Node },
            );
            match (l.elems.get(i), &l.ellipsis) {
                (Some(x), _) => self.expr(x, 1),
                (None, Some(e)) => {
                    self.token("...");
                    if let Some(x) = &e.value {
                        if x.space == Space::Blank {
                            self.gap(Gap::Blank);
                        }
                        self.expr(x, 1);
                    }
                }
                (None, None) => {}
            }
            commented = notes.iter().any(|c| c.place == Place::Line);
            if commented && (i + 1 < total || l.close >= Space::Newline) && l.commas {
                self.token(",");
            }
            self.line_comments(notes);
        }
        let broken = l.close >= Space::Newline && total > 0;
        if broken && l.commas && !commented {
            self.token(",");
        }
        if self.inner(comments, if total == 0 { Behind::Brace } else { Behind::Node }) || inner || commented {
            self.gap(Gap::Line);
        }
        if broken {
            self.gap(line_gap(l.close));
        }
        self.close();
        self.closing("]");
    }

    fn string(&mut self, s: &StrLit) {
        if !s.raw.contains('\n') {
            return self.token(s.raw);
        }
        // The lines move with their indentation, which is that of the closing quotes.
        let lines: Vec<&str> = s.raw.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l)).collect();
        let indent: &str =
            lines.last().map_or("", |l| &l[..l.len() - l.trim_start_matches([' ', '\t']).len()]);
        self.space(true);
        self.line_comment = false;
        let mut text = String::with_capacity(s.raw.len());
        for (i, line) in lines.iter().enumerate() {
            if i == 0 {
                text.push_str(line);
                continue;
            }
            text.push('\n');
            let rest = line.strip_prefix(indent).unwrap_or(line.trim_start_matches([' ', '\t']));
            if !rest.is_empty() {
                (0..=self.level).for_each(|_| text.push('\t'));
                text.push_str(rest);
            }
        }
        self.lines.text(&text);
    }

    fn interpolation(&mut self, i: &Interpolation) {
        let mut exprs = i.exprs.iter();
        let mut end: Option<u32> = None;
        for part in &i.parts {
            if end.is_some_and(|e| part.span.start > e) {
                self.gap(Gap::Blank);
            }
            self.token(&part.raw.replace('\r', ""));
            if let Some(x) = exprs.next() {
                if x.space != Space::None {
                    self.gap(Gap::Blank);
                }
                self.docs(&x.comments, x.space, Behind::Token);
                self.expr(x, 2);
                end = Some(x.span.end);
            }
        }
    }
}

/// Whether the last token of a declaration is a brace or square bracket.
fn ends_in_bracket(d: &Decl) -> bool {
    let mut x = match &d.kind {
        DeclKind::Field(f) if f.attributes.is_empty() => &f.value,
        DeclKind::Embed(x) | DeclKind::Let { value: x, .. } | DeclKind::Ellipsis(Some(x)) => x,
        _ => return false,
    };
    if d.comments.iter().any(|c| matches!(c.place, Place::Line | Place::After)) {
        return false;
    }
    loop {
        x = match &x.kind {
            ExprKind::Struct(StructLit { braces: false, decls, .. }) => {
                return decls.last().is_some_and(|d| super::decl::gets_braces(d) || ends_in_bracket(d));
            }
            ExprKind::Struct(_)
            | ExprKind::List(_)
            | ExprKind::Index { .. }
            | ExprKind::Slice { .. }
            | ExprKind::Comprehension(_) => return true,
            ExprKind::Binary { r: y, .. }
            | ExprKind::Unary { x: y, .. }
            | ExprKind::Alias { value: y, .. } => y,
            _ => return false,
        };
    }
}

/// The precedence below which operators of `x` get blanks.
fn cutoff(x: &Expr, depth: usize) -> u8 {
    let mut seen = Seen::default();
    seen.look(x);
    if seen.problem > 0 {
        return seen.problem + 1;
    }
    match (seen.add && seen.multiply, depth) {
        (true, 1) => MULTIPLY,
        (false, 1) => MULTIPLY + 1,
        _ => ADD,
    }
}

/// The operators of one expression, as far as they are written without parentheses.
#[derive(Default)]
struct Seen {
    add: bool,
    multiply: bool,
    /// An operator that would run into a sign behind it.
    problem: u8,
}

impl Seen {
    fn look(&mut self, x: &Expr) {
        let mut x = x;
        while let ExprKind::Binary { op, l, r, .. } = &x.kind {
            let precedence = op.precedence();
            self.add |= precedence == ADD;
            self.multiply |= precedence == MULTIPLY;
            match &r.kind {
                ExprKind::Binary { op: inner, .. } if inner.precedence() > precedence => self.look(r),
                ExprKind::Unary { op: sign, .. } => {
                    let runs = matches!(
                        (op, sign),
                        (BinaryOp::Add, UnaryOp::Plus) | (BinaryOp::Subtract, UnaryOp::Minus)
                    );
                    if runs {
                        self.problem = self.problem.max(ADD);
                    }
                }
                _ => {}
            }
            match &l.kind {
                ExprKind::Binary { op: inner, .. } if inner.precedence() >= precedence => x = l,
                _ => return,
            }
        }
    }
}

/// A number in the spelling that `fmt` gives: digits around the point, a small `e`.
fn number(n: &str) -> String {
    let special = n.starts_with("0x") || n.starts_with("0X") || n.starts_with("0b") || n.starts_with("0o");
    if special || !n.contains(['.', 'E']) {
        return n.to_owned();
    }
    let mut out = n.replace('E', "e");
    if out.starts_with('.') && !out.ends_with(|c: char| c.is_ascii_alphabetic()) {
        out.insert(0, '0');
    }
    if let Some(at) = out.find('.')
        && !out[at + 1..].starts_with(|c: char| c.is_ascii_digit())
    {
        out.insert(at + 1, '0');
    }
    out
}
