//! Parses the syntax of RE2 as Go has it into the form that the regex engine compiles.
//!
//! The engine's own parser reads another dialect (`\d` is Unicode there, `[a&&b]` an intersection, `a{,2}` an error), so the
//! text is read here and only the automata are theirs. Messages are those users know from Go.

use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

/// How deep groups may be nested.
const MAX_DEPTH: usize = 200;
/// The most repetitions of one thing, also by nested repetitions.
const MAX_REPEAT: u64 = 1000;

/// The parsed expression and the names of its groups, the whole match first.
pub(super) struct Parsed {
    pub(super) hir: Hir,
    pub(super) names: Vec<Option<String>>,
}

/// Parses an expression. The error is what follows `error parsing regexp: `.
pub(super) fn parse(pattern: &str) -> Result<Parsed, String> {
    let mut parser = Parser { text: pattern, at: 0, depth: 0, names: vec![None] };
    let node =
        parser.alternation(&mut Flags { icase: false, multi: false, dot_nl: false, ungreedy: false })?;
    if parser.at < pattern.len() {
        return Err(format!("unexpected ): `{pattern}`"));
    }
    Ok(Parsed { hir: node.hir, names: parser.names })
}

#[derive(Clone, Copy)]
struct Flags {
    icase: bool,
    multi: bool,
    dot_nl: bool,
    ungreedy: bool,
}

struct Node {
    hir: Hir,
    /// How often nested repetitions may repeat what is in it.
    repeats: u64,
}

impl From<Hir> for Node {
    fn from(hir: Hir) -> Node {
        Node { hir, repeats: 1 }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    names: Vec<Option<String>>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Flags set inside (`(?i)`) hold to the end of the group, over its bars.
    fn alternation(&mut self, flags: &mut Flags) -> Result<Node, String> {
        let mut branches = Vec::new();
        let mut repeats = 1;
        loop {
            let node = self.concatenation(flags)?;
            repeats = repeats.max(node.repeats);
            branches.push(node.hir);
            if !self.eat("|") {
                return Ok(Node { hir: Hir::alternation(branches), repeats });
            }
        }
    }

    fn concatenation(&mut self, flags: &mut Flags) -> Result<Node, String> {
        let mut parts: Vec<Node> = Vec::new();
        // Where the last repetition operator stands, if nothing came after it.
        let mut operator: Option<usize> = None;
        while let Some(c) = self.peek() {
            let start = self.at;
            let bounds = match c {
                '|' | ')' => break,
                '*' => Some((0, None)),
                '+' => Some((1, None)),
                '?' => Some((0, Some(1))),
                '{' => self.counts()?,
                _ => None,
            };
            if let Some((min, max)) = bounds {
                if c != '{' {
                    self.at += 1;
                }
                let lazy = self.eat("?");
                let shown = &self.text[start..self.at];
                if let Some(first) = operator {
                    return Err(format!(
                        "invalid nested repetition operator: `{}`",
                        &self.text[first..self.at]
                    ));
                }
                let Some(sub) = parts.pop() else {
                    return Err(format!("missing argument to repetition operator: `{shown}`"));
                };
                parts.push(repeat(sub, min, max, lazy == flags.ungreedy, shown)?);
                operator = Some(start);
                continue;
            }
            operator = None;
            if self.eat("\\Q") {
                let literal = match self.rest().find("\\E") {
                    Some(end) => &self.rest()[..end],
                    None => self.rest(),
                };
                self.at += literal.len();
                self.eat("\\E");
                parts.extend(literal.chars().map(|c| char_node(c, *flags)));
                continue;
            }
            if let Some(node) = self.atom(flags)? {
                parts.push(node);
            }
        }
        let repeats = parts.iter().map(|p| p.repeats).max().unwrap_or(1);
        Ok(Node { hir: Hir::concat(parts.into_iter().map(|p| p.hir).collect()), repeats })
    }

    /// `{n}`, `{n,}`, `{n,m}`; nothing (and nothing consumed) if the brace stands for itself.
    #[allow(clippy::type_complexity)]
    fn counts(&mut self) -> Result<Option<(u32, Option<u32>)>, String> {
        let rest = self.rest();
        let Some(end) = rest.find('}') else { return Ok(None) };
        let (low, high) = match rest[1..end].split_once(',') {
            Some((low, high)) => (low, Some(high)),
            None => (&rest[1..end], None),
        };
        let digits = |s: &str| {
            !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()) && (s.len() == 1 || !s.starts_with('0'))
        };
        if !digits(low) || !high.is_none_or(|h| h.is_empty() || digits(h)) {
            return Ok(None);
        }
        let number = |s: &str| s.parse::<u32>().ok().filter(|n| u64::from(*n) <= MAX_REPEAT);
        let wrong = || format!("invalid repeat count: `{}`", &rest[..=end]);
        let min = number(low).ok_or_else(wrong)?;
        let max = match high {
            None => Some(min),
            Some("") => None,
            Some(h) => Some(number(h).filter(|h| *h >= min).ok_or_else(wrong)?),
        };
        self.at += end + 1;
        Ok(Some((min, max)))
    }

    /// One thing; nothing for a group that only sets flags.
    fn atom(&mut self, flags: &mut Flags) -> Result<Option<Node>, String> {
        let start = self.at;
        let Some(c) = self.peek() else { return Ok(None) };
        if c == '\\' {
            return self.escape(*flags).map(Some);
        }
        if c == '[' {
            return self.class(*flags).map(Some);
        }
        self.at += c.len_utf8();
        Ok(Some(match c {
            '(' => return self.group(flags, start),
            '.' if flags.dot_nl => class_node(ClassUnicode::new([range('\0', char::MAX)])),
            '.' => class_node(ClassUnicode::new([range('\0', '\t'), range('\u{b}', char::MAX)])),
            '^' => Hir::look(if flags.multi { Look::StartLF } else { Look::Start }).into(),
            '$' => Hir::look(if flags.multi { Look::EndLF } else { Look::End }).into(),
            c => char_node(c, *flags),
        }))
    }

    fn group(&mut self, flags: &mut Flags, start: usize) -> Result<Option<Node>, String> {
        let mut inner = *flags;
        let mut index = None;
        if self.eat("?P<") || self.eat("?<") {
            let Some(end) = self.rest().find('>') else {
                return Err(format!("invalid named capture: `{}`", &self.text[start..]));
            };
            let name = &self.rest()[..end];
            self.at += end + 1;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(format!("invalid named capture: `{}`", &self.text[start..self.at]));
            }
            index = Some(self.names.len());
            self.names.push(Some(name.to_owned()));
        } else if self.eat("?") {
            if self.flags(&mut inner, start)? {
                *flags = inner;
                return Ok(None);
            }
        } else {
            index = Some(self.names.len());
            self.names.push(None);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("expression nests too deeply".into());
        }
        let node = self.alternation(&mut inner)?;
        self.depth -= 1;
        if !self.eat(")") {
            return Err(format!("missing closing ): `{}`", self.text));
        }
        let Some(index) = index else { return Ok(Some(node)) };
        let name = self.names[index].as_deref().map(|_| format!("g{index}").into());
        let hir = Hir::capture(Capture { index: index as u32, name, sub: Box::new(node.hir) });
        Ok(Some(Node { hir, repeats: node.repeats }))
    }

    /// After `(?`: reads flags. True for `(?i)`, false for `(?i:`.
    fn flags(&mut self, flags: &mut Flags, start: usize) -> Result<bool, String> {
        let mut on = true;
        let mut any = false;
        while let Some(c) = self.next() {
            match c {
                'i' => flags.icase = on,
                'm' => flags.multi = on,
                's' => flags.dot_nl = on,
                'U' => flags.ungreedy = on,
                '-' if on => {
                    on = false;
                    any = false;
                    continue;
                }
                ':' | ')' if on || any => return Ok(c == ')'),
                _ => break,
            }
            any = true;
        }
        let what = if self.at < self.text.len() || self.text.ends_with(|c: char| !c.is_ascii_alphabetic()) {
            "invalid or unsupported Perl syntax"
        } else {
            "missing argument to flags"
        };
        Err(format!("{what}: `{}`", &self.text[start..self.at]))
    }

    fn escape(&mut self, flags: Flags) -> Result<Node, String> {
        let start = self.at;
        if let Some(class) = self.escaped_class()? {
            return Ok(class_node(folded(class, flags)));
        }
        for (text, look) in [
            ("\\A", Look::Start),
            ("\\z", Look::End),
            ("\\b", Look::WordAscii),
            ("\\B", Look::WordAsciiNegate),
        ] {
            if self.eat(text) {
                return Ok(Hir::look(look).into());
            }
        }
        self.at = start;
        let c = self.escaped_char()?;
        Ok(char_node(c, flags))
    }

    /// `\d`, `\pL`, `\p{Greek}` and their negations.
    fn escaped_class(&mut self) -> Result<Option<ClassUnicode>, String> {
        let start = self.at;
        let mut chars = self.rest().chars().skip(1);
        let Some(kind) = chars.next() else { return Ok(None) };
        let mut class = match kind.to_ascii_lowercase() {
            'd' => ClassUnicode::new([range('0', '9')]),
            's' => ClassUnicode::new([range('\t', '\n'), range('\u{c}', '\r'), range(' ', ' ')]),
            'w' => ClassUnicode::new([range('0', '9'), range('A', 'Z'), range('_', '_'), range('a', 'z')]),
            'p' => {
                let mut negated = false;
                let name = match chars.next() {
                    Some('{') => {
                        let Some(end) = self.rest().find('}') else {
                            return Err(format!("invalid character class range: `{}`", self.rest()));
                        };
                        let name = &self.rest()[3..end];
                        self.at += end + 1;
                        name.strip_prefix('^').inspect(|_| negated = true).unwrap_or(name).to_owned()
                    }
                    Some(c) => {
                        self.at += 2 + c.len_utf8();
                        c.to_string()
                    }
                    None => return Err(format!("invalid character class range: `{}`", self.rest())),
                };
                let mut class = unicode_class(&name).ok_or_else(|| {
                    format!("invalid character class range: `{}`", &self.text[start..self.at])
                })?;
                if negated != (kind == 'P') {
                    class.negate();
                }
                return Ok(Some(class));
            }
            _ => return Ok(None),
        };
        self.at += 2;
        if kind.is_ascii_uppercase() {
            class.negate();
        }
        Ok(Some(class))
    }

    fn escaped_char(&mut self) -> Result<char, String> {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.next() else { return Err("trailing backslash at end of expression: ``".into()) };
        let code = match c {
            'a' => 7,
            'f' => 12,
            't' => 9,
            'n' => 10,
            'r' => 13,
            'v' => 11,
            '0'..='7' if c == '0' || self.peek().is_some_and(|c| c.is_digit(8)) => {
                let mut code = c as u32 - '0' as u32;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    self.at += 1;
                    code = code * 8 + digit;
                }
                code
            }
            'x' => {
                let code = if self.eat("{") {
                    let end = self.rest().find('}');
                    let digits = &self.rest()[..end.unwrap_or(self.rest().len())];
                    self.at += digits.len() + usize::from(end.is_some());
                    end.and_then(|_| u32::from_str_radix(digits, 16).ok())
                } else {
                    let digits = self.rest().get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                    self.at += if digits.is_some() { 2 } else { self.peek().map_or(0, char::len_utf8) };
                    digits.and_then(|d| u32::from_str_radix(d, 16).ok())
                };
                code.unwrap_or(u32::MAX)
            }
            c if c.is_ascii_punctuation() => c as u32,
            _ => u32::MAX,
        };
        char::from_u32(code)
            .ok_or_else(|| format!("invalid escape sequence: `{}`", &self.text[start..self.at]))
    }

    fn class(&mut self, flags: Flags) -> Result<Node, String> {
        let start = self.at;
        self.at += 1;
        let negated = self.eat("^");
        let mut class = ClassUnicode::empty();
        let mut first = true;
        loop {
            let item = self.at;
            match self.peek() {
                None => return Err(format!("missing closing ]: `{}`", &self.text[start..])),
                Some(']') if !first => break,
                _ => {}
            }
            first = false;
            if self.rest().starts_with("[:")
                && let Some(end) = self.rest().find(":]")
            {
                let name = &self.rest()[2..end];
                self.at += end + 2;
                let found = posix_class(name).ok_or_else(|| {
                    format!("invalid character class range: `{}`", &self.text[item..self.at])
                })?;
                class.union(&found);
                continue;
            }
            if self.peek() == Some('\\')
                && let Some(found) = self.escaped_class()?
            {
                class.union(&found);
                continue;
            }
            let low = self.class_char(start)?;
            let mut high = low;
            if self.rest().starts_with('-') && !self.rest()[1..].starts_with(']') && self.rest().len() > 1 {
                self.at += 1;
                high = self.class_char(start)?;
            }
            if high < low {
                return Err(format!("invalid character class range: `{}`", &self.text[item..self.at]));
            }
            class.push(range(low, high));
        }
        self.at += 1;
        let mut class = folded(class, flags);
        if negated {
            class.negate();
        }
        Ok(class_node(class))
    }

    fn class_char(&mut self, start: usize) -> Result<char, String> {
        if self.peek() == Some('\\') {
            return self.escaped_char();
        }
        self.next().ok_or_else(|| format!("missing closing ]: `{}`", &self.text[start..]))
    }
}

fn repeat(sub: Node, min: u32, max: Option<u32>, greedy: bool, shown: &str) -> Result<Node, String> {
    let times = u64::from(max.unwrap_or(min).max(min).max(1));
    let repeats = sub.repeats * times;
    if repeats > MAX_REPEAT && times > 1 {
        return Err(format!("invalid repeat count: `{shown}`"));
    }
    // What matches only the empty text need not be repeated.
    if matches!(sub.hir.kind(), HirKind::Empty) {
        return Ok(sub);
    }
    Ok(Node { hir: Hir::repetition(Repetition { min, max, greedy, sub: Box::new(sub.hir) }), repeats })
}

fn range(low: char, high: char) -> ClassUnicodeRange {
    ClassUnicodeRange::new(low, high)
}

fn class_node(class: ClassUnicode) -> Node {
    Hir::class(Class::Unicode(class)).into()
}

fn char_node(c: char, flags: Flags) -> Node {
    if flags.icase {
        return class_node(folded(ClassUnicode::new([range(c, c)]), flags));
    }
    Hir::literal(c.to_string().into_bytes()).into()
}

fn folded(mut class: ClassUnicode, flags: Flags) -> ClassUnicode {
    if flags.icase {
        // Fails only without case tables, and they are built in.
        let _ = class.try_case_fold_simple();
    }
    class
}

/// A general category or script by its name, from the engine's tables.
fn unicode_class(name: &str) -> Option<ClassUnicode> {
    let proper = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if !proper {
        return None;
    }
    let hir = regex_syntax::parse(&format!("\\p{{{name}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        HirKind::Literal(literal) => {
            let c = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(ClassUnicode::new([range(c, c)]))
        }
        _ => None,
    }
}

/// `alpha` of `[[:alpha:]]`, with `^` for what is not in it.
fn posix_class(name: &str) -> Option<ClassUnicode> {
    let ranges: &[(char, char)] = match name.strip_prefix('^').unwrap_or(name) {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    let mut class = ClassUnicode::new(ranges.iter().map(|&(low, high)| range(low, high)));
    if name.starts_with('^') {
        class.negate();
    }
    Some(class)
}
