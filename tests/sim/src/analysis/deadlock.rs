// SPDX-License-Identifier: MIT OR Apache-2.0

//! Explains a cycle that does not end: which thread waits for what, and which side
//! owes the end of a detach.

use crate::findings;
use crate::findings::caller;
use crate::findings::caller::caller;
use crate::io::files;
use crate::kernel::State;
use crate::memory::pool::tag_text;
use crate::scheduling::{ThreadId, Waitable};

/// Reports that no thread can run and none waits for time to pass.
pub(crate) fn report_deadlock(state: &mut State) {
    let what = format!("nobody can go on: {}", describe_waits(state));
    report_blocked_thread(state, what);
}

/// Reports that the cycle does not end, although threads run.
pub(crate) fn report_endless(state: &mut State) {
    match describe_waits(state) {
        stuck if stuck.is_empty() => {
            let what = "the cycle does not end: threads keep running".to_owned();
            findings::report(state, "livelock", what, caller(state));
        }
        stuck => report_blocked_thread(state, format!("the cycle does not end: {stuck}")),
    }
}

/// Reports a deadlock against the last thread that entered a wait without end:
/// the first ones are those that wait for a driver.
///
/// If a side owes the completion of a detach, it is responsible, whichever
/// thread waits.
fn report_blocked_thread(state: &mut State, what: String) {
    let threads = state.scheduling.threads().iter().enumerate().rev();
    let mut blocked = threads.filter(|(_, thread)| thread.blocked_on().is_some());
    let last = blocked.find_map(|(index, thread)| {
        let site = caller::origin(state, thread.frames.last()?)?;
        Some((ThreadId(index), site))
    });
    let (thread, site) = last.unzip();
    let debt = state.verifier.binding_calls.owing().next();
    let site = debt.map_or(site, |debt| state.loader.drivers.site(debt.code));
    let site = site.or_else(|| state.io.requests.unanswered());
    let site = site.or_else(|| files::first_referenced(state));
    let thread = thread.unwrap_or_else(|| state.scheduling.current_id());
    findings::report_on(state, thread, None, "deadlock".into(), what, site);
}

/// The threads that wait without end, and the sides that owe the completion of
/// a detach.
fn describe_waits(state: &State) -> String {
    let threads = state.scheduling.threads().iter();
    let stuck = threads.filter_map(|thread| {
        let on = thread.blocked_on()?;
        Some(format!(
            "{} waits for {}",
            thread.name,
            show_waitable(state, on)
        ))
    });
    let owed = state
        .verifier
        .binding_calls
        .owing()
        .map(|debt| debt.to_string());
    stuck.chain(owed).collect::<Vec<_>>().join("; ")
}

/// Describes what a thread waits for.
pub(crate) fn show_waitable(state: &State, on: Waitable) -> String {
    match on {
        Waitable::Nothing => "time".to_owned(),
        Waitable::Stage => "a module's next stage".to_owned(),
        Waitable::Deregistration(_) => "the end of a deregistration".to_owned(),
        Waitable::Thread(id) => format!("thread {}", state.scheduling.thread(id).name),
        Waitable::Object(address) => show_object(state, address),
        Waitable::Files(driver) => {
            let driver = state.loader.drivers[driver].name();
            format!("the end of the last open file of {driver}")
        }
        Waitable::Pointers(address) => {
            let by = state.objects.handles.pointer_to(address);
            let by = by.map_or_else(String::new, |by| state.loader.drivers.show(by));
            format!("the end of the reference to a file object that {by} has taken")
        }
    }
}

fn show_object(state: &State, address: usize) -> String {
    if let Some((to, name)) = state.io.requests.owed(address) {
        let to = to.map_or_else(String::new, |to| state.loader.drivers.show(to));
        return format!("the completion of an {name} that was sent to {to}");
    }
    let is_it = |index: &usize| state.scheduling.threads()[*index].object == address;
    if let Some(index) = (0..state.scheduling.threads().len()).find(is_it) {
        return show_waitable(state, Waitable::Thread(ThreadId(index)));
    }
    if let Some(site) = state.loader.drivers.site(address) {
        return format!("the object at {}", state.loader.drivers.show(site));
    }
    match state.memory.pool.near(address) {
        Some(block) => format!(
            "the object at {:#x} of a block with tag {}",
            address.wrapping_sub(block.start),
            tag_text(block.tag)
        ),
        None => format!("the object at {address:#x}"),
    }
}
