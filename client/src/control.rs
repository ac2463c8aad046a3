// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the driver answers to administrators.

use nmr::Result;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use shared_npi::control::{BindingEntry, Controlled, Status, VERSION};

use crate::PROVIDERS;
use crate::source::{ACTIVITY, SOURCE, SUBSCRIBERS, Source, published};

/// This driver.
pub(crate) struct Control;

impl Controlled for Control {
    fn status(&self) -> Status {
        let sample = ACTIVITY.snapshot();
        Status {
            header: Header::of::<Status>(VERSION),
            subcomponent: SOURCE.is_on().into(),
            holds: 0,
            requests: sample.submitted,
            echoed: sample.echoed,
            unanswered: sample.unanswered,
            samples: published(),
        }
    }

    fn bindings(&self, tell: &mut dyn FnMut(BindingEntry)) {
        PROVIDERS.for_each(|call| tell(BindingEntry::of(call.binding())));
        SUBSCRIBERS.for_each(|call| tell(BindingEntry::of(call.binding())));
    }

    fn switch(&self, on: bool, passive: &PassiveLevel<'_>) -> Result<bool> {
        if on {
            SOURCE.on(|| Ok(Source), passive)
        } else {
            SOURCE.off(passive)
        }
    }
}
