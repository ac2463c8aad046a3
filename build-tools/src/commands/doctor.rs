// SPDX-License-Identifier: MIT OR Apache-2.0

//! `doctor`: lists the prerequisites by purpose, and how to get the missing ones.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::prerequisites::{self, Prerequisite, Purpose};
use crate::terminal::PROGRAM;
use crate::terminal::{Verdict, Word, print};
use crate::workspace::{OutputFiles, artifact};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask doctor                       what is missing, and how to get it
  cargo xtask doctor --json doctor.json    the same for a program

The exit status is 0 if `cargo xtask stress` and `cargo xtask test` have all that they need.")]
pub(crate) struct Arguments {
    /// Also write the list to FILE: for each prerequisite its purpose, whether it is found,
    /// and how to get it. `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What prerequisites are needed for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Group {
    title: &'static str,
    /// The commands that need them, unless everything does.
    only_for: &'static str,
}

impl Group {
    const fn of(purpose: Purpose) -> Self {
        let (title, only_for) = match purpose {
            Purpose::Build | Purpose::Check => ("pair and tests", ""),
            Purpose::Package => ("packaging", "only for `package` and `stress --on vm:NAME`"),
            Purpose::Wine => ("Wine", "only for `stress --on wine`"),
            Purpose::Vm => ("virtual machines", "only for `vm` and `stress --on vm`"),
            Purpose::Page => ("page in a browser", "only for `test page`"),
            Purpose::Bench => ("instruction counts", "only for `bench`"),
            Purpose::Scale => ("cluster of one machine", "only for `test scale`"),
        };
        Self { title, only_for }
    }

    const fn is_for_everything(self) -> bool {
        self.only_for.is_empty()
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    OutputFiles::default().add("--json", arguments.json.as_deref())?;
    let all = prerequisites::all();
    if let Some(path) = &arguments.json {
        artifact::write_json(path, &all)?;
    }
    let groups = groups(&all);
    for (group, members) in &groups {
        print(text(*group, members));
    }
    Ok(verdict(&groups))
}

/// The prerequisites by group, in the order of their purposes.
fn groups(all: &[Prerequisite]) -> Vec<(Group, Vec<&Prerequisite>)> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|it| it.purpose);
    sorted
        .chunk_by(|one, other| Group::of(one.purpose) == Group::of(other.purpose))
        .map(|members| (Group::of(members[0].purpose), members.to_vec()))
        .collect()
}

fn is_ready(members: &[&Prerequisite]) -> bool {
    members.iter().all(|it| it.found)
}

/// The group's state, and a line for each member.
fn text(group: Group, members: &[&Prerequisite]) -> String {
    let state = match (is_ready(members), group.is_for_everything()) {
        (true, _) => "ready".to_owned(),
        (false, true) => "missing".to_owned(),
        (false, false) => format!("missing, {}", group.only_for),
    };
    let mut lines = vec![format!("{}: {state}", group.title)];
    for it in members {
        let (name, detail) = (it.name, &it.detail);
        if it.found {
            lines.push(format!("  {name:18}  {detail}"));
        } else {
            lines.push(format!("  {name:18}  MISSING: {detail}"));
            lines.push(format!("  {:18}  get it: {}", "", it.remedy));
        }
    }
    lines.join("\n")
}

fn verdict(groups: &[(Group, Vec<&Prerequisite>)]) -> Verdict {
    let incomplete = groups.iter().filter(|(_, members)| !is_ready(members));
    let (needed, optional): (Vec<_>, Vec<_>) =
        incomplete.partition(|(group, _)| group.is_for_everything());
    let missing: Vec<_> = needed
        .iter()
        .flat_map(|(_, members)| members.iter().filter(|it| !it.found))
        .map(|it| it.name)
        .collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        let sentence = format!("{names}: {PROGRAM} setup installs what it can");
        return Verdict::new(Word::Missing, sentence);
    }
    let ready = format!("ready for {PROGRAM} stress and {PROGRAM} test");
    let titles: Vec<_> = optional.iter().map(|(group, _)| group.title).collect();
    Verdict::pass(match &titles[..] {
        [] => ready.clone(),
        titles => format!("{ready}; not for {}: see above", titles.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prerequisite(purpose: Purpose, found: bool) -> Prerequisite {
        Prerequisite {
            name: "linker",
            purpose,
            found,
            detail: "x".to_owned(),
            remedy: "apt-get install lld".to_owned(),
            packages: vec!["lld"],
        }
    }

    #[test]
    fn a_missing_prerequisite_has_its_remedy() {
        let all = [prerequisite(Purpose::Build, false)];
        let groups = groups(&all);
        let (group, members) = &groups[0];
        assert_eq!(
            text(*group, members),
            "pair and tests: missing\n  linker              MISSING: x\n                      get \
             it: apt-get install lld"
        );
        assert_eq!(verdict(&groups).word(), Word::Missing);
    }

    #[test]
    fn only_what_the_first_commands_need_fails() {
        let all = [Purpose::Vm, Purpose::Check, Purpose::Build]
            .map(|purpose| prerequisite(purpose, purpose != Purpose::Vm));
        let groups = groups(&all);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].1.len(), 2);
        assert_eq!(
            verdict(&groups).line().as_deref(),
            Some(
                "PASS  ready for cargo xtask stress and cargo xtask test; not for virtual \
                 machines: see above"
            )
        );
    }
}
