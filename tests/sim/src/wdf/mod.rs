// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel-mode driver framework, as far as non-PnP drivers need it, in place of
//! `Wdf01000.sys`.
//!
//! A driver binds to it through `WDFLDR.SYS` (`loader.rs`) and gets a table of functions.
//! The functions that are implemented here follow the documents or, if these say nothing,
//! the published sources of the framework; each other function ends the cycle as
//! unsupported.
//!
//! References: <https://learn.microsoft.com/windows-hardware/drivers/ddi/_wdf/>,
//! <https://github.com/microsoft/Windows-Driver-Frameworks>

mod buffers;
mod collections;
mod deferred;
mod device;
mod driver;
mod files;
mod functions;
mod lifetimes;
pub(crate) mod loader;
mod locks;
mod memory;
mod objects;
mod queue;
mod registry;
mod request;

use std::collections::BTreeMap;

use kmdf::abi::WDF_DRIVER_GLOBALS;

use crate::calls::bind;
use crate::findings;
use crate::findings::bug_check;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{HIGH_LEVEL, Irql};
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::loader::export::Export;
use crate::memory::pool::FreeError;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::driver_call;
use crate::verifier::routine::{EntryState, check_return};

use deferred::{Timer, WorkItem};
use device::{Device, Init};
use driver::Created;
pub(crate) use functions::NAMES;
use memory::Memory;
use objects::Objects;
use queue::Queue;
use request::Request;

const TAG: u32 = u32::from_le_bytes(*b"FxDr");

/// A driver that is bound.
#[derive(Debug)]
struct Client {
    driver: DriverId,
    /// Its table of functions.
    table: usize,
    /// Its framework driver object, from `WdfDriverCreate` on.
    created: Option<Created>,
}

/// All that the framework knows.
#[derive(Debug, Default)]
pub(crate) struct Framework {
    /// The drivers that are bound, by the address of their globals.
    clients: BTreeMap<usize, Client>,
    inits: BTreeMap<usize, Init>,
    /// All objects; the maps below have what is peculiar to their kinds.
    objects: Objects,
    /// By their device objects.
    devices: BTreeMap<usize, Device>,
    queues: BTreeMap<usize, Queue>,
    /// The requests that are not complete, by their IRPs.
    requests: BTreeMap<usize, Request>,
    memories: BTreeMap<usize, Memory>,
    collections: BTreeMap<usize, Vec<usize>>,
    /// The paths of registry keys.
    keys: BTreeMap<usize, String>,
    /// The IRQLs at which the spin locks that are held were acquired.
    spin_locks: BTreeMap<usize, Irql>,
    timers: BTreeMap<usize, Timer>,
    work_items: BTreeMap<usize, WorkItem>,
    /// The version that was asked for last.
    pub(crate) version: Option<(u32, u32)>,
}

/// `STATUS_WDF_PARENT_NOT_SPECIFIED`.
const PARENT_NOT_SPECIFIED: i32 = 0xC020_0212_u32.cast_signed();

/// The handle of the object at an address: the handle itself is no valid
/// address.
const fn handle(address: usize) -> usize {
    !address
}

/// What has this handle.
const fn object(handle: usize) -> usize {
    !handle
}

/// Ends the cycle: a driver uses what is not simulated.
fn unsupported(what: &str) -> ! {
    findings::unsupported(format!("uses {what}"))
}

/// `FxPointerNotNull`: ends the cycle where an argument is null.
fn check_not_null(argument: usize, name: &str) {
    if argument == 0 {
        let by = with(|state| {
            let by = caller(state);
            bug_check::address_of(state, by)
        });
        let what = format!("{name} is a null pointer");
        stop(("0x10D", [0x4, 0, by, 0]), what);
    }
}

/// Runs one of a driver's callbacks, for the object at an address.
///
/// # Safety
///
/// The callback takes these arguments.
unsafe fn call(what: &'static str, routine: usize, at: usize, arguments: &[usize]) {
    let before = EntryState::now();
    let by = with(|state| objects::creator(state, at));
    // SAFETY: the arguments are right, by this function's contract.
    unsafe { driver_call::call(what, routine, by, arguments) };
    let site = with(|state| state.loader.drivers.site(routine));
    check_return(what, before, site);
}

/// Functions that are not implemented.
const MISSING: &[Export; NAMES.len()] = &{
    let mut all = [const {
        Export::function(
            "wdf01000.sys",
            "",
            HIGH_LEVEL,
            size_of::<usize>(),
            missing as *const (),
        )
    }; NAMES.len()];
    let mut at = 0;
    while at < NAMES.len() {
        all[at].name = NAMES[at];
        at += 1;
    }
    all
};

/// Functions that are implemented.
const TABLES: &[&[Export]] = &[
    buffers::EXPORTS,
    collections::EXPORTS,
    deferred::EXPORTS,
    device::EXPORTS,
    driver::EXPORTS,
    lifetimes::EXPORTS,
    locks::EXPORTS,
    memory::EXPORTS,
    objects::EXPORTS,
    queue::EXPORTS,
    registry::EXPORTS,
    request::EXPORTS,
];

/// The functions that there are.
#[cfg(test)]
pub(crate) fn exports() -> impl Iterator<Item = &'static Export> {
    TABLES.iter().copied().flatten()
}

/// Function number `at` of the table.
fn function(at: usize) -> &'static Export {
    let mut here = TABLES.iter().copied().flatten();
    here.find(|it| it.name == NAMES[at]).unwrap_or(&MISSING[at])
}

unsafe extern "win64" fn missing() -> usize {
    let call = with(|state| {
        state
            .scheduling
            .current()
            .frames
            .last()
            .map(|frame| frame.call)
    });
    let name = call
        .map(crate::scheduling::frame::Callee::target)
        .unwrap_or_default();
    findings::unsupported(format!("calls {name} of the driver framework"))
}

/// Unbinds the driver with these globals. Returns `false` if there is none.
pub(crate) fn unbind(globals: usize) -> bool {
    // Those of a driver that has failed, or has no `EvtDriverUnload`.
    lifetimes::delete(globals);
    with(|state| unbind_driver(state, globals))
}

/// Binds a driver. Returns the addresses of its globals and of its table.
pub(crate) fn bind_driver(state: &mut State, driver: DriverId, functions: usize) -> (usize, usize) {
    let by = caller(state);
    let globals = state
        .memory
        .pool
        .reserve(size_of::<WDF_DRIVER_GLOBALS>(), TAG);
    let table = state
        .memory
        .pool
        .reserve(functions * size_of::<usize>(), TAG);
    for at in 0..functions {
        let function = bind(state, driver, function(at));
        // SAFETY: the table was just allocated with so many entries.
        unsafe { (table as *mut usize).add(at).write(function) };
    }
    // SAFETY: the globals were just allocated; all-zero is valid for the rest.
    unsafe { (*(globals as *mut WDF_DRIVER_GLOBALS)).DisplaceDriverUnload = 1 };
    state
        .objects
        .created
        .add(globals, ObjectKind::Framework, by);
    let client = Client {
        driver,
        table,
        created: None,
    };
    state.wdf.clients.insert(globals, client);
    (globals, table)
}

/// Unbinds the driver with these globals, whose objects are deleted. Returns
/// `false` if there is none.
fn unbind_driver(state: &mut State, globals: usize) -> bool {
    let Some(client) = state.wdf.clients.remove(&globals) else {
        return false;
    };
    let by = caller(state);
    state.objects.created.remove(globals, ObjectKind::Framework);
    for block in [client.table, globals] {
        let freed = state.memory.pool.free(block, TAG, by);
        if let Some((_, place)) = freed.err().and_then(FreeError::written) {
            let what = format!("what the framework lets a driver see was written {place}");
            findings::report(state, "wdf", what, by);
        }
    }
    true
}

/// The function `name` of the image `dll`.
pub(crate) fn find(dll: &str, name: &str) -> Option<&'static Export> {
    let mut exports = loader::EXPORTS.iter();
    exports.find(|export| export.module.eq_ignore_ascii_case(dll) && export.name == name)
}
