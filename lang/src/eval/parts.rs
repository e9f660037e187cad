//! Export on several cores.
//!
//! Evaluation happens on demand, so two evaluations of one program that are asked for different fields share hardly any work. Of each large struct or list near the root
//! every part tells a range of the fields, in an evaluation and on a thread of its own; all of them walk the same way to get there, and the first part
//! tells the rest. The texts are put together in order. Where anything is wrong in any part, everything is gone through once more by one evaluation, which tells all
//! mistakes.

use super::arena::*;
use super::core::Evaluator;
use super::label::Labels;
use crate::api::Budget;
use crate::data::Sink as _;
use crate::encode::json::{Text, Writer};
use std::thread;

/// From this number of fields on a struct is told in parts.
const LARGE: usize = 512;

/// Roots of more fields than these are not searched for large ones.
const FEW: usize = 16;

/// More threads than these are of no use.
const MOST: usize = 4;

/// One of several parts.
#[derive(Clone, Copy)]
pub(super) struct Part {
    index: usize,
    of: usize,
    /// The least number of fields that are told in parts.
    large: usize,
}

impl Evaluator {
    /// A root that nobody has looked at yet as JSON, by several threads. `None` if that is of no use, or if there is a mistake somewhere.
    pub(super) fn json_in_parts(&mut self, v: VId) -> Option<Text> {
        let untouched = self.vs.len() == 1 && self.envs.is_empty() && self.conjuncts(v).len() == 1;
        if !untouched || self.budget.cancel.is_some() || !self.has_large(v) {
            return None;
        }
        let of = thread::available_parallelism().map_or(1, |n| n.get().min(MOST));
        if of < 2 {
            return None;
        }
        thread::scope(|scope| {
            let others: Vec<_> = (1..of)
                .map(|index| {
                    let compiled = self.compiled.clone();
                    let budget = Budget { memory: self.budget.memory / of as u64, ..self.budget.clone() };
                    scope.spawn(move || {
                        let labels = Labels::above(compiled.labels.clone());
                        let mut evaluator = Evaluator::new(compiled, labels, budget);
                        let root = evaluator.root(0);
                        let told = evaluator.tell_part(root, Part { index, of, large: LARGE });
                        // The process is about to end: freed piece by piece, this would take longer than it took to make.
                        std::mem::forget(evaluator);
                        told
                    })
                })
                .collect();
            let mut all = vec![self.tell_part(v, Part { index: 0, of, large: LARGE })];
            all.extend(others.into_iter().map(|other| other.join().ok().flatten()));
            Text::joined(all.into_iter().collect::<Option<Vec<_>>>()?)
        })
    }

    /// Whether a root is large, or one of its few fields.
    fn has_large(&mut self, v: VId) -> bool {
        self.expand(v);
        let arcs = self.arcs(self.with_default(v)).to_vec();
        let large = |a: &Arc_| {
            self.expand(a.vertex);
            self.arcs(self.with_default(a.vertex)).len() >= LARGE
        };
        arcs.len() >= LARGE || (arcs.len() < FEW && arcs.iter().any(large))
    }

    /// The texts of one part: its share of each large struct or list; those of the first one end with what stands before the next share.
    fn tell_part(&mut self, v: VId, part: Part) -> Option<Vec<String>> {
        let (mut writer, mut shares) = (Writer::marked(), Vec::new());
        self.tell_share(v, part, true, &mut writer, &mut shares)?;
        shares.extend((part.index == 0).then_some(writer.out));
        Some(shares)
    }

    fn tell_share(
        &mut self,
        v: VId,
        part: Part,
        root: bool,
        writer: &mut Writer<'_>,
        shares: &mut Vec<String>,
    ) -> Option<()> {
        let first = part.index == 0;
        let Some((list, arcs)) = self.begin(v, first, writer)? else { return Some(()) };
        writer.open(list, arcs.len());
        if arcs.len() >= part.large {
            if !first {
                writer.skip();
            }
            let end = |index| arcs.len() * index / part.of;
            self.tell_fields(v, list, &arcs[end(part.index)..end(part.index + 1)], writer)?;
            shares.push(std::mem::take(&mut writer.out));
        } else if root && arcs.len() < FEW {
            for a in arcs {
                if !list {
                    writer.label(&self.labels.name(a.label));
                }
                self.tell_share(a.vertex, part, false, writer, shares)?;
            }
        } else if first {
            self.tell_fields(v, list, &arcs, writer)?;
        }
        writer.close();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{NoPackages, Program};
    use crate::source::Source;

    fn evaluator(program: &Program) -> Evaluator {
        let compiled = program.compiled();
        let labels = Labels::above(compiled.labels.clone());
        Evaluator::new(compiled, labels, Budget::default())
    }

    /// The text as so many parts tell it, one after the other.
    fn in_parts(program: &Program, of: usize, large: usize) -> Option<String> {
        let part = |index| {
            let mut evaluator = evaluator(program);
            let root = evaluator.root(0);
            evaluator.tell_part(root, Part { index, of, large })
        };
        let all = (0..of).map(part).collect::<Option<Vec<_>>>()?;
        Text::joined(all).map(|text| text.to_string())
    }

    fn in_one(program: &Program) -> Option<String> {
        let mut evaluator = evaluator(program);
        let root = evaluator.root(0);
        evaluator.json_in_one(root).ok().map(|text| text.to_string())
    }

    #[test]
    fn parts_are_the_whole() {
        let Some((dir, paths)) = crate::vectors::archives() else { return };
        let mut compared = 0;
        for path in &paths {
            let name = path.strip_prefix(&dir).unwrap().display().to_string();
            let (head, files) = crate::vectors::sections(&std::fs::read_to_string(path).unwrap());
            if !head.contains("status: ok") {
                continue;
            }
            let roots = files.into_iter().filter(|(n, _)| n.ends_with(".cue") && !n.contains('/'));
            let sources = roots.map(|(n, text)| Source::new(n, text)).collect();
            let Ok(program) = Program::compile(sources, &NoPackages) else { continue };
            let whole = in_one(&program);
            assert_eq!(in_parts(&program, 2, 2), whole, "{name}");
            assert_eq!(in_parts(&program, 3, 4), whole, "{name}");
            compared += 1;
        }
        assert!(compared > 100, "{compared}");
    }

    fn many(wrong: &str) -> String {
        let mut text = String::from("#S: {n: int, d: *1 | int}\nin: [string]: #S\nhead: {x: 1}\n");
        for i in 0..2 * LARGE {
            text += &format!("in: s{i}: n: {i}\n");
        }
        text + wrong
            + "out: {for k, s in in {\"\\(k)\": {s, m: s.n + s.d}}}\nlist: [for s in out {s.m}]\nend: true\n"
    }

    #[test]
    fn threads_tell_the_same() {
        let program = |text: String| Program::compile(vec![Source::new("a.cue", text)], &NoPackages).unwrap();
        let right = program(many(""));
        let whole = in_one(&right).unwrap();
        assert_eq!(right.instance().root().json().unwrap(), whole);
        assert_eq!(in_parts(&right, 3, LARGE).unwrap(), whole);
        // What is wrong in the last part, or hidden, is told as by one evaluation.
        for wrong in ["in: s1000: n: \"x\"\n", "in: s3: d: 2 | 3\n", "_h: 1 & 2\n", "in: s900: e: 1\n"] {
            let program = program(many(wrong));
            let mut alone = evaluator(&program);
            let root = alone.root(0);
            let errors = alone.json_in_one(root).unwrap_err().len();
            let failure = program.instance().root().json().unwrap_err();
            assert!(!failure.diagnostics.is_empty() && failure.diagnostics.len() <= errors, "{failure}");
            assert_eq!(in_parts(&program, 2, LARGE), None);
        }
    }
}
