// SPDX-License-Identifier: MIT OR Apache-2.0

//! `tests/zoo/known.toml`: the defects that other drivers had, and the index
//! that leads from each of them, from each rule of NMR and from each code to
//! the modules that are examples of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Result;
use registrar::rules::RULES;
use serde::Deserialize;

use super::catalogue::{Catalogue, Module};
use super::read;
use crate::workspace::Workspace;

/// What is known to go wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    /// Defects of drivers and of their peers, by their names.
    defect: BTreeMap<String, Defect>,
    /// Why no module is an example of a rule.
    rules_without: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Defect {
    what: String,
    /// Where it was met.
    from: String,
    /// Why no module is an example.
    without: Option<String>,
}

/// One thing that goes wrong, and its examples.
pub(super) struct Entry<'a> {
    name: String,
    what: String,
    examples: Vec<&'a str>,
    without: Option<&'a str>,
}

impl Known {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        read(&workspace.root().join("tests/zoo/known.toml"))
    }

    /// All that goes wrong: the defects known, the rules, the codes.
    pub(super) fn index<'a>(&'a self, catalogue: &'a Catalogue) -> Vec<Entry<'a>> {
        let entry = |name: String, what, without, is_example: &dyn Fn(&&Module) -> bool| Entry {
            name,
            what,
            examples: names(catalogue.module.iter().filter(is_example)),
            without,
        };
        let of = |name: &String| {
            let name = name.clone();
            move |module: &&Module| module.sources.contains(&name)
        };
        let defects = self.defect.iter().map(|(name, defect)| {
            let what = format!("{} ({})", defect.what, defect.from);
            entry(name.clone(), what, defect.without.as_deref(), &of(name))
        });
        let rules = RULES.iter().zip(1..).map(|(rule, number): (_, u8)| {
            let name = format!("R{number}");
            let without = self.rules_without.get(&name).map(String::as_str);
            let example = of(&name);
            entry(name, rule.text.to_owned(), without, &example)
        });
        let faces = catalogue.module.iter().flat_map(|module| &module.faces);
        let codes: BTreeSet<_> = faces
            .map(|face| &face.code)
            .filter(|code| !code.starts_with('R'))
            .collect();
        let codes = codes.into_iter().map(|code| {
            let shows = |module: &&Module| module.faces.iter().any(|face| face.code == *code);
            entry(code.clone(), "found as".to_owned(), None, &shows)
        });
        let mut all: Vec<_> = defects.chain(rules).chain(codes).collect();
        all.sort_by_key(|entry| in_order(&entry.name));
        all
    }
}

fn names<'a>(modules: impl Iterator<Item = &'a Module>) -> Vec<&'a str> {
    modules.map(|module| module.name.as_str()).collect()
}

/// K2 comes before K10.
fn in_order(name: &str) -> (bool, String, u32) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[letters.len()..].parse().unwrap_or(0);
    (letters.len() > 1, letters.to_owned(), number)
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {}: ", self.name, self.what)?;
        match self.without {
            Some(reason) => write!(f, "none, {reason}"),
            None => f.write_str(&self.examples.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> (Known, Catalogue) {
        let workspace = Workspace::find().expect("the tests run in it");
        let known = Known::read(&workspace).expect("it can be read");
        let catalogue = Catalogue::read(&workspace).expect("it can be read");
        (known, catalogue)
    }

    #[test]
    fn each_known_defect_and_rule_has_an_example_or_a_reason() {
        let (known, catalogue) = tables();
        for entry in known.index(&catalogue) {
            let reasoned = entry.without.is_some_and(|reason| !reason.is_empty());
            assert!(reasoned == entry.examples.is_empty(), "{entry}");
        }
    }

    #[test]
    fn the_lists_are_complete_and_modules_name_nothing_else() {
        let (known, catalogue) = tables();
        let list = |letter: char, count: u32| (1..=count).map(move |n| format!("{letter}{n}"));
        let defects: BTreeSet<_> = list('K', 27).chain(list('P', 16)).collect();
        assert!(known.defect.keys().eq(&defects));
        let count = u32::try_from(RULES.len()).expect("38");
        let rules: BTreeSet<_> = list('R', count).collect();
        assert!(known.rules_without.keys().all(|name| rules.contains(name)));
        for module in &catalogue.module {
            assert!(!module.sources.is_empty(), "{module}");
            for source in &module.sources {
                let is_known = defects.contains(source) || rules.contains(source);
                assert!(
                    is_known || ["docs", "classic"].contains(&&**source),
                    "{module}"
                );
            }
        }
    }

    #[test]
    fn every_face_but_the_first_says_why() {
        let (_, catalogue) = tables();
        for module in &catalogue.module {
            let (first, others) = module.faces.split_first().expect("a face");
            assert_eq!(first.why, "", "{module}");
            assert!(others.iter().all(|face| !face.why.is_empty()), "{module}");
        }
    }
}
