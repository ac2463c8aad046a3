// SPDX-License-Identifier: MIT OR Apache-2.0

//! Explanations of rules, bug checks, words of findings, open points and scenarios: the
//! meaning, Microsoft's document, a typical defect, and its correction.
//!
//! The texts are in `explanations/*.toml`. Those of open points and scenarios are completed
//! from `tests/knobs` and `tests/scenarios`, so that no fact is stated twice.

mod name;
mod texts;

use std::sync::LazyLock;

use scenarios::Finding;

pub(crate) use name::Name;

/// The subject of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A rule of NMR for modules.
    Rule,
    /// A rule of Winsock Kernel for drivers.
    NetworkRule,
    /// A bug check of Windows or Driver Verifier.
    BugCheck,
    /// A finding without a bug check, or a verdict.
    Word,
    /// A question that the documents leave open.
    OpenPoint,
    /// A kind of cycle.
    Scenario,
}

/// An explanation.
#[derive(Clone, Debug)]
pub(crate) struct Explanation {
    pub(crate) subject: Subject,
    /// The name under which findings and options know it: `R19`, `0xC4/0x62`, `deadlock`.
    pub(crate) name: String,
    /// A heading of a few words.
    pub(crate) title: String,
    /// What the rule demands, in one or more sentences on one line.
    pub(crate) rule: String,
    /// The address of the page with the rule.
    pub(crate) source: String,
    /// A typical defect, in a sentence.
    pub(crate) defect: String,
    /// How it looks right: a few lines of code.
    pub(crate) correct: String,
}

static ALL: LazyLock<Vec<Explanation>> = LazyLock::new(texts::read);

/// All explanations: rules, bug checks, words, open points, scenarios.
pub(crate) fn all() -> &'static [Explanation] {
    &ALL
}

/// The explanation of a name in any spelling: `R19`, `0xc4/62`, `C4/62`, `DetachOrder`,
/// `deadlock`, `races`. A bug check with a parameter that has no explanation of its own has
/// that of the bug check.
pub(crate) fn explanation(code: &str) -> Option<&'static Explanation> {
    let name = Name::of(code);
    let find = |name: &Name| ALL.iter().find(|it| Name::of(&it.name) == *name);
    find(&name).or_else(|| find(&name.without_parameter()?))
}

/// The explanation of a finding: that of its bug check with its parameter, if there is one.
pub(crate) fn of(finding: &Finding) -> Option<&'static Explanation> {
    explanation(&name_of(finding))
}

/// The name under which a finding is explained.
fn name_of(finding: &Finding) -> String {
    /// `SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION`, whose fourth parameter tells what happened.
    const SPECIAL_POOL: &str = "0xC1";
    let code = &finding.code;
    match finding.parameters {
        Some([.., fourth]) if code == SPECIAL_POOL => format!("{code}/{fourth:#X}"),
        Some([first, ..]) => format!("{code}/{first:#X}"),
        None => code.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_complete_and_on_one_subject() {
        for it in all() {
            let name = &it.name;
            for (what, text) in [
                ("rule", &it.rule),
                ("defect", &it.defect),
                ("title", &it.title),
            ] {
                assert!(!text.is_empty() && !text.contains('\n'), "{name}: {what}");
                assert!(text.trim() == text, "{name}: {what}");
            }
            assert!(it.defect.ends_with(['.', ')']), "{name}: {}", it.defect);
            assert!(it.rule.ends_with(['.', ')', '`']), "{name}: {}", it.rule);
            assert!(!it.title.ends_with('.'), "{name}: {}", it.title);
            assert!(it.source.starts_with("https://"), "{name}");
            assert!(!it.correct.is_empty(), "{name}");
            assert!(it.correct.lines().all(|line| line.len() <= 100), "{name}");
        }
    }

    #[test]
    fn each_name_is_explained_once() {
        let mut names: Vec<_> = all().iter().map(|it| Name::of(&it.name)).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_bug_check_is_known_by_its_parameter() {
        let name = |code: &str| explanation(code).map(|it| it.name.as_str());
        for spelling in ["0xC4/62", "0xc4/0x62", "0xC4/0X62", "c4/62"] {
            assert_eq!(name(spelling), Some("0xC4/0x62"), "{spelling}");
        }
        assert_eq!(name("0xC4/0x7777"), Some("0xC4"));
        assert_eq!(name("0x139/3"), Some("0x139"));
        assert_eq!(name("0xD1"), Some("0xD1"));
        for word in ["C4", "D1"] {
            assert_eq!(name(word), None, "{word}");
        }
        assert_eq!(name("r7"), Some("R7"));
        assert_eq!(name("wsk7"), Some("WSK7"));
        assert_eq!(name("detachorder"), Some("DetachOrder"));
        assert_eq!(name("R39"), None);
        assert_eq!(name("0xC5"), None);
        assert_eq!(name("62"), None);
    }

    #[test]
    fn a_finding_is_explained_by_its_parameters() {
        let mut finding = Finding::bare("0xC4", String::new(), 1, 1);
        let name = |finding: &Finding| of(finding).map(|it| it.name.as_str());
        assert_eq!(name(&finding), Some("0xC4"));
        finding.parameters = Some([0x121, 0, 0, 0]);
        assert_eq!(name(&finding), Some("0xC4/0x121"));
        finding.code = "0xC1".to_owned();
        finding.parameters = Some([0xFFFF_8000_0000_0000, 1, 0, 0x24]);
        assert_eq!(name(&finding), Some("0xC1/0x24"));
        finding.code = "0xCC".to_owned();
        assert_eq!(name(&finding), Some("0xCC"));
    }
}
