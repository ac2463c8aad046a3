// SPDX-License-Identifier: MIT OR Apache-2.0

//! The programs of a cycle's script: they open a driver's device and keep it
//! open, or ask something of the driver.
//!
//! A driver without a device has nothing that a program could use.

use std::collections::BTreeMap;

use scenarios::{Instance, Usage, Use};

use crate::kernel::{State, with};
use crate::requests;
use crate::scheduler::ThreadId;
use crate::security::Account;

/// The handles that the script's programs keep, by whose device they are of.
#[derive(Debug, Default)]
pub(crate) struct Held(BTreeMap<Instance, Vec<usize>>);

impl Held {
    /// Whether somebody keeps a handle of this driver's device.
    pub(crate) fn any(&self, instance: Instance) -> bool {
        self.0.get(&instance).is_some_and(|files| !files.is_empty())
    }

    fn take(&mut self, instance: Instance) -> Option<usize> {
        self.0.get_mut(&instance)?.pop()
    }
}

/// Starts a program.
pub(crate) fn start(one: Use) -> ThreadId {
    let Use { usage, instance } = one;
    let name = format!("program {usage:?} {instance}").to_lowercase();
    let body = move || match usage {
        Usage::Open => open(instance),
        Usage::Close => {
            close(instance);
        }
        Usage::Switch | Usage::Hold => {}
    };
    with(|state| state.spawn_own(name, body))
}

fn open(instance: Instance) {
    let Some(name) = with(|state| state.device_of(instance)) else {
        return;
    };
    if let Ok(file) = requests::open(&name, Account::Administrator) {
        with(|state| state.held.0.entry(instance).or_default().push(file));
    }
}

/// Closes the handle that was opened last; false if there is none.
fn close(instance: Instance) -> bool {
    let file = with(|state| state.held.take(instance));
    if let Some(file) = file {
        requests::close(file);
    }
    file.is_some()
}

/// Closes all handles of a driver's device.
pub(crate) fn close_all(instance: Instance) {
    while close(instance) {}
}

impl State {
    /// What a program calls the first device of a driver that is loaded.
    fn device_of(&self, instance: Instance) -> Option<String> {
        let driver = self.services.get(&instance)?.driver;
        let devices = self.names.of(driver);
        devices.into_iter().flatten().next()
    }
}
