// SPDX-License-Identifier: MIT OR Apache-2.0

//! The sessions of a cycle: a user who starts and stops recordings.
//!
//! In some cycles a session records all events from the registration on. In as many others
//! sessions enable providers, at any level, and disable them, at any moment:
//! before a provider registers, in which case its callback is called in `EtwRegister`;
//! while its driver works; and until `EtwUnregister` has returned, which waits for callbacks
//! that run. All calls are made at `PASSIVE_LEVEL`, on a thread of the system.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-etwenablecallback>

use rand::RngExt;

use crate::exports::etw;
use crate::exports::etw::registrations::Wanted;
use crate::kernel::{State, with};
use crate::objects::deferred::{self, Routine};
use crate::objects::kernel_objects::ObjectKind;
use crate::scheduling::{MICROSECOND, point, sleep};
use crate::verifier::driver_call;
use crate::verifier::promises::recorded;
use crate::verifier::routine::{EntryState, check_return};

const CALLBACK: &str = "the enable callback of an ETW provider";

/// What a session wants that records everything from the registration on.
const EVERYTHING: Wanted = Wanted {
    level: u8::MAX,
    any: u64::MAX,
    all: 0,
};

/// One in `RARITY` cycles has sessions.
const RARITY: u32 = 4;
/// The maximum number of changes that one thread makes to a provider.
const CHANGES: u8 = 4;
/// The longest time between two of them, in microseconds.
const LONGEST: u64 = 400;

/// The GUID of the session, which callbacks get: nobody in particular.
static SOURCE: [u8; 16] = [0; 16];

/// `EVENT_CONTROL_CODE_...`.
const DISABLE: usize = 0;
const ENABLE: usize = 1;
const CAPTURE_STATE: usize = 2;

/// A provider has registered: a session may have been waiting for it, and may change its
/// mind later.
pub(super) fn registered(handle: usize) {
    let (waiting, by) = with(|state| {
        let random = &mut state.choices.sessions;
        let listens = &mut state.exports.etw.listens;
        let listens = *listens.get_or_insert_with(|| random.random_ratio(1, RARITY));
        if !listens {
            return (None, None);
        }
        let by = state.objects.created.creator(handle);
        if state.choices.sessions.random() {
            return (Some(EVERYTHING), by);
        }
        start(state, move || change_for_a_while(handle));
        let waits: bool = state.choices.sessions.random();
        (waits.then(|| drawn(state)), by)
    });
    let begun = waiting.and_then(|wanted| with(|state| begin(state, handle, wanted)));
    if let Some(call) = begun {
        let before = EntryState::now();
        // SAFETY: the callback is the driver's own, and takes these arguments.
        unsafe { driver_call::call(CALLBACK, call.routine, by, &call.arguments) };
        let site = with(|state| state.loader.drivers.site(call.routine));
        check_return(CALLBACK, before, site);
        with(|state| called_back(state, handle));
    }
}

/// A provider is about to be unregistered: a session may change its mind just now.
pub(super) fn unregistering(handle: usize) {
    with(|state| {
        let listens = state.exports.etw.listens == Some(true);
        if listens && state.choices.sessions.random() {
            start(state, move || {
                point();
                change(handle);
            });
        }
    });
}

/// Starts a thread of a session; a machine without another stack has enough to do.
fn start(state: &mut State, body: impl FnOnce() + 'static) {
    let name = format!("event session {}", state.scheduling.threads().len());
    let _ = state.scheduling.spawn(name, None, body);
}

/// Enables and disables a provider a few times.
fn change_for_a_while(handle: usize) {
    let changes = draw(u64::from(CHANGES));
    for _ in 0..=changes {
        sleep(draw(LONGEST) * MICROSECOND);
        change(handle);
    }
}

/// What a session may want.
fn drawn(state: &mut State) -> Wanted {
    let random = &mut state.choices.sessions;
    Wanted {
        level: [1, 3, 4, 5, u8::MAX][random.random_range(0..5)],
        any: [u64::MAX, 0xF][random.random_range(0..2)],
        all: 0,
    }
}

fn draw(most: u64) -> u64 {
    with(|state| state.choices.sessions.random_range(0..=most))
}

/// Changes what a session wants of a provider, if it is registered, and calls its
/// callback.
fn change(handle: usize) {
    let Some(call) = with(|state| {
        let wanted = drawn(state);
        begin(state, handle, wanted)
    }) else {
        return;
    };
    let by = with(|state| state.objects.created.creator(handle));
    let routine = Routine {
        what: CALLBACK,
        named: CALLBACK,
        address: call.routine,
        by,
    };
    // SAFETY: the callback is the driver's own, and takes these arguments.
    unsafe { deferred::run(routine, &call.arguments) };
    with(|state| called_back(state, handle));
}

/// A call of the enable callback of a provider has returned.
fn called_back(state: &mut State, handle: usize) {
    state.exports.etw.called_back(handle);
    tell(state, handle);
}

/// Whether the events of the pair are recorded may have changed.
fn tell(state: &mut State, handle: usize) {
    if let Some(by) = state.objects.created.creator(handle) {
        let listens = etw::records_ours(state, handle);
        recorded::changed(state, by.driver, listens);
    }
}

/// A call of an enable callback.
struct Call {
    routine: usize,
    arguments: [usize; 7],
}

/// Changes what a session wants of a provider. Returns the call that tells the provider so,
/// which counts as under way; `None` if there is none to make.
fn begin(state: &mut State, handle: usize, wanted: Wanted) -> Option<Call> {
    if !state.objects.created.is(handle, ObjectKind::Etw) {
        return None;
    }
    let random = &mut state.choices.sessions;
    let code = match state.exports.etw.get_mut(handle)?.session {
        None => ENABLE,
        Some(_) => [DISABLE, DISABLE, ENABLE, CAPTURE_STATE][random.random_range(0..4)],
    };
    let provider = state.exports.etw.get_mut(handle)?;
    match code {
        DISABLE => provider.session = None,
        ENABLE => provider.session = Some(wanted),
        _ => {}
    }
    let Wanted { level, any, all } = provider.session.unwrap_or(Wanted {
        level: 0,
        any: 0,
        all: 0,
    });
    let call = (provider.callback != 0).then(|| {
        provider.inside += 1;
        let [any, all] = [any, all].map(|it| usize::try_from(it).expect("it has 64 bits"));
        Call {
            routine: provider.callback,
            arguments: [
                SOURCE.as_ptr().addr(),
                code,
                level.into(),
                any,
                all,
                0,
                provider.context,
            ],
        }
    });
    let name = provider.name.clone();
    tell(state, handle);
    state.trace(|_| match code {
        DISABLE => format!("etw session disables {name}"),
        ENABLE => format!("etw session enables {name}: level {level}, keywords {any:#x}"),
        _ => format!("etw session asks {name} for its state"),
    });
    call
}
