//! The only place that prints. Results go to standard output, everything else to standard error; colour is for terminals.

use crate::error::{Error, Kind, Place, Problem};
use codespan_reporting::diagnostic::{Diagnostic, Label};
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term::termcolor::{Ansi, NoColor, WriteColor};
use codespan_reporting::term::{self, Config, StylesWriter};
use serde_json::json;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::ops::Range;
use std::process::ExitCode;
use stepwell_lang::source::SourceMap;

/// How errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ErrorFormat {
    /// For people: the source line marked, the path, a hint.
    #[default]
    Text,
    /// For programs: one JSON array on standard error.
    Json,
}

/// How many mistakes are shown for people.
const MOST_SHOWN: usize = 100;

/// Lines longer than this are not shown as excerpts: the place alone says enough.
const LONGEST_EXCERPT: usize = 500;

/// Where a command's words go.
#[derive(Debug)]
pub(crate) struct Output {
    errors: ErrorFormat,
    color: bool,
    /// Whether a person watches standard output.
    pub(crate) terminal: bool,
    /// Whether a person watches standard error.
    pub(crate) error_terminal: bool,
}

impl Output {
    /// Looks at the terminal and at `--error-format`, which counts even where the other arguments make no sense.
    pub(crate) fn new(args: &[OsString]) -> Output {
        let json = args.iter().any(|a| a == "--error-format=json")
            || args.windows(2).any(|w| w[0] == "--error-format" && w[1] == "json");
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || dumb;
        Output {
            errors: if json { ErrorFormat::Json } else { ErrorFormat::Text },
            color: io::stderr().is_terminal() && !plain,
            terminal: io::stdout().is_terminal() && !dumb,
            error_terminal: io::stderr().is_terminal() && !dumb,
        }
    }

    /// Whether a result may have colours.
    pub(crate) fn colors(&self) -> bool {
        self.terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
    }

    /// Writes a result, as it is, to standard output.
    pub(crate) fn result(&self, text: impl AsRef<[u8]>) -> Result<(), Error> {
        self.write(|out| out.write_all(text.as_ref()))
    }

    /// Writes a result to standard output, part by part.
    pub(crate) fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        write(&mut out).and_then(|()| out.flush()).map_err(|e| match e.kind() {
            io::ErrorKind::BrokenPipe => Error { kind: Kind::Gone, problems: Vec::new() },
            _ => Error::mistake("io", format!("cannot write to standard output: {e}")),
        })
    }

    /// Writes a line for the user to standard error.
    pub(crate) fn note(&self, line: &str) {
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Tells what the user should know though it is no mistake. Programs that read errors as JSON are not told.
    pub(crate) fn warnings(&self, warnings: &[stepwell_runtime::problem::Problem], sources: &SourceMap) {
        if self.errors == ErrorFormat::Json {
            return;
        }
        for w in warnings {
            let place = w.labels.first().and_then(|l| sources.position(l.span));
            let place = place.map_or_else(String::new, |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
            self.note(&printable(&format!("warning: {place}{w}")));
        }
    }

    /// Shows what a failed command has to say, and gives the exit status.
    pub(crate) fn exit(&self, done: Result<(), Error>) -> ExitCode {
        let Err(error) = done else { return ExitCode::SUCCESS };
        let text = match (error.kind, self.errors) {
            (Kind::Gone, _) => Vec::new(),
            (Kind::Answer, _) => {
                let text: String = error.problems.iter().map(|p| p.message.as_str()).collect();
                let _ = self.result(text);
                Vec::new()
            }
            (_, ErrorFormat::Json) => as_json(&error).into_bytes(),
            (Kind::Usage, _) => {
                error.problems.iter().map(|p| p.message.as_str()).collect::<String>().into_bytes()
            }
            (Kind::Mistake, _) => all_as_text(&error.problems, self.color).into_bytes(),
        };
        let _ = io::stderr().lock().write_all(&text);
        error.exit_code()
    }
}

/// The form of `--error-format json`: one line.
fn as_json(error: &Error) -> String {
    let problem = |p: &Problem| {
        let mut positions = Vec::new();
        for at in &p.places {
            let at = json!({"file": at.source.name, "line": at.line, "column": at.column});
            if !positions.contains(&at) {
                positions.push(at);
            }
        }
        let mut entry =
            json!({"code": p.code, "path": p.path, "message": p.message.trim_end(), "positions": positions});
        if let Some(hint) = &p.hint {
            entry["hint"] = json!(hint);
        }
        entry
    };
    let list: Vec<_> = error.problems.iter().map(problem).collect();
    format!("{}\n", serde_json::Value::from(list))
}

/// All mistakes for people: of very many, who reads them reads the first.
fn all_as_text(problems: &[Problem], color: bool) -> String {
    let mut text: String = problems.iter().take(MOST_SHOWN).map(|p| as_text(p, color)).collect();
    if problems.len() > MOST_SHOWN {
        text += &format!("error: there are {} more mistakes\n", problems.len() - MOST_SHOWN);
    }
    text
}

/// The form for people: headline, excerpts, path, hint.
fn as_text(p: &Problem, color: bool) -> String {
    let mut files = SimpleFiles::new();
    let mut labels = Vec::new();
    let mut notes = Vec::new();
    if !p.path.is_empty() {
        notes.push(format!("path: {}", printable(&p.path)));
    }
    let mut ids: Vec<(&str, usize)> = Vec::new();
    for at in &p.places {
        if !has_excerpt(at) {
            notes.push(format!("at {}:{}:{}", printable(&at.source.name), at.line, at.column));
            continue;
        }
        let name = at.source.name.as_str();
        let id = match ids.iter().find(|(n, _)| *n == name) {
            Some((_, id)) => *id,
            None => {
                let id = files.add(printable(name), printable(&at.source.text));
                ids.push((name, id));
                id
            }
        };
        let range = first_line(at);
        let label = match labels.is_empty() {
            true => Label::primary(id, range),
            false => Label::secondary(id, range),
        };
        labels.push(label.with_message(printable(&at.message)));
    }
    notes.extend(p.hint.as_ref().map(|h| format!("hint: {}", printable(h))));
    let diagnostic =
        Diagnostic::error().with_message(printable(&p.message)).with_labels(labels).with_notes(notes);
    let config = Config { end_context_lines: 0, start_context_lines: 1, ..Config::default() };
    let mut text = Vec::new();
    let written = match color {
        true => emit(Ansi::new(&mut text), &config, &files, &diagnostic),
        false => emit(NoColor::new(&mut text), &config, &files, &diagnostic),
    };
    match written {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        // A place that does not lie in its text is our mistake; the message must be seen all the same.
        Err(_) => format!("error: {}\n", printable(&p.message)),
    }
}

fn emit<W: WriteColor>(
    writer: W,
    config: &Config,
    files: &SimpleFiles<String, String>,
    diagnostic: &Diagnostic<usize>,
) -> Result<(), codespan_reporting::files::Error> {
    let styles = term::Styles::default();
    term::emit_to_write_style(&mut StylesWriter::new(writer, &styles), config, files, diagnostic)
}

/// Whether the line of a place can be shown.
fn has_excerpt(at: &Place) -> bool {
    let text = &at.source.text;
    if at.range.start > text.len() || !text.is_char_boundary(at.range.start) {
        return false;
    }
    let start = text[..at.range.start].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at.range.start..].find('\n').map_or(text.len(), |i| at.range.start + i);
    end - start <= LONGEST_EXCERPT
}

/// The part of a place that lies on its first line: an excerpt of a whole struct says no more.
fn first_line(at: &Place) -> Range<usize> {
    let text = &at.source.text;
    let Range { start, end } = at.range;
    let end = end.min(text.len()).max(start);
    match text.get(start..end).and_then(|t| t.find('\n')) {
        Some(i) => start..start + i,
        None if text.is_char_boundary(end) => start..end,
        None => start..start,
    }
}

/// Text without control characters, which must not reach a terminal from somebody's file. Lengths in bytes stay as they are.
pub(crate) fn printable(text: &str) -> String {
    let replace = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() && c.len_utf8() == 1 => '?',
        c if c.is_control() => '¿',
        c => c,
    };
    text.chars().map(replace).collect()
}

/// Rows with their cells in columns, two blanks between; the last cell of a row may be as long as it likes.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let cell = printable(cell).replace(['\n', '\t'], " ");
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepwell_lang::source::Source;

    fn place(text: &str, range: Range<usize>) -> Place {
        Place { source: Source::new("a.cue", text), range, message: String::new(), line: 1, column: 1 }
    }

    fn problem(places: Vec<Place>) -> Problem {
        let hint = Some("write one of them".to_owned());
        Problem {
            code: "conflict".into(),
            path: "a.b".into(),
            message: "1 and 2 differ".into(),
            places,
            hint,
        }
    }

    #[test]
    fn text_shows_line_path_and_hint() {
        insta::assert_snapshot!(as_text(&problem(vec![place("a: b: 1 & 2\n", 6..11)]), false), @r"
        error: 1 and 2 differ
          ┌─ a.cue:1:7
          │
        1 │ a: b: 1 & 2
          │       ^^^^^
          │
          = path: a.b
          = hint: write one of them

        ");
    }

    #[test]
    fn json_has_each_position_once() {
        let at = place("a: 1", 0..1);
        let error = Error::from(problem(vec![at.clone(), at]));
        insta::assert_snapshot!(as_json(&error), @r#"[{"code":"conflict","path":"a.b","message":"1 and 2 differ","positions":[{"file":"a.cue","line":1,"column":1}],"hint":"write one of them"}]"#);
    }

    #[test]
    fn a_hostile_file_cannot_write_to_the_terminal() {
        let text = as_text(&problem(vec![place("a: \u{1b}]0;x\u{7}\u{9b}1m", 0..1)]), false);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}'), "{text:?}");
    }

    #[test]
    fn places_outside_the_text_do_no_harm() {
        for range in [90..95, 3..90, 4..5] {
            let text = as_text(&problem(vec![place("a: é", range)]), false);
            assert!(text.starts_with("error: 1 and 2 differ"), "{text}");
        }
        let long = "x".repeat(10_000);
        assert!(as_text(&problem(vec![place(&long, 0..1)]), false).len() < 200);
    }

    #[test]
    fn of_very_many_mistakes_the_first_are_shown() {
        let many = vec![problem(vec![place("a: b\n", 0..1)]); MOST_SHOWN + 2];
        assert!(all_as_text(&many, false).ends_with("error: there are 2 more mistakes\n"));
        assert!(!all_as_text(&many[..MOST_SHOWN], false).contains("more mistakes"));
    }
}
