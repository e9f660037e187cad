//! The files of a package as one file: one package clause, the imports of all, then the declarations of each.

use super::ast::{Comments, Decl, DeclKind, File, ImportDecl, ImportSpec, Space};

/// Makes one file of the files of a package. The error says which names stand for different things in two of them.
///
/// ```
/// use stepwell_lang::{source::FileId, syntax};
/// let file = |text| syntax::parse(FileId(0), text).0;
/// let one = syntax::merge::merge(vec![
///     file("package p\nimport \"list\"\na: list.Max(b)\n"),
///     file("package p\nimport \"list\"\nb: [1]\nc: list.Max(b)\n"),
/// ]);
/// assert_eq!(syntax::fmt::format(&one.unwrap()), "package p\n\nimport \"list\"\n\na: list.Max(b)\n\nb: [1]\nc: list.Max(b)\n");
/// ```
pub fn merge<'t>(files: Vec<File<'t>>) -> Result<File<'t>, String> {
    let mut out = File::default();
    let mut specs: Vec<ImportSpec<'t>> = Vec::new();
    let mut locals: Vec<&'t str> = Vec::new();
    for mut file in files {
        for a in file.attributes.into_iter().filter(|a| a.name == "extern") {
            if !out.attributes.iter().any(|b| b.text == a.text) {
                out.attributes.push(a);
            }
        }
        if let Some(mut package) = file.package {
            match &mut out.package {
                None => out.package = Some(package),
                Some(known) => known.comments.extend(package.comments.take()),
            }
        }
        for spec in file.imports.into_iter().flat_map(|d| d.specs) {
            let (path, name) = (spec.path.text().into_owned(), local(&spec));
            match specs.iter().find(|s| local(s) == name) {
                Some(known) if known.path.text() == path => {}
                Some(known) => {
                    return Err(format!(
                        "{name} is {:?} in one file and {path:?} in another",
                        known.path.text()
                    ));
                }
                None => specs.push(ImportSpec { space: Space::Newline, ..spec }),
            }
        }
        let mut own = Vec::new();
        for (i, mut decl) in file.decls.into_iter().enumerate() {
            let name = match &decl.kind {
                DeclKind::Let { name, .. } => Some(name.name),
                DeclKind::Field(f) => f.alias.as_ref().map(|a| a.name),
                _ => None,
            };
            if let Some(name) = name {
                if locals.contains(&name) {
                    return Err(format!("{name} is declared by a let clause or alias in two files"));
                }
                own.push(name);
            }
            if i == 0 && !out.decls.is_empty() {
                apart(&mut decl);
            }
            out.decls.push(decl);
        }
        locals.extend(own);
        out.comments.extend(file.comments.take());
    }
    if let Some(span) = specs.first().map(|s| s.span) {
        specs.sort_by_key(|s| s.path.text().into_owned());
        let parens = specs.len() > 1;
        if let [only] = specs.as_mut_slice() {
            only.space = Space::Blank;
        }
        out.imports =
            vec![ImportDecl { specs, parens, span, comments: Comments::default(), space: Space::Section }];
    }
    Ok(out)
}

/// Puts an empty line before a declaration and the comments that belong to it.
fn apart(decl: &mut Decl<'_>) {
    match decl.comments.first_mut() {
        Some(first) => first.space = Space::Section,
        None => decl.space = Space::Section,
    }
}

/// The name that an import has in its file.
pub(super) fn local(spec: &ImportSpec<'_>) -> String {
    match &spec.name {
        Some(name) => name.name.to_owned(),
        None => {
            let path = spec.path.text();
            let name = path.rsplit(['/', ':']).next().unwrap_or("");
            name.split('@').next().unwrap_or("").to_owned()
        }
    }
}
