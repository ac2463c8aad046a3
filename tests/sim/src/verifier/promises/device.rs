// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control device of the pair's drivers: programs open it by the name of the service.

use npi_description::NpiId;
use shared_npi::echo::ECHO_NPI_ID;

use super::{Started, idle};
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;

/// Returns `true` if a driver is of the pair, and so has the control interface.
pub(crate) fn is_expected(state: &State, driver: DriverId) -> bool {
    super::is_judged(state, driver) && idle::is_known(state, driver, NpiId(ECHO_NPI_ID.to_u128()))
}

/// `DriverEntry` has returned. The finding if a driver of the pair has started without the
/// device, which is an error of `DriverEntry` even if a call has failed.
pub(super) fn entered(
    state: &State,
    driver: DriverId,
    started: &Started,
) -> Option<(Code, String)> {
    let is_judged = started.status == 0 && is_expected(state, driver);
    let missing = started.missing_device.as_ref().filter(|_| is_judged)?;
    let what = format!("the driver has started, and {missing} is no device of it");
    Some(("control".into(), what))
}
