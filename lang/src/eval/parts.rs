//! Export in parts, on several cores.
//!
//! Large structs and lists near the root are told in ranges of fields: the first range of each of them together, then the second range, and so on. Fields that stand alike
//! mostly depend on each other (a Deployment for each service), and what a range took is forgotten before the next one (`forget.rs`): so a large value needs
//! hardly more memory than its text.
//!
//! Evaluation happens on demand, and so ranges can be told by several evaluations of the program, each on a thread of its own, that take the next one when they are
//! done with one. Each has to find its way to the fields, so that it is of use only where there are many. Where anything is wrong in any part, everything is gone
//! through once more by one evaluation, which tells all mistakes.

use super::arena::*;
use super::core::Evaluator;
use super::label::Labels;
use crate::api::Budget;
use crate::data::Sink as _;
use crate::encode::json::{Text, Writer};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How a value is told in parts.
#[derive(Clone, Copy)]
struct Plan {
    /// From this number of fields on a struct is told in parts.
    large: usize,
    /// How many fields of the largest struct are in a part.
    range: usize,
}

const PLAN: Plan = Plan { large: 512, range: 128 };

/// Roots of more fields than these are not searched for large ones.
const FEW: usize = 16;

/// Threads are of no use where this part of the budget was used before there was anything to tell.
const DEAR: u64 = 8;

/// More threads than these are of no use.
const MOST: usize = 4;

/// A struct or list that is told in parts.
struct Large {
    v: VId,
    list: bool,
    fields: Vec<Arc_>,
    /// How many lists and structs are around its fields.
    depth: usize,
}

impl Large {
    /// The fields that are in a part.
    fn range(&self, part: usize, of: usize) -> &[Arc_] {
        let at = |part| self.fields.len() * part / of;
        let Range { start, end } = at(part)..at(part + 1);
        &self.fields[start..end]
    }
}

/// The texts of one part, of each large struct; with the number of the part.
type Told = (usize, Vec<String>);

impl Evaluator {
    /// A root that nobody has looked at yet as JSON, in parts. `None` if that is of no use, or if there is a mistake somewhere.
    pub(super) fn json_in_parts(&mut self, v: VId) -> Option<Text> {
        let untouched = self.vs.len() == 1 && self.envs.is_empty() && self.conjuncts(v).len() == 1;
        if !untouched || !self.has_large(v, PLAN) {
            return None;
        }
        // What is to be stopped from outside is not spread, nor where the way to the fields takes much, as each thread has to go it.
        let cores = match &self.budget.cancel {
            Some(_) => 1,
            None if self.memory > self.budget.memory / DEAR => 1,
            None => thread::available_parallelism().map_or(1, |n| n.get().min(MOST)),
        };
        self.json_by(v, PLAN, cores)
    }

    /// The same, by so many threads.
    fn json_by(&mut self, v: VId, plan: Plan, cores: usize) -> Option<Text> {
        let next = AtomicUsize::new(0);
        let (mut between, mut told) = thread::scope(|scope| {
            let others: Vec<_> = (1..cores)
                .map(|_| {
                    let (compiled, next) = (self.compiled.clone(), &next);
                    let budget = Budget { memory: self.budget.memory / cores as u64, ..self.budget.clone() };
                    scope.spawn(move || {
                        let labels = Labels::above(compiled.labels.clone());
                        let mut evaluator = Evaluator::new(compiled, labels, budget);
                        let root = evaluator.root(0);
                        let (_, larges) = evaluator.way(root, plan, false)?;
                        let told = evaluator.tell_parts(&larges, plan, next);
                        // Freed piece by piece, this would take longer than it took to make.
                        std::mem::forget(evaluator);
                        told
                    })
                })
                .collect();
            let way = self.way(v, plan, true);
            let mut told = way.as_ref().and_then(|(_, larges)| self.tell_parts(larges, plan, &next));
            if told.is_none() {
                // The others need not go on.
                next.store(usize::MAX / 2, Ordering::Relaxed);
            }
            for other in others {
                let more = other.join().ok().flatten();
                told = told.zip(more).map(|(told, more)| told.into_iter().chain(more).collect());
            }
            Some((way?.0, told?))
        })?;
        told.sort_by_key(|(part, _)| *part);
        let last = between.pop()?;
        let mut texts = Vec::new();
        for (i, before) in between.into_iter().enumerate() {
            texts.push(before);
            texts.extend(told.iter_mut().filter_map(|(_, of_part)| of_part.get_mut(i)).map(std::mem::take));
        }
        texts.push(last);
        Some(Text::joined(texts))
    }

    /// Whether a root is large, or one of its few fields.
    fn has_large(&mut self, v: VId, plan: Plan) -> bool {
        self.expand(v);
        let arcs = self.arcs(self.with_default(v)).to_vec();
        let is_large = |a: &Arc_| {
            self.expand(a.vertex);
            self.arcs(self.with_default(a.vertex)).len() >= plan.large
        };
        arcs.len() >= plan.large || (arcs.len() < FEW && arcs.iter().any(is_large))
    }

    /// The large structs and lists, and with `all` what stands before, between and behind them.
    fn way(&mut self, v: VId, plan: Plan, all: bool) -> Option<(Vec<String>, Vec<Large>)> {
        let (mut writer, mut between, mut larges) = (Writer::marked(), Vec::new(), Vec::new());
        self.go(v, plan, (all, true), &mut writer, &mut between, &mut larges)?;
        between.push(writer.leave());
        Some((between, larges))
    }

    fn go(
        &mut self,
        v: VId,
        plan: Plan,
        (all, root): (bool, bool),
        writer: &mut Writer<'_>,
        between: &mut Vec<String>,
        larges: &mut Vec<Large>,
    ) -> Option<()> {
        let Some((list, fields)) = self.begin(v, all, writer)? else { return Some(()) };
        writer.open(list, fields.len());
        if fields.len() >= plan.large {
            larges.push(Large { v, list, fields, depth: writer.depth() });
            between.push(writer.leave());
        } else if root && fields.len() < FEW {
            for a in fields {
                if !list {
                    writer.label(&self.labels.name(a.label));
                }
                self.go(a.vertex, plan, (all, false), writer, between, larges)?;
            }
        } else if all {
            self.tell_fields(v, list, &fields, writer)?;
        }
        writer.close();
        Some(())
    }

    /// Tells parts as long as there are any.
    fn tell_parts(&mut self, larges: &[Large], plan: Plan, next: &AtomicUsize) -> Option<Vec<Told>> {
        let most = larges.iter().map(|l| l.fields.len()).max().unwrap_or(0);
        let of = most.div_ceil(plan.range);
        let mut out: Vec<Told> = Vec::new();
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= of {
                return Some(out);
            }
            let fields = || larges.iter().flat_map(|l| l.range(part, of)).map(|a| a.vertex);
            // The first part also evaluates what all of them use.
            let marked = !out.is_empty() && self.mark_together(fields());
            let texts = larges.iter().map(|l| {
                let mut writer = Writer::inside(l.depth, part == 0);
                self.tell_fields(l.v, l.list, l.range(part, of), &mut writer).map(|()| writer.leave())
            });
            let texts = texts.collect::<Option<Vec<String>>>();
            if marked {
                self.unmark_together(fields());
            }
            let Some(mut texts) = texts else {
                // The others need not go on.
                next.store(usize::MAX / 2, Ordering::Relaxed);
                return None;
            };
            texts.iter_mut().for_each(String::shrink_to_fit);
            out.push((part, texts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{NoPackages, Program};
    use crate::source::Source;

    fn evaluator(program: &Program) -> (Evaluator, VId) {
        let compiled = program.compiled();
        let labels = Labels::above(compiled.labels.clone());
        let mut evaluator = Evaluator::new(compiled, labels, Budget::default());
        let root = evaluator.root(0);
        (evaluator, root)
    }

    fn in_parts(program: &Program, cores: usize, large: usize, range: usize) -> Option<String> {
        let (mut evaluator, root) = evaluator(program);
        evaluator.json_by(root, Plan { large, range }, cores).map(|text| text.to_string())
    }

    fn in_one(program: &Program) -> Option<String> {
        let (mut evaluator, root) = evaluator(program);
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
            assert_eq!(in_parts(&program, 1, 1, 1), whole, "{name}");
            assert_eq!(in_parts(&program, 3, 2, 2), whole, "{name}");
            compared += 1;
        }
        assert!(compared > 100, "{compared}");
    }

    const NUMBER: usize = 2 * PLAN.large;

    fn many(wrong: &str) -> Program {
        let mut text = String::from("#S: {n: int, d: *1 | int}\nin: [string]: #S\nhead: {x: 1}\n");
        for i in 0..NUMBER {
            text += &format!("in: s{i}: n: {i}\n");
        }
        text += wrong;
        text +=
            "out: {for k, s in in {\"\\(k)\": {s, m: s.n + s.d}}}\nlist: [for s in out {s.m}]\nend: true\n";
        Program::compile(vec![Source::new("a.cue", text)], &NoPackages).unwrap()
    }

    #[test]
    fn threads_tell_the_same() {
        let program = many("");
        let whole = in_one(&program).unwrap();
        assert_eq!(program.instance().root().json().unwrap(), whole);
        for (cores, range) in [(1, 100), (2, 1_000), (4, 7)] {
            assert_eq!(in_parts(&program, cores, PLAN.large, range).unwrap(), whole);
        }
    }

    #[test]
    fn mistakes_are_told_by_one_evaluation() {
        // In the last part, or hidden.
        for wrong in ["in: s1000: n: \"x\"\n", "in: s3: d: 2 | 3\n", "_h: 1 & 2\n", "in: s900: e: 1\n"] {
            let program = many(wrong);
            let (mut alone, root) = evaluator(&program);
            let errors = alone.json_in_one(root).unwrap_err().len();
            let failure = program.instance().root().json().unwrap_err();
            assert!(!failure.diagnostics.is_empty() && failure.diagnostics.len() <= errors, "{failure}");
            assert_eq!(in_parts(&program, 2, PLAN.large, PLAN.range), None);
        }
    }

    #[test]
    fn a_part_is_forgotten_before_the_next() {
        let made = |range| {
            let (mut evaluator, root) = evaluator(&many(""));
            evaluator.json_by(root, Plan { range, ..PLAN }, 1).unwrap();
            evaluator.vs.len()
        };
        // A field of `in` has two fields, one of `out` has three; `list` reads `out` and is in the same parts.
        let (all, some) = (made(NUMBER), made(NUMBER / 16));
        assert!(all - some > 4 * NUMBER, "{all} {some}");
    }
}
