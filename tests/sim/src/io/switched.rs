// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks the switch of the control interface: after a switch has succeeded and until another one
//! is sent, the module is registered or deregistered accordingly.

use std::collections::{BTreeMap, BTreeSet};

use nmr::abi::struct_size;
use scenarios::control::header;
use shared_npi::control::TELEMETRY;
use shared_npi::telemetry::TELEMETRY_NPI_ID;
use wdm::control::{SWITCH_SUBCOMPONENT, SwitchRequest, VERSION};

use crate::io::contract::driver_of;
use crate::io::requests::Request;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::nmr::registrations;
use crate::scheduling::ThreadId;

/// The switches of each driver.
#[derive(Debug, Default)]
pub(crate) struct Switches(BTreeMap<DriverId, Begun>);

/// The switches that programs have begun to send to a driver.
#[derive(Debug, Default)]
struct Begun {
    count: u64,
    /// The files through which a switch is about to be sent, each with the thread that sends it.
    announced: BTreeSet<(usize, ThreadId)>,
}

/// A moment at which no switch of a driver is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    driver: DriverId,
    begun: u64,
}

impl Switches {
    fn begin(&mut self, driver: DriverId, file: usize, thread: ThreadId) {
        let begun = self.0.entry(driver).or_default();
        begun.count += 1;
        begun.announced.insert((file, thread));
    }

    fn end_announcement(&mut self, file: usize, thread: ThreadId) {
        for begun in self.0.values_mut() {
            begun.announced.remove(&(file, thread));
        }
    }

    fn close(&mut self, file: usize) {
        for begun in self.0.values_mut() {
            begun.announced.retain(|&(other, _)| other != file);
        }
    }

    /// Returns the number of switches that have begun.
    fn count(&self, driver: DriverId) -> u64 {
        self.0.get(&driver).map_or(0, |it| it.count)
    }

    /// Returns `true` if a switch is about to be sent.
    fn is_announced(&self, driver: DriverId) -> bool {
        let begun = self.0.get(&driver);
        begun.is_some_and(|it| !it.announced.is_empty())
    }
}

impl Quiet {
    /// This moment, unless a switch of the driver of `file` is under way.
    pub(super) fn now(state: &State, file: usize) -> Option<Self> {
        let driver = driver_of(state, file)?;
        let is_switch = |it: &Request| {
            it.answer.is_none()
                && it.parameters.code == SWITCH_SUBCOMPONENT
                && state.io.files.has(it.parameters.file)
                && driver_of(state, it.parameters.file) == Some(driver)
        };
        let switches = &state.io.switches;
        let is_sent = state.io.requests.sent.values().any(is_switch);
        (!is_sent && !switches.is_announced(driver)).then(|| Self {
            driver,
            begun: switches.count(driver),
        })
    }
}

/// Returns `true` if no switch has been begun since.
pub(super) fn lasts(state: &State, since: Quiet) -> bool {
    state.io.switches.count(since.driver) == since.begun
}

/// A switch is about to be sent through a file. Returns the moment after it, if no other is
/// under way.
pub(super) fn begin(state: &mut State, file: usize) -> Option<Quiet> {
    let quiet = Quiet::now(state, file);
    let driver = driver_of(state, file)?;
    let thread = state.scheduling.current_id();
    state.io.switches.begin(driver, file, thread);
    quiet.map(|it| Quiet {
        begun: it.begun + 1,
        ..it
    })
}

/// Records that the current thread sends through a file the switch that it has announced.
pub(super) fn end_announcement(state: &mut State, file: usize) {
    let thread = state.scheduling.current_id();
    state.io.switches.end_announcement(file, thread);
}

/// A file is closed: what was announced and not sent through it never will be.
pub(super) fn close(state: &mut State, file: usize) {
    state.io.switches.close(file);
}

/// The state that a request wants, if it is a right one.
pub(super) fn wanted(input: &[u8]) -> Option<bool> {
    let head = header(struct_size::<SwitchRequest>(), VERSION);
    let rest = input.strip_prefix(head.as_slice())?;
    let (subcomponent, on) = rest.split_first_chunk()?;
    let on = u32::from_le_bytes(*on.first_chunk()?);
    (u32::from_le_bytes(*subcomponent) == TELEMETRY && on <= 1).then_some(on == 1)
}

/// What is wrong if a driver says that its module is registered or not, and no switch has
/// been under way since that moment.
pub(super) fn wrong(state: &State, since: Quiet, is_on: bool) -> Option<String> {
    let registered = registrations::live(state, since.driver, TELEMETRY_NPI_ID);
    let expected = usize::from(is_on);
    (lasts(state, since) && registered != expected).then(|| {
        format!(
            "the driver says that its subcomponent is {}, but {registered} of its modules are \
             registered",
            if is_on { "on" } else { "off" }
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_announced_until_its_own_thread_sends_it_or_its_file_is_closed() {
        let driver = DriverId(0);
        let [first, second] = [ThreadId(0), ThreadId(1)];
        let mut switches = Switches::default();
        // A request that nobody has announced.
        switches.end_announcement(1, first);
        switches.begin(driver, 1, first);
        switches.begin(driver, 1, second);
        switches.begin(driver, 2, second);
        switches.end_announcement(2, second);
        switches.end_announcement(1, second);
        assert!(switches.is_announced(driver));
        switches.close(2);
        assert!(switches.is_announced(driver));
        switches.close(1);
        assert!(!switches.is_announced(driver));
        assert_eq!(switches.count(driver), 3);
    }
}
