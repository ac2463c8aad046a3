// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the pair's drivers tell Event Tracing for Windows of their modules agrees with what
//! NMR has seen: one event, with its fields, for each registration, attach, detach and
//! cleanup, and one for the load and the unload of the driver.
//!
//! Judged are providers whose name begins with [`OURS`], while a session records them. The
//! events of a callback are written inside it, those of a function of NMR before the thread
//! calls the next one. Where a session starts or stops meanwhile, an event may be missing.

use std::collections::BTreeMap;

use npi_description::{NpiId, find};
use registrar::host::{Call, Event, Phase};

use super::device;
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::{MICROSECOND, ThreadId};
use crate::verifier::faults;

/// What the names of the providers begin with whose events are known.
const OURS: &str = "NmrPair.";
/// What a driver with events imports.
const REGISTER: &str = "EtwRegister";
/// The code of the finding, of which neither NMR nor Windows has one.
const TRACED: &str = "traced";

/// The providers of a cycle, by their driver.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    drivers: BTreeMap<DriverId, Provider>,
}

/// A provider that is registered.
#[derive(Debug, Default)]
struct Provider {
    /// A session takes the events, and the driver has been told so.
    listens: bool,
    /// How often that has changed.
    changes: u64,
    windows: Vec<Window>,
    owed: Vec<Owed>,
    unload: Option<Unload>,
    /// The events of the driver itself.
    own: Vec<String>,
}

/// A session that records without a break as long as this stays the same.
type Recording = u64;

/// A `DriverUnload` that has been called.
#[derive(Clone, Copy, Debug)]
struct Unload {
    recording: Option<Recording>,
    began: u64,
    /// When it first deregistered a module, and when the last deregistration was complete.
    deregistering: Option<(u64, u64)>,
}

/// A callback that runs.
#[derive(Debug)]
struct Window {
    thread: ThreadId,
    recording: Option<Recording>,
    written: Vec<String>,
}

/// An event that has to come before the thread calls NMR again.
#[derive(Debug)]
struct Owed {
    thread: ThreadId,
    recording: Option<Recording>,
    event: Expected,
}

/// An event, in lower case as it is shown, but for what lies between both parts.
#[derive(Debug)]
struct Expected {
    head: String,
    tail: String,
}

impl Expected {
    fn fits(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let rest = text.strip_prefix(&self.head);
        rest.is_some_and(|rest| rest.ends_with(&self.tail))
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { head, tail } = self;
        if tail.is_empty() {
            write!(f, "{head}")
        } else {
            write!(f, "{head} .. {tail}")
        }
    }
}

impl Unload {
    /// Follows the deregistrations.
    fn follow(&mut self, event: &Event, now: u64) {
        match (event.call, event.phase, &mut self.deregistering) {
            (Call::Deregister, Phase::Enter, first @ None) => *first = Some((now, now)),
            (Call::Deregister | Call::Wait, Phase::Leave(_), Some((_, last))) => *last = now,
            _ => {}
        }
    }

    /// The finding if an event says that the unload has taken more time than since it began, or
    /// less than its deregistrations.
    fn mistaken(&self, text: &str, now: u64) -> Option<(Code, String)> {
        let told = text.strip_prefix("Unload: Microseconds=")?;
        let told: u64 = told.parse().ok()?;
        let (first, last) = self.deregistering.unwrap_or_default();
        let range = (last - first) / MICROSECOND..=(now - self.began) / MICROSECOND;
        (!range.contains(&told)).then(|| {
            let what = format!(
                "the ETW event of the unload says that it took {told} microseconds: its \
                 deregistrations took {}, and since it began {} have passed",
                range.start(),
                range.end()
            );
            (TRACED.into(), what)
        })
    }
}

impl Provider {
    const fn recording(&self) -> Option<Recording> {
        if self.listens {
            Some(self.changes)
        } else {
            None
        }
    }

    /// Returns `true` if nothing has changed since, and a session records.
    fn was_recorded(&self, since: Option<Recording>) -> bool {
        since.is_some() && since == self.recording()
    }

    /// The finding for what `thread`, or any, has not written.
    fn settle(&mut self, thread: Option<ThreadId>) -> Option<(Code, String)> {
        let is_due = |owed: &Owed| thread.is_none_or(|it| owed.thread == it);
        let due: Vec<_> = self.owed.extract_if(.., |owed| is_due(owed)).collect();
        let missing = due.iter().find(|it| self.was_recorded(it.recording))?;
        Some(missed(&missing.event, &[]))
    }
}

fn missed(expected: &Expected, written: &[String]) -> (Code, String) {
    let written = match written {
        [] => "nothing was".to_owned(),
        some => some.join("; "),
    };
    let what = format!(
        "the ETW event {expected} was not written, or not once, while a session recorded it: \
         {written} written"
    );
    (TRACED.into(), what)
}

/// A provider of `driver` has got its name.
pub(crate) fn named(state: &mut State, driver: DriverId, name: &str, listens: bool) {
    if name.starts_with(OURS) {
        let provider = Provider {
            listens,
            ..Provider::default()
        };
        let all = &mut state.verifier.promises.recorded.drivers;
        all.insert(driver, provider);
    }
}

/// What sessions want of the provider of `driver` changes, or has changed: whether they take
/// its events.
pub(crate) fn changed(state: &mut State, driver: DriverId, listens: bool) {
    if let Some(provider) = provider(state, driver) {
        provider.listens = listens;
        provider.changes += 1;
    }
}

fn provider(state: &mut State, driver: DriverId) -> Option<&mut Provider> {
    state.verifier.promises.recorded.drivers.get_mut(&driver)
}

/// A driver has written an event, which is shown like this. The finding if it should not
/// have.
pub(crate) fn written(state: &mut State, driver: DriverId, text: &str) -> Option<(Code, String)> {
    let thread = state.scheduling.current_id();
    let now = state.scheduling.now();
    let provider = provider(state, driver)?;
    let of_thread = |owed: &Owed| owed.thread == thread && owed.event.fits(text);
    if let Some(place) = provider.owed.iter().position(of_thread) {
        provider.owed.remove(place);
        return None;
    }
    let mut windows = provider.windows.iter_mut();
    if let Some(window) = windows.rfind(|it| it.thread == thread) {
        window.written.push(text.to_owned());
        return None;
    }
    if text.starts_with("Load:") || text.starts_with("Unload:") {
        provider.own.push(text.to_owned());
        return provider.unload.and_then(|it| it.mistaken(text, now));
    }
    let owed = provider.owed.iter().find(|it| it.thread == thread);
    let owed = owed.map_or_else(
        || "nothing of the kind has happened".to_owned(),
        |it| format!("what has happened is {}", it.event),
    );
    let what = format!("the ETW event {text} was written, but {owed}");
    Some((TRACED.into(), what))
}

/// `DriverEntry` has returned `status`. The finding if the events say otherwise.
pub(super) fn entered(state: &mut State, driver: DriverId, status: i32) -> Option<(Code, String)> {
    if status == 0 && is_silent(state, driver) {
        let what = format!(
            "the driver has started without the ETW provider {OURS}*, though it imports {REGISTER}"
        );
        return Some((TRACED.into(), what));
    }
    let provider = provider(state, driver)?;
    let recorded = provider.listens && provider.changes == 0;
    let event = Expected {
        head: format!("load: status={status:#010x}"),
        tail: String::new(),
    };
    let own = std::mem::take(&mut provider.own);
    let told = own.iter().filter(|it| event.fits(it)).count();
    (told != own.len() || (recorded && told != 1)).then(|| missed(&event, &own))
}

/// Returns `true` if a driver of the pair that has ETW events has not registered their
/// provider, though nothing has failed.
fn is_silent(state: &State, driver: DriverId) -> bool {
    let providers = &state.verifier.promises.recorded.drivers;
    !providers.contains_key(&driver)
        && device::is_expected(state, driver)
        && state.loader.drivers[driver].image.imports(REGISTER)
        && !faults::has_met_fault(state, driver)
}

/// `DriverUnload` is about to be called.
pub(super) fn unloading(state: &mut State, driver: DriverId) {
    let now = state.scheduling.now();
    if let Some(provider) = provider(state, driver) {
        provider.unload = Some(Unload {
            recording: provider.recording(),
            began: now,
            deregistering: None,
        });
    }
}

/// A provider is about to be unregistered. The finding for what it has not written.
pub(crate) fn unregistering(state: &mut State, driver: DriverId) -> Option<(Code, String)> {
    let provider = provider(state, driver)?;
    let owed = provider.settle(None);
    let recording = provider.unload.and_then(|it| it.recording);
    let missing = provider.was_recorded(recording) && provider.own.len() != 1;
    let unload = missing.then(|| {
        let event = Expected {
            head: "unload:".to_owned(),
            tail: String::new(),
        };
        missed(&event, &provider.own)
    });
    state.verifier.promises.recorded.drivers.remove(&driver);
    owed.or(unload)
}

/// Follows the functions of NMR, and the callbacks of modules. The finding for an event that
/// is missing or wrong.
pub(super) fn observe(state: &mut State, event: &Event) -> Option<(Code, String)> {
    if state.verifier.promises.recorded.drivers.is_empty() {
        return None;
    }
    let thread = state.scheduling.current_id();
    let driver = state.loader.drivers.site(event.code)?.driver;
    let npi = event.npi.and_then(|npi| find(NpiId(npi.to_u128())));
    // Any module's name fits an NPI without a description, or one that NMR did not tell, as that
    // of a registration that failed.
    let head = |what, rest| {
        let module = npi.map(|npi| npi.name.to_ascii_lowercase() + "\"" + rest);
        format!("{what}: module=\"{}", module.unwrap_or_default())
    };
    let now = state.scheduling.now();
    let provider = provider(state, driver)?;
    if let Some(unload) = &mut provider.unload {
        unload.follow(event, now);
    }
    match event.phase {
        Phase::Enter if event.call.is_callback() => {
            let recording = provider.recording();
            provider.windows.push(Window {
                thread,
                recording,
                written: Vec::new(),
            });
            None
        }
        Phase::Enter => provider.settle(Some(thread)),
        Phase::Leave(status) if event.call.is_callback() => {
            let mut windows = provider.windows.iter();
            let window = windows.rposition(|it| it.thread == thread)?;
            let window = provider.windows.remove(window);
            let (what, tail) = match event.call {
                Call::AttachCallback => ("attach", format!(", status={status:#010x}")),
                Call::DetachCallback => ("detach", String::new()),
                _ => ("cleanup", "}".to_owned()),
            };
            let head = head(what, ", peer={");
            let event = Expected { head, tail };
            let told = window.written.iter().filter(|it| event.fits(it)).count();
            let is_wrong = told != window.written.len() || told > 1;
            let is_missing = told == 0 && provider.was_recorded(window.recording);
            (is_wrong || is_missing).then(|| missed(&event, &window.written))
        }
        Phase::Leave(status) => {
            let (what, with_status) = match event.call {
                Call::Register => ("register", true),
                Call::Deregister => ("deregister", true),
                Call::Wait if status == 0 => ("deregistered", false),
                _ => return None,
            };
            let tail = if with_status {
                format!(", status={status:#010x}")
            } else {
                String::new()
            };
            let head = head(what, "");
            let recording = provider.recording();
            provider.owed.push(Owed {
                thread,
                recording,
                event: Expected { head, tail },
            });
            None
        }
    }
}
