// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notifications: routines that drivers register with the kernel, and must unregister before
//! they unload.
//!
//! The functions that unregister a routine wait for calls of it in progress. Microsoft documents
//! this for processes, threads, images and the registry; for the others, no driver could be
//! correct without it. A routine that unregisters itself waits for its own return.
//!
//! [`activity`] has the events of which the routines are notified.

mod activity;
mod bug_checks;
mod devices;
mod handles;
mod hardware;
mod initialization;
mod keys;
mod power;
pub(in crate::exports) mod power_requests;
mod processes;

use std::cell::RefCell;
use std::collections::BTreeMap;

use windows_sys::Win32::Foundation::UNICODE_STRING;

pub(crate) use activity::{driver_unloads, image_loaded};
pub(crate) use initialization::reinitialize;

use crate::exports::execution::levels::{enter_region, leave_region};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::loader::export::Export;
use crate::memory::variables;
use crate::objects::notifications::{Kind, Notification};
use crate::scheduling::clocks::Sync;
use crate::scheduling::{ThreadId, Waitable, block};
use crate::verifier::driver_call;
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::routine::{EntryState, check_return};

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    bug_checks::EXPORTS,
    devices::EXPORTS,
    handles::EXPORTS,
    hardware::EXPORTS,
    initialization::EXPORTS,
    keys::EXPORTS,
    power::EXPORTS,
    power_requests::EXPORTS,
    processes::EXPORTS,
];

/// Returns `true` if another registration of this kind has this altitude. That a driver cannot
/// be loaded twice for that reason is no defect.
fn is_altitude_taken(state: &mut State, kind: Kind, altitude: &str) -> bool {
    let mut all = state.objects.notifications.all.iter();
    let taken = all.find(|it| it.kind == kind && it.altitude.as_deref() == Some(altitude));
    let Some(taken) = taken else {
        return false;
    };
    let owner = taken.by;
    if let (Some(by), Some(owner)) = (caller(state), owner) {
        let name = format!("the altitude {altitude}");
        state.objects.names.collide(by.driver, name, owner.driver);
    }
    true
}

/// The most routines of a kind.
const MOST: usize = 64;

/// A registration by the driver that has called.
#[derive(Debug)]
struct Wanted {
    kind: Kind,
    key: usize,
    routine: usize,
    context: usize,
    filter: u128,
    altitude: Option<String>,
}

impl Wanted {
    const fn new(kind: Kind, key: usize, routine: usize) -> Self {
        Self {
            kind,
            key,
            routine,
            context: 0,
            filter: 0,
            altitude: None,
        }
    }
}

/// Registers a routine. Returns `false` if there is no memory or place left.
fn add(state: &mut State, wanted: Wanted) -> bool {
    let Wanted {
        kind,
        key,
        routine,
        context,
        filter,
        altitude,
    } = wanted;
    let all = &state.objects.notifications.all;
    if all.iter().filter(|it| it.kind == kind).count() >= MOST
        || faults::fails(state, FaultKind::Allocation)
    {
        return false;
    }
    let by = caller(state);
    state.objects.notifications.all.push(Notification {
        kind,
        key,
        routine,
        context,
        filter,
        altitude,
        by,
        inside: Vec::new(),
        ends: false,
    });
    if let Some(by) = by {
        state.record_role(by.driver, "a driver with notification routines");
    }
    activity::start(state);
    true
}

/// Unregisters what has this key, once no call of it is under way. Returns `false` if nothing
/// has it.
fn remove(kind: Kind, key: usize) -> bool {
    let found = with(|state| {
        let all = state.objects.notifications.all.iter_mut();
        let mut of_key = all.filter(|it| it.kind == kind && it.key == key && !it.ends);
        let Some(first) = of_key.next() else {
            return false;
        };
        first.ends = true;
        // A routine that is registered twice is unregistered twice. All routines of one handle
        // are unregistered with that handle.
        if key != first.routine {
            of_key.for_each(|it| it.ends = true);
        }
        true
    });
    while let Some(thread) = with(|state| inside(state, kind, key)) {
        wait_for_routine(thread, kind.function());
    }
    with(|state| {
        let all = &mut state.objects.notifications.all;
        all.retain(|it| it.kind != kind || it.key != key || !it.ends);
    });
    found
}

/// A thread on which a call is under way of what ends.
fn inside(state: &State, kind: Kind, key: usize) -> Option<ThreadId> {
    let mut all = state.objects.notifications.all.iter();
    all.find_map(|it| {
        let ends = it.kind == kind && it.key == key && it.ends;
        it.inside.first().copied().filter(|_| ends)
    })
}

/// Waits until a routine that is called on `thread` has returned, which `registered` has
/// registered. On that thread itself this has no end.
pub(in crate::exports) fn wait_for_routine(thread: ThreadId, registered: &str) {
    if thread == with(|state| state.scheduling.current_id()) {
        let what = format!(
            "the routine that {registered} registered unregisters itself: that waits for its own \
             end"
        );
        stop("deadlock", what);
    }
    block(Waitable::Routine(thread), None);
}

/// A routine has returned on the current thread.
pub(in crate::exports) fn routine_returned(state: &mut State) {
    let current = state.scheduling.current_id();
    state.scheduling.wake_all(Waitable::Routine(current));
}

/// A routine that is to be called.
#[derive(Clone, Copy, Debug)]
struct Target {
    key: usize,
    routine: usize,
    context: usize,
    filter: u128,
    by: Option<Site>,
}

/// Calls the routines of a kind that `wanted` chooses, with the arguments that `arguments`
/// makes; `seen` gets the results.
fn notify(
    kind: Kind,
    wanted: impl Fn(&Notification) -> bool,
    arguments: impl Fn(&Target) -> Vec<usize>,
    mut seen: impl FnMut(&Target, usize),
) {
    for target in with(|state| targets(state, kind, wanted)) {
        if with(|state| enter(state, kind, &target)) {
            call(kind, &target, &arguments, &mut seen);
            with(|state| leave(state, kind, &target));
        }
    }
}

/// Returns the routines of a kind that `wanted` selects.
fn targets(state: &State, kind: Kind, wanted: impl Fn(&Notification) -> bool) -> Vec<Target> {
    let all = state.objects.notifications.all.iter();
    let told = all.filter(|it| it.kind == kind && !it.ends && wanted(it));
    let target = |it: &Notification| Target {
        key: it.key,
        routine: it.routine,
        context: it.context,
        filter: it.filter,
        by: it.by,
    };
    told.map(target).collect()
}

/// Calls a routine that has been entered.
fn call(
    kind: Kind,
    target: &Target,
    arguments: &impl Fn(&Target) -> Vec<usize>,
    seen: &mut impl FnMut(&Target, usize),
) {
    let what = format!("the routine that {} registered", kind.function());
    if kind.is_called_in_region() {
        // SAFETY: it needs nothing.
        unsafe { enter_region() };
    }
    let before = EntryState::now();
    // SAFETY: the driver's own routine, with the arguments that are documented for it.
    let result =
        unsafe { driver_call::call(what.clone(), target.routine, target.by, &arguments(target)) };
    check_return(&what, before, target.by);
    if kind.is_called_in_region() {
        // SAFETY: it needs nothing.
        unsafe { leave_region() };
    }
    seen(target, result);
}

fn registered<'state>(
    state: &'state mut State,
    kind: Kind,
    target: &Target,
) -> Option<&'state mut Notification> {
    let mut all = state.objects.notifications.all.iter_mut();
    all.find(|it| {
        let same = (it.key, it.routine, it.filter) == (target.key, target.routine, target.filter);
        it.kind == kind && same
    })
}

/// A call of a routine begins, if it is still registered.
fn enter(state: &mut State, kind: Kind, target: &Target) -> bool {
    let current = state.scheduling.current_id();
    let found = registered(state, kind, target).filter(|it| !it.ends);
    // No document says that calls for one registration of a power setting overlap.
    let found = found.filter(|it| kind != Kind::Power || it.inside.is_empty());
    let enters = found.map(|it| it.inside.push(current)).is_some();
    if enters && kind == Kind::Power {
        state.scheduling.acquire(Sync::Object(target.key));
    }
    enters
}

fn leave(state: &mut State, kind: Kind, target: &Target) {
    let current = state.scheduling.current_id();
    if let Some(one) = registered(state, kind, target)
        && let Some(last) = one.inside.iter().rposition(|&id| id == current)
    {
        one.inside.remove(last);
    }
    if kind == Kind::Power {
        state.scheduling.release(Sync::Object(target.key));
    }
    routine_returned(state);
}

/// What routines want to be handed again after an operation of which they are told before.
#[derive(Default)]
struct CallContexts(RefCell<BTreeMap<usize, usize>>);

impl CallContexts {
    /// Writes what the routine of a registration has left, to where it looks for it.
    fn give(&self, key: usize, place: *mut usize) {
        let left = self.0.borrow().get(&key).copied();
        // SAFETY: the place is a field of a structure of the caller.
        unsafe { place.write_volatile(left.unwrap_or_default()) };
    }

    /// Keeps what a routine has left there.
    fn keep(&self, key: usize, place: *const usize) {
        // SAFETY: as above.
        let left = unsafe { place.read_volatile() };
        self.0.borrow_mut().insert(key, left);
    }
}

/// An object of the kernel of which drivers know the address only.
fn object(state: &mut State) -> usize {
    variables::object_type(state, "PsInitialSystemProcess")
}

/// A counted string with its text, which stays where it is.
#[repr(C)]
struct Text {
    string: UNICODE_STRING,
    units: [u16; 64],
}

impl Text {
    fn new(text: &str) -> Box<Self> {
        let mut new = Box::new(Self {
            string: UNICODE_STRING::default(),
            units: [0; 64],
        });
        let mut length = 0;
        for (unit, place) in text.encode_utf16().zip(&mut new.units) {
            *place = unit;
            length += 2;
        }
        new.string = UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: new.units.as_mut_ptr(),
        };
        new
    }

    fn address(&self) -> usize {
        (&raw const self.string).addr()
    }
}
