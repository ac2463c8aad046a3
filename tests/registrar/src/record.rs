// SPDX-License-Identifier: MIT OR Apache-2.0

//! An event as the registrar keeps it: a cache line, written field by field.

use nmr::abi::NTSTATUS;

use crate::finding::Moment;
use crate::host::{BindingId, Call, Event, Phase, RegistrationId, Side};
use crate::notify::Subject;
use crate::npis::NpiKey;

/// A [`Moment`] in fewer bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    time: u64,
    thread: u64,
    code: usize,
    registration: Option<RegistrationId>,
    binding: Option<BindingId>,
    npi: NpiKey,
    status: NTSTATUS,
    call: Call,
    side: Side,
    left: bool,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    #[inline]
    pub(crate) fn new(time: u64, thread: u64, call: Call, phase: Phase, who: &Subject) -> Self {
        let (left, status) = match phase {
            Phase::Enter => (false, 0),
            Phase::Leave(status) => (true, status),
        };
        Self {
            time,
            thread,
            code: who.code,
            registration: who.registration,
            binding: who.binding,
            npi: who.npi,
            status,
            call,
            side: who.side,
            left,
        }
    }

    /// Its binding.
    pub(crate) const fn binding(&self) -> Option<BindingId> {
        self.binding
    }

    /// The event, with its time and thread.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            time: self.time,
            thread: self.thread,
            event: Event {
                call: self.call,
                phase: if self.left {
                    Phase::Leave(self.status)
                } else {
                    Phase::Enter
                },
                side: self.side,
                npi: self.registration.map(|_| self.npi.into()),
                registration: self.registration,
                binding: self.binding,
                code: self.code,
            },
        }
    }
}
