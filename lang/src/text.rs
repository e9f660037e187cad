//! Small help with text: the nearest of some names, for hints.

/// The name most like `wanted`, if one is near enough to be meant: at most a third of its letters differ.
///
/// ```
/// assert_eq!(stepwell_lang::text::nearest("webservise", ["worker", "webservice"]), Some("webservice"));
/// assert_eq!(stepwell_lang::text::nearest("x", ["worker"]), None);
/// ```
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).clamp(1, 4);
    names
        .into_iter()
        .filter(|n| *n != wanted && wanted.len() < 200 && n.len() < 200)
        .map(|n| (distance(wanted, n), n))
        .filter(|(d, n)| *d <= limit && *d < n.chars().count())
        .min()
        .map(|(_, n)| n)
}

/// Edit distance with insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1].to_lowercase().ne(b[j - 1].to_lowercase()));
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_are_one_mistake() {
        assert_eq!(distance("iamge", "image"), 1);
        assert_eq!(nearest("iamge", ["image", "name"]), Some("image"));
        assert_eq!(nearest("", ["a"]), None);
    }
}
