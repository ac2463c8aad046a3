// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle's steps and settings in one word, as in replay lines.
//!
//! Parts are separated by dots. `+p` loads the provider, `-c` unloads the client, and `+p+c`
//! loads both at once; `~250` after a step waits 250 microseconds. `+c2` loads a second
//! instance of the client, `+c` the first. `-c@idle` unloads the client only once it is idle,
//! or the other actions of the step are over; likewise for each other [`Stage`]. `+c/3` loads
//! the client and lets its third fallible call fail. `-+c` unloads the client, and requests
//! its load during the unload. `Threads:2` is a setting of every client. With `Wdf:p` the
//! provider is the KMDF driver, with `Wdf:pc` both drivers are.
//!
//! `^p` opens the provider's device, `_p` closes it; `%c` switches the client's subcomponent
//! off, or on again; `#c` holds its unload for a while; `=c` asks the service control manager
//! to start or stop the client when that is refused. `=c/disable` disables its service,
//! `=c/delete` deletes it, `=c/second` starts a second service of its file. `shutdown`, in the
//! last step, shuts the machine down with the drivers loaded; `-cshutdown` does so while the
//! client is being unloaded.
//!
//! ```text
//! Threads:1.+p.+c~250.-p-c
//! +p+p2.+c~250.-p2.-p-c@detaching
//! +p.^p.+c~100.-p_p%c.-c
//! +p+c.-+c=c/delete~250.shutdown
//! +p.+cshutdown
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::cycle::{Cycle, SETTINGS, Setting, instances};
use crate::instance::{Instance, Instances, Role};
use crate::model::Models;
use crate::stage::Stage;
use crate::step::{Action, Change, Step, Usage, Use};

/// What a cycle does, but for the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Which drivers are for the driver framework.
    pub models: Models,
    /// How the drivers are set up.
    pub settings: Vec<Setting>,
    /// The steps: only absent drivers are loaded, and none is left loaded, unless the
    /// machine shuts down.
    pub steps: Vec<Step>,
}

impl Cycle {
    /// What it does.
    #[must_use]
    pub fn script(&self) -> Script {
        Script {
            models: self.models,
            settings: self.settings.clone(),
            steps: self.steps.clone(),
        }
    }

    /// The same cycle, doing something else.
    #[must_use]
    pub fn with_script(self, script: Script) -> Self {
        Self {
            models: script.models,
            settings: script.settings,
            steps: script.steps,
            ..self
        }
    }
}

impl Script {
    /// Every driver that it loads.
    #[must_use]
    pub fn instances(&self) -> BTreeSet<Instance> {
        instances(&self.steps)
    }

    /// Returns `true` if the machine shuts down in its last step.
    #[must_use]
    pub fn shuts_down(&self) -> bool {
        self.steps.last().is_some_and(|step| step.shutdown)
    }

    /// The first part of a step that only the simulated kernel performs, if there is one:
    /// elsewhere the services of a run stay, and the machine unless it may be restarted.
    #[must_use]
    pub fn simulated_part(&self, restarts: bool) -> Option<String> {
        self.steps.iter().find_map(|step| {
            let changes = |one: &&Use| {
                matches!(
                    one.usage,
                    Usage::Disable | Usage::Delete | Usage::StartSecond
                )
            };
            let change = step.uses.iter().find(changes).map(ToString::to_string);
            change.or_else(|| (step.shutdown && !restarts).then(|| SHUTDOWN.to_owned()))
        })
    }

    /// Returns `true` if it loads only what is absent, unloads only what is
    /// there, does something, and leaves nothing or shuts the machine down.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let mut loaded = BTreeSet::new();
        let mut actions = self.steps.iter().flat_map(|step| &step.actions);
        let sound = actions.all(|action| match action.change {
            Change::Load => loaded.insert(action.instance),
            Change::Unload => loaded.remove(&action.instance),
            Change::Reload => loaded.contains(&action.instance),
        });
        // What happens at once must not depend on its order.
        let apart = self.steps.iter().all(|step| {
            let instances = step.actions.iter().map(|action| action.instance);
            let instances: BTreeSet<_> = instances.collect();
            !step.is_idle() && instances.len() == step.actions.len()
        });
        // Nothing happens after a shutdown.
        let mut ends = self.steps.iter().rev().skip(1);
        let last = !ends.any(|step| step.shutdown);
        let complete = loaded.is_empty() || self.shuts_down();
        sound && apart && last && complete && !self.instances().is_empty()
    }
}

const fn letter(role: Role) -> char {
    match role {
        Role::Provider => 'p',
        Role::Client => 'c',
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models = self.models.needed().map(|_| self.models.to_string());
        let settings = self.settings.iter();
        let settings = settings.map(|setting| format!("{}:{}", setting.name, setting.value));
        let parts: Vec<_> = models
            .into_iter()
            .chain(settings)
            .chain(self.steps.iter().map(ToString::to_string))
            .collect();
        f.write_str(&parts.join("."))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.change {
            Change::Load => "+",
            Change::Unload => "-",
            Change::Reload => "-+",
        };
        write!(f, "{sign}{}", Short(self.instance))?;
        if let Some(call) = self.fails {
            write!(f, "/{call}")?;
        }
        match self.at {
            None => Ok(()),
            Some(stage) => write!(f, "@{stage}"),
        }
    }
}

/// An instance in a script.
struct Short(Instance);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instance { role, number } = self.0;
        write!(f, "{}", letter(role))?;
        match number {
            1 => Ok(()),
            number => write!(f, "{number}"),
        }
    }
}

/// The sign before the instance, and the word after it.
const USAGES: [(char, &str, Usage); 8] = [
    ('^', "", Usage::Open),
    ('_', "", Usage::Close),
    ('%', "", Usage::Switch),
    ('#', "", Usage::Hold),
    ('=', "", Usage::Ask),
    ('=', "/disable", Usage::Disable),
    ('=', "/delete", Usage::Delete),
    ('=', "/second", Usage::StartSecond),
];

/// The end of a step in which the machine shuts down.
const SHUTDOWN: &str = "shutdown";

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mine = USAGES.iter().find(|(.., usage)| *usage == self.usage);
        let (sign, word, _) = mine.expect("each has a sign");
        write!(f, "{sign}{}{word}", Short(self.instance))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            write!(f, "{action}")?;
        }
        for one in &self.uses {
            write!(f, "{one}")?;
        }
        if self.shutdown {
            f.write_str(SHUTDOWN)?;
        }
        match self.rest {
            0 => Ok(()),
            rest => write!(f, "~{rest}"),
        }
    }
}

/// A parse error: the offending part of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongScript(String);

impl fmt::Display for WrongScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no script: a script is like +p.+c~250.-p-c, and leaves no driver loaded \
             unless its last step is shutdown",
            self.0
        )
    }
}

impl std::error::Error for WrongScript {}

impl FromStr for Script {
    type Err = WrongScript;

    fn from_str(text: &str) -> Result<Self, WrongScript> {
        let mut script = Self {
            models: Models::default(),
            settings: Vec::new(),
            steps: Vec::new(),
        };
        for part in text.split('.') {
            let wrong = || WrongScript(part.to_owned());
            match part.split_once(':') {
                Some((name, value)) => match Models::parse(name, value) {
                    Some(models) => script.models = models,
                    None => script
                        .settings
                        .push(parse_setting((name, value)).ok_or_else(wrong)?),
                },
                None => script.steps.push(parse_step(part).ok_or_else(wrong)?),
            }
        }
        if script.is_sound() {
            Ok(script)
        } else {
            Err(WrongScript(text.to_owned()))
        }
    }
}

fn parse_setting((name, value): (&str, &str)) -> Option<Setting> {
    Some(Setting {
        role: Role::Client,
        name: SETTINGS.into_iter().find(|known| *known == name)?,
        value: value.parse().ok()?,
    })
}

fn parse_step(part: &str) -> Option<Step> {
    let (actions, rest) = part.split_once('~').unwrap_or((part, "0"));
    let rest = rest.parse().ok()?;
    let before = actions.strip_suffix(SHUTDOWN);
    let mut left = before.unwrap_or(actions);
    let mut step = Step {
        shutdown: before.is_some(),
        rest,
        ..Step::of(Vec::new())
    };
    while !left.is_empty() {
        let signs = left.match_indices(['+', '-', '^', '_', '%', '#', '=']);
        let mut signs = signs.map(|(at, _)| at);
        let own = usize::from(left.starts_with("-+"));
        let end = signs.find(|at| *at > own).unwrap_or(left.len());
        let part;
        (part, left) = left.split_at(end);
        match parse_use(part) {
            Some(one) => step.uses.push(one),
            None => step.actions.push(parse_action(part)?),
        }
    }
    Some(step)
}

fn parse_action(text: &str) -> Option<Action> {
    let (change, whom) = if let Some(whom) = text.strip_prefix('+') {
        (Change::Load, whom)
    } else if let Some(whom) = text.strip_prefix("-+") {
        (Change::Reload, whom)
    } else {
        (Change::Unload, text.strip_prefix('-')?)
    };
    let (whom, at) = match whom.split_once('@') {
        None => (whom, None),
        Some((whom, name)) => {
            let mut stages = Stage::ALL.into_iter();
            let stage = stages.find(|stage| stage.to_string() == name)?;
            (whom, Some(stage))
        }
    };
    let (whom, fails) = match whom.split_once('/') {
        None => (whom, None),
        // An unload has no calls that could fail.
        Some(_) if change != Change::Load => return None,
        Some((whom, call)) => (whom, Some(call.parse().ok().filter(|call| *call > 0)?)),
    };
    let action = change.of(parse_instance(whom)?);
    Some(Action {
        at,
        fails,
        ..action
    })
}

fn parse_use(text: &str) -> Option<Use> {
    let (whom, word) = text.split_at(text.find('/').unwrap_or(text.len()));
    let mut usages = USAGES.into_iter().filter(|(_, its, _)| *its == word);
    let (whom, usage) =
        usages.find_map(|(sign, _, usage)| Some((whom.strip_prefix(sign)?, usage)))?;
    Some(usage.of(parse_instance(whom)?))
}

fn parse_instance(text: &str) -> Option<Instance> {
    let mut roles = Role::ALL.into_iter();
    let (role, number) = roles.find_map(|role| Some((role, text.strip_prefix(letter(role))?)))?;
    let number = match number {
        "" => 1,
        // The first has no number.
        number => number.parse().ok().filter(|number| *number > 1)?,
    };
    (number <= Instances::MOST).then_some(Instance { role, number })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_drawn_cycle_survives_being_written_down(
            seed: u64,
            index: u64,
            wanted in crate::cycle::wishes(),
        ) {
            let script = Cycle::draw(seed, index, wanted).script();
            prop_assert_eq!(script.to_string().parse(), Ok(script));
        }

        #[test]
        fn whatever_is_typed_is_a_sound_script_or_refused(text in "([-+pcTé~.:^_%#=/0-9]|shutdown|/disable){0,20}") {
            if let Ok(script) = text.parse::<Script>() {
                prop_assert!(script.is_sound());
            }
        }
    }

    #[test]
    fn scripts_that_no_cycle_can_be_are_refused() {
        for text in [
            "",
            "+p",
            "-p",
            "+p.+p.-p.-p",
            "+p-p",
            "+x.-x",
            "+p~.-p",
            "Depth:x.+p.-p",
            "Other:1.+p.-p",
            "Wdf:.+p.-p",
            "Wdf:x.+p.-p",
            "+p0.-p0",
            "+p1.-p1",
            "+p9.-p9",
            "+p.-p2",
            "+é.-é",
            "+p.-p@",
            "+p.-p@gone",
            "+p/0.-p",
            "+p/x.-p",
            "+p.-p/3",
            "+p.^x.-p",
            "^p",
            "-+p",
            "+p.-+p",
            "+p.-+c.-p",
            "+p.-+p/3.-p",
            "+p.-+.-p",
            "+p.=p/.-p",
            "+p.=p/enable.-p",
            "+p.^p/disable.-p",
            "shutdown",
            "+p.shutdown.-p",
            "+p.shutdown.shutdown",
            "+p.-pshutdown.-p",
            "+p.shutdown-p",
            "+p.+pshutdown",
            "+p.shutdown~x",
        ] {
            assert!(text.parse::<Script>().is_err(), "{text}");
        }
        for text in [
            "Depth:3.+p.-p",
            "Wdf:pc.Depth:3.+p.-p",
            "+p2+c8.-c8+p.-p-p2@idle",
            "+p/3.^p2~7.-p_p2%c#p=c",
            "+p.-+p@idle+c^p~5.-p-c",
            "+p.-+p=p/disable=c/delete=p/second=p.-p",
            "+p+c.-p.shutdown~250",
            "+p.+c-p@idle^pshutdown~250",
            "+p.-+p=p/secondshutdown",
        ] {
            let script: Script = text.parse().expect("a script");
            assert_eq!(script.to_string(), text);
        }
    }

    #[test]
    fn the_part_that_only_the_simulated_kernel_performs_is_named() {
        for (text, part, with_restarts) in [
            ("+p.-+p=p.-p", None, None),
            (
                "+p+c2.=c2/delete.-p-c2",
                Some("=c2/delete"),
                Some("=c2/delete"),
            ),
            ("+p.-pshutdown~5", Some("shutdown"), None),
        ] {
            let script: Script = text.parse().expect("a script");
            assert_eq!(script.simulated_part(false).as_deref(), part, "{text}");
            assert_eq!(
                script.simulated_part(true).as_deref(),
                with_restarts,
                "{text}"
            );
        }
    }
}
