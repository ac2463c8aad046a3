// SPDX-License-Identifier: MIT OR Apache-2.0

//! Transactions: their changes, and the notification of callouts.

use std::mem;
use std::ptr;

use windows_sys::Win32::Foundation::{
    STATUS_FWP_CALLOUT_NOTIFICATION_FAILED, STATUS_FWP_INCOMPATIBLE_TXN, STATUS_FWP_TIMEOUT,
    STATUS_FWP_TXN_IN_PROGRESS, STATUS_INVALID_HANDLE, STATUS_SUCCESS,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::FWP_ACTION_FLAG_CALLOUT;

use crate::exports::wfp::layouts::Filter;
use crate::exports::wfp::{callouts, traffic};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::kernel::{State, with};
use crate::objects::wfp::engine::{Object, Session, Transaction};
use crate::scheduling::{MICROSECOND, Waitable, block, sleep};
use crate::verifier::driver_call::status;

/// Lets `body` see the session with this handle. One that is closed is a finding.
pub(super) fn with_session<R>(
    handle: usize,
    function: &str,
    body: impl FnOnce(&mut Session) -> R,
) -> Result<R, i32> {
    if handle == 0 {
        return Err(STATUS_INVALID_HANDLE);
    }
    let found = with(|state| state.objects.wfp.engine.session(handle).map(body));
    let Some(result) = found else {
        let by = with(|state| {
            let mut closed = state.objects.wfp.engine.closed.iter();
            let by = closed.find(|it| it.0 == handle)?.1?;
            Some(state.loader.drivers.show(by))
        });
        let what = match by {
            Some(by) => format!("{function} was called with a session that {by} has closed"),
            None => format!("{function} was called with {handle:#x}, which is no session"),
        };
        stop(("0x93", [handle, 0, 0, 0]), what);
    };
    Ok(result)
}

/// Returns `true` if a session has an explicit transaction.
pub(super) fn has_transaction(handle: usize, function: &str) -> Result<bool, i32> {
    with_session(handle, function, |session| {
        session
            .transaction
            .as_ref()
            .is_some_and(|it| !it.is_implicit)
    })
}

/// Begins a transaction, once no other one changes objects.
pub(super) fn begin_one(
    handle: usize,
    function: &str,
    is_implicit: bool,
    is_read_only: bool,
) -> Result<(), i32> {
    let patience = with_session(handle, function, |session| session.patience)?;
    if has_transaction(handle, function)? {
        return Err(STATUS_FWP_TXN_IN_PROGRESS);
    }
    let mut waited = 0;
    let mut interval = 100;
    while !is_read_only && with(|state| state.objects.wfp.engine.is_locked()) {
        if waited >= patience {
            return Err(STATUS_FWP_TIMEOUT);
        }
        sleep(interval * MICROSECOND);
        waited += interval;
        interval = (2 * interval).min(patience - waited).max(1);
    }
    with(|state| {
        let by = caller(state);
        let engine = &mut state.objects.wfp.engine;
        let objects = engine.objects.clone();
        if let Some(session) = engine.session(handle) {
            session.transaction = Some(Transaction {
                is_read_only,
                is_implicit,
                objects,
                by,
            });
        }
    });
    Ok(())
}

pub(super) fn abort_one(handle: usize) {
    with(|state| {
        if let Some(session) = state.objects.wfp.engine.session(handle) {
            session.transaction = None;
        }
    });
}

/// Makes the changes of a transaction, unless a callout refuses a filter.
pub(super) fn commit_one(handle: usize) -> i32 {
    let Some((added, deleted)) = with(|state| changes(state, handle)) else {
        abort_one(handle);
        return STATUS_SUCCESS;
    };
    for (index, filter) in added.iter().enumerate() {
        let Ok(context) = notify(ADD_FILTER, filter) else {
            for filter in &added[..index] {
                let _ = notify(DELETE_FILTER, filter);
            }
            abort_one(handle);
            return STATUS_FWP_CALLOUT_NOTIFICATION_FAILED;
        };
        with(|state| keep_context(state, handle, filter.id, context));
    }
    with(|state| {
        let engine = &mut state.objects.wfp.engine;
        let transaction = engine
            .session(handle)
            .and_then(|it| it.transaction.as_mut());
        if let Some(transaction) = transaction {
            engine.objects = mem::take(&mut transaction.objects);
        }
        if !added.is_empty() {
            traffic::start(state);
        }
    });
    for filter in &deleted {
        wait_for_uses(filter);
        let _ = notify(DELETE_FILTER, filter);
    }
    abort_one(handle);
    STATUS_SUCCESS
}

/// Waits until no classification uses the context of a filter: its `notifyFn` may free that
/// when the filter is deleted. For one without a context nobody promises it.
fn wait_for_uses(filter: &Object) {
    let used_on = |state: &mut State| {
        let current = state.scheduling.current_id();
        let mut all = state.objects.wfp.filtering.iter();
        let used = all.find(|(id, thread)| *id == filter.id && *thread != current);
        used.map(|(_, thread)| *thread)
    };
    while filter.context != 0
        && let Some(thread) = with(used_on)
    {
        block(Waitable::Routine(thread), None);
    }
}

/// The filters with a callout that a transaction adds, and those that it deletes; `None` if
/// it only reads.
fn changes(state: &mut State, handle: usize) -> Option<(Vec<Object>, Vec<Object>)> {
    let engine = &mut state.objects.wfp.engine;
    let old = engine.objects.clone();
    let transaction = engine.session(handle)?.transaction.as_ref()?;
    if transaction.is_read_only {
        return None;
    }
    let new = &transaction.objects;
    let only = |these: &[Object], those: &[Object]| {
        let mut only = Vec::new();
        for it in these {
            let has_callout = it.action.kind & FWP_ACTION_FLAG_CALLOUT != 0;
            if has_callout && !those.iter().any(|other| other.id == it.id) {
                only.push(it.clone());
            }
        }
        only
    };
    Some((only(new, &old), only(&old, new)))
}

fn keep_context(state: &mut State, handle: usize, filter: u64, context: u64) {
    let engine = &mut state.objects.wfp.engine;
    let transaction = engine
        .session(handle)
        .and_then(|it| it.transaction.as_mut());
    let objects = transaction.into_iter().flat_map(|it| &mut it.objects);
    for object in objects.filter(|it| it.id == filter) {
        object.context = context;
    }
}

/// `FWPS_CALLOUT_NOTIFY_ADD_FILTER` and `FWPS_CALLOUT_NOTIFY_DELETE_FILTER`.
const ADD_FILTER: usize = 0;
const DELETE_FILTER: usize = 1;

/// Tells the callout of a filter, if it is registered, that the filter comes or goes. Returns
/// the context of the filter, or the status with which the callout refuses it.
fn notify(kind: usize, filter: &Object) -> Result<u64, i32> {
    let target = with(|state| {
        let callout = state.objects.wfp.callout_of(filter.action.callout)?;
        let target = (callout.id, callout.notify);
        callouts::enter(state, target.0);
        Some(target)
    });
    let Some((callout, function)) = target else {
        return Ok(filter.context);
    };
    with(|state| callouts::name(state, callout));
    let mut told = Filter {
        id: filter.id,
        action: filter.action.kind,
        callout,
        context: filter.context,
        ..Filter::default()
    };
    let key = filter.key;
    // It has none when a filter is deleted, as documented.
    let key = if kind == ADD_FILTER {
        &raw const key
    } else {
        ptr::null()
    };
    let arguments = [kind, key.addr(), (&raw mut told).addr()];
    let answer = status(callouts::call("notifyFn", callout, function, &arguments));
    with(|state| callouts::leave(state, callout));
    if answer < 0 {
        return Err(answer);
    }
    // SAFETY: the callout may have written there, and nothing else does.
    Ok(unsafe { (&raw const told.context).read_volatile() })
}

/// Makes a change in the transaction of a session, or in one of its own.
pub(super) fn change<R>(
    handle: usize,
    function: &str,
    body: impl FnOnce(&mut State, &mut Vec<Object>, Option<usize>) -> Result<R, i32>,
) -> Result<R, i32> {
    let is_own = !has_transaction(handle, function)?;
    if is_own {
        begin_one(handle, function, true, false)?;
    }
    let changed = with(|state| {
        let session = state.objects.wfp.engine.session(handle);
        let session = session.ok_or(STATUS_INVALID_HANDLE)?;
        let dynamic = session.is_dynamic.then_some(handle);
        let transaction = session.transaction.as_mut().ok_or(STATUS_INVALID_HANDLE)?;
        if transaction.is_read_only {
            return Err(STATUS_FWP_INCOMPATIBLE_TXN);
        }
        let mut objects = mem::take(&mut transaction.objects);
        let result = body(state, &mut objects, dynamic);
        let session = state.objects.wfp.engine.session(handle);
        if let Some(transaction) = session.and_then(|it| it.transaction.as_mut()) {
            transaction.objects = objects;
        }
        result
    });
    if is_own {
        if changed.is_err() {
            abort_one(handle);
        } else {
            let committed = commit_one(handle);
            if committed != STATUS_SUCCESS {
                return Err(committed);
            }
        }
    }
    changed
}
