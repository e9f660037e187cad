//! The standard packages: one folder or file per package, each function declared once with its signature and documentation.
//!
//! A function here is pure, from [`Data`] to [`Data`]. What needs unevaluated values (comparers, schemas) is marked
//! [`Run::Eval`] and carried out by the evaluator. To add a function: one entry in its package's list, with its tests beside it.

mod args;
mod crypto;
mod encoding;
mod html;
mod list;
mod math;
mod net;
mod page;
mod path;
pub mod regexp;
mod strconv;
mod strings;
mod structs;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod tool;
mod uuid;

use crate::data::Data;
pub(crate) use encoding::yaml::is_of_nothing;
pub(crate) use list::unique as unique_items;
pub use page::page;

pub(crate) use path::glob_matches;

/// Types of parameters and results, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kind(pub u16);

impl Kind {
    /// No value at all.
    pub const BOTTOM: Kind = Kind(0);
    /// `null`
    pub const NULL: Kind = Kind(1);
    /// `bool`
    pub const BOOL: Kind = Kind(2);
    /// `int`
    pub const INT: Kind = Kind(4);
    /// `float`
    pub const FLOAT: Kind = Kind(8);
    /// `string`
    pub const STRING: Kind = Kind(16);
    /// `bytes`
    pub const BYTES: Kind = Kind(32);
    /// A list.
    pub const LIST: Kind = Kind(64);
    /// A struct.
    pub const STRUCT: Kind = Kind(128);
    /// `number`: `int` or `float`.
    pub const NUMBER: Kind = Kind(12);
    /// `bytes` or `string`.
    pub const TEXT: Kind = Kind(48);
    /// A function that is not called.
    pub const FUNCTION: Kind = Kind(256);
    /// Anything.
    pub const TOP: Kind = Kind(511);

    /// What is in both.
    pub const fn and(self, other: Kind) -> Kind {
        Kind(self.0 & other.0)
    }

    /// What is in either.
    pub const fn or(self, other: Kind) -> Kind {
        Kind(self.0 | other.0)
    }

    /// Whether every kind of `other` is in this one.
    pub const fn contains(self, other: Kind) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no kind in it.
    pub const fn is_bottom(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Display for Kind {
    /// `int`, `(int|string)`, `_` for all of them, `_|_` for none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::eval::print::kind(*self))
    }
}

/// A parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name in the documentation.
    pub name: &'static str,
    /// The kinds it takes.
    pub kind: Kind,
    /// The string that stands for it where it is left out; only the last ones have such.
    pub default: Option<&'static str>,
}

/// Why a call failed, in the words that follow `error in call to NAME: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError(pub String);

impl<T: Into<String>> From<T> for CallError {
    fn from(message: T) -> CallError {
        CallError(message.into())
    }
}

/// How a function is carried out.
#[derive(Clone, Copy)]
pub enum Run {
    /// On concrete arguments, already checked against the parameters in number and kind.
    Data(fn(&[Data]) -> Result<Data, CallError>),
    /// By the evaluator, under this name (`list.Sort`, `json.Validate`).
    Eval,
}

/// A function of a package.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name, upper case first.
    pub name: &'static str,
    /// Its parameters; those with a default may be left out.
    pub params: &'static [Param],
    /// The kind of its result. With `bool`, the function called with its first argument missing is a validator.
    pub result: Kind,
    /// What it does, one paragraph; lines as in the source, to be trimmed.
    pub doc: &'static str,
    /// How.
    pub run: Run,
}

/// A constant of a package: its name and its value.
pub type Constant = (&'static str, fn() -> Data);

/// A standard package.
#[derive(Clone, Copy)]
pub struct Package {
    /// The import path.
    pub path: &'static str,
    /// Its functions.
    pub functions: &'static [Function],
    /// Its constants.
    pub constants: &'static [Constant],
    /// Definitions written in the language (`list.Comparer`), as source text without a package clause; empty if none.
    pub source: &'static str,
}

impl Package {
    /// The names of what it has.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let defined = self.source.lines().filter_map(|l| {
            let name = l.split_once(':')?.0;
            (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '#')).then_some(name)
        });
        let functions = self.functions.iter().map(|f| f.name);
        functions.chain(self.constants.iter().map(|c| c.0)).chain(defined)
    }

    /// Calls a function of the package on data, as a program of the language would.
    ///
    /// # Errors
    /// A function that the package does not have or that needs an evaluation, arguments that do not fit it, and what it says itself.
    ///
    /// ```
    /// use stepwell_lang::{Data, pkg};
    /// let time = pkg::package("time").unwrap();
    /// let seconds = time.call("ToUnix", &[Data::from("2020-01-02T03:04:05Z")]);
    /// assert_eq!(seconds, Ok(Data::int(1577934245)));
    /// ```
    pub fn call(&self, function: &str, args: &[Data]) -> Result<Data, CallError> {
        let found = self.functions.iter().find(|f| f.name == function);
        let Some((f, Run::Data(run))) = found.map(|f| (f, f.run)) else {
            return Err(format!(
                "the package {} has no function {function} that can be called on data",
                self.path
            )
            .into());
        };
        let fits =
            args.len() == f.params.len() && f.params.iter().zip(args).all(|(p, a)| p.kind.contains(a.kind()));
        if !fits {
            return Err(format!("the arguments do not fit {}.{function}", self.path).into());
        }
        run(args)
    }
}

/// The package with this import path.
pub fn package(path: &str) -> Option<&'static Package> {
    packages().iter().copied().find(|p| p.path == path)
}

/// All packages, by path.
pub fn packages() -> &'static [&'static Package] {
    static PACKAGES: &[&Package] = &[
        &crypto::ED25519,
        &crypto::HMAC,
        &crypto::MD5,
        &crypto::SHA1,
        &crypto::SHA256,
        &crypto::SHA512,
        &encoding::base64::PACKAGE,
        &encoding::csv::PACKAGE,
        &encoding::hex::PACKAGE,
        &encoding::json::PACKAGE,
        &encoding::openapi::PACKAGE,
        &encoding::toml::PACKAGE,
        &encoding::yaml::PACKAGE,
        &html::PACKAGE,
        &list::PACKAGE,
        &math::PACKAGE,
        &math::bits::PACKAGE,
        &net::PACKAGE,
        &path::PACKAGE,
        &regexp::PACKAGE,
        &strconv::PACKAGE,
        &strings::PACKAGE,
        &structs::PACKAGE,
        &text::tabwriter::PACKAGE,
        &text::template::PACKAGE,
        &time::PACKAGE,
        &tool::CLI,
        &tool::EXEC,
        &tool::FILE,
        &tool::HTTP,
        &tool::OS,
        &uuid::PACKAGE,
    ];
    PACKAGES
}
