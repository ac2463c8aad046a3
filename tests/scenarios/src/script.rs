// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle's steps and settings in one word, as replay lines carry them.
//!
//! Parts are separated by dots. `+p` loads the provider, `-c` unloads the
//! client, `+p+c` does both at once; `~250` after a step lets 250 microseconds
//! pass. `Threads:2` is a setting of the client's.
//!
//! ```text
//! Threads:1.+p.+c~250.-p-c
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::cycle::{Action, Cycle, Role, SETTINGS, Setting, Step};

/// What a cycle does, but for the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// How the drivers are set up.
    pub settings: Vec<Setting>,
    /// What happens; only what is absent is loaded, and nothing is left.
    pub steps: Vec<Step>,
}

impl Cycle {
    /// What it does.
    #[must_use]
    pub fn script(&self) -> Script {
        Script {
            settings: self.settings.clone(),
            steps: self.steps.clone(),
        }
    }

    /// The same cycle, doing something else.
    #[must_use]
    pub fn with_script(self, script: Script) -> Self {
        Self {
            settings: script.settings,
            steps: script.steps,
            ..self
        }
    }
}

impl Script {
    /// Whether it loads only what is absent, unloads only what is there, does
    /// something, and leaves nothing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let mut loaded = BTreeSet::new();
        let mut actions = self.steps.iter().flat_map(|step| &step.actions);
        let sound = actions.all(|action| match action {
            Action::Load(role) => loaded.insert(*role),
            Action::Unload(role) => loaded.remove(role),
        });
        // What happens at once must not depend on its order.
        let apart = self.steps.iter().all(|step| {
            let role = |action: &Action| match action {
                Action::Load(role) | Action::Unload(role) => *role,
            };
            let roles: BTreeSet<_> = step.actions.iter().map(role).collect();
            !step.actions.is_empty() && roles.len() == step.actions.len()
        });
        sound && apart && loaded.is_empty() && !self.steps.is_empty()
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
        let settings = self.settings.iter();
        let settings = settings.map(|setting| format!("{}:{}", setting.name, setting.value));
        let parts: Vec<_> = settings
            .chain(self.steps.iter().map(ToString::to_string))
            .collect();
        f.write_str(&parts.join("."))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            match action {
                Action::Load(role) => write!(f, "+{}", letter(*role))?,
                Action::Unload(role) => write!(f, "-{}", letter(*role))?,
            }
        }
        match self.rest {
            0 => Ok(()),
            rest => write!(f, "~{rest}"),
        }
    }
}

/// A script that is none: the part that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongScript(String);

impl fmt::Display for WrongScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: a script is like +p.+c~250.-p-c, and leaves no driver loaded",
            self.0
        )
    }
}

impl std::error::Error for WrongScript {}

impl FromStr for Script {
    type Err = WrongScript;

    fn from_str(text: &str) -> Result<Self, WrongScript> {
        let mut script = Self {
            settings: Vec::new(),
            steps: Vec::new(),
        };
        for part in text.split('.') {
            let wrong = || WrongScript(part.to_owned());
            match part.split_once(':') {
                Some(setting) => script
                    .settings
                    .push(parse_setting(setting).ok_or_else(wrong)?),
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
    let mut letters = actions.chars();
    let mut step = Step {
        actions: Vec::new(),
        rest: rest.parse().ok()?,
    };
    while let Some(sign) = letters.next() {
        let letter_of_role = letters.next()?;
        let role = Role::ALL
            .into_iter()
            .find(|role| letter(*role) == letter_of_role)?;
        step.actions.push(match sign {
            '+' => Action::Load(role),
            '-' => Action::Unload(role),
            _ => return None,
        });
    }
    Some(step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_drawn_cycle_survives_being_written_down(seed: u64, index: u64) {
            let script = Cycle::draw(seed, index).script();
            prop_assert_eq!(script.to_string().parse(), Ok(script));
        }

        #[test]
        fn whatever_is_typed_is_a_sound_script_or_refused(text in "[-+pcT~.:0-9]{0,20}") {
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
        ] {
            assert!(text.parse::<Script>().is_err(), "{text}");
        }
        assert!("Depth:3.+p.-p".parse::<Script>().is_ok());
    }
}
