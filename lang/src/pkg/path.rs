//! `path`: file paths by the rules of Unix, Plan 9 or Windows, whatever the program runs on.

use super::args::{Res, functions, text, text_list, texts};
use super::{CallError, Package};
use crate::data::Data;

/// Systems that have the paths of Unix.
const UNIX: [&str; 17] = [
    "unix",
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "solaris",
    "zos",
    "wasip1",
];

/// Names that mean a device of Windows in whatever folder.
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
    "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

#[derive(Clone, Copy, PartialEq)]
enum Os {
    Unix,
    Plan9,
    Windows,
}
use Os::{Plan9, Unix, Windows};

fn os(a: &[Data], i: usize) -> Result<Os, CallError> {
    match text(a, i)? {
        "windows" => Ok(Windows),
        "plan9" => Ok(Plan9),
        name if UNIX.contains(&name) => Ok(Unix),
        name => {
            let names =
                UNIX.iter().chain(&["plan9", "windows"]).map(|n| format!("{n:?}")).collect::<Vec<_>>();
            Err(format!("unknown operating system {name:?}; there are {}", names.join(", ")).into())
        }
    }
}

impl Os {
    fn separator(self) -> char {
        if self == Windows { '\\' } else { '/' }
    }

    fn is_separator(self, c: char) -> bool {
        c == '/' || (self == Windows && c == '\\')
    }

    fn to_slash(self, s: &str) -> String {
        if self == Windows { s.replace('\\', "/") } else { s.to_owned() }
    }

    fn native(self, s: &str) -> String {
        if self == Windows { s.replace('/', "\\") } else { s.to_owned() }
    }

    /// How many bytes of the path name the volume: `c:`, `\\host\share`.
    fn volume(self, path: &str) -> usize {
        let b = path.as_bytes();
        if self != Windows || b.len() < 2 {
            return 0;
        }
        if b[1] == b':' && b[0].is_ascii_alphabetic() {
            return 2;
        }
        let slash = |i: usize| matches!(b.get(i), Some(b'/' | b'\\'));
        if b.len() < 5 || !slash(0) || !slash(1) || slash(2) || b[2] == b'.' {
            return 0;
        }
        // A host, one separator, a share.
        let Some(end) = (3..b.len() - 1).find(|&i| slash(i)) else { return 0 };
        if slash(end + 1) || b[end + 1] == b'.' {
            return 0;
        }
        (end + 1..b.len()).find(|&i| slash(i)).unwrap_or(b.len())
    }

    fn is_abs(self, path: &str) -> bool {
        match self {
            Unix => path.starts_with('/'),
            Plan9 => path.starts_with(['/', '#']),
            Windows if DEVICES.iter().any(|d| path.eq_ignore_ascii_case(d)) => true,
            Windows => {
                let volume = self.volume(path);
                volume > 0 && path[volume..].starts_with(['/', '\\'])
            }
        }
    }

    fn clean(self, path: &str) -> String {
        let volume = self.volume(path);
        let (prefix, rest) = path.split_at(volume);
        if rest.is_empty() {
            let unc = volume > 1 && !path[1..].starts_with(':');
            return self.native(&if unc { path.to_owned() } else { format!("{path}.") });
        }
        let rooted = rest.starts_with(|c| self.is_separator(c));
        let mut parts: Vec<&str> = Vec::new();
        for part in rest.split(|c| self.is_separator(c)) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|p| *p != "..") => {
                    parts.pop();
                }
                ".." if rooted => {}
                part => parts.push(part),
            }
        }
        let separator = self.separator().to_string();
        let body = parts.join(&separator);
        let root = if rooted { separator.as_str() } else { "" };
        let body = if body.is_empty() && !rooted { "." } else { &body };
        format!("{}{root}{body}", self.native(prefix))
    }

    fn join(self, elements: &[&str]) -> String {
        let Some(first) = elements.iter().position(|e| !e.is_empty()) else { return String::new() };
        let separator = self.separator().to_string();
        let elements = &elements[first..];
        let joined =
            |e: &[&str]| e.iter().copied().filter(|e| !e.is_empty()).collect::<Vec<_>>().join(&separator);
        if self != Windows {
            return self.clean(&joined(elements));
        }
        if elements[0].len() == 2 && elements[0].ends_with(':') {
            // A drive without a root stays one.
            return self.clean(&format!("{}{}", elements[0], joined(&elements[1..])));
        }
        let path = self.clean(&joined(elements));
        let unc = |p: &str| self.volume(p) > 2;
        let head = self.clean(elements[0]);
        if !unc(&path) || unc(&head) {
            return path;
        }
        // The parts made a share by chance: the first keeps a single separator.
        let tail = self.clean(&joined(&elements[1..]));
        if head.ends_with('\\') { format!("{head}{tail}") } else { format!("{head}\\{tail}") }
    }

    /// The directory with its separator, and the last part.
    fn split(self, path: &str) -> (&str, &str) {
        let volume = self.volume(path);
        let at = path[volume..].rfind(|c| self.is_separator(c)).map_or(volume, |i| volume + i + 1);
        path.split_at(at)
    }

    fn dir(self, path: &str) -> String {
        let volume = self.volume(path);
        let (dir, _) = self.split(path);
        let dir = self.clean(&dir[volume..]);
        if dir == "." && volume > 2 {
            return path[..volume].to_owned();
        }
        format!("{}{dir}", &path[..volume])
    }

    fn base(self, path: &str) -> String {
        if path.is_empty() {
            return ".".into();
        }
        let path = path.trim_end_matches(|c| self.is_separator(c));
        let path = &path[self.volume(path)..];
        let last = path.rsplit(|c| self.is_separator(c)).next().unwrap_or("");
        if last.is_empty() { self.separator().to_string() } else { last.to_owned() }
    }

    fn ext(self, path: &str) -> &str {
        let last = path.rsplit(|c| self.is_separator(c)).next().unwrap_or("");
        last.rfind('.').map_or("", |i| &last[i..])
    }

    fn rel(self, base: &str, target: &str) -> Res {
        let (cleaned, goal) = (self.clean(base), self.clean(target));
        let same = |a: &str, b: &str| if self == Windows { a.eq_ignore_ascii_case(b) } else { a == b };
        if same(&cleaned, &goal) {
            return Ok(".".into());
        }
        let fail = || CallError(format!("Rel: can't make {target} relative to {base}"));
        let (base_volume, goal_volume) = (self.volume(&cleaned), self.volume(&goal));
        let rooted = |p: &str| p.starts_with(self.separator());
        let (from, to) = (&cleaned[base_volume..], &goal[goal_volume..]);
        if !same(&cleaned[..base_volume], &goal[..goal_volume]) || rooted(from) != rooted(to) {
            return Err(fail());
        }
        let parts = |p: &str| {
            p.split(self.separator())
                .filter(|p| !p.is_empty() && *p != ".")
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (from, to) = (parts(from), parts(to));
        let common = from.iter().zip(&to).take_while(|(a, b)| same(a, b)).count();
        if from[common..].iter().any(|p| p == "..") {
            return Err(fail());
        }
        let mut out = vec![".."; from.len() - common];
        out.extend(to[common..].iter().map(String::as_str));
        Ok(out.join(&self.separator().to_string()).into())
    }

    fn split_list(self, path: &str) -> Res {
        match self {
            _ if path.is_empty() => text_list([]),
            Unix => text_list(path.split(':')),
            Plan9 => text_list(path.split('\0')),
            Windows => {
                let mut quoted = false;
                let parts = path.split(|c| {
                    quoted ^= c == '"';
                    c == ';' && !quoted
                });
                let parts: Vec<String> = parts.map(|p| p.replace('"', "")).collect();
                text_list(parts.iter().map(String::as_str))
            }
        }
    }
}

/// Whether a name matches a pattern of `*`, `?` and `[...]`.
pub(crate) fn glob_matches(pattern: &str, name: &str) -> Result<bool, String> {
    let parts = glob(pattern, Os::Unix).map_err(|e| e.0)?;
    Ok(matches(&parts, name, Os::Unix))
}

/// A part of a pattern that stands for one character, or a star.
enum Glob {
    Star,
    Any,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

fn glob(pattern: &str, os: Os) -> Result<Vec<Glob>, CallError> {
    let bad = || CallError("syntax error in pattern".into());
    let mut chars = pattern.chars().peekable();
    let mut out = Vec::new();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' if chars.peek() == Some(&'*') => {
                return Err("'**' is not supported in patterns as of yet".into());
            }
            '*' => Glob::Star,
            '?' => Glob::Any,
            '\\' if os != Windows => Glob::Char(chars.next().ok_or_else(bad)?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                let one = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| match chars.next() {
                    Some('\\') if os != Windows => chars.next().ok_or_else(bad),
                    None | Some('-' | ']') => Err(bad()),
                    Some(c) => Ok(c),
                };
                while ranges.is_empty() || chars.peek() != Some(&']') {
                    let low = one(&mut chars)?;
                    let high = if chars.next_if_eq(&'-').is_some() { one(&mut chars)? } else { low };
                    ranges.push((low, high));
                }
                chars.next();
                Glob::Class { negated, ranges }
            }
            c => Glob::Char(c),
        });
    }
    Ok(out)
}

fn matches(pattern: &[Glob], name: &str, os: Os) -> bool {
    let name: Vec<char> = name.chars().collect();
    let separator = os.separator();
    let (mut p, mut n) = (0, 0);
    // The last star, and where what follows it was tried last.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(Glob::Star) => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            None => n == name.len(),
            Some(one) => name.get(n).is_some_and(|&c| match one {
                Glob::Char(want) => c == *want,
                Glob::Class { negated, ranges } => ranges.iter().any(|r| r.0 <= c && c <= r.1) != *negated,
                _ => c != separator,
            }),
        };
        if step && p == pattern.len() {
            return true;
        }
        if step {
            (p, n) = (p + 1, n + 1);
            continue;
        }
        let Some((at, tried)) = star else { return false };
        if name.get(tried).is_none_or(|&c| c == separator) {
            return false;
        }
        star = Some((at, tried + 1));
        (p, n) = (at + 1, tried + 1);
    }
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "path",
    functions: functions! {
        /// The last part of the path.
        Base(path: STRING, os: STRING = "unix") -> STRING = |a| Ok(os(a, 1)?.base(text(a, 0)?).into());
        /// The shortest path that means the same, by its text alone.
        Clean(path: STRING, os: STRING = "unix") -> STRING = |a| Ok(os(a, 1)?.clean(text(a, 0)?).into());
        /// All but the last part of the path, cleaned.
        Dir(path: STRING, os: STRING = "unix") -> STRING = |a| Ok(os(a, 1)?.dir(text(a, 0)?).into());
        /// The file name's extension with its dot, or nothing.
        Ext(path: STRING, os: STRING = "unix") -> STRING = |a| Ok(os(a, 1)?.ext(text(a, 0)?).into());
        /// The path with `/` replaced by the system's separator.
        FromSlash(path: STRING, os: STRING) -> STRING = |a| Ok(os(a, 1)?.native(text(a, 0)?).into());
        /// Whether the path is absolute.
        IsAbs(path: STRING, os: STRING = "unix") -> BOOL = |a| Ok(os(a, 1)?.is_abs(text(a, 0)?).into());
        /// The parts joined to one cleaned path; empty ones are left out.
        Join(elem: LIST, os: STRING = "unix") -> STRING = |a| Ok(os(a, 1)?.join(&texts(a, 0)?).into());
        /// Whether the whole name matches a shell pattern; `*` and `?` do not match separators.
        Match(pattern: STRING, name: STRING, o: STRING = "unix") -> BOOL = |a| {
            let os = os(a, 2)?;
            Ok(matches(&glob(text(a, 0)?, os)?, text(a, 1)?, os).into())
        };
        /// The path that leads from one to the other.
        Rel(basepath: STRING, targpath: STRING, os: STRING = "unix") -> STRING = |a| os(a, 2)?.rel(text(a, 0)?, text(a, 1)?);
        /// `sub` seen from `dir`: itself if it is absolute, else the two joined.
        Resolve(dir: STRING, sub: STRING, os: STRING = "unix") -> STRING = |a| {
            let (dir, sub, os) = (text(a, 0)?, text(a, 1)?, os(a, 2)?);
            Ok(if os.is_abs(sub) { os.clean(sub) } else { os.join(&[dir, sub]) }.into())
        };
        /// The directory with its separator, and the last part.
        Split(path: STRING, os: STRING = "unix") -> LIST = |a| {
            let (dir, file) = os(a, 1)?.split(text(a, 0)?);
            text_list([dir, file])
        };
        /// The paths of a list such as `$PATH`.
        SplitList(path: STRING, os: STRING) -> LIST = |a| os(a, 1)?.split_list(text(a, 0)?);
        /// The path with the system's separator replaced by `/`.
        ToSlash(path: STRING, os: STRING) -> STRING = |a| Ok(os(a, 1)?.to_slash(text(a, 0)?).into());
        /// The volume that the path begins with, on Windows.
        VolumeName(path: STRING, os: STRING = "windows") -> STRING = |a| {
            let path = text(a, 0)?;
            Ok(path[..os(a, 1)?.volume(path)].into())
        };
    },
    constants: &[("Unix", || "unix".into()), ("Windows", || "windows".into()), ("Plan9", || "plan9".into())],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::{call, check};

    #[test]
    fn functions() {
        check(
            "path",
            r##"
            Base("/a/b.txt") => "b.txt"
            Base("") => "."
            Base("/") => "/"
            Base("c:\\", "windows") => "\\"
            Base("c:a", "windows") => "a"
            Clean("") => "."
            Clean("/../a") => "/a"
            Clean("a//b/./c/..") => "a/b"
            Clean("../a/../..") => "../.."
            Clean("c:", "windows") => "c:."
            Clean("c:/", "windows") => "c:\\"
            Clean("c:a\\..\\..", "windows") => "c:.."
            Clean("a/../..\\b", "windows") => "..\\b"
            Clean("\\\\host\\share\\..\\x", "windows") => "\\\\host\\share\\x"
            Dir("/a/b/") => "/a/b"
            Dir("a") => "."
            Dir("/") => "/"
            Dir("c:a", "windows") => "c:."
            Dir("\\\\host\\share\\foo", "windows") => "\\\\host\\share\\"
            Ext("a/b.tar.gz") => ".gz"
            Ext("a.b/c") => ""
            Ext("a.dir\\foo", "windows") => ""
            FromSlash("a/b", "windows") => "a\\b"
            ToSlash("a\\b", "windows") => "a/b"
            IsAbs("#a", "plan9") => true
            IsAbs("/a", "windows") => false
            IsAbs("c:\\a", "windows") => true
            Join(["a", "..", "b"]) => "b"
            Join(["", ""]) => ""
            Join(["a", "b"], "aix") => "a/b"
            Join(["c:", "a"], "windows") => "c:a"
            Join(["c:\\", "a"], "windows") => "c:\\a"
            Join(["\\\\host", "share", "a"], "windows") => "\\host\\share\\a"
            Match("a[b-d]?*", "acxyz") => true
            Match("a**", "b") => ! '**' is not supported in patterns as of yet
            Match("[**]", "*") => true
            VolumeName("C:/a") => "C:"
            IsAbs("nul", "windows") => true
            IsAbs("nul.txt", "windows") => false
            Match("a[^b]", "ab") => false
            Match("a\\*", "a*") => true
            Match("a\\*", "a\\x", "windows") => true
            Match("*c", "abc") => true
            Match("*.txt", "a/b.txt") => false
            Match("*.txt", "a/b.txt", "windows") => true
            Match("a*b*c", "axbxbxc") => true
            Match("*", "") => true
            Match("a[", "b") => ! syntax error in pattern
            Match("[]a]", "a") => ! syntax error in pattern
            Rel("/a", "/a/b/../c") => "c"
            Rel("/a/b", "/a/c/d") => "../c/d"
            Rel("a", "/b") => ! Rel: can't make /b relative to a
            Rel("../a", "b") => ! Rel: can't make b relative to ../a
            Rel("b", "..") => "../.."
            Rel("a", "a/.") => "."
            Rel("a/b", "a/c", "windows") => "..\\c"
            Rel("c:\\a", "d:\\b", "windows") => ! Rel: can't make d:\b relative to c:\a
            Resolve("/a", "b") => "/a/b"
            Resolve("/a", "/b") => "/b"
            Resolve("/a/b", "/c/d", "windows") => "\\a\\b\\c\\d"
            Resolve("c:/a", "d:\\", "windows") => "d:\\"
            Resolve("//home/user/foo", "bar", "windows") => "\\\\home\\user\\foo\\bar"
            Split("a/b/c") => ["a/b/","c"]
            Split("c:foo", "windows") => ["c:","foo"]
            SplitList("a::b", "unix") => ["a","","b"]
            SplitList("", "unix") => []
            SplitList("a;\"b;c\";d", "windows") => ["a","b;c","d"]
            SplitList("a") => 1 arguments
            VolumeName("//host/share/x", "windows") => "//host/share"
            VolumeName("\\\\\\host\\share", "windows") => ""
            VolumeName("\\\\host\\", "windows") => ""
            VolumeName("2:", "windows") => ""
            VolumeName("c:/foo", "unix") => ""
            "##,
        );
        assert!(call("path", "Join", r#"["a"], "foo""#).starts_with("! unknown operating system \"foo\""));
    }
}
