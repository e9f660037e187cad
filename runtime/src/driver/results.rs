//! What ops have given in attempts that go on, in the ConfigMap of a run: each under a key of its own, so that saving one takes as long as it is long, however many there
//! are. What is of the past is taken away with the next write.

use crate::engine::Book;
use crate::secret::Marked;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the keys begin with; the rest is a number.
const PREFIX: &str = "stepwell-op-";

/// A result, as it is stored.
#[derive(Serialize)]
struct Stored<'a> {
    step: &'a str,
    attempt: u32,
    op: &'a str,
    returns: &'a Marked,
}

/// The same, as it is read.
#[derive(Deserialize)]
struct Read {
    step: String,
    attempt: u32,
    op: String,
    returns: Marked,
}

/// Which results are stored.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// The attempt, and the numbers of its results by the paths of their ops; by the step's id.
    numbers: BTreeMap<String, (u32, BTreeMap<String, u64>)>,
    latest: u64,
    /// What is to be written.
    changes: Map<String, Value>,
}

fn key(number: u64) -> String {
    format!("{PREFIX}{number}")
}

impl Results {
    /// Reads what the data of a ConfigMap hold into the notes of the run.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(super) fn read(
        data: &BTreeMap<String, String>,
        book: &mut Book,
    ) -> Result<Results, serde_json::Error> {
        let mut results = Results::default();
        for (key, text) in data {
            let Some(number) = key.strip_prefix(PREFIX).and_then(|n| n.parse().ok()) else { continue };
            let Read { step, attempt, op, returns } = serde_json::from_str(text)?;
            results.latest = results.latest.max(number);
            let notes = book.steps.entry(step.clone()).or_default();
            if notes.attempt == attempt {
                notes.journal.insert(op.clone(), returns);
            }
            results.numbers.entry(step).or_insert_with(|| (attempt, BTreeMap::new())).1.insert(op, number);
        }
        Ok(results)
    }

    /// What is to be written so that those are there that the notes of the run have, and no others: texts by their keys, and nulls.
    pub(super) fn changes(&mut self, book: &Book) -> &Map<String, Value> {
        let changes = &mut self.changes;
        self.numbers.retain(|step, (attempt, numbers)| {
            let journal = book.steps.get(step).filter(|b| b.attempt == *attempt).map(|b| &b.journal);
            numbers.retain(|op, number| {
                let stays = journal.is_some_and(|j| j.contains_key(op));
                if !stays {
                    changes.insert(key(*number), Value::Null);
                }
                stays
            });
            !numbers.is_empty()
        });
        for (step, notes) in book.steps.iter().filter(|(_, notes)| !notes.journal.is_empty()) {
            if !self.numbers.contains_key(step) {
                self.numbers.insert(step.clone(), (notes.attempt, BTreeMap::new()));
            }
            let Some((attempt, numbers)) = self.numbers.get_mut(step) else { continue };
            for (op, returns) in &notes.journal {
                if !numbers.contains_key(op) {
                    self.latest += 1;
                    numbers.insert(op.clone(), self.latest);
                    let text = serde_json::to_string(&Stored { step, attempt: *attempt, op, returns });
                    changes.insert(key(self.latest), text.map_or(Value::Null, Value::String));
                }
            }
        }
        changes
    }

    /// Somebody else has written to where they lie: all of them are written anew.
    pub(super) fn forget(&mut self) {
        let all =
            std::mem::take(&mut self.numbers).into_values().flat_map(|(_, numbers)| numbers.into_values());
        self.changes.extend(all.map(|number| (key(number), Value::Null)));
    }

    /// What was to be written has been.
    pub(super) fn written(&mut self) {
        self.changes.clear();
        if self.numbers.is_empty() {
            self.latest = 0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::engine::StepBook;
    use serde_json::json;

    /// A ConfigMap that is written to.
    #[derive(Default)]
    struct Stored(BTreeMap<String, String>);

    impl Stored {
        /// Writes what has changed, and gives how many keys that were.
        fn write(&mut self, results: &mut Results, book: &Book) -> usize {
            let changes = results.changes(book).clone();
            for (key, value) in &changes {
                match value.as_str() {
                    Some(text) => drop(self.0.insert(key.clone(), text.to_string())),
                    None => drop(self.0.remove(key)),
                }
            }
            results.written();
            // What comes back is what was written, but for notes that are not written here.
            let mut read = Book {
                steps: book.steps.iter().map(|(id, b)| (id.clone(), bare(b))).collect(),
                ..Book::default()
            };
            Results::read(&self.0, &mut read).unwrap();
            assert_eq!(&read, book);
            changes.len()
        }
    }

    fn bare(notes: &StepBook) -> StepBook {
        StepBook { journal: BTreeMap::new(), ..notes.clone() }
    }

    fn gave(book: &mut Book, step: &str, op: &str, what: Value) {
        book.steps.entry(step.into()).or_default().journal.insert(op.into(), what.into());
    }

    #[test]
    fn only_what_is_new_is_written_and_what_is_of_the_past_goes() {
        let (mut stored, mut results, mut book) = (Stored::default(), Results::default(), Book::default());
        gave(&mut book, "a", "one", json!({"n": 1}));
        assert_eq!(stored.write(&mut results, &book), 1);
        gave(&mut book, "a", "two", json!({"n": 2}));
        gave(&mut book, "b", "one", json!("of another"));
        assert_eq!(stored.write(&mut results, &book), 2);
        assert_eq!(stored.write(&mut results, &book), 0);
        // A second attempt gives something else by the same path, before the end of the first was saved.
        let notes = book.steps.get_mut("a").unwrap();
        (notes.attempt, notes.journal) = (2, BTreeMap::new());
        gave(&mut book, "a", "one", json!({"n": 3}));
        assert_eq!(stored.write(&mut results, &book), 3);
        // A driver that takes the run up goes on where this one was.
        let mut taken_up = book.clone();
        taken_up.steps.values_mut().for_each(|b| b.journal.clear());
        let mut results = Results::read(&stored.0, &mut taken_up).unwrap();
        assert_eq!(taken_up, book);
        gave(&mut book, "b", "two", json!(null));
        assert_eq!(stored.write(&mut results, &book), 1);
        book.steps.clear();
        stored.write(&mut results, &book);
        assert!(stored.0.is_empty(), "{:?}", stored.0);
    }

    #[test]
    fn what_was_not_written_is_written_with_the_next() {
        let (mut results, mut book) = (Results::default(), Book::default());
        gave(&mut book, "a", "one", json!(1));
        assert_eq!(results.changes(&book).len(), 1);
        gave(&mut book, "a", "two", json!(2));
        assert_eq!(results.changes(&book).len(), 2);
        // Whatever others have made of it: what was there goes, and all is written once more.
        results.written();
        results.forget();
        let changes = results.changes(&book);
        let (gone, new): (Vec<_>, Vec<_>) = changes.iter().partition(|(_, v)| v.is_null());
        assert_eq!((gone.len(), new.len()), (2, 2), "{changes:?}");
    }

    #[test]
    fn results_of_an_attempt_before_are_not_taken_for_those_of_the_next() {
        let stored = json!({"step": "a", "attempt": 1, "op": "one", "returns": {"data": 1}}).to_string();
        let mut book = Book::default();
        book.steps.insert("a".into(), StepBook { attempt: 2, ..StepBook::default() });
        let mut results = Results::read(&[(key(7), stored)].into(), &mut book).unwrap();
        assert!(book.steps["a"].journal.is_empty());
        assert_eq!(results.changes(&book).get("stepwell-op-7"), Some(&Value::Null));
    }
}
