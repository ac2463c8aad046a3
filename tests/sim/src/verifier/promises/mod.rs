// SPDX-License-Identifier: MIT OR Apache-2.0

//! The promises of an NPI's description about the calls between modules, beyond NMR's own
//! rules: which calls are made, how soon, how many pend, what they return, and the counters
//! of them.
//!
//! Generated peers are not checked: they make calls, but keep no promises of a module.

mod device;
mod due;
mod idle;
mod mismatch;
mod modules;
mod offers;
mod overtaken;
mod pending;
pub(crate) mod recorded;
mod refused;
mod replies;
mod settings;
mod statistics;
mod tally;

use registrar::host::{Call, Event, Phase, Side};
use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::frame::TableEntry;

use modules::Module;

pub(crate) use device::is_expected as has_control_interface;
pub(crate) use modules::{number_of as guid, place};
pub(crate) use tally::{Tallied, tallied};

/// What is remembered of described calls.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    depths: settings::Depths,
    due: due::DueCalls,
    idle: idle::Idle,
    mismatch: mismatch::Agreements,
    offers: offers::Offers,
    overtaken: overtaken::Cancelled,
    pending: pending::Pending,
    recorded: recorded::Recorded,
    replies: replies::Replies,
    statistics: statistics::Asked,
    tally: tally::Tally,
}

/// A call between two modules whose function is described.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    pub(crate) through: TableEntry,
    pub(crate) caller: DriverId,
    /// The driver that is called.
    pub(crate) callee: DriverId,
    /// The request that it makes, completes or cancels.
    pub(crate) request: Option<u64>,
}

impl Crossing {
    /// A call of the function `target`, if that is described.
    pub(crate) fn new(
        state: &State,
        through: TableEntry,
        caller: DriverId,
        target: usize,
        request: Option<u64>,
    ) -> Option<Self> {
        let site = state.loader.drivers.site(target)?;
        through.function.map(|_| Self {
            through,
            caller,
            callee: site.driver,
            request,
        })
    }
}

/// Returns `true` if a driver has to keep what its NPIs promise.
fn is_judged(state: &State, driver: DriverId) -> bool {
    !state.loader.drivers[driver].image.is_generated()
}

/// Reads what a module registers with that is about to be registered. The finding against it,
/// if there is one.
pub(crate) fn register(
    state: &mut State,
    side: Side,
    characteristics: usize,
) -> Option<(Code, String)> {
    let module = Module::read(state, side, characteristics);
    let mismatch = mismatch::register(state, side, module.as_ref());
    if let Some(module) = module {
        offers::register(state, &module);
        idle::register(state, &module);
    }
    mismatch
}

/// A driver whose `DriverEntry` has returned.
pub(crate) struct Started {
    pub(crate) status: i32,
    /// A name that its device is to have, and has not.
    pub(crate) missing_device: Option<String>,
    /// The parameters [`THREADS`] and [`DEPTH`] of its service.
    pub(crate) threads: Option<u32>,
    pub(crate) depth: Option<u32>,
}

/// The client's parameter for the number of its threads.
pub(crate) const THREADS: &str = "Threads";
/// The client's parameter for the number of requests in a binding.
pub(crate) const DEPTH: &str = "Depth";

/// `DriverEntry` has returned. The finding if the driver does not do what it says.
pub(crate) fn entered(
    state: &mut State,
    driver: DriverId,
    started: &Started,
) -> Option<(Code, String)> {
    let recorded = recorded::entered(state, driver, started.status);
    let set = settings::entered(state, driver, started);
    let named = || device::entered(state, driver, started);
    recorded.or(set).or_else(named)
}

/// `DriverUnload` is about to be called.
pub(crate) fn unloading(state: &mut State, driver: DriverId) {
    recorded::unloading(state, driver);
    idle::unloading(state, driver);
}

/// A thread is about to wait for an object.
pub(crate) fn wait(state: &mut State) {
    idle::wait(state);
}

/// A described call begins. The finding against the caller, if there is one.
pub(crate) fn begin(
    state: &mut State,
    call: Crossing,
    argument: impl Fn(usize) -> usize,
) -> Option<(Code, String)> {
    let function = call.through.function?;
    let offered = offers::check(state, call);
    let statistics = statistics::begin(state, call, &argument);
    let due = due::call(state, call).or(due::begin(state, call));
    tally::begin(state, call);
    idle::begin(state, call);
    let ended = match call.request {
        Some(request) if call.through.pends() => {
            replies::begin(state, call.through, call.caller, request, &argument);
            pending::begin(state, call, request, &argument);
            settings::outstanding(state, call)
        }
        Some(request) if call.through.completes() => {
            let reply = replies::end(state, call.caller, request, None);
            reply.or(pending::complete(state, call, request, &argument))
        }
        Some(request) if function.cancels.is_some() => {
            overtaken::cancel(state, request);
            None
        }
        _ => None,
    };
    let found = offered.or(ended).or(statistics).or(due);
    found.filter(|_| is_judged(state, call.caller))
}

/// A described call returns `result`. The finding against the callee, if there is one;
/// `pended` says whether the call has pended.
pub(crate) fn end(
    state: &mut State,
    call: Crossing,
    result: u32,
    pended: bool,
) -> Option<(Code, String)> {
    let statistics = statistics::end(state, call, result);
    idle::end(state, call, pended);
    due::end(state, call, result, pended);
    let ended = match call.request {
        Some(request) if call.through.completes() => {
            tally::completed(state, request);
            overtaken::completed(state);
            None
        }
        Some(request) if call.through.pends() => {
            let reply = if pended {
                None
            } else {
                replies::end(state, call.callee, request, Some(result))
            };
            reply.or(pending::returned(state, call, result, pended))
        }
        Some(request) => {
            overtaken::cancelled(state, request);
            None
        }
        None => None,
    };
    let found = ended.or(statistics);
    found.filter(|_| is_judged(state, call.callee))
}

/// Follows the attaches and detaches of bindings. The finding for what the driver does not
/// record of them as it should.
pub(crate) fn observe(state: &mut State, event: &Event) -> Option<(Code, String)> {
    let recorded = recorded::observe(state, event);
    let mismatched = mismatch::observe(state, event);
    let found = mismatched.or(recorded);
    if (event.call, event.phase) == (Call::Deregister, Phase::Enter) {
        idle::deregister(state, event);
    }
    let Some(binding) = event.binding else {
        return found;
    };
    match (event.call, event.phase) {
        (Call::AttachCallback, Phase::Enter) => {
            offers::attach(state, binding, event);
            idle::attach(state, binding, event);
            found
        }
        (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS)) => {
            let idle = idle::attached(state, binding, event);
            found.or(idle)
        }
        // No call is owed in a binding that detaches.
        (Call::DetachCallback, Phase::Enter) => {
            let idle = idle::detach(state, binding, event);
            let promises = &mut state.verifier.promises;
            promises.due.detach(binding);
            promises.overtaken.detach(binding);
            found.or(idle)
        }
        _ => found,
    }
}
