// SPDX-License-Identifier: MIT OR Apache-2.0

//! The programs of a cycle's script: they open a driver's device and keep it
//! open, ask something of the driver, or of the service control manager.
//!
//! A driver without a device has nothing that a program could use, and what a
//! driver does not know it refuses.

use std::collections::BTreeMap;

use rand::RngExt;
use scenarios::{Instance, Usage, Use};

use crate::exports::execution::threads;
use crate::io::contract;
use crate::io::control;
use crate::io::requests::{self, ProgramRequest};
use crate::kernel::{State, with};
use crate::objects::security::{Account, READ_WRITE};
use crate::run::service_control::{self, changes};
use crate::scheduling::{MICROSECOND, ThreadId, sleep};

/// The handles that the script's programs keep, by whose device they are of.
#[derive(Debug, Default)]
pub(crate) struct OpenHandles(BTreeMap<Instance, Vec<usize>>);

impl OpenHandles {
    /// Returns `true` if a program holds a handle to this driver's device.
    pub(crate) fn any(&self, instance: Instance) -> bool {
        self.0.get(&instance).is_some_and(|files| !files.is_empty())
    }

    /// The drivers to whose devices a program holds a handle.
    pub(crate) fn instances(&self) -> Vec<Instance> {
        let all = self.0.keys().copied();
        all.filter(|&instance| self.any(instance)).collect()
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
        Usage::Switch => switch(instance),
        Usage::Hold => hold(instance),
        Usage::Ask => with(|state| service_control::ask_manager(state, instance)),
        Usage::Disable => with(|state| changes::disable(state, instance)),
        Usage::Delete => with(|state| changes::delete(state, instance)),
        Usage::StartSecond => with(|state| changes::start_second(state, instance)),
    };
    with(|state| state.scheduling.spawn_own(name, body))
}

fn open_device(instance: Instance) -> Option<usize> {
    // Its requests name the thread.
    with(threads::current);
    let name = with(|state| device_of(state, instance))?;
    requests::open(&name, Account::Administrator, READ_WRITE).ok()
}

fn open(instance: Instance) {
    if let Some(file) = open_device(instance) {
        with(|state| {
            state
                .run
                .open_handles
                .0
                .entry(instance)
                .or_default()
                .push(file);
        });
    }
}

fn send(file: usize, message: &ProgramRequest) {
    let expected = contract::expect(file, message);
    if let Ok(irp) = requests::send_to_file(file, message)
        && let (Some(expected), Some(answer)) = (expected, requests::wait(irp, None))
    {
        contract::check(&expected, &answer);
    }
}

fn switch(instance: Instance) {
    if let Some(file) = open_device(instance) {
        if contract::has_interface(file) {
            for message in control::refused() {
                send(file, &message);
            }
        }
        let on = with(|state| state.choices.chance.random());
        send(file, &control::switch(on));
        contract::close(file);
    }
}

/// The hold ends with a request, or with the handle.
fn hold(instance: Instance) {
    /// The longest, in microseconds.
    const LONGEST: u64 = 400;
    if let Some(file) = open_device(instance) {
        contract::has_interface(file);
        send(file, &control::hold());
        let (time, gives_back) = with(|state| {
            let time = state.choices.chance.random_range(0..=LONGEST);
            (time, state.choices.chance.random())
        });
        sleep(time * MICROSECOND);
        if gives_back {
            send(file, &control::release());
        }
        contract::close(file);
    }
}

/// Closes the handle that was opened last. Returns `false` if there is none.
fn close(instance: Instance) -> bool {
    let file = with(|state| state.run.open_handles.take(instance));
    if let Some(file) = file {
        contract::close(file);
    }
    file.is_some()
}

/// Closes all handles of a driver's device.
pub(crate) fn close_all(instance: Instance) {
    while close(instance) {}
}

/// What a program calls the first device of a driver, which may still be in its
/// `DriverEntry` or be about to go.
fn device_of(state: &State, instance: Instance) -> Option<String> {
    let driver = state.loader.drivers.last(instance)?;
    let devices = state.objects.names.of(driver);
    devices.into_iter().flatten().next()
}
