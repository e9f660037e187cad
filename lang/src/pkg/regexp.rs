//! Regular expressions.

/// A compiled regular expression.
pub type Regex = regex_automata::meta::Regex;

/// Compiles a pattern.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|e| e.to_string())
}
