// SPDX-License-Identifier: MIT OR Apache-2.0

//! Explains a cycle that does not end: the wait that cannot end, its cause, and the module
//! that is responsible.
//!
//! The first of these that applies:
//!
//! 1. A thread that waits, inside a callback or a call through a dispatch table, for an event
//!    that cannot occur before the callback or call has returned (R31).
//! 2. A thread that waits for a deregistration while it holds a lock for which another thread
//!    waits (R31).
//! 3. A side of a binding whose detach is pending: its peer has not completed requests, or
//!    the side does not complete the detach.
//! 4. A waiting thread in a call or callback for whose return such a side waits.
//! 5. The dispatch routine that delays the machine's shutdown.
//! 6. The last thread that began to wait.

use registrar::Doing;

use crate::analysis::dispatch_time;
use crate::analysis::wait_graph::{self, Holder, Link};
use crate::findings;
use crate::findings::bug_check::Code;
use crate::findings::caller::{self, caller};
use crate::io::files;
use crate::kernel::{State, kernel};
use crate::loader::drivers::Site;
use crate::memory::pool::tag_text;
use crate::network::registrations;
use crate::nmr;
use crate::scheduling::frame::TableEntry;
use crate::scheduling::{SECOND, ThreadId, Waitable};

/// What keeps a cycle from its end.
struct Cause {
    code: Code,
    what: String,
    thread: Option<ThreadId>,
    site: Option<Site>,
}

/// Reports that no thread can run and none waits for time to pass.
pub(crate) fn report_deadlock(state: &mut State) {
    report_blocked(state, "nobody can go on");
}

/// Reports that the cycle does not end, although threads run.
pub(crate) fn report_endless(state: &mut State) {
    if let Some((thread, code, what)) = dispatch_time::longest(state) {
        let site =
            wait_site(state, thread).or_else(|| state.scheduling.thread(thread).responsible());
        findings::report_on(state, thread, None, code, what, site);
        return;
    }
    let end = end_of_script(state);
    let thread = state.scheduling.thread(end);
    let explained = wrong_wait(state).is_some();
    if !explained && end != SCRIPT && thread.blocked_on().is_none() {
        report_runaway(state, end);
    } else if blocked(state).next().is_some() {
        report_blocked(state, "the cycle does not end");
    } else {
        let what = "the cycle does not end: threads keep running".to_owned();
        findings::report(state, "livelock", what, caller(state));
    }
}

/// The thread that takes the steps of the cycle.
const SCRIPT: ThreadId = ThreadId(0);

/// The thread that must go on before the script can.
fn end_of_script(state: &State) -> ThreadId {
    let mut last = SCRIPT;
    for _ in state.scheduling.threads() {
        match wait_graph::holders(state, last).first() {
            Some(holder) => last = holder.thread,
            None => break,
        }
    }
    last
}

/// Reports a thread that goes on and does not come to an end, or that sleeps for longer
/// than a cycle has steps for.
fn report_runaway(state: &mut State, id: ThreadId) {
    /// The least time that counts as a long sleep.
    const LONG: u64 = 10 * SECOND;

    let thread = state.scheduling.thread(id);
    let site = wait_site(state, id).or_else(|| thread.responsible());
    let left = thread
        .wakes_at()
        .map_or(0, |until| until.saturating_sub(state.scheduling.now()));
    if left >= LONG {
        let seconds = left / SECOND;
        let what = format!(
            "sleeps for {seconds} seconds more while other threads run: that takes more steps than \
             a cycle has"
        );
        findings::report_unsupported(state, None, what, site);
        return;
    }
    let end = match state.io.shutdown.thread() {
        Some(shutdown) if !state.scheduling.thread(shutdown).has_ended() => "shutdown",
        _ => "cycle",
    };
    let what = format!(
        "the {end} does not end: {} has not come to an end after {} calls, returns and switches",
        thread.name,
        state.scheduling.points_since_step()
    );
    findings::report_on(state, id, None, "livelock".into(), what, site);
}

fn report_blocked(state: &mut State, how: &str) {
    let cause = wrong_wait(state)
        .or_else(|| stuck_in_call(state))
        .or_else(|| kept_open(state))
        .or_else(|| holds_shutdown(state))
        .or_else(|| remove_lock_held(state))
        .or_else(|| kept_by_network(state))
        .or_else(|| waits_for_routine(state))
        .or_else(|| owes_request(state))
        .unwrap_or_else(|| last_to_wait(state));
    let thread = cause.thread.or_else(|| blocked(state).next());
    let thread = thread.unwrap_or_else(|| state.scheduling.current_id());
    let waits: Vec<_> = state.scheduling.threads().iter().enumerate().collect();
    let waits: Vec<_> = waits
        .into_iter()
        .filter(|(_, thread)| thread.blocked_on().is_some())
        .map(|(index, _)| describe_wait(state, ThreadId(index)))
        .collect();
    let parts = [cause.what, format!("{how}: {}", waits.join("; "))];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let what = parts.join("; ");
    findings::report_on(state, thread, None, cause.code, what, cause.site);
}

/// What can never end, whatever other threads do.
fn wrong_wait(state: &State) -> Option<Cause> {
    waits_for_itself(state)
        .or_else(|| waits_under_lock(state))
        .or_else(|| owes_detach(state))
}

/// The threads that wait without end, the last one first that is in a driver: the first
/// ones are those that wait for a driver.
fn blocked(state: &State) -> impl Iterator<Item = ThreadId> {
    let threads = state.scheduling.threads().iter().enumerate().rev();
    threads
        .filter(|(_, thread)| thread.blocked_on().is_some())
        .map(|(index, _)| ThreadId(index))
}

/// The place in a driver at which a thread waits.
fn wait_site(state: &State, thread: ThreadId) -> Option<Site> {
    caller::origin(state, state.scheduling.thread(thread).frames.last()?)
}

/// R31: a wait inside a call or a callback, for what comes after that.
fn waits_for_itself(state: &State) -> Option<Cause> {
    blocked(state).find_map(|thread| {
        let circle = wait_graph::circle(state, thread)?;
        let last = circle.last()?;
        let inside = match last.link {
            Link::Call(through) => format!("a call of {through} for {}", binding_of(through)),
            Link::Callback(binding) => format!("a callback for binding {}", binding.0),
            Link::Lock | Link::End => return None,
        };
        let what = format!(
            "inside {inside}, {}, which cannot come before that has returned{}",
            describe_wait(state, thread),
            via(state, &circle[..circle.len() - 1]),
        );
        Some(Cause {
            code: Code::rule(31),
            what,
            thread: Some(thread),
            site: wait_site(state, thread),
        })
    })
}

fn via(state: &State, path: &[Holder]) -> String {
    let step = |holder: &Holder| format!(", as {}", describe_wait(state, holder.thread));
    path.iter().map(step).collect()
}

/// R31: a lock that is held by a thread that waits for a deregistration.
fn waits_under_lock(state: &State) -> Option<Cause> {
    blocked(state).find_map(|waiter| {
        let holder = wait_graph::holders(state, waiter)
            .into_iter()
            .find(|holder| {
                matches!(holder.link, Link::Lock) && state.nmr.waits.contains_key(&holder.thread)
            })?;
        let what = format!(
            "{}, holding what {}",
            describe_wait(state, holder.thread),
            describe_wait(state, waiter)
        );
        Some(Cause {
            code: Code::rule(31),
            what,
            thread: Some(holder.thread),
            site: wait_site(state, holder.thread),
        })
    })
}

/// A side that has not completed its detach, though no thread is in a call of it.
fn owes_detach(state: &State) -> Option<Cause> {
    kernel().registrar.holdups().iter().find_map(|holdup| {
        if holdup.doing != Doing::Pended || !wait_graph::callers(state, holdup).is_empty() {
            return None;
        }
        let (binding, side) = (holdup.binding, holdup.side);
        let at = |code| state.loader.drivers.site(code);
        let module = |site: Option<Site>| {
            site.map_or_else(
                || "its module".to_owned(),
                |site| state.loader.drivers[site.driver].name().to_owned(),
            )
        };
        let end = at(holdup.code);
        let debt = state.verifier.binding_calls.pended(binding, side);
        let (what, blamed) = if let Some((requests, taker)) = debt {
            let taker = at(taker);
            let what = format!(
                "binding {} does not end: {} has {} of the {side:?} ({}) that it has not \
                 completed",
                binding.0,
                module(taker),
                counted(requests, "request"),
                module(end),
            );
            (what, taker)
        } else {
            let detach = state.verifier.binding_calls.detach_callback(binding, side);
            let what = format!(
                "binding {} does not end: the {side:?} ({}) has returned STATUS_PENDING from its \
                 detach callback, has no call in flight, and does not complete the detach",
                binding.0,
                module(end),
            );
            (what, detach.and_then(at).or(end))
        };
        Some(Cause {
            code: "deadlock".into(),
            what,
            thread: None,
            site: blamed,
        })
    })
}

/// The binding that a call is made for.
fn binding_of(through: TableEntry) -> String {
    let binding = through.binding;
    binding.map_or_else(|| "a binding".to_owned(), |it| format!("binding {}", it.0))
}

/// A thread in a call or a callback that a deregistration waits for.
fn stuck_in_call(state: &State) -> Option<Cause> {
    let mut waiters = state.nmr.waits.keys();
    let (holder, end) = waiters.find_map(|&waiter| {
        let mut holders = wait_graph::holders(state, waiter).into_iter();
        holders.find_map(|holder| Some((holder, last_of(state, holder.thread)?)))
    })?;
    let binding = match holder.link {
        Link::Call(through) => format!(
            "{} does not end: its call of {through} has not returned",
            binding_of(through)
        ),
        Link::Callback(binding) => {
            format!(
                "binding {} does not end: its callback has not returned",
                binding.0
            )
        }
        Link::Lock | Link::End => return None,
    };
    let what = format!("{binding}, as {}", describe_wait(state, end));
    Some(Cause {
        code: "deadlock".into(),
        what,
        thread: Some(end),
        site: wait_site(state, end),
    })
}

/// The thread at the end of what a thread waits for, if that waits for no thread.
fn last_of(state: &State, thread: ThreadId) -> Option<ThreadId> {
    let mut last = thread;
    for _ in state.scheduling.threads() {
        state.scheduling.thread(last).blocked_on()?;
        match wait_graph::holders(state, last).first() {
            Some(holder) => last = holder.thread,
            None => return Some(last),
        }
    }
    None
}

/// An unload that waits for the driver's files: the request or the reference that keeps
/// one of them open.
fn kept_open(state: &State) -> Option<Cause> {
    let waits = |thread: ThreadId| {
        let on = state.scheduling.thread(thread).blocked_on();
        matches!(on, Some(Waitable::Files(_) | Waitable::Pointers(_)))
    };
    let thread = blocked(state).find(|&thread| waits(thread))?;
    let site = state.io.requests.unanswered();
    let site = site.or_else(|| files::first_referenced(state))?;
    Some(Cause {
        code: "deadlock".into(),
        what: String::new(),
        thread: Some(thread),
        site: Some(site),
    })
}

/// A shutdown that waits for a request: the code that waits while it handles the request,
/// or the dispatch routine that has not completed it.
fn holds_shutdown(state: &State) -> Option<Cause> {
    let thread = state.io.shutdown.thread()?;
    let on = state.scheduling.thread(thread).blocked_on()?;
    let sent_to = match on {
        Waitable::Object(request) => state.io.requests.owed(request).map(|(to, _)| to),
        _ => None,
    };
    Some(Cause {
        code: "deadlock".into(),
        what: "the shutdown of the machine does not end".to_owned(),
        thread: Some(thread),
        site: sent_to.unwrap_or_else(|| wait_site(state, thread)),
    })
}

/// An unregistration that waits for the routine, which does not return.
fn waits_for_routine(state: &State) -> Option<Cause> {
    let waits = |thread: &ThreadId| {
        let on = state.scheduling.thread(*thread).blocked_on();
        matches!(on, Some(Waitable::Routine(_)))
    };
    let thread = blocked(state).find(waits)?;
    Some(Cause {
        code: "deadlock".into(),
        what: String::new(),
        thread: Some(thread),
        site: wait_site(state, thread),
    })
}

/// A removal that waits for the release of a remove lock: the call that has acquired it.
fn remove_lock_held(state: &State) -> Option<Cause> {
    let held = |thread: ThreadId| match state.scheduling.thread(thread).blocked_on() {
        Some(Waitable::Object(address)) => {
            Some((thread, state.io.remove_locks.acquired(address)?.by?))
        }
        _ => None,
    };
    let (thread, site) = blocked(state).find_map(held)?;
    Some(Cause {
        code: "deadlock".into(),
        what: String::new(),
        thread: Some(thread),
        site: Some(site),
    })
}

/// A deregistration from Winsock Kernel that waits for what the driver has captured or opened:
/// the call that did.
fn kept_by_network(state: &State) -> Option<Cause> {
    let kept = |thread: ThreadId| match state.scheduling.thread(thread).blocked_on() {
        Some(Waitable::Object(at)) => {
            let missing = registrations::missing(state, at)?;
            Some((thread, missing.by?, missing.rule))
        }
        _ => None,
    };
    let (thread, site, rule) = blocked(state).find_map(kept)?;
    Some(Cause {
        code: rule.map_or_else(|| "deadlock".into(), Code::from),
        what: String::new(),
        thread: Some(thread),
        site: Some(site),
    })
}

/// A request that a program waits for, sent to a driver of which no thread was the last to
/// wait: the dispatch routine that has not completed it.
fn owes_request(state: &State) -> Option<Cause> {
    let owed = |thread: ThreadId| match state.scheduling.thread(thread).blocked_on() {
        Some(Waitable::Object(request)) => Some((thread, state.io.requests.owed(request)?.0?)),
        _ => None,
    };
    let (thread, site) = blocked(state).find_map(owed)?;
    let last = last_to_wait(state).site;
    let is_its = last.is_some_and(|last| last.driver == site.driver);
    (!is_its).then(|| Cause {
        code: "deadlock".into(),
        what: String::new(),
        thread: Some(thread),
        site: Some(site),
    })
}

/// The thread that keeps one for which the script waits, or the last thread that entered a
/// wait in a driver, or what a driver has not finished.
fn last_to_wait(state: &State) -> Cause {
    let at = |thread| Some((thread, wait_site(state, thread)?));
    let awaited = wait_graph::holders(state, SCRIPT);
    let end = end_of_script(state);
    let keeps_another = end != SCRIPT && awaited.iter().all(|it| it.thread != end);
    let end = keeps_another.then_some(end);
    let last = end.and_then(at).or_else(|| blocked(state).find_map(at));
    let (thread, site) = last.unzip();
    let site = site.or_else(|| state.io.requests.unanswered());
    Cause {
        code: "deadlock".into(),
        what: String::new(),
        thread,
        site,
    }
}

fn counted(number: u64, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

/// `unload client waits for the end of the registration of a client of Echo`.
fn describe_wait(state: &State, id: ThreadId) -> String {
    let thread = state.scheduling.thread(id);
    let on = match thread.blocked_on() {
        Some(Waitable::Deregistration(_)) => state.nmr.waits.get(&id).map_or_else(
            || show_waitable(state, Waitable::Deregistration(0)),
            |&own| format!("the end of {}", nmr::registrations::describe(state, own)),
        ),
        Some(on) => show_waitable(state, on),
        None => return format!("{} has not returned", thread.name),
    };
    format!("{} waits for {on}", thread.name)
}

/// Describes what a thread waits for.
pub(crate) fn show_waitable(state: &State, on: Waitable) -> String {
    match on {
        Waitable::Nothing => "time".to_owned(),
        Waitable::Stage => "a module's next stage".to_owned(),
        Waitable::Deregistration(_) => "the end of a deregistration".to_owned(),
        Waitable::Routine(id) => format!(
            "the return of the routine that the kernel calls on thread {}",
            state.scheduling.thread(id).name
        ),
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
    if let Some(held) = state.io.remove_locks.acquired(address) {
        let by = held
            .by
            .map_or_else(String::new, |by| state.loader.drivers.show(by));
        return format!("the release of a remove lock that {by} has acquired");
    }
    if let Some(missing) = registrations::missing(state, address) {
        return missing.what;
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
