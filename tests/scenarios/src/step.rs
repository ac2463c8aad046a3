// SPDX-License-Identifier: MIT OR Apache-2.0

//! One step of a cycle: drivers are loaded and unloaded, programs use their
//! devices.

use crate::instance::Instance;
use crate::stage::Stage;

/// What happens to a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Its image comes and its `DriverEntry` runs.
    Load,
    /// Its `DriverUnload` runs and its image goes.
    Unload,
    /// It is unloaded, and its load is requested again and again meanwhile: it is refused
    /// until the driver has gone.
    Reload,
}

impl Change {
    /// What undoes it.
    #[must_use]
    pub const fn undone(self) -> Self {
        match self {
            Self::Load => Self::Unload,
            Self::Unload => Self::Load,
            Self::Reload => Self::Reload,
        }
    }

    /// The same to this driver.
    #[must_use]
    pub const fn of(self, instance: Instance) -> Action {
        Action {
            change: self,
            instance,
            at: None,
            fails: None,
        }
    }
}

/// What a program does with a driver's device or service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// Opens it, and keeps the handle.
    Open,
    /// Closes the handle that was opened last.
    Close,
    /// Switches a part of the driver off, or on again.
    Switch,
    /// Forbids the driver's unloading, and after a while allows it again.
    Hold,
    /// Asks the service control manager for what it refuses in the state that the
    /// service is in.
    Ask,
    /// Disables its service, which is enabled again before its next start.
    Disable,
    /// Deletes its service, which is created again before its next start.
    Delete,
    /// Requests the start of a second service that has the same image file.
    StartSecond,
}

impl Usage {
    /// The same to this driver.
    #[must_use]
    pub const fn of(self, instance: Instance) -> Use {
        Use {
            usage: self,
            instance,
        }
    }
}

/// What a program does with one driver; nothing that needs a device, if there is
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Use {
    /// What.
    pub usage: Usage,
    /// Whose.
    pub instance: Instance,
}

/// What happens to one driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    /// What.
    pub change: Change,
    /// To whom.
    pub instance: Instance,
    /// Only when it is at this stage, or what else happens at once is over.
    pub at: Option<Stage>,
    /// Of the calls that a `DriverEntry` makes and that can fail this one does,
    /// counted from 1.
    pub fails: Option<u8>,
}

/// What happens at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Actions that begin at the same time, each on a thread of its own.
    pub actions: Vec<Action>,
    /// And these, each on a thread of its own, too.
    pub uses: Vec<Use>,
    /// `true` if the machine shuts down at the same time: the last step of a cycle,
    /// which leaves loaded what is loaded.
    pub shutdown: bool,
    /// Microseconds that pass after the last of them is over.
    pub rest: u64,
}

impl Step {
    /// These, and no time passes.
    pub(crate) const fn of(actions: Vec<Action>) -> Self {
        Self {
            actions,
            uses: Vec::new(),
            shutdown: false,
            rest: 0,
        }
    }

    /// The shutdown of the machine while these are under way.
    pub(crate) fn shut_down(actions: Vec<Action>, rest: u64) -> Self {
        Self {
            shutdown: true,
            rest,
            ..Self::of(actions)
        }
    }

    /// The step that undoes its actions, at once.
    #[must_use]
    pub fn undone(&self) -> Self {
        let undone = |action: &Action| action.change.undone().of(action.instance);
        Self {
            shutdown: self.shutdown,
            ..Self::of(self.actions.iter().map(undone).collect())
        }
    }

    /// Returns `true` if nothing happens in it.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.actions.is_empty() && self.uses.is_empty() && !self.shutdown
    }

    /// A step without loads or unloads.
    pub(crate) fn used(uses: Vec<Use>) -> Self {
        Self {
            uses,
            ..Self::of(Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::script::Script;

    #[test]
    fn a_step_that_is_undone_twice_is_itself_but_for_what_it_waits_for() {
        for (text, undone, again) in [
            ("+p+c.-cshutdown", "+cshutdown", "-cshutdown"),
            ("+p.+c/3shutdown", "-cshutdown", "+cshutdown"),
            (
                "+p+c.-p@idle-+c^pshutdown~5",
                "+p-+cshutdown",
                "-p-+cshutdown",
            ),
        ] {
            let script: Script = text.parse().expect("a script");
            let step = script.steps.last().expect("it has some");
            assert_eq!(step.undone().to_string(), undone, "{text}");
            assert_eq!(step.undone().undone().to_string(), again, "{text}");
        }
    }
}
