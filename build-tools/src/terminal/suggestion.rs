// SPDX-License-Identifier: MIT OR Apache-2.0

//! Suggests known words for one that is unknown.

/// The names that are most like `word`, the best first.
pub(crate) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    /// The least likeness that helps anybody.
    const LEAST: f64 = 0.7;
    const MOST: usize = 3;
    let word = word.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&word, &name.to_lowercase());
    let mut near: Vec<_> = names
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= LEAST)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.into_iter().map(|(_, name)| name).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_leads_to_the_nearest_names() {
        let names = || ["deadlock", "livelock", "DetachOrder"].into_iter();
        assert_eq!(nearest("deadlok", names()).first(), Some(&"deadlock"));
        assert_eq!(nearest("detachoder", names()).first(), Some(&"DetachOrder"));
        assert!(nearest("zzz", names()).is_empty());
    }
}
