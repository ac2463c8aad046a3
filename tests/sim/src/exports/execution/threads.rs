// SPDX-License-Identifier: MIT OR Apache-2.0

//! System threads, their objects and handles.

use std::ffi::c_void;

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::files::devices;
use crate::exports::io::thread_end;
use crate::exports::registry::watches;
use crate::exports::sync::dispatcher;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::memory::variables;
use crate::objects::apcs;
use crate::objects::deferred;
use crate::objects::handles;
use crate::objects::handles::Object;
use crate::scheduling::{ThreadId, point, terminate};
use crate::verifier::driver_call;
use crate::verifier::faults;
use crate::verifier::faults::FaultKind;
use crate::verifier::routine::{EntryState, check_return};

exports! {
    "PsCreateSystemThread" <= PASSIVE_LEVEL => ps_create_system_thread: i32;
    "IoCreateSystemThread" <= PASSIVE_LEVEL => io_create_system_thread: i32;
    "PsTerminateSystemThread" <= PASSIVE_LEVEL => ps_terminate_system_thread: i32;
    "PsGetCurrentThread" <= DISPATCH_LEVEL => ke_get_current_thread: usize;
    "KeGetCurrentThread" <= DISPATCH_LEVEL => ke_get_current_thread: usize;
    "ObReferenceObjectByHandle" <= PASSIVE_LEVEL => ob_reference_object_by_handle: i32;
    "ObReferenceObjectByPointer" <= DISPATCH_LEVEL => ob_reference_object_by_pointer: i32;
    "ObfReferenceObject" <= DISPATCH_LEVEL => obf_reference_object: isize;
    "ObfDereferenceObject" <= DISPATCH_LEVEL => obf_dereference_object: isize;
    "ZwClose" <= PASSIVE_LEVEL => zw_close: i32;
}

const TAG: u32 = u32::from_le_bytes(*b"Thre");

unsafe extern "win64" fn ps_create_system_thread(
    handle: *mut usize,
    _access: u32,
    _attributes: *const c_void,
    _process: usize,
    _client_id: *mut c_void,
    start: usize,
    context: *mut c_void,
) -> i32 {
    if start == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let Some((opened, _)) = with(|state| create_thread(state, start, context)) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(opened) };
    STATUS_SUCCESS
}

/// The driver to which the object belongs is not unmapped until the thread has ended.
unsafe extern "win64" fn io_create_system_thread(
    object: usize,
    handle: *mut usize,
    _access: u32,
    _attributes: *const c_void,
    _process: usize,
    _client_id: *mut c_void,
    start: usize,
    context: *mut c_void,
) -> i32 {
    if object == 0 {
        let what = "IoCreateSystemThread was called without a device or driver object";
        stop(("0x18", [0, object, 0, 0]), what.to_owned());
    }
    if start == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let opened = with(|state| {
        let (opened, thread) = create_thread(state, start, context)?;
        if let Some(by) = caller(state) {
            deferred::add_work(state, by.driver, thread);
        }
        Some(opened)
    });
    let Some(opened) = opened else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(opened) };
    STATUS_SUCCESS
}

/// Creates a thread of a driver. Returns its handle.
fn create_thread(
    state: &mut State,
    start: usize,
    context: *mut c_void,
) -> Option<(usize, ThreadId)> {
    let by = caller(state);
    if faults::fails(state, FaultKind::Thread) {
        return None;
    }
    let object = state
        .memory
        .pool
        .allocate(dispatcher::THREAD_SIZE, TAG, true, None)?;
    let number = state.scheduling.threads().len();
    let name = match by {
        Some(site) => format!("{}!{number}", state.loader.drivers[site.driver].name()),
        None => format!("thread {number}"),
    };
    let thread = state
        .scheduling
        .spawn(name, by.map(|site| site.driver), move || {
            point();
            let what = "the start routine of a system thread";
            // SAFETY: the driver's own routine with its own argument.
            unsafe { driver_call::call(what, start, by, &[context.addr()]) };
            check_end(start);
            apcs::end_thread();
            thread_end::cancel_requests();
        });
    let Some(thread) = thread else {
        let _ = state.memory.pool.free(object, 0, None);
        return None;
    };
    dispatcher::initialize_thread(object);
    state.scheduling.thread_mut(thread).is_drivers = true;
    state.scheduling.thread_mut(thread).object = object;
    state.objects.handles.add_thread(object, thread);
    let opened = state.objects.handles.open(Object::Thread(object), by);
    if let Some(by) = by {
        state.record_work(by.driver, "a driver with threads");
    }
    Some((opened, thread))
}

/// Signals the object of a thread that has ended.
pub(crate) fn signal_end(state: &mut State, thread: ThreadId) {
    apcs::go_on(state, thread);
    let object = state.scheduling.thread(thread).object;
    if object != 0 {
        dispatcher::signal_thread(state, object);
        handles::release(state, object);
    }
}

/// A system thread ends at `PASSIVE_LEVEL` and holds nothing.
fn check_end(start: usize) {
    let site = with(|state| state.loader.drivers.site(start));
    check_return("a system thread", EntryState::default(), site);
}

unsafe extern "win64" fn ps_terminate_system_thread(_status: i32) -> i32 {
    if with(|state| !state.scheduling.current().is_drivers) {
        let what = "PsTerminateSystemThread was called on a thread that the driver did not create";
        stop("0xC4", what.to_owned());
    }
    check_return(
        "a system thread",
        EntryState::default(),
        with(|state| caller(state)),
    );
    apcs::end_thread();
    thread_end::cancel_requests();
    terminate()
}

/// The address of the current thread's `KTHREAD`: a thread that no driver created gets
/// one when it is asked for.
pub(crate) fn current(state: &mut State) -> usize {
    let thread = state.scheduling.current_id();
    object(state, thread)
}

/// The address of a thread's `KTHREAD`.
pub(crate) fn object(state: &mut State, thread: ThreadId) -> usize {
    if state.scheduling.thread(thread).object == 0 {
        let object = state.memory.pool.reserve(dispatcher::THREAD_SIZE, TAG);
        dispatcher::initialize_thread(object);
        state.scheduling.thread_mut(thread).object = object;
        state.objects.handles.add_thread(object, thread);
    }
    state.scheduling.thread(thread).object
}

unsafe extern "win64" fn ke_get_current_thread() -> usize {
    with(current)
}

unsafe extern "win64" fn ob_reference_object_by_handle(
    handle: usize,
    _access: u32,
    object_type: usize,
    _mode: i8,
    object: *mut usize,
    _information: *mut c_void,
) -> i32 {
    let found = with(|state| match state.objects.handles.get(handle) {
        None => Err(STATUS_INVALID_HANDLE),
        Some(object) => {
            let (address, name) = match *object {
                Object::Thread(address) => (address, "PsThreadType"),
                Object::Process(address) => (address, "PsProcessType"),
                Object::Event { address, .. } => (address, "ExEventObjectType"),
                Object::DeviceFile { file, .. } => (file, "IoFileObjectType"),
                _ => return Err(STATUS_OBJECT_TYPE_MISMATCH),
            };
            let right = variables::object_type(state, name);
            if object_type != 0 && object_type != right {
                return Err(STATUS_OBJECT_TYPE_MISMATCH);
            }
            let by = caller(state);
            handles::reference(state, address, by);
            Ok(address)
        }
    });
    match found {
        Ok(address) => {
            // SAFETY: the pointer may be written, as documented.
            unsafe { object.write(address) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn ob_reference_object_by_pointer(object: usize) -> i32 {
    // SAFETY: it needs nothing.
    unsafe { obf_reference_object(object) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn obf_reference_object(object: usize) -> isize {
    let by = with(|state| caller(state));
    if !with(|state| handles::reference(state, object, by)) {
        stop(
            ("0x18", [0, object, 0, 0]),
            format!("{object:#x} was referenced, which is no object"),
        );
    }
    1
}

unsafe extern "win64" fn obf_dereference_object(object: usize) -> isize {
    let by = with(|state| caller(state));
    if !with(|state| handles::dereference(state, object, by)) {
        let what = format!("{object:#x} was dereferenced without a reference");
        stop(("0x18", [0, object, 0, 0]), what);
    }
    1
}

unsafe extern "win64" fn zw_close(handle: usize) -> i32 {
    /// `NtCurrentProcess` and `NtCurrentThread`.
    const PSEUDO: [usize; 2] = [usize::MAX, usize::MAX - 1];
    // No handle: that is harmless, unlike one that may be another driver's by now.
    if handle == 0 || PSEUDO.contains(&handle) {
        return STATUS_INVALID_HANDLE;
    }
    if devices::close(handle) {
        return STATUS_SUCCESS;
    }
    let (is_closed, told) = with(|state| {
        let told = watches::closes(state, handle);
        (handles::close(state, handle), told)
    });
    if !is_closed {
        stop(
            ("0x93", [handle, 1, 0, 0]),
            format!("the handle {handle:#x} was closed, which is not open"),
        );
    }
    watches::closed(told);
    STATUS_SUCCESS
}
