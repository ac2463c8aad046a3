// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events that drivers have by handles, and those that are signalled when a request is complete.
//!
//! The rights that a handle was opened with are not checked, as a kernel-mode caller's are not.

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_4, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_EXISTS,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::exports::sync::dispatcher::{
    self, Header, NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, signal,
};
use crate::findings::caller::caller;
use crate::findings::unsupported;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::objects::events::{self, Completion, NamedEvent};
use crate::objects::handles::{self, Object};
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ZwCreateEvent" <= PASSIVE_LEVEL => create: i32;
    "ZwOpenEvent" <= PASSIVE_LEVEL => open: i32;
    "ZwSetEvent" <= PASSIVE_LEVEL => set_event: i32;
    "IoCreateNotificationEvent" <= PASSIVE_LEVEL => create_notification: usize;
    "IoCreateSynchronizationEvent" <= PASSIVE_LEVEL => create_synchronization: usize;
}

const TAG: u32 = u32::from_le_bytes(*b"Even");

/// `OBJ_CASE_INSENSITIVE` and `OBJ_OPENIF`.
const IGNORES_CASE: u32 = 0x40;
const OPENS: u32 = 0x80;

/// What attributes name.
#[derive(Default)]
struct Named {
    /// Empty for an event without a name.
    name: String,
    flags: u32,
}

/// Reads the attributes of an event, if there are any.
///
/// # Safety
///
/// They are null or valid.
unsafe fn named(attributes: *const OBJECT_ATTRIBUTES) -> Named {
    if attributes.is_null() {
        return Named::default();
    }
    // SAFETY: the attributes are valid, by this function's contract.
    let attributes = unsafe { &*attributes };
    if !attributes.RootDirectory.is_null() {
        unsupported("names an event in a directory that it has opened");
    }
    let name = attributes.ObjectName.cast::<UNICODE_STRING>();
    let name = if name.is_null() {
        String::new()
    } else {
        // SAFETY: the name is valid with the attributes, by this function's contract.
        unsafe { strings::text(name) }
    };
    Named {
        name,
        flags: attributes.Attributes,
    }
}

/// Returns the status for a name that no event can have.
fn check_name(name: &str) -> Result<(), i32> {
    if !name.starts_with('\\') {
        Err(STATUS_OBJECT_PATH_SYNTAX_BAD)
    } else if !events::has_directory(name) {
        Err(STATUS_OBJECT_PATH_NOT_FOUND)
    } else {
        Ok(())
    }
}

/// Makes an event, without a name and a handle.
fn make(state: &mut State, kind: u8, is_signalled: bool) -> Option<usize> {
    let size = size_of::<Header>();
    let address = state.memory.pool.allocate(size, TAG, true, None)?;
    let header = address as *mut Header;
    // SAFETY: it was just allocated for this.
    unsafe { header.write(Header::new::<Header>(kind, i32::from(is_signalled), header)) };
    state.objects.handles.add_object(address);
    Some(address)
}

/// Opens a handle of an event.
fn open_handle(state: &mut State, address: usize, name: &str) -> usize {
    let name = name.to_owned();
    let by = caller(state);
    let event = Object::Event { address, name };
    state.objects.handles.open(event, by)
}

/// Creates an event, or opens the one that has its name if that is asked for. Returns its handle
/// and its address, and whether it is an old one.
fn create_or_open(
    state: &mut State,
    Named { name, flags }: &Named,
    kind: u8,
    is_signalled: bool,
) -> Result<(usize, usize, bool), i32> {
    if !name.is_empty() {
        check_name(name)?;
    }
    if faults::fails(state, FaultKind::Handle) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let old = state.objects.events.find(name, flags & IGNORES_CASE != 0);
    if let Some(old) = old.cloned() {
        if flags & OPENS == 0 {
            if let (Some(by), Some(owner)) = (caller(state), old.by) {
                let name = format!("the event {name}");
                state.objects.names.collide(by.driver, name, owner.driver);
            }
            return Err(STATUS_OBJECT_NAME_COLLISION);
        }
        let handle = open_handle(state, old.address, name);
        return Ok((handle, old.address, true));
    }
    let address = make(state, kind, is_signalled).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    if !name.is_empty() {
        let (name, by) = (name.clone(), caller(state));
        state.objects.events.add(NamedEvent { name, address, by });
    }
    let handle = open_handle(state, address, name);
    // Its handles keep it from now on.
    handles::release(state, address);
    Ok((handle, address, false))
}

unsafe extern "win64" fn create(
    handle: usize,
    _access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
    kind: i32,
    is_signalled: u8,
) -> i32 {
    let kind = match kind {
        0 => NOTIFICATION_EVENT,
        1 => SYNCHRONIZATION_EVENT,
        _ => return STATUS_INVALID_PARAMETER_4,
    };
    // SAFETY: the attributes are null or valid, as documented.
    let named = unsafe { named(attributes) };
    match with(|state| create_or_open(state, &named, kind, is_signalled != 0)) {
        Ok((opened, _, is_old)) => {
            set(handle, opened);
            if is_old {
                STATUS_OBJECT_NAME_EXISTS
            } else {
                STATUS_SUCCESS
            }
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn open(
    handle: usize,
    _access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
) -> i32 {
    if attributes.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the attributes are valid, as documented.
    let Named { name, flags } = unsafe { named(attributes) };
    let opened = with(|state| {
        check_name(&name)?;
        if faults::fails(state, FaultKind::Handle) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let found = state.objects.events.find(&name, flags & IGNORES_CASE != 0);
        let address = found.ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?.address;
        Ok(open_handle(state, address, &name))
    });
    match opened {
        Ok(opened) => {
            set(handle, opened);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// The event that a handle stands for.
pub(in crate::exports) fn event(state: &State, handle: usize) -> Result<usize, i32> {
    match state.objects.handles.get(handle) {
        Some(Object::Event { address, .. }) => Ok(*address),
        Some(_) => Err(STATUS_OBJECT_TYPE_MISMATCH),
        None => Err(STATUS_INVALID_HANDLE),
    }
}

/// Sets an event to the signalled state. Returns the previous one.
fn signal_event(state: &mut State, address: usize) -> i32 {
    let header = address as *mut Header;
    // SAFETY: an event that a handle or the caller keeps is in memory.
    unsafe {
        let before = std::mem::replace(&mut (*header).state, 1);
        signal(state, header);
        before
    }
}

unsafe extern "win64" fn set_event(handle: usize, previous: usize) -> i32 {
    let before = with(|state| event(state, handle).map(|address| signal_event(state, address)));
    match before {
        Ok(before) => {
            if previous != 0 {
                set(previous, before);
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn create_notification(name: *const UNICODE_STRING, handle: usize) -> usize {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { create_signalled(name, handle, NOTIFICATION_EVENT) }
}

unsafe extern "win64" fn create_synchronization(
    name: *const UNICODE_STRING,
    handle: usize,
) -> usize {
    // SAFETY: as above.
    unsafe { create_signalled(name, handle, SYNCHRONIZATION_EVENT) }
}

/// Creates an event in the signalled state, or opens the one that has its name. Returns its
/// address, which is valid as long as the handle is open; 0 if that fails.
///
/// # Safety
///
/// The name is valid.
unsafe fn create_signalled(name: *const UNICODE_STRING, handle: usize, kind: u8) -> usize {
    // SAFETY: the name is valid, by this function's contract.
    let name = unsafe { strings::text(name) };
    if name.is_empty() {
        return 0;
    }
    let named = Named {
        name,
        flags: OPENS | IGNORES_CASE,
    };
    match with(|state| create_or_open(state, &named, kind, true)) {
        Ok((opened, address, _)) => {
            set(handle, opened);
            address
        }
        Err(_) => 0,
    }
}

/// A request begins, for which `handle` is that of an event, or 0: the event is not signalled
/// from now on.
pub(in crate::exports) fn begin_request(handle: usize) -> Result<Option<Completion>, i32> {
    if handle == 0 {
        return Ok(None);
    }
    with(|state| {
        let address = event(state, handle)?;
        handles::retain(state, address);
        // SAFETY: the event is in memory as long as it is retained.
        unsafe { (*(address as *mut Header)).state = 0 };
        Ok(Some(Completion(address)))
    })
}

/// A request has ended. Its event is signalled, unless it has failed at once: then the caller
/// has its status.
pub(in crate::exports) fn end_request(completion: Option<Completion>, has_failed: bool) {
    let Some(Completion(address)) = completion else {
        return;
    };
    with(|state| {
        if !has_failed {
            signal_event(state, address);
        }
        handles::release(state, address);
    });
}

/// Waits for the event with this address, which stays until then.
///
/// # Safety
///
/// The timeout is null or readable.
pub(super) unsafe fn wait(address: usize, timeout: *const i64) -> i32 {
    with(|state| handles::retain(state, address));
    // SAFETY: the event is retained; the timeout is what this function's contract says.
    let status = unsafe { dispatcher::wait(&[address as *mut Header], false, timeout) };
    with(|state| handles::release(state, address));
    status
}
