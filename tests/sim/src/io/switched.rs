// SPDX-License-Identifier: MIT OR Apache-2.0

//! The switch of the control interface: once it has succeeded, and as long as no other is
//! sent, the module is registered or not as it says.

use std::collections::BTreeMap;

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

/// The switches of each driver.
#[derive(Debug, Default)]
pub(crate) struct Switches(BTreeMap<DriverId, Count>);

/// How many switches programs have begun to send to a driver, and have sent.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    begun: u64,
    sent: u64,
}

/// A moment at which no switch of a driver is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    driver: DriverId,
    begun: u64,
}

fn count(state: &State, driver: DriverId) -> Count {
    let all = &state.io.switches.0;
    all.get(&driver).copied().unwrap_or_default()
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
        let Count { begun, sent } = count(state, driver);
        let is_quiet = sent >= begun && !state.io.requests.sent.values().any(is_switch);
        is_quiet.then_some(Self { driver, begun })
    }
}

/// Returns `true` if no switch has been begun since.
pub(super) fn lasts(state: &State, since: Quiet) -> bool {
    count(state, since.driver).begun == since.begun
}

/// A switch is about to be sent through a file. Returns the moment after it, if no other is
/// under way.
pub(super) fn begin(state: &mut State, file: usize) -> Option<Quiet> {
    let quiet = Quiet::now(state, file);
    let driver = driver_of(state, file)?;
    state.io.switches.0.entry(driver).or_default().begun += 1;
    quiet.map(|it| Quiet {
        begun: it.begun + 1,
        ..it
    })
}

/// A request is sent.
pub(super) fn sent(state: &mut State, file: usize, code: u32) {
    if code == SWITCH_SUBCOMPONENT
        && state.io.files.has(file)
        && let Some(driver) = driver_of(state, file)
    {
        state.io.switches.0.entry(driver).or_default().sent += 1;
    }
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
