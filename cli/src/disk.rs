//! The files of the disk, as the language's loader asks for them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use stepwell_lang::load::{Entry, Files};

/// The largest file that is read.
pub(crate) const LARGEST: u64 = 256 << 20;

/// The disk. Paths are shown as they are seen from the folder that the command runs in.
#[derive(Debug)]
pub(crate) struct Disk {
    here: PathBuf,
}

impl Disk {
    /// The disk, seen from the folder that the command runs in.
    pub(crate) fn new() -> io::Result<Disk> {
        Ok(Disk { here: std::env::current_dir()? })
    }

    /// The folder that the command runs in.
    pub(crate) fn here(&self) -> String {
        slashes(&self.here)
    }

    /// The path of a file or folder as the loader names it.
    pub(crate) fn absolute(&self, path: &Path) -> String {
        let mut out = PathBuf::new();
        for part in self.here.join(path).components() {
            match part {
                std::path::Component::ParentDir => {
                    out.pop();
                }
                std::path::Component::CurDir => {}
                part => out.push(part),
            }
        }
        slashes(&out)
    }
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn told(path: &str, e: &io::Error) -> String {
    format!("cannot read {path}: {}", crate::error::plain(e))
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let shown = self.shown(path);
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(told(&shown, &e)),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| told(&shown, &e))?;
        match bytes.len() as u64 > LARGEST {
            true => Err(format!("{shown} is larger than {} MB", LARGEST >> 20)),
            false => Ok(Some(bytes)),
        }
    }

    fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, String> {
        let shown = self.shown(folder);
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(told(&shown, &e)),
        };
        let mut out = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| told(&shown, &e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Links to folders are not followed: they could lead round in a circle.
            let folder = entry.file_type().is_ok_and(|t| t.is_dir());
            let file = folder || entry.path().is_file();
            if file {
                out.push(Entry { name, folder });
            }
        }
        out.sort();
        Ok(Some(out))
    }

    fn real(&self, path: &str) -> String {
        fs::canonicalize(path).map_or_else(|_| path.to_owned(), |p| slashes(&p))
    }

    fn shown(&self, path: &str) -> String {
        let below = Path::new(path).strip_prefix(&self.here);
        below.map_or_else(|_| upwards(&self.here(), path), slashes)
    }
}

/// A path that does not lie below `here`, seen from there.
fn upwards(here: &str, path: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (here.split('/').collect(), path.split('/').collect());
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    // Two folders up are easily read; what is further away is named by its whole path.
    match from.len() - same {
        up @ 1..=2 => format!("{}{}", "../".repeat(up), to[same..].join("/")),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_from_here() {
        let disk = Disk { here: "/a/b".into() };
        assert_eq!(disk.shown("/a/b/c.cue"), "c.cue");
        assert_eq!(disk.shown("/a/b"), "");
        assert_eq!(disk.shown("/a/x/c.cue"), "../x/c.cue");
        assert_eq!(Disk { here: "/a/b/c/d".into() }.shown("/x"), "/x");
        assert_eq!(disk.absolute(Path::new("../x/./y")), "/a/x/y");
    }
}
