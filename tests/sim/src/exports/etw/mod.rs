// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event Tracing for Windows (ETW): registrations of providers, and the events that they
//! write, which the trace shows by name and fields.
//!
//! In some cycles sessions listen: see [`sessions`].

mod event;
mod reader;
mod registrations;
mod sessions;
mod value;
mod write;

pub(crate) use registrations::Registrations;

use windows_sys::Win32::Foundation::{
    STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::exports::etw::event::provider_name;
use crate::exports::etw::registrations::Registration;
use crate::exports::etw::write::{EventDescriptor, bytes};
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::{self, stop};
use crate::hardware::irql::{HIGH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::objects::kernel_objects::ObjectKind;
use crate::scheduling::{MICROSECOND, point, sleep};
use crate::verifier::promises::recorded;

exports! {
    "EtwRegister" <= PASSIVE_LEVEL => etw_register: i32;
    "EtwUnregister" <= PASSIVE_LEVEL => etw_unregister: i32;
    "EtwSetInformation" <= PASSIVE_LEVEL => etw_set_information: i32;
    "EtwWrite" <= HIGH_LEVEL => write::etw_write: i32;
    "EtwWriteEx" <= HIGH_LEVEL => write::etw_write_ex: i32;
    "EtwWriteString" <= HIGH_LEVEL => write::etw_write_string: i32;
    "EtwWriteTransfer" <= HIGH_LEVEL => write::etw_write_transfer: i32;
    "EtwEventEnabled" <= HIGH_LEVEL => etw_event_enabled: u8;
    "EtwProviderEnabled" <= HIGH_LEVEL => etw_provider_enabled: u8;
    "EtwActivityIdControl" <= HIGH_LEVEL => etw_activity_id_control: i32;
}

unsafe extern "win64" fn etw_register(
    provider: *const [u8; 16],
    callback: usize,
    context: usize,
    handle: *mut usize,
) -> i32 {
    if provider.is_null() || handle.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the GUID is readable, as documented.
    let provider = value::guid(unsafe { provider.read() });
    let opened = with(|state| {
        let by = caller(state);
        let opened = state.exports.etw.add(Registration {
            name: provider,
            callback,
            context,
            session: None,
            inside: 0,
        });
        state.objects.created.add(opened, ObjectKind::Etw, by);
        opened
    });
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(opened) };
    sessions::registered(opened);
    STATUS_SUCCESS
}

unsafe extern "win64" fn etw_unregister(handle: usize) -> i32 {
    if handle == 0 {
        return STATUS_SUCCESS;
    }
    if !with(|state| state.objects.created.is(handle, ObjectKind::Etw)) {
        let what = match with(|state| state.exports.etw.name(handle)) {
            Some(name) => format!("the ETW provider {name} was unregistered twice"),
            None => format!("{handle:#x} was unregistered, which is no ETW registration"),
        };
        stop(("0xC4", [0xDC, 0, 0, 0]), what);
    }
    if let Some((code, what)) = with(|state| {
        let driver = state.objects.created.creator(handle)?.driver;
        recorded::unregistering(state, driver)
    }) {
        stop(code, what);
    }
    sessions::unregistering(handle);
    point();
    with(|state| {
        state.objects.created.remove(handle, ObjectKind::Etw);
        state.exports.etw.close(handle);
    });
    while with(|state| state.exports.etw.is_called_back(handle)) {
        sleep(MICROSECOND);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn etw_set_information(
    handle: usize,
    class: i32,
    information: usize,
    length: u32,
) -> i32 {
    /// `EventProviderSetTraits`.
    const TRAITS: i32 = 2;
    if !is_open(handle, "EtwSetInformation") {
        return STATUS_INVALID_HANDLE;
    }
    if class != TRAITS {
        return STATUS_SUCCESS;
    }
    // SAFETY: the information is readable, as documented.
    let traits = unsafe { bytes(information, length) };
    match provider_name(&traits) {
        Ok(name) => {
            with(|state| {
                if let Some(by) = state.objects.created.creator(handle) {
                    let listens = records_ours(state, handle);
                    recorded::named(state, by.driver, &name, listens);
                }
                state.exports.etw.set_name(handle, name);
            });
            STATUS_SUCCESS
        }
        Err(wrong) => {
            note(&format!(
                "the traits of an ETW provider are refused: {wrong}"
            ));
            STATUS_INVALID_PARAMETER
        }
    }
}

unsafe extern "win64" fn etw_event_enabled(handle: usize, event: *const EventDescriptor) -> u8 {
    // SAFETY: the descriptor is readable, as documented.
    let event = unsafe { event.read() };
    is_enabled(handle, "EtwEventEnabled", event.level, event.keyword).into()
}

unsafe extern "win64" fn etw_provider_enabled(handle: usize, level: u8, keyword: u64) -> u8 {
    is_enabled(handle, "EtwProviderEnabled", level, keyword).into()
}

unsafe extern "win64" fn etw_activity_id_control(_code: u32, _id: *mut [u8; 16]) -> i32 {
    // The identity stays what it is: no session shows it.
    STATUS_SUCCESS
}

/// Returns `true` if the events of the pair are recorded: informational ones, keyword 1.
fn records_ours(state: &State, handle: usize) -> bool {
    state.exports.etw.records(handle, 4, 1)
}

/// Returns `true` if an event of this level and keyword is wanted.
fn is_enabled(handle: usize, function: &str, level: u8, keyword: u64) -> bool {
    is_open(handle, function) && with(|state| state.exports.etw.wants(handle, level, keyword))
}

/// Returns `false` for the handle of a provider that was never registered, 0. Any other
/// that is not registered is a finding: "No tracing calls should be made that fall outside
/// of the code bounded by the `EtwRegister` and `EtwUnregister` functions."
fn is_open(handle: usize, function: &str) -> bool {
    if handle == 0 {
        return false;
    }
    if !with(|state| state.objects.created.is(handle, ObjectKind::Etw)) {
        let what = match with(|state| state.exports.etw.name(handle)) {
            Some(name) => format!(
                "{function} was called with the handle of the ETW provider {name}, after \
                 EtwUnregister"
            ),
            None => format!("{function} was called with {handle:#x}, which is no ETW registration"),
        };
        stop("etw", what);
    }
    true
}

/// Tells the author of the caller what no session can read.
fn note(what: &str) {
    with(|state| {
        let by = caller(state);
        findings::note(state, "etw", what.to_owned(), by);
    });
}
