// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the driver answers to administrators.

use nmr::Result;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use shared_npi::control::{BindingEntry, Controlled, Status, VERSION};

use crate::monitor::{MONITOR, Monitor, SOURCES, published};
use crate::{CLIENTS, COUNTERS};

/// This driver.
pub(crate) struct Control;

impl Controlled for Control {
    fn status(&self) -> Status {
        let counted = COUNTERS.snapshot();
        let echoed = counted
            .completed_at_once
            .wrapping_add(counted.completed_later);
        let unanswered = counted.cancelled.wrapping_add(counted.refused);
        Status {
            header: Header::of::<Status>(VERSION),
            subcomponent: MONITOR.is_on().into(),
            holds: 0,
            requests: counted
                .completed_at_once
                .wrapping_add(counted.pended)
                .wrapping_add(counted.refused),
            echoed,
            unanswered,
            samples: published(),
        }
    }

    fn bindings(&self, tell: &mut dyn FnMut(BindingEntry)) {
        CLIENTS.for_each(|call| tell(BindingEntry::of(call.binding())));
        SOURCES.for_each(|call| tell(BindingEntry::of(call.binding())));
    }

    fn switch(&self, on: bool, passive: &PassiveLevel<'_>) -> Result<bool> {
        if on {
            MONITOR.on(|| Ok(Monitor), passive)
        } else {
            MONITOR.off(passive)
        }
    }
}
