// SPDX-License-Identifier: MIT OR Apache-2.0

//! The security context of the thread that calls, and tokens. All threads are those of an
//! administrator here.

use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::memory::variables;
use crate::objects::handles;
use crate::objects::kernel_objects::ObjectKind;

exports! {
    "SeCaptureSubjectContext" <= PASSIVE_LEVEL => capture: ();
    "SeLockSubjectContext" <= APC_LEVEL => lock: ();
    "SeUnlockSubjectContext" <= APC_LEVEL => lock: ();
    "SeReleaseSubjectContext" <= PASSIVE_LEVEL => release: ();
    "PsReferencePrimaryToken" <= PASSIVE_LEVEL => reference_token: usize;
    "PsReferenceImpersonationToken" <= PASSIVE_LEVEL => impersonation_token: usize;
    "PsDereferencePrimaryToken" <= PASSIVE_LEVEL => dereference_token: ();
    "PsDereferenceImpersonationToken" <= PASSIVE_LEVEL => dereference_impersonation: ();
    "SeTokenIsAdmin" <= PASSIVE_LEVEL => is_admin: u8;
    "SeTokenIsRestricted" <= PASSIVE_LEVEL => is_restricted: u8;
    "SeQueryAuthenticationIdToken" <= PASSIVE_LEVEL => authentication_id: i32;
}

/// The token of the process called System.
fn token(state: &mut State) -> usize {
    let token = variables::object_type(state, "token");
    state.objects.handles.add_object(token);
    token
}

/// `SECURITY_SUBJECT_CONTEXT`: the client's token, the level of impersonation, the primary
/// token, and what identifies the process.
unsafe extern "win64" fn capture(context: usize) {
    let token = with(|state| {
        let by = caller(state);
        state.objects.created.add(context, ObjectKind::Subject, by);
        token(state)
    });
    set(context, [0, 0, token, 0]);
}

fn require(context: usize) {
    if !with(|state| state.objects.created.is(context, ObjectKind::Subject)) {
        let what = format!("{context:#x} is no security context that was captured");
        stop(("0xC4", [0, context, 0, 0]), what);
    }
}

unsafe extern "win64" fn lock(context: usize) {
    require(context);
}

unsafe extern "win64" fn release(context: usize) {
    require(context);
    with(|state| state.objects.created.remove(context, ObjectKind::Subject));
    set(context, [0_usize; 4]);
}

unsafe extern "win64" fn reference_token(_process: usize) -> usize {
    with(|state| {
        let by = caller(state);
        let token = token(state);
        handles::reference(state, token, by);
        token
    })
}

/// No thread impersonates anybody.
unsafe extern "win64" fn impersonation_token(
    _thread: usize,
    _copies: usize,
    _effective: usize,
    _level: usize,
) -> usize {
    0
}

unsafe extern "win64" fn dereference_token(token: usize) {
    let by = with(|state| caller(state));
    if !with(|state| handles::dereference(state, token, by)) {
        let what = format!("{token:#x} was dereferenced without a reference");
        stop(("0x18", [0, token, 0, 0]), what);
    }
}

unsafe extern "win64" fn dereference_impersonation(token: usize) {
    if token != 0 {
        // SAFETY: this passes on the driver's own argument, under the same documented contract.
        unsafe { dereference_token(token) };
    }
}

unsafe extern "win64" fn is_admin(_token: usize) -> u8 {
    1
}

unsafe extern "win64" fn is_restricted(_token: usize) -> u8 {
    0
}

/// `SYSTEM_LUID`.
unsafe extern "win64" fn authentication_id(_token: usize, id: usize) -> i32 {
    set(id, [0x3E7_u32, 0]);
    STATUS_SUCCESS
}
