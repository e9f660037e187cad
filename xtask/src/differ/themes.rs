//! Programs about one thing: what closes structs, defaults of disjunctions, and values that contain each other. Where everything is about it, chance finds
//! what it would seldom find among all else.

use super::grammar::Chance;
use super::program::{Part, Sort};

fn other(open: impl Into<String>, parts: Vec<Part>) -> Part {
    let least = parts.len();
    Part::new(Sort::Other, open, "", "", parts, least)
}

fn expr(open: &str, between: &'static str, close: &'static str, parts: Vec<Part>) -> Part {
    Part::new(Sort::Expr, open, between, close, parts, 1)
}

/// A file of fields, each made by `value`.
fn file(c: &mut Chance, names: &[&'static str], value: impl Fn(&mut Chance, &str) -> Part) -> Part {
    let n = 2 + c.below(4);
    let mut decls = Vec::new();
    for _ in 0..n {
        let name = c.pick(names);
        let value = value(c, name);
        decls.push(other(format!("{name}: "), vec![value]));
    }
    // What is referred to is there: what is not declared yet may be anything.
    for name in names {
        if !decls.iter().any(|d| d.open.trim_end_matches(": ") == *name) {
            decls.push(other(format!("{name}: "), vec![Part::word("_")]));
        }
    }
    Part::new(Sort::Other, "", "\n", "\n", decls, 1)
}

const CLOSED: &[&str] = &["#A", "#B", "#C", "x", "y"];
const LABELS: &[&str] = &["a", "b", "c", "d"];

/// Definitions, embedding, patterns, `...` and `close`.
pub(super) fn closed(c: &mut Chance) -> Part {
    file(c, CLOSED, |c, _| closed_value(c, 3))
}

fn closed_value(c: &mut Chance, depth: usize) -> Part {
    if depth == 0 {
        return Part::word(c.pick(&["1", "int", "_", "{}", "#A", "#B", "x"]));
    }
    match c.below(12) {
        0 => Part::word(c.pick(CLOSED)),
        1..=4 => {
            let name = Part::word(c.pick(CLOSED));
            expr("(", " & ", ")", vec![name, closed_struct(c, depth - 1)])
        }
        5 => expr("close(", "", ")", vec![closed_struct(c, depth - 1)]),
        6 => expr("(", " | ", ")", vec![closed_value(c, depth - 1), closed_value(c, depth - 1)]),
        7 => expr("[", ", ", "]", vec![closed_value(c, depth - 1)]),
        8 => expr("[...", ", ", "]", vec![closed_value(c, depth - 1)]),
        _ => closed_struct(c, depth),
    }
}

fn closed_struct(c: &mut Chance, depth: usize) -> Part {
    let n = 1 + c.below(4);
    let mut decls = Vec::new();
    for _ in 0..n {
        let label = c.pick(LABELS);
        decls.push(match c.below(16) {
            0 | 1 => other("", vec![Part::word(c.pick(CLOSED))]),
            2 => other("", vec![closed_struct(c, depth.saturating_sub(1))]),
            3 => other("...", Vec::new()),
            4 => other("[=~\"^[ab]\"]: ", vec![closed_value(c, depth.saturating_sub(1))]),
            5 => other(format!("{label}?: "), vec![closed_value(c, depth.saturating_sub(1))]),
            6 => other("#D: ", vec![closed_value(c, depth.saturating_sub(1))]),
            7 => {
                let condition = Part::word(c.pick(&["true", "x.a != _|_", "y.b == _|_"]));
                let body = closed_struct(c, depth.saturating_sub(1));
                Part::new(Sort::Other, "if ", " ", "", vec![condition, body], 2)
            }
            _ => other(format!("{label}: "), vec![closed_value(c, depth.saturating_sub(1))]),
        });
    }
    Part::new(Sort::Expr, "{", ", ", "}", decls, 0)
}

const CHOICES: &[&str] = &["x", "y", "z", "#A", "#B"];

/// Disjunctions in each other, with and without defaults.
pub(super) fn choices(c: &mut Chance) -> Part {
    file(c, CHOICES, |c, _| choice(c, 3))
}

fn choice(c: &mut Chance, depth: usize) -> Part {
    if depth == 0 {
        let word =
            c.pick(&["1", "2", "3", "int", "string", "\"a\"", ">1", "<=2", "null", "_", "x", "y", "#A"]);
        return Part::word(word);
    }
    match c.below(10) {
        0..=3 => {
            let n = 2 + c.below(2);
            let mut parts = Vec::new();
            for _ in 0..n {
                let term = choice(c, depth - 1);
                let marked = c.once_in(3);
                parts.push(if marked { expr("*", "", "", vec![term]) } else { term });
            }
            Part::new(Sort::Expr, "(", " | ", ")", parts, 2)
        }
        4 | 5 => expr("(", " & ", ")", vec![choice(c, depth - 1), choice(c, depth - 1)]),
        6 => Part::word(c.pick(CHOICES)),
        7 | 8 => {
            let n = 1 + c.below(2);
            let mut decls = Vec::new();
            for _ in 0..n {
                let label = c.pick(&["k", "a", "b"]);
                decls.push(other(format!("{label}: "), vec![choice(c, depth - 1)]));
            }
            Part::new(Sort::Expr, "{", ", ", "}", decls, 0)
        }
        _ => {
            let name = c.pick(CHOICES);
            let field = c.pick(&["k", "a", "b"]);
            Part::word(format!("{name}.{field}"))
        }
    }
}

const CYCLES: &[&str] = &["#A", "#B", "x", "y", "z"];

/// Values that refer to each other and to what is around them.
pub(super) fn cycles(c: &mut Chance) -> Part {
    file(c, CYCLES, |c, _| cycle(c, 3))
}

fn cycle(c: &mut Chance, depth: usize) -> Part {
    let reference = |c: &mut Chance| {
        let name = c.pick(CYCLES);
        match c.below(3) {
            0 => Part::word(format!("{name}.{}", c.pick(&["a", "b"]))),
            _ => Part::word(name),
        }
    };
    if depth == 0 {
        return match c.below(3) {
            0 => reference(c),
            _ => Part::word(c.pick(&["1", "2", "int", "{}", "_"])),
        };
    }
    match c.below(14) {
        0 | 1 => reference(c),
        2 | 3 => expr("(", " & ", ")", vec![reference(c), cycle(c, depth - 1)]),
        4 => Part::new(Sort::Expr, "(", " | ", ")", vec![Part::word("null"), cycle(c, depth - 1)], 2),
        5 => Part::new(Sort::Expr, "(*", " | ", ")", vec![Part::word("1"), cycle(c, depth - 1)], 2),
        6 => expr("[...", "", "]", vec![cycle(c, depth - 1)]),
        7 => expr("[", ", ", "]", vec![cycle(c, depth - 1), cycle(c, depth - 1)]),
        8 => Part::new(Sort::Expr, "(", " + ", ")", vec![reference(c), Part::word("1")], 2),
        _ => {
            let n = 1 + c.below(3);
            let mut decls = Vec::new();
            for _ in 0..n {
                let label = c.pick(&["a", "b"]);
                let inner = depth - 1;
                decls.push(match c.below(9) {
                    0 => other("", vec![reference(c)]),
                    1 | 2 => other(format!("{label}?: "), vec![cycle(c, inner)]),
                    3 => other("[string]: ", vec![cycle(c, inner)]),
                    4 => {
                        let source = reference(c);
                        let body = Part::new(
                            Sort::Expr,
                            "{",
                            ", ",
                            "}",
                            vec![other("\"\\(k)\": ", vec![cycle(c, inner)])],
                            0,
                        );
                        Part::new(Sort::Other, "for k, v in ", " ", "", vec![source, body], 2)
                    }
                    _ => other(format!("{label}: "), vec![cycle(c, inner)]),
                });
            }
            Part::new(Sort::Expr, "{", ", ", "}", decls, 0)
        }
    }
}
