// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a data race is reported: both accesses, each with its thread, its locks and its call
//! stack, and the object.

use super::shadow::{Effect, Entry, Present};
use crate::findings::caller::caller;
use crate::findings::{call_stack, defer};
use crate::hardware::irql;
use crate::hardware::registers::Registers;
use crate::hardware::trap::{Exception, ExceptionKind};
use crate::kernel::State;
use crate::loader::drivers::Site;
use crate::memory::pool::tag_text;
use crate::scheduling::ThreadId;

/// The code of findings.
const CODE: &str = "race";

/// What is known of the earlier access of a race.
#[derive(Debug)]
pub(super) struct Described {
    /// Its locks and its call stack.
    history: Vec<String>,
}

/// The access as an exception, for its call stack. `None` without the `registers` of an
/// instruction: the thread is in a call.
fn as_exception(
    state: &State,
    present: &Present,
    registers: Option<&Registers>,
) -> Option<Exception> {
    Some(Exception {
        kind: ExceptionKind::Read,
        rip: state.verifier.races.home(present.point),
        address: present.address,
        registers: *registers?,
    })
}

/// What an access does, and how.
const fn verb(effect: Effect) -> (&'static str, &'static str) {
    match effect {
        Effect::Load | Effect::Fetch | Effect::Read => ("reads", ""),
        Effect::Store | Effect::Write => ("writes", ""),
        Effect::Modify => ("updates", " in more than one step"),
        Effect::Atomic => ("updates", " by an interlocked instruction"),
    }
}

const fn past(effect: Effect) -> &'static str {
    match effect {
        Effect::Load | Effect::Fetch | Effect::Read => "read it",
        Effect::Store | Effect::Write => "wrote it",
        Effect::Modify => "updated it in more than one step",
        Effect::Atomic => "updated it by an interlocked instruction",
    }
}

/// `client.sys+0x1234 Leave (client.c:12) read it before, on thread 5`.
fn earlier_access(state: &State, earlier: &Entry) -> String {
    let site = site(state, earlier.point);
    let place = site.map(|site| state.loader.drivers.show(site));
    format!(
        "{} {} before, on thread {}, and nothing orders the two",
        place.unwrap_or_default(),
        past(earlier.effect),
        state.scheduling.threads()[earlier.moment.thread as usize].name,
    )
}

/// `1 byte`, `8 bytes`.
fn bytes(count: usize) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

/// The object that contains an address, as `offset 0x10 of a block of pool (tag Echo, ..)`.
fn object(state: &State, address: usize) -> String {
    let drivers = &state.loader.drivers;
    if let Some(block) = state.memory.pool.near(address)
        && (block.start..block.start + block.size).contains(&address)
    {
        let by = block.owner.map(|by| {
            let by = drivers.show(by);
            format!(", allocated at {by}")
        });
        return format!(
            "offset {:#x} of a block of {} (tag {}{})",
            address - block.start,
            bytes(block.size),
            tag_text(block.tag),
            by.unwrap_or_default()
        );
    }
    if let Some(site) = drivers.site(address) {
        return drivers.show_variable(site);
    }
    match state.scheduling.owner_of_stack(address) {
        Some(thread) => format!("{address:#x} of the stack of thread {}", thread.name),
        None => format!("{address:#x} of a stack"),
    }
}

/// What a thread holds, as a line.
fn locks(state: &State, thread: ThreadId) -> String {
    let level = irql::name(state.scheduling.thread(thread).irql);
    let held: Vec<_> = state
        .verifier
        .locks
        .of(thread)
        .map(|lock| {
            let by = lock.by.map(|by| state.loader.drivers.show(by));
            let by = by.map_or_else(String::new, |by| format!(" acquired at {by}"));
            format!("{} ({:#x}){by}", lock.kind.name(), lock.address)
        })
        .collect();
    if held.is_empty() {
        format!("at {level}, no lock held")
    } else {
        format!("at {level}, holds {}", held.join(", "))
    }
}

/// Describes an access that will turn out to be the earlier one of a race.
pub(super) fn describe(state: &mut State, present: &Present, registers: Option<&Registers>) {
    let thread = state.scheduling.current_id();
    let exception = as_exception(state, present, registers);
    let name = &state.scheduling.thread(thread).name;
    let (verb, how) = verb(present.effect());
    let mut history = vec![format!(
        "the earlier access: thread {name} {verb} {}{how}, {}",
        bytes(present.size),
        locks(state, thread)
    )];
    let stack = call_stack::call_stack(state, thread, exception.as_ref());
    history.extend(stack.iter().map(|frame| format!("  {frame}")));
    state.verifier.races.described = Some(Described { history });
}

/// The place of an instruction.
fn site(state: &State, point: u32) -> Option<Site> {
    state.loader.drivers.site(state.verifier.races.home(point))
}

/// The lines about the earlier access, and about the later one's locks.
fn history(state: &mut State) -> Vec<String> {
    let thread = state.scheduling.current_id();
    let mut lines = vec![format!("the later access: {}", locks(state, thread))];
    if let Some(described) = &state.verifier.races.described {
        lines.extend(described.history.iter().cloned());
    }
    lines
}

/// Reports a race between `earlier` and the access that is about to happen.
pub(super) fn race(
    state: &mut State,
    present: &Present,
    earlier: &Entry,
    registers: Option<&Registers>,
) {
    let (verb, how) = verb(present.effect());
    let what = format!(
        "data race: {verb} {} at {}{how}; {}",
        bytes(present.size),
        object(state, present.address),
        earlier_access(state, earlier),
    );
    state.verifier.races.earlier.get_or_insert(earlier.serial);
    let exception = as_exception(state, present, registers);
    let by = site(state, present.point);
    let lines = history(state);
    defer(state, exception.as_ref(), CODE, what, by, lines);
}

/// Reports that a block is freed which another thread has accessed, with nothing to order
/// the two.
pub(super) fn check_free(state: &mut State, start: usize, size: usize, by: Option<Site>) {
    let thread = state.scheduling.current_id();
    let races = &state.verifier.races;
    let clocks = &state.scheduling.clocks;
    let unordered = races.shadow.unordered(start..start + size, clocks, thread);
    let Some((address, earlier)) = unordered else {
        return;
    };
    let what = format!(
        "data race: frees memory in use: {}; {}",
        object(state, address),
        earlier_access(state, &earlier),
    );
    state.verifier.races.earlier.get_or_insert(earlier.serial);
    let lines = history(state);
    let by = by.or_else(|| caller(state));
    defer(state, None, CODE, what, by, lines);
}
