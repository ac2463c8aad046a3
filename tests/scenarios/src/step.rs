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
    /// Whether the machine shuts down, with the drivers that are loaded: the last step of a
    /// cycle, without actions and uses.
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

    /// The shutdown of the machine.
    pub(crate) fn shut_down(rest: u64) -> Self {
        Self {
            shutdown: true,
            rest,
            ..Self::of(Vec::new())
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
