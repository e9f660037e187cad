//! What is wrong with a user's input: a kind, a path, the places that take part, a sentence and what helps.
//!
//! Every part of the runtime that reads documents or definitions gives these, and gives all of them; only the command line prints them.
//! Mistakes of the language come in as they are ([`Problems::absorb`]). A new kind of mistake is a new code, nothing else. Tests at the end.

use std::fmt;
use stepwell_lang::Failure;
use stepwell_lang::diag::{Diagnostic, Label};
use stepwell_lang::source::{FileId, Position, Source, SourceMap, Span};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// A stable name of the kind of mistake, as tools see it.
    pub code: &'static str,
    /// The path in the user's document (`spec.components[0].properties.image`), or in the definition.
    pub path: String,
    /// One sentence without a full stop.
    pub message: String,
    /// Every place that takes part; the first is the primary one.
    pub labels: Vec<Label>,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Problem {
    /// A mistake at a path.
    pub fn new(code: &'static str, path: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { code, path: path.into(), message: message.into(), labels: Vec::new(), hint: None }
    }

    /// Adds a place.
    pub fn at(mut self, span: Option<Span>, message: impl Into<String>) -> Problem {
        self.labels.extend(span.map(|span| Label { span, message: message.into() }));
        self
    }

    /// Sets what the user can do.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl From<Diagnostic> for Problem {
    fn from(d: Diagnostic) -> Problem {
        Problem { code: d.code.as_str(), path: d.path, message: d.message, labels: d.labels, hint: d.hint }
    }
}

/// All mistakes of a run, with the sources that their places lie in.
#[derive(Clone, Debug, Default, thiserror::Error)]
pub struct Problems {
    /// The mistakes, in the order in which they were found.
    pub list: Vec<Problem>,
    /// The files that spans refer to.
    pub sources: SourceMap,
}

impl Problems {
    /// No mistakes yet, in these files.
    pub fn new(sources: SourceMap) -> Problems {
        Problems { list: Vec::new(), sources }
    }

    /// One mistake.
    pub fn one(sources: SourceMap, problem: Problem) -> Problems {
        Problems { list: vec![problem], sources }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a mistake whose places lie in the files of this list.
    pub fn push(&mut self, problem: Problem) {
        if !self.list.contains(&problem) {
            self.list.push(problem);
        }
    }

    /// The places of a mistake as people read them.
    pub fn positions(&self, problem: &Problem) -> Vec<Position> {
        let mut out: Vec<Position> = Vec::new();
        for p in problem.labels.iter().filter_map(|l| self.sources.position(l.span)) {
            if !out.contains(&p) {
                out.push(p);
            }
        }
        out
    }

    /// Adds the mistakes of another list, with its files.
    pub fn absorb(&mut self, other: impl Into<Problems>) {
        let other = other.into();
        let mut map = FileMap { from: &other.sources, ids: vec![None; other.sources.len()] };
        for mut p in other.list {
            for l in &mut p.labels {
                l.span.file = map.id(&mut self.sources, l.span.file);
            }
            self.push(p);
        }
    }

    /// `Ok` if there are no mistakes.
    pub fn into_result<T>(self, value: T) -> Result<T, Problems> {
        if self.list.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// Which file of one list became which file of another.
struct FileMap<'a> {
    from: &'a SourceMap,
    ids: Vec<Option<FileId>>,
}

impl FileMap<'_> {
    fn id(&mut self, into: &mut SourceMap, file: FileId) -> FileId {
        let Some(source) = self.from.get(file) else { return FileId(u32::MAX) };
        match self.ids.get(file.0 as usize).copied().flatten() {
            Some(id) => id,
            None => {
                let id = find(into, source).unwrap_or_else(|| into.add(source.clone()));
                if let Some(slot) = self.ids.get_mut(file.0 as usize) {
                    *slot = Some(id);
                }
                id
            }
        }
    }
}

fn find(map: &SourceMap, source: &Source) -> Option<FileId> {
    (0..map.len() as u32).map(FileId).find(|id| map.get(*id) == Some(source))
}

impl From<Failure> for Problems {
    fn from(f: Failure) -> Problems {
        Problems { list: f.diagnostics.into_iter().map(Problem::from).collect(), sources: f.sources }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.list.iter().enumerate() {
            let sep = if i == 0 { "" } else { "\n" };
            match self.positions(p).first() {
                Some(at) => write!(f, "{sep}{}:{}:{}: {p}", at.file, at.line, at.column)?,
                None => write!(f, "{sep}{p}")?,
            }
        }
        Ok(())
    }
}

/// The name among `names` that `word` was probably meant to be: at most a third of it wrong.
///
/// ```
/// use stepwell_runtime::problem::nearest;
/// assert_eq!(nearest("webservise", ["worker", "webservice"]), Some("webservice"));
/// assert_eq!(nearest("x", ["worker", "webservice"]), None);
/// ```
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let distances = names.into_iter().map(|n| (distance(&word, n), n));
    distances.filter(|(d, n)| *d <= limit && *d < n.chars().count()).min_by_key(|(d, _)| *d).map(|(_, n)| n)
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, cb) in b.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, ca) in a.iter().enumerate() {
            let same = cb.to_lowercase().next() == Some(*ca);
            let next = (diagonal + usize::from(!same)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[a.len()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn absorbed_places_keep_their_files() {
        let mut a = SourceMap::default();
        a.add(Source::new("app.yaml", "a: 1\nb: 2\n"));
        let mut b = SourceMap::default();
        b.add(Source::new("def.cue", "x\ny\n"));
        let mut all = Problems::one(
            a.clone(),
            Problem::new("type", "b", "wrong").at(Some(Span::new(FileId(0), 5, 6)), ""),
        );
        all.absorb(Problems::one(
            b,
            Problem::new("conflict", "y", "also wrong").at(Some(Span::new(FileId(0), 2, 3)), ""),
        ));
        all.absorb(Problems::one(
            a,
            Problem::new("type", "a", "wrong too").at(Some(Span::new(FileId(0), 0, 1)), ""),
        ));
        assert_eq!(
            all.to_string(),
            "app.yaml:2:1: b: wrong\ndef.cue:2:1: y: also wrong\napp.yaml:1:1: a: wrong too"
        );
        assert_eq!(all.sources.len(), 2);
    }

    #[test]
    fn nearest_names() {
        let names = ["scaler", "sidecar", "labels", "hpa"];
        assert_eq!(nearest("scalar", names), Some("scaler"));
        assert_eq!(nearest("lable", names), None);
        assert_eq!(nearest("label", names), Some("labels"));
        assert_eq!(nearest("side-car", names), Some("sidecar"));
        assert_eq!(nearest("gateway", names), None);
    }
}
