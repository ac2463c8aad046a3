// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device-control requests: report the driver's status and bindings, and switch its
//! telemetry client on and off.

use nmr::header::Header;
use nmr::irql::WaitAllowed;
use nmr::{NtStatus, Result};
use shared_npi::control::{Status, TELEMETRY};
use wdm::control::{BindingEntry, Controlled, VERSION};

use crate::echo::{CLIENTS, COUNTERS};
use crate::telemetry::{MONITOR, Monitor, SOURCES, published};

/// Answers the requests of the control device.
pub(crate) enum Control {}

impl Controlled for Control {
    type Status = Status;

    fn status(holds: u32) -> Status {
        let counted = COUNTERS.snapshot();
        Status {
            header: Header::of::<Status>(VERSION),
            subcomponent: MONITOR.is_on().into(),
            holds,
            requests: counted.received(),
            echoed: counted.echoed(),
            unanswered: counted.unanswered(),
            samples: published(),
        }
    }

    fn bindings(report: &mut dyn FnMut(BindingEntry)) {
        CLIENTS.for_each(|call| report(BindingEntry::of(call.binding())));
        SOURCES.for_each(|call| report(BindingEntry::of(call.binding())));
    }

    fn switch(subcomponent: u32, on: bool, wait: &WaitAllowed<'_>) -> Result {
        if subcomponent != TELEMETRY {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let switched = if on {
            MONITOR.on(|| Ok(Monitor), wait)
        } else {
            MONITOR.off(wait)
        };
        switched.map(drop)
    }
}
