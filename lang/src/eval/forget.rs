//! Forgetting: evaluation is pure, so what was evaluated only to be written can be thrown away once it is written, and would come out the same again.
//!
//! Before a field is worked on its place is marked: everything made from there on belongs to it. If meanwhile nothing changed that was there before, but
//! for the field itself, all of that is cut off at the mark and the field is as it was; nothing can be left that refers to what is gone. If something else did
//! change (a definition or another field was evaluated on the way, for the first time) everything is kept. So it is always right to forget; whether it is
//! worth while is another question:
//! - the fields of large structs and lists are forgotten one by one, where no expression of the program names what they are in;
//! - ranges of fields that are written together (`parts.rs`) are forgotten together, named or not: those that refer to each other mostly stand alike;
//! - if one that was forgotten is asked for again all the same, nothing is forgotten from then on. So nothing is evaluated three times.

use super::arena::*;
use super::core::Evaluator;
use super::label::Label;
use super::pool;

/// From this number of fields on it is worth while to forget each of them.
const MANY: usize = 16;

/// What is known about forgetting.
#[derive(Debug, Default)]
pub(super) struct Forgetting {
    /// The marks, the innermost last.
    marks: Vec<Mark>,
    /// The first vertex after the innermost mark.
    floor: VId,
    /// Whether something that was forgotten had to be evaluated again.
    regretted: bool,
    /// Environments with `let`s made after the outermost mark.
    lets: Vec<EnvId>,
    /// Whether every field is forgotten, whatever may need it: for tests.
    always: bool,
    /// How often something was forgotten.
    times: u32,
}

/// Where everything ended before a field was worked on.
#[derive(Debug)]
struct Mark {
    /// The field; [`NONE`] for what is made on the way.
    field: VId,
    /// The field as it was.
    before: Option<Vertex>,
    /// Whether something else changed.
    kept: bool,
    /// Whether fields are forgotten together: it is the outermost mark then.
    group: bool,
    /// Fields that are forgotten together and were worked on, as they were.
    together: Vec<(VId, Vertex)>,
    /// Vertices from before that were read, with the last reader that each had.
    read: Vec<(VId, u32)>,
    /// Vertices from before that pass on what they still get, once for each that they pass it on to.
    passed_on: Vec<VId>,
    conjuncts: pool::Mark,
    arcs: pool::Mark,
    vertices: VId,
    envs: EnvId,
    exts: usize,
    types: usize,
    scalars: usize,
    readers: usize,
    origins: usize,
    chains: usize,
    errors: usize,
    missed: usize,
    provisional: usize,
    memory: u64,
}

impl Evaluator {
    /// Whether the fields of `v`, so many, are worth forgetting: nothing in the program names it or what it is in.
    pub(super) fn forgets_fields(&self, v: VId, fields: usize) -> bool {
        let unread = || self.path(v).iter().all(|l| !self.is_named(*l));
        self.forgetting.always || (fields >= MANY && !self.forgetting.regretted && unread())
    }

    fn is_named(&self, label: Label) -> bool {
        self.compiled.named.contains(&label)
    }

    /// Marks the place before a field is worked on for the first time. Gives whether it did: then [`Evaluator::unmark`] must follow.
    pub(super) fn mark(&mut self, field: VId) -> bool {
        let x = self.v(field);
        let fresh = x.state == State::Unprocessed && x.ext == NONE;
        let unread = !self.forgetting.regretted && !self.is_named(x.label);
        if !fresh
            || !(unread || self.forgetting.always)
            || !self.frames.is_empty()
            || !self.provisional.is_empty()
        {
            return false;
        }
        let before = Some(x.clone());
        self.push_mark(field, before);
        true
    }

    /// Marks the place before something is worked out on the way of which only the result is of interest. [`Evaluator::unmark`] must follow, and
    /// [`Evaluator::keep_all`] before it if the result is an error.
    pub(super) fn mark_aside(&mut self) {
        self.push_mark(NONE, None);
    }

    /// Marks the place before fields are written that are to be forgotten together. Gives whether it did: then [`Evaluator::unmark_together`] must
    /// follow.
    pub(super) fn mark_together(&mut self, fields: impl Iterator<Item = VId>) -> bool {
        let nested = !self.forgetting.marks.is_empty();
        if nested || self.forgetting.regretted || !self.frames.is_empty() || !self.provisional.is_empty() {
            return false;
        }
        for v in fields {
            let x = &mut self.vs[v as usize];
            if x.state == State::Unprocessed && x.ext == NONE && x.fate == Fate::Kept {
                x.fate = Fate::Fleeting;
            }
        }
        self.push_mark(NONE, None);
        self.forgetting.marks.iter_mut().for_each(|m| m.group = true);
        true
    }

    /// Ends a mark of [`Evaluator::mark_together`].
    pub(super) fn unmark_together(&mut self, fields: impl Iterator<Item = VId>) {
        self.unmark();
        for v in fields {
            let fate = &mut self.vs[v as usize].fate;
            if matches!(fate, Fate::Fleeting | Fate::Noted) {
                *fate = Fate::Kept;
            }
        }
    }

    fn push_mark(&mut self, field: VId, before: Option<Vertex>) {
        let mark = Mark {
            field,
            before,
            kept: false,
            group: false,
            together: Vec::new(),
            read: Vec::new(),
            passed_on: Vec::new(),
            conjuncts: self.conjunct_pool.mark(),
            arcs: self.arc_pool.mark(),
            vertices: self.vs.len() as VId,
            envs: self.envs.len() as EnvId,
            exts: self.exts.len(),
            types: self.types.len(),
            scalars: self.scalars.len(),
            readers: self.readers.len(),
            origins: self.origins.len(),
            chains: self.chains.len(),
            errors: self.errors.len(),
            missed: self.missed.len(),
            provisional: self.provisional.len(),
            memory: self.memory,
        };
        self.forgetting.floor = mark.vertices;
        self.forgetting.marks.push(mark);
    }

    /// Ends the innermost mark: what was made after it is thrown away, if it is of no use to anything else.
    pub(super) fn unmark(&mut self) {
        let Some(mark) = self.forgetting.marks.pop() else { return };
        self.forgetting.floor = self.forgetting.marks.last().map_or(0, |m| m.vertices);
        if mark.kept || self.exhausted().is_some() || self.provisional.len() > mark.provisional {
            if let Some(outer) = self.forgetting.marks.last_mut() {
                outer.read.extend(mark.read);
                outer.passed_on.extend(mark.passed_on);
            }
            self.conjunct_pool.keep(mark.conjuncts);
            self.arc_pool.keep(mark.arcs);
            if self.forgetting.marks.is_empty() {
                self.forgetting.lets.clear();
            }
            return;
        }
        for (v, last) in mark.read.into_iter().rev() {
            self.vs[v as usize].readers = last;
        }
        for (v, before) in mark.together.into_iter().rev() {
            self.forgetting.times += 1;
            self.vs[v as usize] = Vertex { fate: Fate::Forgotten, ..before };
        }
        for v in mark.passed_on {
            let ext = self.vs[v as usize].ext as usize;
            self.exts.get_mut(ext).and_then(|x| x.notify.pop());
        }
        while self.forgetting.lets.pop_if(|env| *env >= mark.envs).is_some_and(|env| {
            self.lets.remove(&env);
            true
        }) {}
        self.conjunct_pool.forget(mark.conjuncts);
        self.arc_pool.forget(mark.arcs);
        self.vs.truncate(mark.vertices as usize);
        self.envs.truncate(mark.envs as usize);
        self.exts.truncate(mark.exts);
        self.types.truncate(mark.types);
        self.scalars.truncate(mark.scalars);
        self.readers.truncate(mark.readers);
        self.origins.truncate(mark.origins);
        self.chains.truncate(mark.chains);
        self.errors.truncate(mark.errors);
        self.missed.truncate(mark.missed);
        self.memory = mark.memory;
        self.outcome = None;
        if let Some(before) = mark.before {
            self.forgetting.times += 1;
            self.vs[mark.field as usize] = Vertex { fate: Fate::Forgotten, ..before };
        }
    }

    /// A vertex changes.
    #[inline]
    pub(super) fn changes(&mut self, v: VId) {
        if v < self.forgetting.floor {
            self.changes_what_was_there(v);
        }
    }

    #[cold]
    fn changes_what_was_there(&mut self, v: VId) {
        let x = &mut self.vs[v as usize];
        let fate = x.fate;
        for mark in self.forgetting.marks.iter_mut().rev().take_while(|m| v < m.vertices) {
            match fate {
                Fate::Fleeting if mark.group => {
                    mark.together.push((v, x.clone()));
                    x.fate = Fate::Noted;
                }
                Fate::Noted if mark.group => {}
                _ => mark.kept |= v != mark.field,
            }
        }
    }

    /// A vertex is worked on.
    pub(super) fn is_asked_for(&mut self, v: VId) {
        self.forgetting.regretted |= self.v(v).fate == Fate::Forgotten;
    }

    /// A vertex gets another reader beside the last one: no change of what it is.
    pub(super) fn notes_reader(&mut self, v: VId, last: u32) {
        if v < self.forgetting.floor
            && let Some(mark) = self.forgetting.marks.last_mut()
        {
            mark.read.push((v, last));
        }
    }

    /// Lets `target` pass on to `v` what it still gets: no change of what it is.
    pub(super) fn pass_on(&mut self, target: VId, v: VId, ci: Ci) {
        let ext = self.vs[target as usize].ext as usize;
        if target < self.forgetting.floor
            && let Some(mark) = self.forgetting.marks.last_mut()
            && let Some(x) = self.exts.get_mut(ext)
        {
            mark.passed_on.push(target);
            push(&mut x.notify, (v, ci));
            return;
        }
        push(&mut self.ext(target).notify, (v, ci));
    }

    /// Something is made that belongs to no field.
    pub(super) fn keep_all(&mut self) {
        self.forgetting.marks.iter_mut().for_each(|m| m.kept = true);
    }

    /// An environment got `let`s.
    pub(super) fn notes_lets(&mut self, env: EnvId) {
        if !self.forgetting.marks.is_empty() {
            self.forgetting.lets.push(env);
        }
    }

    /// A `let` of an environment is evaluated for the first time.
    pub(super) fn keep_before(&mut self, env: EnvId) {
        for mark in self.forgetting.marks.iter_mut().rev().take_while(|m| env < m.envs) {
            mark.kept = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Budget, NoPackages, Program};
    use crate::eval::label::Labels;
    use crate::source::Source;

    /// What a program exports to, and how often something was forgotten; `None` where it is wrong or takes too long.
    fn export(program: &Program, set: impl FnOnce(&mut Forgetting)) -> (Option<String>, Forgetting) {
        let compiled = program.compiled();
        let labels = Labels::above(compiled.labels.clone());
        let budget = Budget { steps: 3_000_000, ..Budget::default() };
        let mut evaluator = Evaluator::new(compiled, labels, budget);
        set(&mut evaluator.forgetting);
        let root = evaluator.root(0);
        let text = evaluator.json_in_one(root).ok().map(|text| text.to_string());
        (text, std::mem::take(&mut evaluator.forgetting))
    }

    fn compile(texts: Vec<(String, String)>) -> Option<Program> {
        let sources = texts.into_iter().map(|(name, text)| Source::new(name, text)).collect();
        Program::compile(sources, &NoPackages).ok()
    }

    fn of(text: &str) -> Program {
        compile(vec![("a.cue".to_owned(), text.to_owned())]).unwrap()
    }

    #[test]
    fn what_is_forgotten_changes_nothing() {
        let Some((dir, paths)) = crate::vectors::archives() else { return };
        let (mut forgotten, mut compared) = (0, 0);
        for path in &paths {
            let name = path.strip_prefix(&dir).unwrap().display().to_string();
            let (_, files) = crate::vectors::sections(&std::fs::read_to_string(path).unwrap());
            let roots = files.into_iter().filter(|(n, _)| n.ends_with(".cue") && !n.contains('/')).collect();
            let Some(program) = compile(roots) else { continue };
            let (kept, never) = export(&program, |f| f.regretted = true);
            let (text, always) = export(&program, |f| f.always = true);
            let (as_it_is, _) = export(&program, |_| ());
            assert_eq!(never.times, 0);
            assert_eq!(kept, as_it_is, "{name}");
            // Without regret the same may be evaluated very often.
            if text.is_some() || kept.is_none() {
                assert_eq!(kept, text, "{name}, everything forgotten");
                compared += 1;
            }
            forgotten += always.times;
        }
        assert!(compared > paths.len() / 2, "{compared} of {}", paths.len());
        assert!(forgotten as usize > 10 * compared, "{forgotten} in {compared}");
    }

    const SERVICES: &str = r##"
#S: {name: string, port: *80 | int, env: [string]: string}
services: [string]: #S
services: {for i in numbers {"s\(i)": {name: "s\(i)", env: A: "\(i)"}}}
numbers: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
out: {for k, s in services {"\(k)": {n: s.name, let p = s.port, ports: [p, p + 1], env: [for e, v in s.env {name: e, value: v}]}}}
"##;

    #[test]
    fn only_what_nothing_names_is_forgotten() {
        let (text, forgetting) = export(&of(SERVICES), |_| ());
        let (kept, _) = export(&of(SERVICES), |f| f.regretted = true);
        assert_eq!(text, kept);
        // The first one evaluates what all of them use, so it is kept.
        assert_eq!(forgetting.times, 20);
        assert!(!forgetting.regretted && forgetting.marks.is_empty() && forgetting.floor == 0);
    }

    #[test]
    fn forgetting_ends_where_it_is_regretted() {
        // Each element is read through a name that does not stand for it alone.
        let text = SERVICES.to_owned() + r#"all: out, more: {for k, o in all {"\(k)": o.n}}"#;
        let reversed = text.lines().rev().collect::<Vec<_>>().join("\n");
        for text in [&text, &reversed] {
            let (found, _) = export(&of(text), |_| ());
            assert_eq!(found, export(&of(text), |f| f.regretted = true).0);
            assert!(found.is_some());
        }
    }

    #[test]
    fn an_evaluation_can_go_on_after_it() {
        let program = of(SERVICES);
        let instance = program.instance();
        assert_eq!(instance.root().json().unwrap().matches("80").count(), 40);
        let at = |path: &str| instance.lookup(path).unwrap();
        assert_eq!(at("out.s7.ports").json().unwrap(), "[\n    80,\n    81\n]");
        instance.fill(&crate::Path::parse("services.s7.port").unwrap(), &90_i64.into()).unwrap();
        assert_eq!(at("out.s7.ports").json().unwrap(), "[\n    90,\n    91\n]");
        let after = instance.root().json().unwrap();
        assert_eq!((after.matches("80").count(), after.matches("90").count()), (38, 2));
    }

    #[test]
    fn a_sort_keeps_no_comparison() {
        let text = |n: usize| {
            let items: Vec<String> = (0..n).map(|i| format!("{{v: {}}}", i * 7919 % n)).collect();
            format!(
                "import \"list\"\nout: list.Sort([{}], {{x: _, y: _, less: x.v < y.v}})",
                items.join(", ")
            )
        };
        let made = |n| {
            let compiled = of(&text(n)).compiled();
            let labels = Labels::above(compiled.labels.clone());
            let mut evaluator = Evaluator::new(compiled, labels, Budget::default());
            let root = evaluator.root(0);
            let text = evaluator.json_in_one(root).unwrap().to_string();
            let numbers: Vec<usize> =
                text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            assert_eq!(numbers, (0..n).collect::<Vec<_>>());
            evaluator.vs.len()
        };
        // Elements are compared more often, the more there are of them.
        assert!(made(800) < 10 * made(100), "{} {}", made(100), made(800));
    }

    #[test]
    fn all_mistakes_are_told_though_the_first_one_ends_the_writing() {
        let text = SERVICES.replace("n: s.name", "n: s.name & !=\"s3\" & !=\"s5\"");
        let program = of(&text);
        let failure = program.instance().root().json().unwrap_err();
        let paths: Vec<&str> = failure.diagnostics.iter().map(|d| d.path.as_str()).collect();
        assert_eq!(paths, ["out.s3.n", "out.s5.n"]);
    }
}
