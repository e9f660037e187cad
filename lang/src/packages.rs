//! What a program asks of whoever embeds it while it is compiled: packages, and what attributes bring in.

use crate::data::Data;
use crate::encode::yaml::Place;
use crate::source::Source;

/// Where imports that are not standard packages come from.
pub trait Packages {
    /// The files of the package with this import path (without the `:name` suffix), or `None` if there is none.
    fn sources(&self, import_path: &str) -> Option<Vec<Source>>;

    /// The package with this import path, as it is written (`path@v0:name`). The error says why it cannot be had.
    fn package(&self, import_path: &str) -> Result<Option<Package>, Refusal> {
        let location = import_path.rsplit_once(':').map_or(import_path, |(location, _)| location);
        Ok(self.sources(location).map(|sources| Package { id: location.to_owned(), sources }))
    }

    /// The import paths there are, for suggestions.
    fn known(&self) -> Vec<String> {
        Vec::new()
    }

    /// The version of the language, major and minor, that the package with this import path says it is written in; the program's is the
    /// empty one. `None` for the newest.
    fn language(&self, import_path: &str) -> Option<(u64, u64)> {
        let _ = import_path;
        None
    }

    /// Whether `+` and `*` still work on lists, as they did up to version 0.10 of the language: for collections of files that were written then.
    fn list_arithmetic(&self) -> bool {
        false
    }

    /// Whether an import that nothing uses is let be, and no mistake: for collections of files that were never checked for it.
    fn unused_imports(&self) -> bool {
        false
    }

    /// What an attribute of a field or struct is unified into it. Attributes that mean nothing give nothing.
    fn attribute(&self, attribute: &Attribute<'_>) -> Result<Vec<Placed>, Refusal> {
        let _ = attribute;
        Ok(Vec::new())
    }
}

/// No packages but the standard ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPackages;

impl Packages for NoPackages {
    fn sources(&self, _import_path: &str) -> Option<Vec<Source>> {
        None
    }
}

/// The files of a package.
#[derive(Clone, Debug)]
pub struct Package {
    /// What tells it from other packages, however it is imported. Hidden fields belong to it.
    pub id: String,
    /// Its files.
    pub sources: Vec<Source>,
}

/// Why something cannot be had: one sentence, and advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without advice.
    pub fn new(message: impl Into<String>) -> Refusal {
        Refusal { message: message.into(), hint: None }
    }

    /// Adds advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }
}

/// An attribute in a file, as the compiler meets it.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The file.
    pub file: &'a Source,
    /// Its name.
    pub name: &'a str,
    /// What stands between its parentheses.
    pub body: &'a str,
    /// Where it stands.
    pub place: AttributePlace,
    /// Whether the file is one of the program itself and not of something imported.
    pub main: bool,
    /// Whether the file says `@extern(embed)`.
    pub external: bool,
}

/// Where an attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributePlace {
    /// At a field.
    Field,
    /// In a struct, at no field.
    Struct,
    /// At a field within a comprehension.
    Comprehension,
    /// At an optional field or pattern, or within one.
    Constraint,
    /// Within a list.
    List,
}

/// Data, and where it was read.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The data.
    pub data: Data,
    /// The file.
    pub source: Option<Source>,
    /// Where its parts stand in the file, if that is known.
    pub places: Option<Place>,
}

impl From<Data> for Placed {
    fn from(data: Data) -> Placed {
        Placed { data, source: None, places: None }
    }
}
