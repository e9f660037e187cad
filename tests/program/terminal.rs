//! The program in a terminal: a pseudo-terminal whose screen is kept as a person would see it, every picture of it.

use crate::sandbox::{Sandbox, check, eventually};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

/// A program in a terminal of 24 lines of 100 characters.
struct Terminal {
    child: Child,
    pty: Arc<pty_process::blocking::Pty>,
    pictures: Arc<Mutex<Vec<String>>>,
    reader: std::thread::JoinHandle<()>,
}

impl Terminal {
    fn start(command: &Command) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 100)).unwrap();
        let mut run = pty_process::blocking::Command::new(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            run = match value {
                Some(value) => run.env(name, value),
                None => run.env_remove(name),
            };
        }
        run = run.env("TERM", "xterm").current_dir(command.get_current_dir().unwrap());
        let child = run.spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let pictures = Arc::new(Mutex::new(vec![String::new()]));
        let (screen, kept) = (pty.clone(), pictures.clone());
        let reader = std::thread::spawn(move || {
            let size = |n| NonZeroU16::new(n).unwrap();
            let mut parser = vt100::Parser::new(size(24), size(100), 0);
            let mut bytes = [0; 4096];
            // When the program has ended, reading fails.
            while let Ok(n) = (&*screen).read(&mut bytes) {
                parser.process(&bytes[..n]);
                let rows = parser.screen().rows(0, 100).map(|row| row.trim_end().to_owned());
                let picture = rows.collect::<Vec<_>>().join("\n");
                let mut kept = kept.lock().unwrap();
                if kept.last() != Some(&picture) {
                    kept.push(picture);
                }
            }
        });
        Terminal { child, pty, pictures, reader }
    }

    /// Waits until a picture has had a line in which all of these stand.
    fn until(&self, parts: &[&str]) -> String {
        let shown = |picture: &String| {
            picture.lines().find(|l| parts.iter().all(|p| l.contains(p))).map(str::to_owned)
        };
        let all = || self.pictures.lock().unwrap().clone();
        eventually(&format!("{parts:?} on the screen"), || all().iter().find_map(shown))
    }

    /// The end of the program: its exit status and the last picture.
    fn end(mut self) -> (i32, String) {
        let status = self.child.wait().unwrap();
        drop(self.pty);
        self.reader.join().unwrap();
        let last = self.pictures.lock().unwrap().last().cloned().unwrap();
        (status.code().unwrap_or(-1), last)
    }
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/first/app.yaml");
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_run_is_shown_as_it_goes_and_stays_until_somebody_resumes_it() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::start(&sandbox.command(&["run", &example()]));
    // A line for the step, with the time that has passed and what it waits for.
    let line = terminal.until(&["deploy (apply-component) ", "waiting: Ready:0/2"]);
    let elapsed = line.split("(apply-component) ").nth(1).and_then(|rest| rest.split(' ').next());
    let seconds = elapsed.and_then(|e| e.strip_suffix('s')).and_then(|n| n.parse::<u32>().ok());
    assert!(seconds.is_some(), "no time in {line:?}");
    terminal.until(&["✓ deploy (apply-component) succeeded"]);
    terminal.until(&["⏸ look (suspend) ", "Have a look at the web service, then resume"]);
    terminal.until(&["waits: `stepwell workflow resume first` goes on, Ctrl-C leaves it"]);
    let resumed = sandbox.run(&["workflow", "resume", "first"]);
    assert_eq!(resumed.stdout, "first: resumed; the process that drives it goes on\n", "{}", resumed.shown());
    let (status, screen) = terminal.end();
    check!("terminal-run", Screen(status, screen));
}

#[test]
fn who_leaves_a_run_is_told_how_to_go_on() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::start(&sandbox.command(&["run", &example()]));
    terminal.until(&["waits: `stepwell workflow resume first` goes on, Ctrl-C leaves it"]);
    (&*terminal.pty).write_all(b"\x03").unwrap();
    let (status, screen) = terminal.end();
    // It stands in a line of its own; what the terminal echoes before may be drawn over.
    let how = "\ninterrupted; the run is saved as it stands: `stepwell workflow resume first` goes on";
    assert!(status == 0 && screen.trim_end().ends_with(how), "{}", Screen(status, screen).shown());
    let status = sandbox.run(&["workflow", "resume", "first"]);
    assert!(status.stdout.ends_with("first: succeeded\n"), "{}", status.shown());
}

/// What is left on the screen, in the form of snapshots.
struct Screen(i32, String);

impl Screen {
    fn shown(&self) -> String {
        format!("---- screen\n{}\n---- exit status {}", self.1.trim_end(), self.0)
    }
}
