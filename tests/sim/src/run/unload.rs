// SPDX-License-Identifier: MIT OR Apache-2.0

//! When a driver may be unloaded: what the I/O manager checks before it calls
//! `DriverUnload`.
//!
//! - A driver without a `DriverUnload` cannot be unloaded: `NtUnloadDriver` returns
//!   `STATUS_INVALID_DEVICE_REQUEST`, and the request is repeated later. A driver may
//!   clear the field for a while; one that had no routine when `DriverEntry` returned
//!   is assumed to have none at all.
//! - A driver with open files is unloaded after the last of them is closed.
//! - Time may pass between the check and the call. No document says whether the I/O
//!   manager reads the field once or again before the call:
//!   [`Knob::UnloadRoutineRead`].

use std::ffi::c_void;

use registrar::knobs::Knob;
use scenarios::Instance;
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::{STATUS_ACCESS_VIOLATION, STATUS_INVALID_DEVICE_REQUEST};

use crate::findings::stop_at;
use crate::io::contract;
use crate::io::files;
use crate::kernel::{State, with};
use crate::run::service_control;
use crate::run::service_control::Loaded;
use crate::scheduling::{MICROSECOND, point, sleep};

/// How long a driver may refuse to be unloaded, in microseconds.
const PATIENCE: u64 = 100_000;
/// The first retry interval, in microseconds; it doubles each time.
const PAUSE: u64 = 20;

/// The address of a driver's unload routine, if it has one.
pub(crate) fn routine(object: usize) -> Option<usize> {
    let object = object as *const DRIVER_OBJECT;
    // SAFETY: the driver object lives until the driver is gone; its driver may
    // change the field at any time, which is why it is read as memory.
    let field = unsafe { (&raw const (*object).DriverUnload).read_volatile() };
    field.map(|routine| (routine as *const c_void).addr())
}

/// Waits until nothing keeps a driver loaded whose unload was granted while its
/// unload routine was `found`. Returns the routine to call.
pub(crate) fn due(loaded: Loaded, found: usize) -> usize {
    let driver = loaded.driver;
    files::defer_unload(driver);
    point();
    let called = if with(reads_again) {
        routine(loaded.object)
    } else {
        Some(found)
    };
    let Some(called) = called else {
        let status = STATUS_ACCESS_VIOLATION.cast_unsigned() as usize;
        let what = "the driver took its DriverUnload away after its unload had been granted: a \
                    null pointer is called";
        let entry = with(|state| service_control::entry_site(state, driver));
        stop_at(("0x7E", [status, 0, 0, 0]), what.to_owned(), entry);
    };
    called
}

/// Requests the unload of a driver until that is granted. Returns its unload
/// routine.
pub(crate) fn granted(instance: Instance, loaded: Loaded) -> usize {
    let driver = loaded.driver;
    let end = with(|state| state.scheduling.now()) + PATIENCE * MICROSECOND;
    let mut pause = PAUSE * MICROSECOND;
    loop {
        if let Some(routine) = routine(loaded.object) {
            contract::check_gate(driver);
            return routine;
        }
        let late = with(|state| {
            state.counts.gate_refusals += 1;
            state.io.files.refuse_unload(driver);
            let status = STATUS_INVALID_DEVICE_REQUEST;
            state.trace(|_| format!("the unload is refused, {status:#010x}"));
            service_control::refuse_stop(state, instance);
            state.scheduling.now() >= end
        });
        if late || !loaded.unloadable {
            let what = "the driver has no DriverUnload and cannot be unloaded";
            let entry = with(|state| service_control::entry_site(state, driver));
            stop_at("unload", what.to_owned(), entry);
        }
        sleep(pause);
        pause *= 2;
    }
}

/// Returns `true` if the I/O manager reads the field again when it calls the
/// routine.
fn reads_again(state: &mut State) -> bool {
    state.knob(Knob::UnloadRoutineRead) == 1
}
