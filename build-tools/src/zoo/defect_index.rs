// SPDX-License-Identifier: MIT OR Apache-2.0

//! The index of known defects, `tests/zoo/known.toml`: for each defect of a real driver,
//! each NMR rule and each code, the modules that are examples of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Result;
use registrar::rules::RULES;
use serde::Deserialize;

use super::catalogue::{Catalogue, Module};
use super::read;
use crate::workspace::Workspace;

/// The known defects, and the rules without an example.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefectIndex {
    /// Defects of real drivers, by name.
    defect: BTreeMap<String, Defect>,
    /// The reason why a rule has no example, by rule.
    rules_without_example: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Defect {
    what: String,
    /// The driver or source in which it was found.
    from: String,
    /// The reason why it has no example.
    no_example: Option<String>,
}

/// A defect, rule or code, and its examples.
pub(crate) struct Entry<'a> {
    name: String,
    what: String,
    examples: Vec<&'a str>,
    no_example: Option<&'a str>,
}

impl DefectIndex {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        read(&workspace.root().join("tests/zoo/known.toml"))
    }

    /// All entries: defects, rules, codes.
    pub(crate) fn entries<'a>(&'a self, catalogue: &'a Catalogue) -> Vec<Entry<'a>> {
        let entry = |name: String, what, no_example, is_example: &dyn Fn(&&Module) -> bool| Entry {
            name,
            what,
            examples: names(catalogue.modules().iter().filter(is_example)),
            no_example,
        };
        let of = |name: &String| {
            let name = name.clone();
            move |module: &&Module| module.sources.contains(&name)
        };
        let defects = self.defect.iter().map(|(name, defect)| {
            let what = format!("{} ({})", defect.what, defect.from);
            entry(name.clone(), what, defect.no_example.as_deref(), &of(name))
        });
        let rules = RULES.iter().zip(1..).map(|(rule, number): (_, u8)| {
            let name = format!("R{number}");
            let no_example = self.rules_without_example.get(&name).map(String::as_str);
            let example = of(&name);
            entry(name, rule.text.to_owned(), no_example, &example)
        });
        let symptoms = catalogue
            .modules()
            .iter()
            .flat_map(|module| &module.symptoms);
        let codes: BTreeSet<_> = symptoms
            .map(|symptom| &symptom.code)
            .filter(|code| !code.starts_with('R'))
            .collect();
        let codes = codes.into_iter().map(|code| {
            let shows =
                |module: &&Module| module.symptoms.iter().any(|symptom| symptom.code == *code);
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

/// The sort key of a name: K2 comes before K10.
fn in_order(name: &str) -> (bool, String, u32) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[letters.len()..].parse().unwrap_or(0);
    (letters.len() > 1, letters.to_owned(), number)
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {}: ", self.name, self.what)?;
        match self.no_example {
            Some(reason) => write!(f, "none, {reason}"),
            None => f.write_str(&self.examples.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> (DefectIndex, Catalogue) {
        let workspace = Workspace::find().expect("the tests run in it");
        let index = DefectIndex::read(&workspace).expect("it can be read");
        let catalogue = Catalogue::read(&workspace).expect("it can be read");
        (index, catalogue)
    }

    #[test]
    fn each_known_defect_and_rule_has_an_example_or_a_reason() {
        let (index, catalogue) = tables();
        for entry in index.entries(&catalogue) {
            let reasoned = entry.no_example.is_some_and(|reason| !reason.is_empty());
            assert!(reasoned == entry.examples.is_empty(), "{entry}");
        }
    }

    #[test]
    fn the_lists_are_complete_and_modules_name_nothing_else() {
        let (index, catalogue) = tables();
        let list = |letter: char, count: u32| (1..=count).map(move |n| format!("{letter}{n}"));
        let defects: BTreeSet<_> = list('K', 27).chain(list('P', 16)).collect();
        assert!(index.defect.keys().eq(&defects));
        let count = u32::try_from(RULES.len()).expect("38");
        let rules: BTreeSet<_> = list('R', count).collect();
        assert!(
            index
                .rules_without_example
                .keys()
                .all(|name| rules.contains(name))
        );
        for module in catalogue.modules() {
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
    fn every_symptom_but_the_first_says_why() {
        let (_, catalogue) = tables();
        for module in catalogue.modules() {
            let (first, others) = module.symptoms.split_first().expect("a symptom");
            assert_eq!(first.why, "", "{module}");
            assert!(
                others.iter().all(|symptom| !symptom.why.is_empty()),
                "{module}"
            );
        }
    }
}
