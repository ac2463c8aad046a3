// SPDX-License-Identifier: MIT OR Apache-2.0

//! Performs the script of a cycle: loads, unloads, and what programs do at the same
//! time.
//!
//! A step is over when all its actions are, except an unload that is deferred by a
//! handle which the script closes later: that continues during the next steps. The last step
//! may be a shutdown, which waits for nothing that is under way: what is loaded stays.

mod shutdown;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use scenarios::{Action, Change, Instance, Step};

use crate::findings::stop_at;
use crate::io::files;
use crate::kernel::{State, kernel, with};
use crate::run::programs;
use crate::run::service_control::{changes, load, unload};
use crate::scheduling::{MICROSECOND, ThreadId, Waitable, block, join, sleep};

/// Takes the steps of a cycle, on the cycle's first thread.
pub(crate) fn perform(steps: &[Step]) {
    let mut pending = BTreeMap::new();
    for step in steps {
        if step.shutdown {
            shut_down(step, &pending);
            return;
        }
        let actions = step.actions.iter();
        let actions: Vec<_> = actions
            .filter(|action| settle(action.instance, &mut pending))
            .collect();
        let threads = start_all(&actions);
        let programs: Vec<_> = step.uses.iter().copied().map(programs::start).collect();
        programs.into_iter().for_each(join);
        for (action, thread) in actions.into_iter().zip(threads) {
            if !join_unless_kept(action.instance, thread) {
                pending.insert(action.instance, thread);
            }
        }
        if step.rest > 0 {
            sleep(step.rest * MICROSECOND);
        }
    }
    pending.keys().copied().for_each(programs::close_all);
    pending.into_values().for_each(join);
    unload_reloaded();
    let left = kernel().registrar.live_registrations();
    if let Some(registration) = left.first() {
        let site = with(|state| state.loader.drivers.site(registration.code));
        stop_at(
            "R29",
            "a registration is left after all drivers have gone".to_owned(),
            site,
        );
    }
}

/// Unloads what came again when the driver that had kept it was gone.
fn unload_reloaded() {
    let loaded: Vec<_> = with(|state| state.run.loaded.keys().copied().collect());
    let unload = |instance| {
        let name = format!("unload {instance}");
        with(|state| state.scheduling.spawn_own(name, move || unload(instance)))
    };
    let threads: Vec<_> = loaded.into_iter().map(unload).collect();
    threads.into_iter().for_each(join);
}

/// Shuts the machine down, with the drivers that are loaded, while the actions of the step
/// and unloads that are `pending` are under way. There is no action on a driver whose unload is.
fn shut_down(step: &Step, pending: &BTreeMap<Instance, ThreadId>) {
    let actions = step.actions.iter();
    let actions: Vec<_> = actions
        .filter(|action| !pending.contains_key(&action.instance))
        .collect();
    start_all(&actions);
    step.uses.iter().copied().for_each(|one| {
        programs::start(one);
    });
    join(shutdown::start());
    sleep(step.rest * MICROSECOND);
    with(|state| {
        let counts = &mut state.counts;
        counts.loaded_at_shutdown = counts.loads - counts.unloads;
    });
}

/// Begins the actions of a step. Returns their threads.
fn start_all(actions: &[&Action]) -> Vec<ThreadId> {
    let prompt = actions.iter().filter(|action| action.at.is_none());
    let prompt = Rc::new(Cell::new(prompt.count()));
    let start = |&&action: &&Action| start(action, Rc::clone(&prompt));
    actions.iter().map(start).collect()
}

/// Waits for the end of an action. Returns `false` if that is an unload that
/// is deferred by a handle which the script closes later, or by another driver.
fn join_unless_kept(instance: Instance, thread: ThreadId) -> bool {
    /// The first polling interval; it doubles each time that nothing is known to hold the driver.
    const PERIOD: u64 = 20 * MICROSECOND;
    /// The last one: what waits for longer waits without end.
    const LONGEST: u64 = 1_000_000 * MICROSECOND;
    let mut period = PERIOD;
    while with(|state| !state.scheduling.thread(thread).has_ended()) {
        let (is_held, is_deferred, now) = with(|state| {
            let is_held = state.run.open_handles.any(instance) || is_kept(state, instance);
            let is_deferred = is_unload_deferred(state, instance);
            (is_held, is_deferred, state.scheduling.now())
        });
        if is_held && is_deferred {
            return false;
        }
        // Who is not held is woken once its unload is deferred; another driver may be about to
        // open a file of it then.
        let looks_again = is_held || is_deferred && period < LONGEST;
        block(
            Waitable::Thread(thread),
            looks_again.then_some(now + period),
        );
        if !is_held && is_deferred {
            period *= 2;
        }
    }
    true
}

/// Waits for a deferred unload, if any, without the handles that
/// keep it from going on. Returns `false` if another driver keeps it, so that the driver
/// can neither be loaded nor unloaded now.
fn settle(instance: Instance, pending: &mut BTreeMap<Instance, ThreadId>) -> bool {
    if pending.contains_key(&instance) && with(|state| is_kept(state, instance)) {
        return false;
    }
    if let Some(thread) = pending.remove(&instance) {
        programs::close_all(instance);
        join(thread);
    }
    true
}

/// Begins an action; `prompt` is how many of the step wait for no stage and
/// have not ended.
fn start(action: Action, prompt: Rc<Cell<usize>>) -> ThreadId {
    let Action {
        change,
        instance,
        at,
        fails,
    } = action;
    let name = match change {
        Change::Load => format!("load {instance}"),
        Change::Unload => format!("unload {instance}"),
        Change::Reload => format!("reload {instance}"),
    };
    let body = move || {
        if let Some(stage) = at {
            // A stage that does not come keeps nobody for ever: an unload may wait for a file that
            // this driver has open.
            let is_due = |state: &mut State| {
                state.nmr.transitions.is_at(instance, stage) || files::keeps_unload(state)
            };
            while prompt.get() > 0 && !with(is_due) {
                block(Waitable::Stage, None);
            }
        }
        match change {
            Change::Load => load(instance, fails),
            Change::Unload => unload(instance),
            Change::Reload => reload(instance),
        }
        if at.is_none() {
            prompt.set(prompt.get() - 1);
            with(|state| state.scheduling.wake_all(Waitable::Stage));
        }
    };
    with(|state| state.scheduling.spawn_own(name, body))
}

/// Unloads a driver, whose load is requested meanwhile, and loads it.
fn reload(instance: Instance) {
    /// The first interval between two requests; it doubles each time.
    const PAUSE: u64 = 20 * MICROSECOND;
    /// The last one: an unload that takes longer may never end.
    const LONGEST: u64 = 40_000 * MICROSECOND;
    let name = format!("unload {instance}");
    let unloading = with(|state| {
        let body = move || unload(instance);
        state.scheduling.spawn_own(name, body)
    });
    let mut pause = PAUSE;
    while !with(|state| state.scheduling.thread(unloading).has_ended()) {
        let later = with(|state| {
            if pause <= LONGEST {
                changes::request_early_load(state, instance);
            }
            if is_kept(state, instance) {
                let current = state.scheduling.current_id();
                state.scheduling.wake_all(Waitable::Thread(current));
            }
            state.scheduling.now() + pause
        });
        let until = (pause <= LONGEST).then_some(later);
        block(Waitable::Thread(unloading), until);
        pause *= 2;
    }
    // Unless a shutdown has kept it from going.
    if !with(|state| state.run.loaded.contains_key(&instance)) {
        load(instance, None);
    }
}

/// Returns `true` if a driver is to go, and stays for the time being.
fn is_unload_deferred(state: &State, instance: Instance) -> bool {
    let driver = state.run.loaded.get(&instance);
    driver.is_some_and(|loaded| state.io.files.is_unload_deferred(loaded.driver))
}

/// Returns `true` if another driver keeps a driver loaded.
fn is_kept(state: &State, instance: Instance) -> bool {
    let driver = state.run.loaded.get(&instance);
    driver.is_some_and(|loaded| files::is_kept(state, loaded.driver))
}
