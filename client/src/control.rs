// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device-control requests: report the driver's status and bindings, and switch its
//! telemetry provider on and off.

use nmr::header::Header;
use nmr::irql::WaitAllowed;
use nmr::{NtStatus, Result};
use shared_npi::control::{Status, TELEMETRY};
use wdm::control::{BindingEntry, Controlled, VERSION};

use crate::echo::PROVIDERS;
use crate::telemetry::{ACTIVITY, SOURCE, SUBSCRIBERS, Source, published};

/// Answers the requests of the control device.
pub(crate) enum Control {}

impl Controlled for Control {
    type Status = Status;

    fn status(holds: u32) -> Status {
        let sample = ACTIVITY.snapshot();
        Status {
            header: Header::of::<Status>(VERSION),
            subcomponent: SOURCE.is_on().into(),
            holds,
            requests: sample.submitted,
            echoed: sample.echoed,
            unanswered: sample.unanswered,
            samples: published(),
        }
    }

    fn bindings(report: &mut dyn FnMut(BindingEntry)) {
        PROVIDERS.for_each(|call| report(BindingEntry::of(call.binding())));
        SUBSCRIBERS.for_each(|call| report(BindingEntry::of(call.binding())));
    }

    fn switch(subcomponent: u32, on: bool, wait: &WaitAllowed<'_>) -> Result {
        if subcomponent != TELEMETRY {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let switched = if on {
            SOURCE.on(|| Ok(Source), wait)
        } else {
            SOURCE.off(wait)
        };
        switched.map(drop)
    }
}
