// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that a module owes its peer: of a function that both sides offer, one at least in
//! a number of calls of another one. A contract says so of each binding, or of each thread of a
//! module that is known.

use std::collections::BTreeMap;

use npi_description::{Function, Habit, NpiId, find};
use registrar::host::BindingId;
use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use super::{Crossing, idle};
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::ThreadId;

/// The code of the finding, of which neither NMR nor Windows has one.
const DUE: &str = "due";

/// The calls since the last one that was due.
#[derive(Debug, Default)]
pub(super) struct DueCalls {
    /// By binding, unless it detaches, and by the name of what is due.
    bindings: BTreeMap<BindingId, Option<BTreeMap<&'static str, u64>>>,
    /// By the thread that is to make it, and by its name.
    threads: BTreeMap<(ThreadId, &'static str), u64>,
    /// By the binding in which a driver is to make it for its calls in another NPI.
    elsewhere: BTreeMap<BindingId, Elsewhere>,
}

/// A function that a driver calls in a binding for its calls of a function of another NPI.
#[derive(Debug)]
struct Elsewhere {
    driver: DriverId,
    habit: &'static Habit,
    npi: NpiId,
    calls: u64,
}

impl DueCalls {
    /// Nothing is due any more in a binding.
    pub(super) fn detach(&mut self, binding: BindingId) {
        self.bindings.insert(binding, None);
        self.elsewhere.remove(&binding);
    }

    fn detaches(&self, binding: BindingId) -> bool {
        matches!(self.bindings.get(&binding), Some(None))
    }
}

/// The finding for a call after which another one is overdue.
pub(super) fn call(state: &mut State, call: Crossing) -> Option<(Code, String)> {
    let (function, binding) = (call.through.function?, call.through.binding?);
    let npi = find(NpiId(call.through.npi.to_u128()))?;
    let promises = &mut state.verifier.promises;
    let since = promises.due.bindings.entry(binding);
    let since = since.or_insert_with(|| Some(BTreeMap::new())).as_mut()?;
    since.insert(&function.name, 0);
    for owed in npi.functions_of(function.side) {
        let Some(due) = owed.due_after.as_ref().filter(|it| it.of == function.name) else {
            continue;
        };
        if !promises.offers.both(binding, owed.if_offered) {
            continue;
        }
        let calls = since.entry(&owed.name).or_default();
        *calls += 1;
        if *calls > due.calls {
            let what = format!(
                "{calls} calls of {} in binding {} without one of {}, which both sides offer: one \
                 is due in {}",
                function.name, binding.0, owed.name, due.calls
            );
            return Some((DUE.into(), what));
        }
    }
    None
}

/// What a known module is to call beside others that it makes of the same table: the function,
/// in how many calls, and of which.
fn habits(
    state: &State,
    call: Crossing,
) -> Option<impl Iterator<Item = (&'static Function, u64, &'static str)> + use<>> {
    let function = call.through.function?;
    let npi = find(NpiId(call.through.npi.to_u128()))?;
    let is_known = idle::is_known(state, call.caller, npi.id);
    let habits = npi.module(function.side.peer()).also_calls.iter();
    let habits = habits.filter(move |it| is_known && it.npi.is_none());
    Some(habits.filter_map(|it| {
        let owed = npi.function(&it.function)?;
        Some((owed, it.due.calls, it.due.of.as_str()))
    }))
}

/// Returns `true` if a thread owes `owed` for a call in this binding.
fn counts(state: &State, call: Crossing, owed: &Function) -> bool {
    let promises = &state.verifier.promises;
    call.through.binding.is_some_and(|binding| {
        promises.offers.both(binding, owed.if_offered)
            && promises.idle.joins_known(binding)
            && !promises.due.detaches(binding)
    })
}

/// A call returns with success: with it what is due for calls in another NPI may be due.
fn allow(state: &mut State, call: Crossing) -> Option<()> {
    let (function, binding) = (call.through.function?, call.through.binding?);
    let npi = find(NpiId(call.through.npi.to_u128()))?;
    let habits = &npi.module(function.side).also_calls;
    let (habit, other) = habits.iter().find_map(|it| {
        let owed = npi.function(&it.function)?;
        (owed.after.as_ref() == Some(&function.name)).then_some((it, it.npi?))
    })?;
    let promises = &state.verifier.promises;
    let is_due = idle::is_known(state, call.callee, npi.id)
        && promises.idle.joins_known(binding)
        && !promises.due.detaches(binding);
    if is_due {
        let owed = Elsewhere {
            driver: call.callee,
            habit,
            npi: other,
            calls: 0,
        };
        let elsewhere = &mut state.verifier.promises.due.elsewhere;
        elsewhere.entry(binding).or_insert(owed);
    }
    Some(())
}

/// The finding for a call after which one in another NPI is overdue.
fn overdue_elsewhere(state: &mut State, call: Crossing) -> Option<(Code, String)> {
    let function = call.through.function?;
    let npi = NpiId(call.through.npi.to_u128());
    let elsewhere = &mut state.verifier.promises.due.elsewhere;
    if let Some(owed) = call.through.binding.and_then(|it| elsewhere.get_mut(&it))
        && owed.habit.function == function.name
    {
        owed.calls = 0;
    }
    let is_counted = |owed: &Elsewhere| {
        owed.driver == call.caller && owed.npi == npi && owed.habit.due.of == function.name
    };
    let counted = elsewhere.iter_mut().filter(|(_, owed)| is_counted(owed));
    for (binding, owed) in counted {
        owed.calls += 1;
        let due = &owed.habit.due;
        if owed.calls > due.calls {
            let what = format!(
                "the driver has made {} calls of {} and none of {} in binding {}: it is to make \
                 one in {}",
                owed.calls, due.of, owed.habit.function, binding.0, due.calls
            );
            return Some((DUE.into(), what));
        }
    }
    None
}

/// The finding for a call of a known module by a thread that owes another one.
pub(super) fn begin(state: &mut State, call: Crossing) -> Option<(Code, String)> {
    let function = call.through.function?;
    if let Some(found) = overdue_elsewhere(state, call) {
        return Some(found);
    }
    let thread = state.scheduling.current_id();
    for (owed, most, of) in habits(state, call)? {
        let key = (thread, owed.name.as_str());
        let counts = counts(state, call, owed);
        let threads = &mut state.verifier.promises.due.threads;
        if function.name == owed.name || (function.name == of && !counts) {
            threads.remove(&key);
            continue;
        }
        if function.name != of {
            continue;
        }
        let calls = threads.entry(key).or_default();
        *calls += u64::from(owed.cancels.is_none());
        if *calls > most {
            let pend = if owed.cancels.is_some() {
                " that pend"
            } else {
                ""
            };
            let what = format!(
                "a thread makes more than {most} calls of {of}{pend} to modules that offer {}, \
                 without one of that: the module is to make one in {most}",
                owed.name
            );
            return Some((DUE.into(), what));
        }
    }
    None
}

/// A call returns `result`; `pended` says whether it is still to be completed.
pub(super) fn end(state: &mut State, call: Crossing, result: u32, pended: bool) {
    if result == STATUS_SUCCESS.cast_unsigned() {
        allow(state, call);
    }
    let Some(habits) = habits(state, call).filter(|_| pended) else {
        return;
    };
    let thread = state.scheduling.current_id();
    for (owed, _, of) in habits {
        let is_of = call.through.function.is_some_and(|it| it.name == of);
        if is_of && owed.cancels.is_some() && counts(state, call, owed) {
            let threads = &mut state.verifier.promises.due.threads;
            *threads.entry((thread, owed.name.as_str())).or_default() += 1;
        }
    }
}
