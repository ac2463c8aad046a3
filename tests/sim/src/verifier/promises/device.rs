// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control device of the pair's drivers: programs open it by the name of the service.

use npi_description::NpiId;
use shared_npi::echo::ECHO_NPI_ID;

use super::idle;
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::verifier::faults;

/// Returns `true` if a driver is of the pair, and so has the control interface.
pub(crate) fn is_expected(state: &State, driver: DriverId) -> bool {
    super::is_judged(state, driver) && idle::is_known(state, driver, NpiId(ECHO_NPI_ID.to_u128()))
}

/// `DriverEntry` has returned `status`. The finding if a driver of the pair has started
/// without the device.
pub(super) fn entered(state: &State, driver: DriverId, status: i32) -> Option<(Code, String)> {
    let is_judged =
        status == 0 && is_expected(state, driver) && !faults::has_met_fault(state, driver);
    if !is_judged {
        return None;
    }
    let service = state.loader.drivers[driver].instance;
    let names = &state.objects.names;
    let missing = ["Device", "DosDevices"].into_iter().find_map(|directory| {
        let name = format!(r"\{directory}\{service}");
        let maker = names.device(&name).and_then(|it| names.maker(it));
        (maker.map(|it| it.driver) != Some(driver)).then_some(name)
    });
    missing.map(|name| {
        let what = format!("the driver has started, and {name} is no device of it");
        ("control".into(), what)
    })
}
