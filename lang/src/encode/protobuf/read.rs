//! The text of a `.proto` file as a tree: what it declares, with comments, and where it stands.

use crate::encode::{DecodeError, line_column};

/// How deep messages may be nested, and the braces of options.
const DEPTH: u32 = 64;

/// What stands between lines of different comments; no line is this.
pub(super) const APART: &str = "\n";

/// Comments of a declaration.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Lines before it, and [`APART`] between comments with an empty line between them.
    pub(super) before: Vec<String>,
    /// What stands behind it on its line.
    pub(super) behind: Option<String>,
}

/// An option in brackets: its name, and its value as it is written.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
}

/// A field of a message or oneof.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) notes: Notes,
    pub(super) name: String,
    pub(super) number: String,
    /// The type as it is written.
    pub(super) kind: String,
    /// Where the type begins.
    pub(super) at: usize,
    /// The type of the keys, for a map.
    pub(super) key: Option<String>,
    pub(super) repeated: bool,
    pub(super) settings: Vec<Setting>,
}

/// What a message or file declares.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Field(Field),
    OneOf(Notes, Vec<Field>),
    Message(Message),
    Enum(Enum),
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) notes: Notes,
    pub(super) name: String,
    /// Where the name begins.
    pub(super) at: usize,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug)]
pub(super) struct Enum {
    pub(super) notes: Notes,
    pub(super) name: String,
    /// Where the name begins.
    pub(super) at: usize,
    /// Names and numbers.
    pub(super) values: Vec<(Notes, String, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) path: String,
    /// Where it begins.
    pub(super) at: usize,
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Comments before its package.
    pub(super) docs: Vec<String>,
    pub(super) package: Vec<String>,
    pub(super) imports: Vec<Import>,
    pub(super) items: Vec<Item>,
    go_package: Option<String>,
}

impl Tree {
    /// The import path and the name that `go_package` gives.
    pub(super) fn go_package(&self) -> Option<(&str, &str)> {
        let text = self.go_package.as_deref()?;
        Some(match text.split_once(';') {
            Some((path, name)) => (path, name),
            None => (text, text.rsplit('/').next().unwrap_or(text)),
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name, with dots in it, also a leading one.
    Name(String),
    Number(String),
    /// A text as it is written, with its quotes.
    Text(String),
    Sign(char),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Name(s) | Token::Number(s) => format!("`{s}`"),
            Token::Text(s) => s.clone(),
            Token::Sign(c) => format!("`{c}`"),
        }
    }
}

/// A token, where it begins and ends, and the comments before it.
struct Placed {
    token: Token,
    start: usize,
    end: usize,
    /// Each with where it begins, and whether an empty line follows it.
    comments: Vec<Comment>,
}

#[derive(Clone, Debug)]
struct Comment {
    lines: Vec<String>,
    start: usize,
    end: usize,
}

struct Reader<'t> {
    text: &'t str,
    tokens: Vec<Placed>,
    /// Comments behind the last token.
    rest: Vec<Comment>,
    next: usize,
}

type Res<T> = Result<T, DecodeError>;

pub(super) fn error(text: &str, at: usize, message: impl Into<String>) -> DecodeError {
    let (line, column) = line_column(text, at);
    DecodeError { line, column, message: message.into() }
}

pub(super) fn read(text: &str) -> Res<Tree> {
    let (tokens, rest) = tokens(text)?;
    let mut reader = Reader { text, tokens, rest, next: 0 };
    reader.file()
}

fn comment(text: &str, start: usize, end: usize) -> Comment {
    let raw = &text[start..end];
    let lines = match raw.strip_prefix("//") {
        Some(line) => vec![line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()],
        None => {
            let body = raw.strip_prefix("/*").and_then(|r| r.strip_suffix("*/")).unwrap_or(raw);
            let line = |l: &str| {
                let l = l.trim();
                l.strip_prefix('*').map_or(l, |l| l.strip_prefix(' ').unwrap_or(l)).to_owned()
            };
            let lines: Vec<String> = body.lines().map(line).collect();
            let used = |l: &String| !l.is_empty();
            let first = lines.iter().position(used).unwrap_or(lines.len());
            let last = lines.iter().rposition(used).map_or(first, |l| l + 1);
            lines[first..last].to_vec()
        }
    };
    Comment { lines, start, end }
}

fn tokens(text: &str) -> Res<(Vec<Placed>, Vec<Comment>)> {
    let bytes = text.as_bytes();
    let (mut out, mut comments) = (Vec::new(), Vec::new());
    let mut at = 0;
    let run = |from: usize, part: &dyn Fn(u8) -> bool| {
        from + bytes[from..].iter().take_while(|b| part(**b)).count()
    };
    while let Some(&b) = bytes.get(at) {
        let start = at;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
        let token = match b {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at = run(at, &|b| b != b'\n');
                comments.push(comment(text, start, at));
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = text[at + 2..].find("*/");
                let end = end.ok_or_else(|| error(text, start, "this comment has no end"))?;
                at += 2 + end + 2;
                comments.push(comment(text, start, at));
                continue;
            }
            b'"' | b'\'' => {
                at += 1;
                loop {
                    match bytes.get(at) {
                        Some(b'\\') => at += 2,
                        Some(q) if *q == b => break,
                        Some(b'\n') | None => return Err(error(text, start, "this text has no end")),
                        Some(_) => at += 1,
                    }
                }
                at += 1;
                Token::Text(text.get(start..at).unwrap_or_default().to_owned())
            }
            b'0'..=b'9' => {
                at = run(at, &is_name);
                // The sign of an exponent.
                let exponent = text[start..at].ends_with(['e', 'E']) && !text[start..at].starts_with("0x");
                if exponent && matches!(bytes.get(at), Some(b'+' | b'-')) {
                    at = run(at + 1, &|b| b.is_ascii_digit());
                }
                Token::Number(text[start..at].to_owned())
            }
            _ if is_name(b) => {
                at = run(at, &is_name);
                Token::Name(text[start..at].to_owned())
            }
            _ if b.is_ascii_graphic() => {
                at += 1;
                Token::Sign(b.into())
            }
            _ => {
                let shown = text[at..].chars().next().unwrap_or_default();
                return Err(error(text, at, format!("{shown:?} stands for nothing here")));
            }
        };
        out.push(Placed { token, start, end: at, comments: std::mem::take(&mut comments) });
    }
    Ok((out, comments))
}

/// A line of the comment of a file, in which comments are one.
fn paragraph(line: String) -> String {
    if line == APART { String::new() } else { line }
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|t| &t.token)
    }

    fn is_sign(&self, c: char) -> bool {
        self.peek() == Some(&Token::Sign(c))
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(n)) if n == name)
    }

    /// Where the next token stands.
    fn here(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.trim_end().len(), |t| t.start)
    }

    fn unexpected<T>(&self, wanted: &str) -> Res<T> {
        let found = self.peek().map_or("the end of the file".to_owned(), Token::shown);
        Err(error(self.text, self.here(), format!("expected {wanted}, found {found}")))
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).map(|t| t.token.clone());
        self.next += 1;
        token
    }

    fn sign(&mut self, c: char) -> Res<()> {
        if !self.is_sign(c) {
            return self.unexpected(&format!("`{c}`"));
        }
        self.next += 1;
        Ok(())
    }

    fn accept(&mut self, c: char) -> bool {
        let found = self.is_sign(c);
        self.next += usize::from(found);
        found
    }

    /// A name without dots.
    fn name(&mut self, what: &str) -> Res<String> {
        match self.peek() {
            Some(Token::Name(n)) if !n.contains('.') => {
                let n = n.clone();
                self.next += 1;
                Ok(n)
            }
            _ => self.unexpected(what),
        }
    }

    fn path(&mut self, what: &str) -> Res<String> {
        match self.peek() {
            Some(Token::Name(n)) if !n.ends_with('.') && !n.contains("..") => {
                let n = n.clone();
                self.next += 1;
                Ok(n)
            }
            _ => self.unexpected(what),
        }
    }

    fn number(&mut self, what: &str) -> Res<String> {
        let minus = if self.accept('-') { "-" } else { "" };
        match self.peek() {
            Some(Token::Number(n)) => {
                let digits = match n.strip_prefix("0x").or(n.strip_prefix("0X")) {
                    Some(hex) => i64::from_str_radix(hex, 16),
                    None if n.len() > 1 && n.starts_with('0') => i64::from_str_radix(n, 8),
                    None => n.parse(),
                };
                let Ok(value) = digits else { return self.unexpected(what) };
                self.next += 1;
                Ok(format!("{minus}{value}"))
            }
            _ => self.unexpected(what),
        }
    }

    /// A text without its quotes; parts that follow each other are one.
    fn text(&mut self, what: &str) -> Res<String> {
        let mut out = String::new();
        let start = self.next;
        while let Some(Token::Text(raw)) = self.peek() {
            out.push_str(&raw[1..raw.len() - 1]);
            self.next += 1;
        }
        if self.next == start { self.unexpected(what) } else { Ok(out) }
    }

    /// The comments before the next token, but for what stands behind the one before it on its line.
    fn before(&self) -> Vec<String> {
        let Some(next) = self.tokens.get(self.next) else { return Vec::new() };
        let last = self.next.checked_sub(1).and_then(|i| self.tokens.get(i));
        let apart = |c: &&Comment| last.is_none_or(|l| self.text[l.end..c.start].contains('\n'));
        let comments: Vec<&Comment> = next.comments.iter().filter(apart).collect();
        let mut out = Vec::new();
        for (i, c) in comments.iter().enumerate() {
            if i > 0 && self.text[comments[i - 1].end..c.start].matches('\n').count() > 1 {
                out.push(APART.to_owned());
            }
            out.extend(c.lines.iter().cloned());
        }
        out
    }

    /// The comment behind what was just read, on its line.
    fn behind(&self) -> Option<String> {
        let last = self.tokens.get(self.next.checked_sub(1)?)?;
        let comments = self.tokens.get(self.next).map_or(&self.rest, |t| &t.comments);
        let first = comments.first().filter(|c| !self.text[last.end..c.start].contains('\n'))?;
        Some(first.lines.join(" ")).filter(|l| !l.is_empty())
    }

    fn file(&mut self) -> Res<Tree> {
        let mut tree = Tree::default();
        while self.peek().is_some() {
            let before = self.before();
            if self.accept(';') {
                continue;
            }
            if tree.items.is_empty() && (self.is_name("syntax") || self.is_name("edition")) {
                let edition = self.is_name("edition");
                self.next += 1;
                self.sign('=')?;
                let at = self.here();
                let version = self.text("the version of the syntax")?;
                if !edition && version != "proto2" && version != "proto3" {
                    let message = format!("the syntax {version:?} is not known: there are proto2 and proto3");
                    return Err(error(self.text, at, message));
                }
                self.sign(';')?;
                tree.docs = before.into_iter().map(paragraph).collect();
            } else if self.is_name("package") {
                self.next += 1;
                let name = self.path("the name of the package")?;
                tree.package = name.split('.').map(str::to_owned).collect();
                self.sign(';')?;
                if !tree.docs.is_empty() && !before.is_empty() {
                    tree.docs.push(String::new());
                }
                tree.docs.extend(before.into_iter().map(paragraph));
            } else if self.is_name("import") {
                self.next += 1;
                let word = self.is_name("public") || self.is_name("weak");
                self.next += usize::from(word);
                let at = self.here();
                let path = self.text("the path of a file")?;
                self.sign(';')?;
                tree.imports.push(Import { path, at });
            } else if self.is_name("option") {
                self.next += 1;
                let setting = self.setting()?;
                self.sign(';')?;
                if setting.name == "go_package" {
                    tree.go_package = Some(setting.value.trim_matches(['"', '\'']).to_owned());
                }
            } else if self.is_name("service") {
                self.next += 1;
                self.name("the name of a service")?;
                self.skip_block()?;
            } else {
                self.declaration(before, 0, &mut tree.items)?;
            }
        }
        Ok(tree)
    }

    /// A message, an enum, or what extends a message.
    fn declaration(&mut self, before: Vec<String>, depth: u32, items: &mut Vec<Item>) -> Res<()> {
        if self.is_name("message") {
            self.next += 1;
            items.push(Item::Message(self.message(before, depth)?));
        } else if self.is_name("enum") {
            self.next += 1;
            items.push(Item::Enum(self.enumeration(before)?));
        } else if self.is_name("extend") {
            self.next += 1;
            self.path("the message that is extended")?;
            self.skip_block()?;
        } else {
            return self
                .unexpected("`message`, `enum`, `service`, `extend`, `import`, `option` or `package`");
        }
        Ok(())
    }

    fn message(&mut self, before: Vec<String>, depth: u32) -> Res<Message> {
        let at = self.here();
        let name = self.name("the name of a message")?;
        let (items, behind) = self.body(depth)?;
        Ok(Message { notes: Notes { before, behind }, name, at, items })
    }

    /// What a message has in its braces, and the comment behind the first one.
    fn body(&mut self, depth: u32) -> Res<(Vec<Item>, Option<String>)> {
        if depth == DEPTH {
            return Err(error(self.text, self.here(), format!("messages are nested more than {DEPTH} deep")));
        }
        self.sign('{')?;
        let behind = self.behind();
        let mut items = Vec::new();
        while !self.accept('}') {
            let before = self.before();
            if self.accept(';') {
                continue;
            }
            if self.is_statement("message") || self.is_statement("enum") || self.is_statement("extend") {
                self.declaration(before, depth + 1, &mut items)?;
            } else if self.is_name("option") && !self.is_field() {
                self.next += 1;
                self.setting()?;
                self.sign(';')?;
            } else if (self.is_name("reserved") || self.is_name("extensions")) && !self.is_field() {
                self.skip_statement()?;
            } else if self.is_statement("oneof") {
                self.next += 1;
                self.name("the name of a oneof")?;
                self.sign('{')?;
                let notes = Notes { before, behind: self.behind() };
                let mut fields = Vec::new();
                while !self.accept('}') {
                    let before = self.before();
                    if self.accept(';') {
                    } else if self.is_name("option") && !self.is_field() {
                        self.next += 1;
                        self.setting()?;
                        self.sign(';')?;
                    } else {
                        fields.push(self.field(before, depth, &mut items)?);
                    }
                }
                items.push(Item::OneOf(notes, fields));
            } else {
                let field = self.field(before, depth, &mut items)?;
                items.push(Item::Field(field));
            }
        }
        Ok((items, behind))
    }

    /// Whether a word begins what it is named for, and is not the type of a field: a name and a brace follow.
    fn is_statement(&self, word: &str) -> bool {
        let then = self.tokens.get(self.next + 2).map(|t| &t.token);
        self.is_name(word) && then == Some(&Token::Sign('{'))
    }

    /// Whether a type, a name and a number are next.
    fn is_field(&self) -> bool {
        let then = self.tokens.get(self.next + 2).map(|t| &t.token);
        let name = self.tokens.get(self.next + 1).map(|t| &t.token);
        matches!(name, Some(Token::Name(_))) && then == Some(&Token::Sign('='))
    }

    /// A field; the message that a group declares with it goes to `items`.
    fn field(&mut self, before: Vec<String>, depth: u32, items: &mut Vec<Item>) -> Res<Field> {
        let mut repeated = false;
        if !self.is_field()
            && (self.is_name("repeated") || self.is_name("optional") || self.is_name("required"))
        {
            repeated = self.is_name("repeated");
            self.next += 1;
        }
        let at = self.here();
        let mut kind = self.path("a field, with its type in front")?;
        let mut key = None;
        if kind == "map" && self.accept('<') {
            key = Some(self.name("the type of the keys")?);
            self.sign(',')?;
            kind = self.path("the type of the values")?;
            self.sign('>')?;
        }
        let named = self.here();
        let mut name = self.name("the name of a field")?;
        self.sign('=')?;
        let number = self.number("the number of the field")?;
        let mut settings = Vec::new();
        if self.accept('[') {
            while !self.accept(']') {
                settings.push(self.setting()?);
                if !self.is_sign(']') {
                    self.sign(',')?;
                }
            }
        }
        let notes = if kind == "group" && self.is_sign('{') {
            // Its field has the name in small letters.
            kind = std::mem::take(&mut name);
            name = kind.to_ascii_lowercase();
            settings.push(Setting { name: "group".to_owned(), value: "true".to_owned() });
            let (inner, behind) = self.body(depth + 1)?;
            let notes = Notes::default();
            items.push(Item::Message(Message { notes, name: kind.clone(), at: named, items: inner }));
            Notes { before, behind }
        } else {
            self.sign(';')?;
            Notes { before, behind: self.behind() }
        };
        Ok(Field { notes, name, number, kind, at, key, repeated, settings })
    }

    fn enumeration(&mut self, before: Vec<String>) -> Res<Enum> {
        let at = self.here();
        let name = self.name("the name of an enum")?;
        self.sign('{')?;
        let notes = Notes { before, behind: self.behind() };
        let mut values = Vec::new();
        while !self.accept('}') {
            let before = self.before();
            if self.accept(';') {
                continue;
            }
            let assigned = self.tokens.get(self.next + 1).map(|t| &t.token) == Some(&Token::Sign('='));
            if self.is_name("option") && !assigned {
                self.next += 1;
                self.setting()?;
                self.sign(';')?;
                continue;
            }
            if self.is_name("reserved") && !assigned {
                self.skip_statement()?;
                continue;
            }
            let name = self.name("the name of a value")?;
            self.sign('=')?;
            let number = self.number("the number of the value")?;
            if self.accept('[') {
                while !self.accept(']') {
                    self.setting()?;
                    if !self.is_sign(']') {
                        self.sign(',')?;
                    }
                }
            }
            self.sign(';')?;
            values.push((Notes { before, behind: self.behind() }, name, number));
        }
        Ok(Enum { notes, name, at, values })
    }

    /// `name = value`, where the name may be in parentheses and the value in braces.
    fn setting(&mut self) -> Res<Setting> {
        let first = self.next;
        while !self.is_sign('=') {
            match self.peek() {
                Some(Token::Name(_) | Token::Sign('(' | ')')) => self.next += 1,
                _ => return self.unexpected("the name of an option and `=`"),
            }
        }
        let name = self.written(first, "");
        self.sign('=')?;
        let first = self.next;
        if self.is_sign('{') {
            self.skip_block()?;
        } else {
            self.accept('-');
            match self.take() {
                Some(Token::Text(_)) => {
                    while matches!(self.peek(), Some(Token::Text(_))) {
                        self.next += 1;
                    }
                }
                Some(Token::Name(_) | Token::Number(_)) => {}
                _ => {
                    self.next -= 1;
                    return self.unexpected("a value");
                }
            }
        }
        Ok(Setting { name, value: self.written(first, " ") })
    }

    /// The tokens from the one with this number to the next one, as they are written; for the spaces, lines and comments between two, `gap`.
    fn written(&self, first: usize, gap: &str) -> String {
        let mut out = String::new();
        let mut end = None;
        for t in self.tokens.get(first..self.next).unwrap_or_default() {
            out.push_str(if end.is_some_and(|end| end != t.start) { gap } else { "" });
            out.push_str(&self.text[t.start..t.end]);
            end = Some(t.end);
        }
        out
    }

    fn skip_statement(&mut self) -> Res<()> {
        while !self.accept(';') {
            if self.take().is_none() {
                return self.unexpected("`;`");
            }
        }
        Ok(())
    }

    /// Everything from a brace to the one that closes it.
    fn skip_block(&mut self) -> Res<()> {
        let start = self.here();
        self.sign('{')?;
        let mut open = 1;
        while open > 0 {
            match self.take() {
                Some(Token::Sign('{')) => open += 1,
                Some(Token::Sign('}')) => open -= 1,
                Some(_) => {}
                None => return Err(error(self.text, start, "this brace is not closed")),
            }
        }
        Ok(())
    }
}
