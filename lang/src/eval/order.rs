//! The order in which the fields of a struct are shown.
//!
//! One struct literal says its own order. Where several make up a value, each gives a sequence of labels, and the sequences stand in layers:
//! - what is written one after the other (declarations of the same field, things embedded, what comprehensions yield) makes layers that follow each other:
//!   every sequence of one layer comes before every one of the next. Labels that are in an earlier layer keep their place there;
//! - the operands of `&`, and the literals that one reference brings in, are together in one layer and say nothing of each other;
//! - a literal's own fields stand where the last of its declarations is written; with references embedded in it, in one layer with the last of those;
//! - files say nothing of each other.
//!
//! The labels are then taken topologically, by name where that leaves a choice; labels that are in a circle are taken together, by name.
//!
//! [`Order`] collects them while a vertex is being worked on. They are kept with the vertex only where it has more than one, and
//! [`Evaluator::ordered`] sorts when the fields are shown. Tests are in `tests.rs`.

use super::arena::*;
use super::core::Evaluator;
use super::expr::{Decl, E, Struct, X};
use super::label::Label;
use crate::source::{FileId, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Where something is written, as a number that grows with the place in its file; 0 stands for nowhere.
pub(super) type Site = u32;

const OFFSET_BITS: u32 = 24;

/// The site of a span.
pub(super) fn site(span: Span) -> Site {
    let offset = (span.start + 1).min((1 << OFFSET_BITS) - 1);
    ((span.file.0 & NO_FILE) << OFFSET_BITS) | offset
}

/// The file of what is written nowhere.
const NO_FILE: u32 = 0xff;

fn file(site: Site) -> u32 {
    site >> OFFSET_BITS
}

/// The number of a layer.
type Layer = u32;

/// The layer of what one reference brought in to the field that contains the vertex.
const BROUGHT: Layer = 0;

/// Layers of what is unified, not written one after the other.
const UNIFIED: Layer = 1;

/// The labels of one literal, in order.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    /// Where the conjunct is written that it is part of.
    site: Site,
    /// Its layer among those of the vertex.
    layer: Layer,
    /// The struct literal.
    literal: E,
    /// Its labels, where some of them are computed.
    computed: Option<Box<[(FileId, Label)]>>,
    /// Whether it is written in the vertex itself, not brought in by a reference or a disjunction.
    direct: bool,
}

/// Where in the order the work on a vertex stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    site: Site,
    /// The layer of what a reference brings in.
    layer: Layer,
    /// Whether what comes now is an operand of `&`.
    operand: bool,
    /// Whether what comes now is all that the vertex is: then a reference has the order of what it refers to.
    pub(super) alone: bool,
    /// Whether what comes now is a term of a disjunction.
    pub(super) chosen: bool,
}

/// A place among the sequences that a task will fill.
pub(super) type Hole = u32;

#[derive(Debug)]
enum Entry {
    Sequence {
        /// Number of the literal, for its computed labels.
        id: u32,
        /// Whether its declarations are in several files.
        several_files: bool,
        sequence: Sequence,
    },
    Hole(Hole),
}

/// The sequences of a vertex, while it is being worked on.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) place: Place,
    /// The first entry: mostly there is no other.
    first: Option<Entry>,
    entries: Vec<Entry>,
    /// How many layers, literals and holes there are.
    count: u32,
    /// Labels that were computed: of which literal, which declaration of it, the label.
    computed: Vec<(u32, u32, Label)>,
}

impl Order {
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count + UNIFIED
    }

    fn push(&mut self, e: Entry) {
        if self.first.is_none() && self.entries.is_empty() {
            self.first = Some(e);
        } else {
            self.spill();
            self.entries.push(e);
        }
    }

    fn spill(&mut self) {
        self.entries.extend(self.first.take());
    }

    /// Begins with a conjunct of the vertex.
    pub(super) fn conjunct(&mut self, c: &Conj, alone: bool) {
        // What one reference brought in is in one layer, whichever conjuncts of its target it is spread over.
        self.place = match c.ci.site {
            0 => Place { site: site(c.expr.span), layer: self.next(), operand: false, alone, chosen: false },
            s => Place { site: s, layer: BROUGHT, operand: false, alone, chosen: false },
        };
    }

    /// The operands of `&`.
    pub(super) fn operands(&mut self) {
        if self.place.layer != BROUGHT {
            self.place.layer = UNIFIED;
        }
        self.place.operand = true;
        self.place.alone = false;
    }

    /// A layer of its own for what comes now.
    pub(super) fn separate(&mut self) {
        self.place.alone = false;
        if self.place.layer != BROUGHT {
            self.place.layer = self.next();
        }
    }

    /// Keeps the place for what a task will add.
    pub(super) fn hole(&mut self) -> Hole {
        let hole = self.next();
        self.push(Entry::Hole(hole));
        hole
    }

    /// Begins with a task: its sequences go to its hole.
    pub(super) fn begin(&mut self, place: Place) -> Suspended {
        self.spill();
        Suspended(std::mem::take(&mut self.entries), std::mem::replace(&mut self.place, place))
    }

    /// Ends a task. `done` closes the hole.
    pub(super) fn end(&mut self, before: Suspended, hole: Hole, done: bool) {
        self.spill();
        let added = std::mem::replace(&mut self.entries, before.0);
        self.place = before.1;
        if hole == 0 {
            self.entries.extend(added);
            return;
        }
        let at = self.entries.iter().position(|e| matches!(e, Entry::Hole(h) if *h == hole));
        let at = at.unwrap_or(self.entries.len());
        if done && at < self.entries.len() {
            self.entries.splice(at..=at, added);
        } else {
            self.entries.splice(at..at, added);
        }
    }

    /// A label was computed.
    pub(super) fn computed(&mut self, slot: (u32, u32), label: Label) {
        self.computed.push((slot.0, slot.1, label));
    }

    /// Begins with a struct literal.
    pub(super) fn literal(&mut self, s: &Struct, c: &Conj) -> Literal {
        let id = self.next();
        let base = self.place;
        if !s.embeds || c.ci.site != 0 {
            return Literal { id, base, last_reference: None, at: usize::MAX };
        }
        let last_reference = s.decls.iter().rposition(|d| matches!(d, Decl::Embed(e) if is_reference(e)));
        Literal { id, base, last_reference, at: last_reference.unwrap_or(s.own_end as usize) }
    }

    /// Comes to a declaration of a literal.
    pub(super) fn declaration(&mut self, l: &Literal, i: usize, s: &Struct, c: &Conj) {
        if i == l.at {
            self.own(l, s, c);
        }
        if c.ci.site != 0 {
            self.place.alone = false;
            return;
        }
        if matches!(s.decls.get(i), Some(Decl::Embed(_) | Decl::Comprehension(_))) {
            let layer = if l.last_reference == Some(i) { UNIFIED } else { self.next() };
            self.place = Place { layer, operand: false, alone: false, ..l.base };
        }
    }

    /// Ends a literal.
    pub(super) fn end_literal(&mut self, l: &Literal, s: &Struct, c: &Conj) {
        self.place = l.base;
        if l.at >= s.decls.len() {
            self.own(l, s, c);
        }
    }

    /// The fields of a literal itself.
    fn own(&mut self, l: &Literal, s: &Struct, c: &Conj) {
        if !s.decls.iter().any(|d| matches!(d, Decl::Field(_) | Decl::Dynamic(..))) {
            return;
        }
        let layer = match c.ci.site {
            0 if l.base.operand || l.last_reference.is_some() => UNIFIED,
            0 => self.next(),
            _ => l.base.layer,
        };
        let direct = c.ci.site == 0 && !l.base.chosen;
        let sequence = Sequence { site: l.base.site, layer, literal: c.expr.clone(), computed: None, direct };
        self.push(Entry::Sequence { id: l.id, several_files: s.several_files, sequence });
    }

    /// The sequences, if they say more than the order in which the fields came.
    fn finish(mut self) -> Vec<Sequence> {
        let one = matches!(self.first, None | Some(Entry::Sequence { several_files: false, .. }));
        if one && self.entries.is_empty() && self.computed.is_empty() {
            return Vec::new();
        }
        self.spill();
        let said = |e: &Entry| matches!(e, Entry::Sequence { .. });
        let several_files = |e: &Entry| matches!(e, Entry::Sequence { several_files: true, .. });
        let more = self.entries.iter().filter(|e| said(e)).nth(1).is_some();
        if !more && self.computed.is_empty() && !self.entries.iter().any(several_files) {
            return Vec::new();
        }
        let mut computed: FxHashMap<u32, Vec<(u32, Label)>> = FxHashMap::default();
        for (id, i, label) in self.computed {
            computed.entry(id).or_default().push((i, label));
        }
        let mut out = Vec::with_capacity(self.entries.len());
        for e in self.entries {
            let Entry::Sequence { id, mut sequence, .. } = e else { continue };
            if let (Some(known), X::Struct(s)) = (computed.get(&id), &sequence.literal.kind) {
                let label = |(i, d): (usize, &Decl)| match d {
                    Decl::Field(f) => Some((f.label_span.file, f.label)),
                    Decl::Dynamic(_, f) => {
                        let label = known.iter().find(|k| k.0 as usize == i);
                        label.map(|k| (f.label_span.file, k.1))
                    }
                    _ => None,
                };
                sequence.computed = Some(s.decls.iter().enumerate().filter_map(label).collect());
            }
            out.push(sequence);
        }
        out
    }
}

/// What was going on before a task.
#[derive(Debug)]
pub(super) struct Suspended(Vec<Entry>, Place);

/// A struct literal that is being added.
#[derive(Debug)]
pub(super) struct Literal {
    /// Its number.
    pub(super) id: u32,
    base: Place,
    /// Which declaration is the last reference that is embedded.
    last_reference: Option<usize>,
    /// The declaration at which its own fields stand; behind all of them where there is none.
    at: usize,
}

fn is_reference(e: &E) -> bool {
    matches!(
        e.kind,
        X::Field { .. } | X::Let { .. } | X::Dynamic { .. } | X::Package(_) | X::Select(..) | X::Index(..)
    )
}

impl Sequence {
    fn labels(&self, mut each: impl FnMut(FileId, Label)) {
        match (&self.computed, &self.literal.kind) {
            (Some(l), _) => l.iter().for_each(|(f, l)| each(*f, *l)),
            (None, X::Struct(s)) => {
                for d in &s.decls {
                    if let Decl::Field(f) = d {
                        each(f.label_span.file, f.label);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What comes before what: the first nodes are the fields, the others stand between layers.
#[derive(Debug, Default)]
struct Graph {
    after: Vec<Vec<u32>>,
}

impl Graph {
    fn node(&mut self) -> u32 {
        self.after.push(Vec::new());
        self.after.len() as u32 - 1
    }

    fn edge(&mut self, a: u32, b: u32) {
        if a != b {
            self.after[a as usize].push(b);
        }
    }

    /// The circle that each node is in, by number, and how many there are (Tarjan's algorithm, without recursion).
    fn circles(&self) -> (Vec<u32>, u32) {
        const NEW: u32 = u32::MAX;
        let n = self.after.len();
        let (mut index, mut low) = (vec![NEW; n], vec![0; n]);
        let mut circle = vec![NEW; n];
        let (mut next, mut count) = (0, 0);
        let mut open: Vec<u32> = Vec::new();
        for start in 0..n {
            if index[start] != NEW {
                continue;
            }
            let mut path: Vec<(usize, usize)> = vec![(start, 0)];
            while let Some((v, i)) = path.last_mut() {
                let v = *v;
                if *i == 0 {
                    index[v] = next;
                    low[v] = next;
                    next += 1;
                    open.push(v as u32);
                }
                if let Some(w) = self.after[v].get(*i) {
                    *i += 1;
                    let w = *w as usize;
                    if index[w] == NEW {
                        path.push((w, 0));
                    } else if circle[w] == NEW {
                        low[v] = low[v].min(index[w]);
                    }
                    continue;
                }
                path.pop();
                if let Some((up, _)) = path.last() {
                    low[*up] = low[*up].min(low[v]);
                }
                if low[v] == index[v] {
                    while let Some(w) = open.pop() {
                        circle[w as usize] = count;
                        if w as usize == v {
                            break;
                        }
                    }
                    count += 1;
                }
            }
        }
        (circle, count)
    }
}

/// Nesting of literals beyond which their labels are not looked for.
const MAX_NESTING: u32 = 50;

/// The labels that are written in an expression as those of its own fields.
fn written(e: &E, depth: u32, each: &mut impl FnMut(Label)) {
    if depth > MAX_NESTING {
        return;
    }
    match &e.kind {
        X::Struct(s) => {
            for d in &s.decls {
                match d {
                    Decl::Field(f) => each(f.label),
                    Decl::Embed(e) | Decl::Comprehension(e) => written(e, depth + 1, each),
                    Decl::Dynamic(..) | Decl::Pattern(..) | Decl::Ellipsis => {}
                }
            }
        }
        X::And(terms) => terms.iter().for_each(|t| written(t, depth + 1, each)),
        X::Comprehension(c) => written(&c.value, depth + 1, each),
        _ => {}
    }
}

/// The sequences of each layer, and whether they were unified.
fn layers<'a, 's>(sequences: &'a [&'s Sequence]) -> Vec<(bool, &'a [&'s Sequence])> {
    let same = |a: &&Sequence, b: &&Sequence| a.layer == b.layer && (a.layer != BROUGHT || a.site == b.site);
    let mut out: Vec<(bool, &[&Sequence])> = Vec::new();
    let mut from = 0;
    for run in sequences.chunk_by(same) {
        let unified = run.len() > 1 || run[0].layer == UNIFIED;
        let to = from + run.len();
        match out.last_mut() {
            Some((true, last)) if unified && file(last[0].site) == file(run[0].site) => {
                *last = &sequences[from - last.len()..to];
            }
            _ => out.push((unified, run)),
        }
        from = to;
    }
    out
}

impl Evaluator {
    /// Keeps with a vertex what is needed to sort its fields.
    pub(super) fn keep_order(&mut self, v: VId, order: Order) {
        let sequences = order.finish();
        if !sequences.is_empty() && self.arcs(v).len() > 1 {
            self.ext(v).order = sequences.into_iter().collect();
        }
    }

    /// The fields of a finished vertex in the order in which they are shown.
    pub(super) fn ordered(&self, v: VId) -> Vec<Arc_> {
        let arcs = self.arcs(v);
        let sequences = self.ext_ref(v).map_or(&[][..], |x| &x.order);
        if sequences.is_empty() || arcs.len() < 2 {
            return arcs.to_vec();
        }
        let mut sequences: Vec<&Sequence> = sequences.iter().collect();
        sequences.sort_by_key(|s| s.site);
        if let Some(out) = self.one_after_the_other(v, &sequences) {
            return out;
        }
        let index: FxHashMap<Label, u32> =
            arcs.iter().enumerate().map(|(i, a)| (a.label, i as u32)).collect();
        let mut graph = Graph { after: vec![Vec::new(); arcs.len()] };
        // The layer that has a field first, and the last sequence that has it; counted from 1.
        let (mut layer_of, mut sequence_of) = (vec![0_u32; arcs.len()], vec![0_u32; arcs.len()]);
        let mut count = 0;
        let mut seen = FxHashSet::default();
        // The file of the layers before, and the node behind them.
        let mut before: Option<(u32, u32)> = None;
        for (n, (unified, layer)) in (1..).zip(layers(&sequences)) {
            let file = match file(layer[0].site) {
                // What was filled in comes after what is written, whichever file that is in.
                NO_FILE => before.map_or(NO_FILE, |b| b.0),
                file => file,
            };
            let start = before.filter(|b| b.0 == file).map(|b| b.1);
            let mut behind = None;
            for sequence in layer {
                // A literal that comes again, by another way, says nothing new.
                if sequence.computed.is_none() && !seen.insert(Arc::as_ptr(&sequence.literal)) {
                    continue;
                }
                let mut end = |graph: &mut Graph, last: u32| {
                    let behind = *behind.get_or_insert_with(|| graph.node());
                    graph.edge(last, behind);
                };
                let mut last = None;
                let mut within = None;
                count += 1;
                sequence.labels(|file, label| {
                    let Some(&i) = index.get(&label) else { return };
                    if within.is_some_and(|w| w != file) {
                        count += 1;
                        if let Some(last) = last.take() {
                            end(&mut graph, last);
                        }
                    }
                    within = Some(file);
                    let (layer, sequence) = (&mut layer_of[i as usize], &mut sequence_of[i as usize]);
                    if *sequence == count || (!unified && *layer > 0 && *layer < n) {
                        return;
                    }
                    *sequence = count;
                    if *layer == 0 {
                        *layer = n;
                    }
                    if let Some(last) = last.or(start) {
                        graph.edge(last, i);
                    }
                    last = Some(i);
                });
                if let Some(last) = last {
                    end(&mut graph, last);
                }
            }
            before = behind.map(|b| (file, b)).or(before);
        }
        self.sorted(arcs, &graph)
    }

    /// The fields of a vertex whose sequences follow each other and say everything, as those of most structs do: then nothing is left to choose.
    fn one_after_the_other(&self, v: VId, sequences: &[&Sequence]) -> Option<Vec<Arc_>> {
        let follows = |a: &Sequence, b: &Sequence| {
            file(a.site) == file(b.site)
                && (a.layer != b.layer || (a.layer == BROUGHT && a.site != b.site))
                && b.layer != UNIFIED
        };
        let first = sequences.first().filter(|s| s.layer != UNIFIED)?;
        if !sequences.iter().zip(&sequences[1..]).all(|(a, b)| follows(a, b)) {
            return None;
        }
        let arcs = self.arcs(v);
        let (mut out, mut taken) = (Vec::with_capacity(arcs.len()), vec![false; arcs.len()]);
        let mut written_in = None;
        let mut one_file = first.site != 0;
        for s in sequences {
            s.labels(|file, label| {
                one_file &= *written_in.get_or_insert(file) == file;
                if let Some(i) = self.arc_index(v, label)
                    && !std::mem::replace(&mut taken[i], true)
                {
                    out.push(arcs[i]);
                }
            });
        }
        (one_file && out.len() == arcs.len()).then_some(out)
    }

    /// The fields of a vertex in the order in which a comprehension goes through them: what is written in the vertex itself, whether under a
    /// condition or not, then what references and computed labels bring in.
    pub(super) fn iterated(&self, v: VId) -> Vec<Arc_> {
        let arcs = self.arcs(v);
        let sequences = self.ext_ref(v).map_or(&[][..], |x| &x.order);
        let mut literals: Vec<&E> = sequences.iter().filter(|s| s.direct).map(|s| &s.literal).collect();
        if literals.is_empty() {
            return arcs.to_vec();
        }
        literals.sort_by_key(|e| (e.span.file, e.span.start));
        let mut rank = FxHashMap::default();
        for e in literals {
            written(e, 0, &mut |label| {
                let next = rank.len();
                rank.entry(label).or_insert(next);
            });
        }
        let mut out = arcs.to_vec();
        out.sort_by_key(|a| rank.get(&a.label).copied().unwrap_or(usize::MAX));
        out
    }

    /// Fields topologically, by name where there is a choice.
    fn sorted(&self, arcs: &[Arc_], graph: &Graph) -> Vec<Arc_> {
        let names: Vec<_> = arcs.iter().map(|a| self.labels.name(a.label)).collect();
        let (circle, count) = graph.circles();
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); count as usize];
        for (v, c) in circle.iter().enumerate().filter(|(v, _)| *v < arcs.len()) {
            members[*c as usize].push(v as u32);
        }
        for m in &mut members {
            m.sort_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
        }
        let mut needs = vec![0_u32; count as usize];
        let mut after: Vec<Vec<u32>> = vec![Vec::new(); count as usize];
        for (v, next) in graph.after.iter().enumerate() {
            for w in next {
                let (c, d) = (circle[v], circle[*w as usize]);
                if c != d {
                    after[c as usize].push(d);
                    needs[d as usize] += 1;
                }
            }
        }
        // What stands between layers has no name, and goes first.
        let key = |c: u32| members[c as usize].first().map(|v| &names[*v as usize]);
        let mut ready: BinaryHeap<Reverse<(Option<_>, u32)>> =
            (0..count).filter(|c| needs[*c as usize] == 0).map(|c| Reverse((key(c), c))).collect();
        let mut out = Vec::with_capacity(arcs.len());
        while let Some(Reverse((_, c))) = ready.pop() {
            out.extend(members[c as usize].iter().map(|v| arcs[*v as usize]));
            for d in &after[c as usize] {
                needs[*d as usize] -= 1;
                if needs[*d as usize] == 0 {
                    ready.push(Reverse((key(*d), *d)));
                }
            }
        }
        out
    }
}
