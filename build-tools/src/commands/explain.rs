// SPDX-License-Identifier: MIT OR Apache-2.0

//! `explain`: explains a finding's code, an open point, a scenario or a module of the zoo.

use anyhow::{Result, bail};
use clap::Args;

use crate::building::image_report::wrap;
use crate::explanations::{self, Explanation, Subject};
use crate::terminal::PROGRAM;
use crate::terminal::{Verdict, nearest, print};
use crate::workspace::Workspace;
use crate::zoo::{Catalogue, Module};

/// The width of the column of headings.
const COLUMN: usize = 9;

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask explain                   list everything that has an explanation
  cargo xtask explain R19               a rule of NMR
  cargo xtask explain 0xC4/62           a bug check and its first parameter
  cargo xtask explain DetachOrder       a question that the documents leave open")]
pub(crate) struct Arguments {
    /// Code of a finding (R19, 0xC4/62, deadlock), open point, scenario or zoo module
    /// [default: list them all]
    name: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let catalogue = || Catalogue::read(&Workspace::checkout()?);
    let Some(name) = &arguments.name else {
        list();
        return Ok(Verdict::of_a_list());
    };
    if let Some(explanation) = explanations::explanation(name) {
        // The examples are a courtesy: an explanation needs no workspace.
        let catalogue = catalogue().ok();
        let modules = catalogue.iter().flat_map(Catalogue::modules);
        show(
            explanation,
            modules.filter(|module| is_example(module, explanation)),
        );
        return Ok(Verdict::of_a_list());
    }
    let catalogue = catalogue().ok();
    let modules = || catalogue.iter().flat_map(Catalogue::modules);
    if let Some(module) = modules().find(|module| module.name.eq_ignore_ascii_case(name)) {
        show_module(module);
        return Ok(Verdict::of_a_list());
    }
    let modules = modules().map(|it| it.name.as_str());
    let names = explanations::all().iter().map(|it| it.name.as_str());
    let near = match explanations::explanation(&format!("0x{name}")) {
        Some(bug_check) => vec![bug_check.name.as_str()],
        None => nearest(name, names.chain(modules)),
    };
    match near[..] {
        [] => bail!("`{name}` has no explanation: `{PROGRAM} explain` lists what has one"),
        ref near => bail!(
            "`{name}` has no explanation: is it {}? `{PROGRAM} explain` lists what has one",
            near.join(" or ")
        ),
    }
}

/// Lists all names, by subject.
fn list() {
    let mut subject = None;
    for it in explanations::all() {
        if subject != Some(it.subject) {
            let heading = match it.subject {
                Subject::Rule => "Rules of NMR for modules",
                Subject::NetworkRule => "\nRules of Winsock Kernel for drivers",
                Subject::BugCheck => "\nBug checks",
                Subject::Word => "\nOther findings and verdicts",
                Subject::OpenPoint => "\nQuestions that the documents leave open",
                Subject::Scenario => "\nScenarios",
            };
            print(heading);
            subject = Some(it.subject);
        }
        print(format!("  {:<22}{}", it.name, it.title));
    }
    if Workspace::checkout().is_ok() {
        print(format!("\nModules of the zoo: {PROGRAM} zoo --list"));
    }
}

fn show<'a>(it: &Explanation, examples: impl Iterator<Item = &'a Module>) {
    /// More would not help anybody.
    const MOST: usize = 3;
    let heading = format!("{}: {}", it.name, it.title);
    let heading: Vec<_> = heading.split(' ').collect();
    print(format!("{}\n", wrap(&heading, "").join("\n")));
    row("rule", &it.rule);
    row("source", &it.source);
    row("defect", &it.defect);
    print("correct");
    for line in it.correct.lines() {
        print(format!("    {line}").trim_end());
    }
    print("");
    let mut again: Vec<_> = examples
        .take(MOST)
        .map(|module| format!("{PROGRAM} zoo {}", module.name))
        .collect();
    match it.subject {
        Subject::OpenPoint => again
            .extend([0, 1].map(|answer| format!("{PROGRAM} stress --knobs {}:{answer}", it.name))),
        Subject::Scenario => again.push(format!("{PROGRAM} stress --only {}", it.name)),
        Subject::Rule | Subject::NetworkRule | Subject::BugCheck | Subject::Word
            if again.is_empty() =>
        {
            again.push(format!("{PROGRAM} stress"));
        }
        Subject::Rule | Subject::NetworkRule | Subject::BugCheck | Subject::Word => {}
    }
    for (heading, command) in std::iter::once("try")
        .chain(std::iter::repeat(""))
        .zip(again)
    {
        print(format!("{heading:COLUMN$}{command}"));
    }
}

/// Prints a heading, and a text in lines beside it.
fn row(heading: &str, text: &str) {
    let words: Vec<_> = text.split(' ').collect();
    let mut heading = heading;
    for line in wrap(&words, &" ".repeat(COLUMN)) {
        print(format!("{heading:COLUMN$}{}", line.trim_start()));
        heading = "";
    }
}

/// Explains a module of the zoo.
fn show_module(module: &Module) {
    let name = &module.name;
    print(format!("{name}: a {} of the zoo\n", module.role.name()));
    row("defect", module.defect());
    row("source", &format!("tests/zoo/modules/{name}.c"));
    let codes = module.codes().collect::<Vec<_>>().join(", ");
    row("found as", &codes);
    row("example", &format!("of {}", module.sources().join(", ")));
    print(format!("{:COLUMN$}{PROGRAM} zoo {name}", "try"));
    for code in module.codes().take(1) {
        print(format!("{:COLUMN$}{PROGRAM} explain {code}", ""));
    }
}

/// Returns `true` if the module's defect breaks this rule, or shows as this code.
fn is_example(module: &Module, it: &Explanation) -> bool {
    let shows = |code: &str| explanations::explanation(code).is_some_and(|own| own.name == it.name);
    module.sources().contains(&it.name) || module.codes().take(1).any(|code| shows(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symptom_of_the_zoo_is_explained() {
        let workspace = Workspace::checkout().expect("the tests run in it");
        let catalogue = Catalogue::read(&workspace).expect("it can be read");
        for module in catalogue.modules() {
            for code in module.codes() {
                assert!(
                    explanations::explanation(&code).is_some(),
                    "{}: {code}",
                    module.name
                );
            }
        }
    }
}
