//! `html`.

use super::Package;
use super::args::{check_text, functions, text};

/// Text with the five characters that mean something in HTML written as entities.
pub(super) fn escape(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "html",
    functions: functions! {
        /// The text with `<`, `>`, `&`, `'` and `"` written as entities.
        Escape(s: STRING) -> STRING = |a| {
            let out = escape(text(a, 0)?);
            check_text(out.len())?;
            Ok(out.into())
        };
        /// The text with entities replaced by what they stand for.
        Unescape(s: STRING) -> STRING = |a| Ok(htmlize::unescape(text(a, 0)?).as_ref().into());
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::check;

    #[test]
    fn functions() {
        check(
            "html",
            r#"
            Escape("<a href=\"x\">'&</a>") => "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&lt;/a&gt;"
            Unescape("&lt;&eacute;&#39;&#x41;&amp;lt;&notit;&foo;") => "<é'A&lt;¬it;&foo;"
            "#,
        );
    }
}
