// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the pair's client lets be set: how many threads submit requests, and how many
//! requests are outstanding in a binding.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use npi_description::NpiId;
use shared_npi::echo::{ECHO_NPI_ID, MAX_PENDING};

use super::{Crossing, Started, idle};
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

/// The setting that [`Started::threads`] is about.
const THREADS: Setting = Setting {
    name: super::THREADS,
    default: 2,
    range: 1..=8,
};

/// That [`Started::depth`] is about.
const DEPTH: Setting = Setting {
    name: super::DEPTH,
    default: 4,
    range: 1..=MAX_PENDING,
};

impl Setting {
    /// What counts: the default without a number, else the nearest in the range.
    fn of(&self, number: Option<u32>) -> u32 {
        let number = number.unwrap_or(self.default);
        number.clamp(*self.range.start(), *self.range.end())
    }
}

/// How many requests may be outstanding in a binding, by the driver.
#[derive(Debug, Default)]
pub(super) struct Depths(BTreeMap<DriverId, u32>);

/// Returns `true` if the settings of a driver are judged: it has the client's module, and has
/// been able to read them.
fn is_judged(state: &State, driver: DriverId) -> bool {
    super::is_judged(state, driver)
        && idle::has_module(state, driver, NpiId(ECHO_NPI_ID.to_u128()))
        && !faults::has_met_fault(state, driver)
}

/// `DriverEntry` has returned. The finding if another number of threads runs.
pub(super) fn entered(
    state: &mut State,
    driver: DriverId,
    started: &Started,
) -> Option<(Code, String)> {
    if started.status != 0 || !is_judged(state, driver) {
        return None;
    }
    let depths = &mut state.verifier.promises.depths.0;
    depths.insert(driver, DEPTH.of(started.depth));
    let wanted = THREADS.of(started.threads);
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

/// The finding if with this call more requests of its binding are outstanding than is set.
pub(super) fn outstanding(state: &State, call: Crossing) -> Option<(Code, String)> {
    let promises = &state.verifier.promises;
    let most = *promises.depths.0.get(&call.caller)?;
    let is_its = call.through.npi == ECHO_NPI_ID && call.through.binding.is_some();
    let outstanding = promises.pending.open(call);
    (is_its && outstanding > u64::from(most) && is_judged(state, call.caller)).then(|| {
        let what = format!(
            "{outstanding} requests are outstanding in a binding, but the driver's setting `{}` is \
             {most}",
            DEPTH.name
        );
        (SETTING.into(), what)
    })
}
