// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the pair's client lets be set: how many threads submit requests, and how many
//! requests are outstanding in a binding.

use std::ops::RangeInclusive;

use npi_description::NpiId;
use shared_npi::echo::{ECHO_NPI_ID, MAX_PENDING};

use super::idle;
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::verifier::faults;

/// The code of the finding, of which neither NMR nor Windows has one.
const SETTING: &str = "setting";

/// A `REG_DWORD` in the `Parameters` key of the client's service.
struct Setting {
    name: &'static str,
    default: u32,
    range: RangeInclusive<u32>,
}

const THREADS: Setting = Setting {
    name: "Threads",
    default: 2,
    range: 1..=8,
};

const DEPTH: Setting = Setting {
    name: "Depth",
    default: 4,
    range: 1..=MAX_PENDING,
};

impl Setting {
    /// What counts for a driver: the default without a number, else the nearest in the range.
    fn of(&self, state: &State, driver: DriverId) -> u32 {
        let service = state.loader.drivers[driver].instance;
        let number = state.objects.registry.parameter(service, self.name);
        number
            .unwrap_or(self.default)
            .clamp(*self.range.start(), *self.range.end())
    }
}

/// Returns `true` if the settings of a driver are judged: it has the client's module, and has
/// been able to read them.
fn is_judged(state: &State, driver: DriverId) -> bool {
    super::is_judged(state, driver)
        && idle::has_module(state, driver, NpiId(ECHO_NPI_ID.to_u128()))
        && !faults::has_met_fault(state, driver)
}

/// `DriverEntry` has returned `status`. The finding if another number of threads runs.
pub(super) fn entered(state: &State, driver: DriverId, status: i32) -> Option<(Code, String)> {
    if status != 0 || !is_judged(state, driver) {
        return None;
    }
    let wanted = THREADS.of(state, driver);
    let threads = state.scheduling.threads().iter();
    let own = threads.filter(|it| it.driver == Some(driver) && it.is_drivers && !it.has_ended());
    let count = own.count();
    (count != wanted as usize).then(|| {
        let what = format!(
            "the driver has started {count} threads, but its setting `{}` is {wanted}",
            THREADS.name
        );
        (SETTING.into(), what)
    })
}

/// The finding if a driver has `outstanding` requests in a binding, which are too many.
pub(super) fn outstanding(
    state: &State,
    driver: DriverId,
    outstanding: u64,
) -> Option<(Code, String)> {
    let most = DEPTH.of(state, driver);
    // What is complete may be used again before the completion has returned.
    let threads = state.scheduling.threads().len() as u64;
    (outstanding > u64::from(most) + threads && is_judged(state, driver)).then(|| {
        let what = format!(
            "{outstanding} requests are outstanding in a binding, but the driver's setting `{}` is \
             {most}",
            DEPTH.name
        );
        (SETTING.into(), what)
    })
}
