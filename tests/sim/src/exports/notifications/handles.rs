// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notifications when handles to processes and threads are opened.

use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_DENIED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    UNICODE_STRING,
};

use super::keys::ALTITUDE_COLLISION;
use super::{
    CallContexts, Kind, Wanted, add, call, enter, is_altitude_taken, leave, processes, remove,
    targets,
};
use crate::exports::data::strings;
use crate::exports::{execution, exports};
use crate::findings::stop;
use crate::hardware::irql::APC_LEVEL;
use crate::kernel::with;
use crate::memory::variables;
use crate::objects::notifications::Notification;

exports! {
    "ObRegisterCallbacks" <= APC_LEVEL => register: i32;
    "ObUnRegisterCallbacks" <= APC_LEVEL => unregister: ();
    "ObGetFilterVersion" <= APC_LEVEL => filter_version: u16;
}

/// `OB_FLT_REGISTRATION_VERSION`.
const VERSION: u16 = 0x100;

unsafe extern "win64" fn filter_version() -> u16 {
    VERSION
}

/// `OB_CALLBACK_REGISTRATION`.
#[repr(C)]
struct Registration {
    version: u16,
    count: u16,
    altitude: UNICODE_STRING,
    context: usize,
    operations: *const Operation,
}

/// `OB_OPERATION_REGISTRATION`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Operation {
    /// Points to the variable that points to the type.
    kind: *const usize,
    operations: u32,
    before: usize,
    after: usize,
}

/// The types of objects of which drivers are told.
const TYPES: [&str; 2] = ["PsProcessType", "PsThreadType"];

/// Which of a set's routines is called: before the operation or after it, for which type.
const fn filter(kind: usize, is_after: bool) -> u128 {
    kind as u128 * 2 + is_after as u128
}

unsafe extern "win64" fn register(registration: *const Registration, handle: *mut usize) -> i32 {
    // SAFETY: the structure is valid, as documented.
    let registration = unsafe { registration.read() };
    if registration.version != VERSION || registration.count == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: as above.
    let altitude = unsafe { strings::text(&raw const registration.altitude) };
    let mut routines = Vec::new();
    for index in 0..usize::from(registration.count) {
        // SAFETY: the structure has that many operations, as documented.
        let operation = unsafe { registration.operations.add(index).read() };
        // SAFETY: the field points to a variable of the kernel, as documented.
        let wanted = unsafe { operation.kind.read() };
        let kind = with(|state| {
            let mut types = TYPES.iter();
            types.position(|name| variables::object_type(state, name) == wanted)
        });
        let given = [(operation.before, false), (operation.after, true)];
        let given = given.into_iter().filter(|(routine, _)| *routine != 0);
        match kind {
            Some(kind) if operation.operations != 0 => {
                routines.extend(given.map(|(routine, is_after)| (routine, filter(kind, is_after))));
            }
            _ => return STATUS_INVALID_PARAMETER,
        }
    }
    if routines.is_empty() {
        return STATUS_INVALID_PARAMETER;
    }
    let added = with(|state| {
        if !routines
            .iter()
            .all(|(routine, _)| processes::is_in_checked_image(state, *routine))
        {
            return Err(STATUS_ACCESS_DENIED);
        }
        if is_altitude_taken(state, Kind::Handle, &altitude) {
            return Err(ALTITUDE_COLLISION);
        }
        let key = state.objects.notifications.next_handle();
        for (routine, filter) in routines {
            let wanted = Wanted {
                context: registration.context,
                filter,
                altitude: Some(altitude.clone()),
                ..Wanted::new(Kind::Handle, key, routine)
            };
            if !add(state, wanted) {
                let all = &mut state.objects.notifications.all;
                all.retain(|it| it.kind != Kind::Handle || it.key != key);
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
        }
        Ok(key)
    });
    match added {
        Ok(key) => {
            // SAFETY: the handle may be written, as documented.
            unsafe { handle.write(key) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn unregister(handle: usize) {
    if !remove(Kind::Handle, handle) {
        let what = "ObUnRegisterCallbacks was called with what is no registration, or was \
                    unregistered before";
        stop("0x7E", what.to_owned());
    }
}

/// `OB_PRE_OPERATION_INFORMATION`, and `OB_POST_OPERATION_INFORMATION` up to its status.
#[repr(C)]
struct Information {
    operation: u32,
    flags: u32,
    object: usize,
    kind: usize,
    call_context: usize,
    parameters_or_status: usize,
    parameters: usize,
}

/// A program opens a handle to a process or a thread.
pub(super) fn open_a_handle(is_process: bool) {
    /// `OB_OPERATION_HANDLE_CREATE`.
    const CREATE: u32 = 1;
    /// All access.
    const ACCESS: u32 = 0x1F_FFFF;

    let index = usize::from(!is_process);
    let (object, kind) = with(|state| {
        let kind = variables::object_type(state, TYPES[index]);
        let object = if is_process {
            execution::processes::object(state, execution::processes::SHELL)
        } else {
            let program = state.scheduling.current_id();
            execution::threads::object(state, program)
        };
        (object, kind)
    });
    // The desired access, which a routine may lessen, and the original one; then that granted.
    let access = [ACCESS, ACCESS];
    let at = (&raw const access).addr();
    let contexts = CallContexts::default();
    // What a routine keeps before the operation is lost unless the one after it is called, too.
    let told = with(|state| {
        let of_type = |it: &Notification| {
            [false, true]
                .map(|is| filter(index, is))
                .contains(&it.filter)
        };
        let mut told = targets(state, Kind::Handle, of_type);
        told.retain(|target| enter(state, Kind::Handle, target));
        told
    });
    for is_after in [false, true] {
        let mut information = Information {
            operation: CREATE,
            flags: 0,
            object,
            kind,
            call_context: 0,
            parameters_or_status: if is_after { 0 } else { at },
            parameters: at,
        };
        let place = &raw mut information.call_context;
        let information = (&raw mut information).addr();
        for target in told
            .iter()
            .filter(|it| it.filter == filter(index, is_after))
        {
            call(
                Kind::Handle,
                target,
                &|it| {
                    contexts.give(it.key, place);
                    vec![it.context, information]
                },
                &mut |it, _| contexts.keep(it.key, place),
            );
        }
    }
    for target in told {
        with(|state| leave(state, Kind::Handle, &target));
    }
}
