//! Protocol buffers as definitions: messages, enums, oneofs and maps of `.proto` files, with `@protobuf` attributes that keep numbers, types and options.
//!
//! A file becomes text of the language, laid out by the formatter. A field's label is its name in JSON, and every field is optional, as JSON of protocol buffers leaves out
//! what has its default. What JSON writes in a way of its own (timestamps, durations, wrappers, any) becomes what it is there. Services, options of files and messages,
//! and what is reserved say nothing about data and are left out; extensions are left out as well. A group is a message
//! and a field of it.
//! `read.rs` reads the text, `write.rs` writes the definitions.

mod read;
#[cfg(test)]
mod tests;
mod write;

use super::DecodeError;
use super::schema::File;
use std::collections::BTreeMap;

/// A `.proto` file that was read.
#[derive(Clone, Debug)]
pub struct ProtoFile {
    tree: read::Tree,
    text: String,
    place: Option<String>,
}

impl ProtoFile {
    /// Reads a file. An error says where the text is not as it must be.
    ///
    /// ```
    /// use stepwell_lang::encode::protobuf::{Enums, ProtoFile, definitions};
    /// let file = ProtoFile::read("syntax = \"proto3\"; package p; message M { string a_b = 1; }").unwrap();
    /// let text = definitions("m.proto", &[("m.proto".to_owned(), file)].into(), Enums::Numbers).unwrap().text(Some("p"));
    /// assert_eq!(text, "package p\n\n#M: {\n\taB?: string @protobuf(1,string,name=a_b)\n}\n");
    /// ```
    pub fn read(text: &str) -> Result<ProtoFile, DecodeError> {
        read::read(text).map(|tree| ProtoFile { tree, text: text.to_owned(), place: None })
    }

    /// The same, where the package that its definitions are in is imported by another path than the file says, as one of a module is.
    pub fn at(self, import_path: String) -> ProtoFile {
        ProtoFile { place: Some(import_path), ..self }
    }

    /// The files that it imports, by the path that it has for them. Those of `google/protobuf` are known and need not be there.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.tree.imports.iter().map(|i| i.path.as_str()).filter(|path| !write::is_known(path))
    }

    /// The error that the file `path`, which is imported, cannot be had.
    pub fn missing(&self, path: &str, why: &str) -> DecodeError {
        let at = self.tree.imports.iter().find(|i| i.path == path).map_or(0, |i| i.at);
        read::error(&self.text, at, why)
    }

    /// The package of the language that its definitions are in: by `option go_package`, else the last part of its `package`.
    pub fn package(&self) -> Option<String> {
        match self.tree.go_package() {
            Some((_, name)) => Some(name.to_owned()),
            None => self.tree.package.last().cloned(),
        }
    }

    /// The path by which that package is imported: that of `option go_package`, else `googleapis.com/` and its `package` as a path.
    pub fn import_path(&self) -> String {
        match (&self.place, self.tree.go_package()) {
            (Some(path), _) => path.clone(),
            (None, Some((path, _))) => path.to_owned(),
            (None, None) => format!("googleapis.com/{}", self.tree.package.join("/")),
        }
    }
}

/// How the values of enums are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enums {
    /// As numbers, each a definition.
    #[default]
    Numbers,
    /// As names, as JSON has them, with the number at `#enumValue`.
    Names,
}

/// The definitions of the file `path` among those that were read, by the paths that imports have for them. An error says which name is not known, and where.
pub fn definitions(
    path: &str,
    files: &BTreeMap<String, ProtoFile>,
    enums: Enums,
) -> Result<File, Vec<DecodeError>> {
    write::definitions(path, files, enums)
}
