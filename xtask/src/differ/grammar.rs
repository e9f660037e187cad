//! Small programs by chance: fields that refer to each other, definitions, disjunctions with defaults, comprehensions, bounds, closedness, lists and calls.
//!
//! Chance keeps mostly to kinds, so that many of the programs have a value: an expression is wanted to be a struct, a list, a number and so on, and names
//! are remembered with what they were wanted to be.

use super::program::{Part, Sort};
use super::{forms, themes};

/// Chance that can be repeated (splitmix64).
#[derive(Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    pub(super) fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Names of fields. Few, so that they meet.
const FIELDS: &[&str] = &["a", "b", "c", "d"];
const DEFINITIONS: &[&str] = &["#A", "#B", "#C"];
const TOP: &[&str] = &["a", "b", "c", "d", "#A", "#B", "#C", "_h", "x", "y"];

/// What an expression should be, as far as chance keeps to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Struct,
    List,
    Number,
    Text,
    Bool,
    Any,
}

/// Makes one program.
pub(super) struct Grammar {
    chance: Chance,
    /// Names in scope, the innermost last, and what they should be.
    names: Vec<(String, Want)>,
}

impl Grammar {
    /// The program of a seed: some about anything, the others about one thing.
    pub(super) fn program(seed: u64) -> Part {
        let mut chance = Chance(seed);
        match seed % 6 {
            1 => themes::closed(&mut chance),
            3 => themes::choices(&mut chance),
            4 => forms::forms(&mut chance),
            5 => themes::cycles(&mut chance),
            _ => Grammar { chance, names: Vec::new() }.anything(),
        }
    }

    fn anything(mut self) -> Part {
        let g = &mut self;
        let n = 2 + g.chance.below(5);
        for _ in 0..n {
            let name = g.chance.pick(TOP);
            let known = g.names.iter().find(|(n, _)| n == name).map(|n| n.1);
            let want = known.unwrap_or_else(|| match g.chance.below(3) {
                0 => g.want(),
                _ => Want::Struct,
            });
            g.names.push((name.to_owned(), want));
        }
        let decls =
            g.names.clone().into_iter().map(|(name, want)| field(format!("{name}: "), g.expr(want, 3)));
        Part::new(Sort::Other, "", "\n", "\n", decls.collect(), 1)
    }

    fn want(&mut self) -> Want {
        match self.chance.below(10) {
            0..=2 => Want::Struct,
            3 | 4 => Want::List,
            5 | 6 => Want::Number,
            7 => Want::Text,
            8 => Want::Bool,
            _ => Want::Any,
        }
    }

    /// A name, or a field of one.
    fn reference(&mut self, want: Want) -> Part {
        let strict = !self.chance.once_in(5);
        let fits = |w: Want| !strict || want == Want::Any || w == want || w == Want::Any;
        let fitting: Vec<&String> = self.names.iter().filter(|n| fits(n.1)).map(|n| &n.0).collect();
        if !fitting.is_empty() && !self.chance.once_in(4) {
            let i = self.chance.below(fitting.len());
            return Part::word(fitting[i].clone());
        }
        let holders: Vec<&String> =
            self.names.iter().filter(|n| matches!(n.1, Want::Struct | Want::Any)).map(|n| &n.0).collect();
        if holders.is_empty() {
            return self.leaf(want);
        }
        let i = self.chance.below(holders.len());
        let mut text = holders[i].clone();
        loop {
            match self.chance.below(10) {
                0 => text.push_str(&format!("[\"{}\"]", self.chance.pick(FIELDS))),
                1 => text.push_str(&format!(".{}", self.chance.pick(DEFINITIONS))),
                _ => text.push_str(&format!(".{}", self.chance.pick(FIELDS))),
            }
            if !self.chance.once_in(4) {
                return Part::word(text);
            }
        }
    }

    fn expr(&mut self, want: Want, depth: usize) -> Part {
        if depth == 0 {
            return self.leaf(want);
        }
        match self.chance.below(22) {
            0..=3 => self.reference(want),
            4..=6 => {
                let parts = vec![self.reference(want), self.expr(want, depth - 1)];
                Part::new(Sort::Expr, "(", " & ", ")", parts, 1)
            }
            7 | 8 => self.disjunction(want, depth),
            9 => {
                let condition = self.expr(Want::Bool, depth - 1);
                let (value, other) = (self.expr(want, depth - 1), self.expr(want, depth - 1));
                let when = Part::new(Sort::Other, "if ", " {", "}", vec![condition, value], 2);
                Part::new(Sort::Expr, "[", ", ", "][0]", vec![when, other], 1)
            }
            10 => {
                let parts = vec![self.reference(Want::Struct), self.structure(depth - 1)];
                let close = self.chance.pick(&[").a", ").b", ").c", ").d"]);
                Part::new(Sort::Expr, "(", " & ", close, parts, 1)
            }
            11 => {
                // An embedded value with definitions beside it.
                let parts = vec![self.definition(depth - 1), self.expr(want, depth - 1)];
                Part::new(Sort::Expr, "{", ", ", "}", parts, 0)
            }
            _ => match want {
                Want::Struct => match self.chance.once_in(12) {
                    true => Part::new(Sort::Expr, "close(", "", ")", vec![self.structure(depth - 1)], 1),
                    false => self.structure(depth - 1),
                },
                Want::List => self.list(depth - 1),
                Want::Number => self.number(depth - 1),
                Want::Text => self.textual(depth - 1),
                Want::Bool => self.truth(depth - 1),
                Want::Any => match self.want() {
                    Want::Any => self.leaf(Want::Any),
                    other => self.expr(other, depth),
                },
            },
        }
    }

    fn leaf(&mut self, want: Want) -> Part {
        let c = &mut self.chance;
        Part::word(match want {
            Want::Struct => {
                c.pick(&["{}", "{a: 1}", "{b: 2}", "{a: int}", "{a?: int}", "{a: 1, b: 2}", "{...}"])
            }
            Want::List => c.pick(&["[]", "[1]", "[1, 2]", "[...]", "[...int]", "[int]", "[\"a\", 1]"]),
            Want::Number => c.pick(&[
                "0",
                "1",
                "2",
                "3",
                "int",
                ">0",
                "<3",
                ">=1",
                "number",
                "1.5",
                "(*1 | int)",
                "uint8",
            ]),
            Want::Text => c.pick(&["\"a\"", "\"b\"", "string", "=~\"^a\"", "!=\"a\"", "(*\"a\" | string)"]),
            Want::Bool => c.pick(&["true", "false", "bool", "(*true | bool)"]),
            Want::Any => c.pick(&["_", "null", "1", "\"a\"", "{}", "[]", "true"]),
        })
    }

    fn disjunction(&mut self, want: Want, depth: usize) -> Part {
        let n = 2 + self.chance.below(2);
        let term = |g: &mut Self| {
            let want = if g.chance.once_in(5) { g.want() } else { want };
            let x = g.expr(want, depth - 1);
            match g.chance.once_in(3) {
                true => Part::new(Sort::Expr, "*", "", "", vec![x], 1),
                false => x,
            }
        };
        let parts = (0..n).map(|_| term(self)).collect();
        Part::new(Sort::Expr, "(", " | ", ")", parts, 2)
    }

    fn definition(&mut self, depth: usize) -> Part {
        let want = self.want();
        let label = self.chance.pick(&["#A", "#B", "_h"]);
        field(format!("{label}: "), self.expr(want, depth))
    }

    fn structure(&mut self, depth: usize) -> Part {
        let before = self.names.len();
        let n = 1 + self.chance.below(4);
        for _ in 0..n {
            let label = match self.chance.below(12) {
                0 => self.chance.pick(DEFINITIONS),
                1 => "_h",
                _ => self.chance.pick(FIELDS),
            };
            let want = self.want();
            self.names.push((label.to_owned(), want));
        }
        let mut decls = Vec::new();
        for i in before..self.names.len() {
            let (label, want) = self.names[i].clone();
            decls.push(self.decl(&label, want, depth));
        }
        self.names.truncate(before);
        Part::new(Sort::Expr, "{", ", ", "}", decls, 0)
    }

    fn decl(&mut self, label: &str, want: Want, depth: usize) -> Part {
        let other = |open: String, parts, least| Part::new(Sort::Other, open, "", "", parts, least);
        match self.chance.below(26) {
            0 => other("[string]: ".to_owned(), vec![self.expr(want, depth)], 1),
            1 => {
                let pattern = self.chance.pick(&["=~\"^[ab]\"", "!=\"a\"", "\"a\" | \"b\""]);
                other(format!("[{pattern}]: "), vec![self.expr(want, depth)], 1)
            }
            2 => other("...".to_owned(), Vec::new(), 0),
            3 | 4 => other(String::new(), vec![self.reference(Want::Struct)], 1),
            5 => other(String::new(), vec![self.expr(Want::Struct, depth)], 1),
            6 | 7 => self.condition(depth),
            8 => self.repetition(depth),
            9 => other(format!("{label}?: "), vec![self.expr(want, depth)], 1),
            10 => other(format!("{label}!: "), vec![self.expr(want, depth)], 1),
            11 => {
                let parts = vec![self.expr(Want::Text, depth.min(1)), self.expr(want, depth)];
                Part::new(Sort::Other, "(", "): ", "", parts, 2)
            }
            12 => {
                let value = self.expr(want, depth);
                self.names.push(("l".to_owned(), want));
                let user = self.expr(want, depth.min(1));
                self.names.pop();
                let both = field(format!("{label}: "), Part::new(Sort::Expr, "[l, ", "", "]", vec![user], 1));
                Part::new(Sort::Other, "let l = ", ", ", "", vec![value, both], 2)
            }
            _ => field(format!("{label}: "), self.expr(want, depth)),
        }
    }

    fn condition(&mut self, depth: usize) -> Part {
        let condition = match self.chance.below(4) {
            0 => Part::new(Sort::Expr, "", "", " != _|_", vec![self.reference(Want::Any)], 1),
            1 => Part::new(Sort::Expr, "", "", " == _|_", vec![self.reference(Want::Any)], 1),
            _ => self.expr(Want::Bool, depth),
        };
        let body = self.structure(depth.saturating_sub(1));
        Part::new(Sort::Other, "if ", " ", "", vec![condition, body], 2)
    }

    fn repetition(&mut self, depth: usize) -> Part {
        let want = if self.chance.once_in(2) { Want::List } else { Want::Struct };
        let source = self.expr(want, depth);
        self.names.extend([("k".to_owned(), Want::Any), ("v".to_owned(), Want::Any)]);
        let body = match self.chance.once_in(2) {
            true => {
                let value = self.expr(Want::Any, depth.saturating_sub(1));
                Part::new(Sort::Expr, "{", ", ", "}", vec![field("\"f\\(k)\": ".to_owned(), value)], 0)
            }
            false => self.structure(depth.saturating_sub(1)),
        };
        self.names.truncate(self.names.len() - 2);
        Part::new(Sort::Other, "for k, v in ", " ", "", vec![source, body], 2)
    }

    fn list(&mut self, depth: usize) -> Part {
        let want = self.want();
        let call = |open: &str, close, parts| Part::new(Sort::Expr, open, ", ", close, parts, 1);
        match self.chance.below(14) {
            0 => {
                call("list.Concat([", "])", vec![self.expr(Want::List, depth), self.expr(Want::List, depth)])
            }
            1 => {
                let source = self.expr(Want::List, depth);
                self.names.extend([("k".to_owned(), Want::Number), ("v".to_owned(), Want::Any)]);
                let value = self.expr(want, depth);
                self.names.truncate(self.names.len() - 2);
                Part::new(Sort::Expr, "[for k, v in ", " {", "}]", vec![source, value], 2)
            }
            2 => call("list.Take(", ", 1)", vec![self.expr(Want::List, depth)]),
            3 => call("list.Sort(", ", list.Ascending)", vec![self.expr(Want::List, depth)]),
            4 => call("list.FlattenN(", ", 1)", vec![self.expr(Want::List, depth)]),
            5 => Part::new(Sort::Expr, "(", "", ")[0:1]", vec![self.expr(Want::List, depth)], 1),
            6 => Part::new(Sort::Expr, "[...", "", "]", vec![self.expr(want, depth)], 1),
            7 => {
                let parts = vec![self.expr(want, depth), self.expr(want, depth)];
                Part::new(Sort::Expr, "[", ", ...", "]", parts, 2)
            }
            _ => {
                let n = self.chance.below(4);
                let parts = (0..n).map(|_| self.expr(want, depth)).collect();
                Part::new(Sort::Expr, "[", ", ", "]", parts, 0)
            }
        }
    }

    fn number(&mut self, depth: usize) -> Part {
        let call = |open: &str, parts| Part::new(Sort::Expr, open, ", ", ")", parts, 1);
        match self.chance.below(10) {
            0 => call("len(", vec![self.expr(Want::Any, depth)]),
            1 => call("list.Sum(", vec![self.expr(Want::List, depth)]),
            2 => Part::new(Sort::Expr, ">", "", "", vec![self.leaf(Want::Number)], 1),
            3 => Part::new(Sort::Expr, "<=", "", "", vec![self.reference(Want::Number)], 1),
            4..=6 => {
                let op = self.chance.pick(&[" + ", " - ", " * ", " / "]);
                let parts = vec![self.expr(Want::Number, depth), self.expr(Want::Number, depth)];
                Part::new(Sort::Expr, "(", op, ")", parts, 2)
            }
            7 => {
                let parts = vec![self.expr(Want::Number, depth), self.expr(Want::Number, depth)];
                Part::new(Sort::Expr, "div(", ", ", ")", parts, 2)
            }
            _ => self.leaf(Want::Number),
        }
    }

    fn textual(&mut self, depth: usize) -> Part {
        match self.chance.below(7) {
            0 | 1 => Part::new(Sort::Expr, "\"\\(", "", ")\"", vec![self.reference(Want::Text)], 1),
            2 => {
                let parts = vec![self.expr(Want::Text, depth), self.expr(Want::Text, depth)];
                Part::new(Sort::Expr, "(", " + ", ")", parts, 2)
            }
            3 => Part::new(Sort::Expr, "strings.ToUpper(", "", ")", vec![self.expr(Want::Text, depth)], 1),
            4 => {
                Part::new(Sort::Expr, "strings.Join(", "", ", \"-\")", vec![self.expr(Want::List, depth)], 1)
            }
            _ => self.leaf(Want::Text),
        }
    }

    fn truth(&mut self, depth: usize) -> Part {
        match self.chance.below(9) {
            0 => Part::new(Sort::Expr, "!", "", "", vec![self.leaf(Want::Bool)], 1),
            1 => {
                let op = if self.chance.once_in(2) { " && " } else { " || " };
                let parts = vec![self.expr(Want::Bool, depth), self.expr(Want::Bool, depth)];
                Part::new(Sort::Expr, "(", op, ")", parts, 2)
            }
            2..=4 => {
                let op = match self.chance.below(4) {
                    0 => " == ",
                    1 => " != ",
                    2 => " < ",
                    _ => " >= ",
                };
                let want = self.want();
                let parts = vec![self.expr(want, depth), self.expr(want, depth)];
                Part::new(Sort::Expr, "(", op, ")", parts, 2)
            }
            5 => {
                let parts = vec![self.expr(Want::List, depth), self.leaf(Want::Any)];
                Part::new(Sort::Expr, "list.Contains(", ", ", ")", parts, 2)
            }
            _ => self.leaf(Want::Bool),
        }
    }
}

fn field(label: String, value: Part) -> Part {
    Part::new(Sort::Other, label, "", "", vec![value], 1)
}
