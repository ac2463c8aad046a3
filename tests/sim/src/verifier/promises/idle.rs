// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modules that are known to call a function of their peers again and again: one has stopped
//! if none of its calls is outstanding and its threads all wait without a time-out, or have
//! waited many times since the last call.
//!
//! That is judged when a binding begins to detach, unless the module ends itself.

use std::collections::{BTreeMap, BTreeSet};

use npi_description::NpiId;
use registrar::host::{BindingId, Event};

use super::Crossing;
use super::modules::Module;
use crate::findings::bug_check::Code;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::Thread;
use crate::scheduling::frame::{Callee, Frame, described_side};

/// The number of times that a thread may wait without a call, because other threads have taken its
/// work, or because it works for other bindings.
const MOST_WAITS: u64 = 64;

/// The code of the finding, of which neither NMR nor Windows has one.
const IDLE: &str = "idle";

/// A module that keeps calling.
#[derive(Clone, Copy, Debug)]
struct Steady {
    npi: NpiId,
    function: &'static str,
    /// It calls it in each binding before its attach callback returns, and not again and
    /// again.
    once: bool,
}

/// A binding of such a module.
#[derive(Debug)]
struct Watch {
    driver: DriverId,
    function: &'static str,
    once: bool,
    /// Its attach callback has returned with success.
    attached: bool,
    /// The peer is the module that the description knows, which has all functions.
    has_known_peer: bool,
    begun: u64,
    /// The number of times that threads of the driver have waited since the last call, while no
    /// call was outstanding.
    waits: u64,
    /// The calls that are neither answered nor completed.
    outstanding: i64,
}

/// Those of a cycle.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// By the attach callback.
    modules: BTreeMap<usize, Steady>,
    /// The attach callbacks of modules that a description knows.
    known: BTreeMap<usize, NpiId>,
    bindings: BTreeMap<BindingId, Watch>,
    /// How many sides of a binding are modules that a description knows.
    known_sides: BTreeMap<BindingId, usize>,
    /// The findings of modules whose peer's detach callback came first.
    stopped: BTreeMap<BindingId, (Code, String)>,
    /// The drivers that end such a module.
    ending: BTreeSet<DriverId>,
    /// The calls of which it is not known in which binding they are made.
    stray: u64,
}

impl Idle {
    /// Returns `true` if both modules of a binding are such that a description knows.
    pub(super) fn joins_known(&self, binding: BindingId) -> bool {
        self.known_sides.get(&binding) == Some(&2)
    }
}

/// A module is about to be registered.
pub(super) fn register(state: &mut State, module: &Module) {
    // Another image was at the same address.
    let idle = &mut state.verifier.promises.idle;
    idle.known.remove(&module.callback);
    idle.modules.remove(&module.callback);
    let known = module.npi.module(described_side(module.side));
    if module.id.is_none() || module.id != known.module_id {
        return;
    }
    idle.known.insert(module.callback, module.npi.id);
    let keeps = known.keeps_calling.iter().map(|it| (it, false));
    let begins = known.begins_with.iter().map(|it| (it, true));
    if let Some((function, once)) = keeps.chain(begins).next() {
        let npi = module.npi.id;
        let module_of = Steady {
            npi,
            function,
            once,
        };
        idle.modules.insert(module.callback, module_of);
    }
}

/// A module is about to be deregistered.
pub(super) fn deregister(state: &mut State, event: &Event) {
    let idle = &mut state.verifier.promises.idle;
    let driver = state.loader.drivers.site(event.code).map(|it| it.driver);
    if idle.modules.contains_key(&event.code) {
        idle.ending.extend(driver);
    }
}

/// `DriverUnload` is about to be called.
pub(super) fn unloading(state: &mut State, driver: DriverId) {
    state.verifier.promises.idle.ending.insert(driver);
}

/// An attach callback is called.
pub(super) fn attach(state: &mut State, binding: BindingId, event: &Event) {
    let idle = &mut state.verifier.promises.idle;
    if idle.known.contains_key(&event.code) {
        *idle.known_sides.entry(binding).or_default() += 1;
    }
    let Some(Steady { function, once, .. }) = idle.modules.get(&event.code).copied() else {
        // The client's callback comes before the provider's.
        if let Some(watch) = idle.bindings.get_mut(&binding) {
            watch.has_known_peer = idle.known.contains_key(&event.code);
        }
        return;
    };
    if let Some(site) = state.loader.drivers.site(event.code) {
        let watch = Watch {
            driver: site.driver,
            function,
            once,
            attached: false,
            has_known_peer: false,
            begun: 0,
            waits: 0,
            outstanding: 0,
        };
        idle.bindings.insert(binding, watch);
    }
}

/// Returns `true` if the calls of a driver are judged: it may stop beside a peer that breaks
/// contracts.
fn is_judged(state: &State, driver: DriverId) -> bool {
    super::is_judged(state, driver) && !state.loader.drivers.any(|it| it.image.is_hostile())
}

/// An attach callback returns with success. The finding if the module was to call before.
pub(super) fn attached(
    state: &mut State,
    binding: BindingId,
    event: &Event,
) -> Option<(Code, String)> {
    let idle = &mut state.verifier.promises.idle;
    if !idle.modules.contains_key(&event.code) {
        return None;
    }
    let watch = idle.bindings.get_mut(&binding)?;
    watch.attached = true;
    let owes = watch.once && watch.begun == 0 && watch.has_known_peer && idle.stray == 0;
    let (driver, function) = (watch.driver, watch.function);
    (owes && is_judged(state, driver)).then(|| {
        let what = format!(
            "the module has attached in binding {} and not called {function}, which it is to do \
             first",
            binding.0
        );
        (IDLE.into(), what)
    })
}

/// A thread is about to wait for an object.
pub(super) fn wait(state: &mut State) {
    let thread = state.scheduling.current();
    let own = thread.driver.filter(|_| thread.is_drivers);
    let bindings = state.verifier.promises.idle.bindings.values_mut();
    for watch in bindings.filter(|it| own == Some(it.driver)) {
        if watch.attached && !watch.once && watch.outstanding == 0 {
            watch.waits += 1;
        }
    }
}

/// The binding of a call, if its module is such a one.
fn watched(state: &mut State, call: Crossing) -> Option<&mut Watch> {
    let idle = &mut state.verifier.promises.idle;
    if idle.modules.is_empty() {
        return None;
    }
    let Some(binding) = call.through.binding else {
        idle.stray += 1;
        return None;
    };
    idle.bindings.get_mut(&binding)
}

/// Returns `true` if a driver has such a module of an NPI.
pub(super) fn has_module(state: &State, driver: DriverId, npi: NpiId) -> bool {
    let modules = &state.verifier.promises.idle.modules;
    modules.iter().any(|(callback, module)| {
        let site = state.loader.drivers.site(*callback);
        module.npi == npi && site.is_some_and(|site| site.driver == driver)
    })
}

/// Returns `true` if a driver has a module of an NPI that its description knows.
pub(super) fn is_known(state: &State, driver: DriverId, npi: NpiId) -> bool {
    let known = &state.verifier.promises.idle.known;
    known.iter().any(|(callback, of)| {
        let site = state.loader.drivers.site(*callback);
        *of == npi && site.is_some_and(|site| site.driver == driver)
    })
}

/// A call begins.
pub(super) fn begin(state: &mut State, call: Crossing) {
    if let Some(watch) = watched(state, call)
        && call
            .through
            .function
            .is_some_and(|it| it.name == watch.function)
    {
        watch.begun += 1;
        watch.waits = 0;
        watch.outstanding += 1;
    }
}

/// A call returns; `pended` says whether it is still to be completed.
pub(super) fn end(state: &mut State, call: Crossing, pended: bool) {
    let has_ended = call.through.completes() && call.request.is_some();
    if let Some(watch) = watched(state, call)
        && let Some(function) = call.through.function
        && (has_ended && function.completes.iter().any(|it| it == watch.function)
            || !pended && function.name == watch.function)
    {
        watch.outstanding -= 1;
    }
}

/// Returns `true` if a thread waits for an object, without a time-out: neither for a spin lock
/// nor inside a call of a peer, which goes on by itself.
fn waits_idly(thread: &Thread) -> bool {
    let calls_peer = |frame: &Frame| matches!(frame.call, Callee::Dispatch { .. });
    thread.blocked_on().is_some()
        && thread.irql < DISPATCH_LEVEL
        && !thread.frames.iter().any(calls_peer)
}

/// A detach callback is called. The finding if it is that of a module that had stopped when
/// the binding began to detach.
pub(super) fn detach(
    state: &mut State,
    binding: BindingId,
    event: &Event,
) -> Option<(Code, String)> {
    let idle = &mut state.verifier.promises.idle;
    let Some(watch) = idle.bindings.remove(&binding) else {
        return idle.stopped.remove(&binding);
    };
    let site = state.loader.drivers.site(event.code);
    let is_own = site.is_some_and(|site| site.driver == watch.driver);
    let found = stopped(state, binding, &watch)?;
    if is_own {
        return Some(found);
    }
    let idle = &mut state.verifier.promises.idle;
    idle.stopped.insert(binding, found);
    None
}

/// The finding if a module has stopped whose binding begins to detach.
fn stopped(state: &State, binding: BindingId, watch: &Watch) -> Option<(Code, String)> {
    let idle = &state.verifier.promises.idle;
    let Watch {
        driver,
        function,
        once,
        attached,
        has_known_peer,
        begun,
        waits,
        outstanding,
    } = *watch;
    let may_stop = !attached
        || once
        || begun == 0 && !has_known_peer
        || outstanding != 0
        || idle.stray > 0
        || idle.ending.contains(&driver)
        || !is_judged(state, driver);
    let threads = state.scheduling.threads().iter();
    let mut own =
        threads.filter(|it| it.driver == Some(driver) && it.is_drivers && !it.has_ended());
    let all_wait = own.clone().next().is_some() && own.all(waits_idly);
    let how = if waits > MOST_WAITS {
        format!("its threads have waited {waits} times since")
    } else {
        "all threads of the driver wait".to_owned()
    };
    ((all_wait || waits > MOST_WAITS) && !may_stop).then(|| {
        let what = format!(
            "the module does not call {function} in binding {} any more, which it is to do as \
             long as it is bound: it has called it {begun} times, none of these calls is \
             outstanding, and {how}",
            binding.0
        );
        (IDLE.into(), what)
    })
}
