// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waits for the end of a deregistration, and that end.

use core::ptr::NonNull;

use nmr::abi::HANDLE;

use super::{Refusal, State};
use crate::handle::{HandleKind, Named};
use crate::host::Side;
use crate::registration::WaitObject;

/// How a wait goes on.
pub(crate) enum Wait<C> {
    /// Not at all: its deregistration was complete, and it is gone.
    Over(Option<WaitObject<C>>),
    /// For this registration, at this wait object if its deregistration is not complete.
    For(u32, Option<NonNull<C>>),
}

impl<C> State<C> {
    /// Begins to wait for a registration, which stays until
    /// [`stop_waiting`](Self::stop_waiting): with `hold` even if its deregistration is
    /// complete.
    pub(crate) fn wait(
        &mut self,
        handle: HANDLE,
        side: Side,
        hold: bool,
    ) -> Result<Wait<C>, Refusal> {
        let named = Named::Registration;
        let own = self.resolve(handle, HandleKind { named, side })?;
        let registration = self.registrations.at_mut(own);
        if !registration.deregistering {
            return Err(Refusal::Rule(
                28,
                "before the registration was deregistered",
            ));
        }
        registration.waiters += 1;
        registration.waiting += 1;
        let complete = registration.complete();
        let wait_object = registration.wait_object.address();
        if complete && !hold {
            self.waited(own);
            return Ok(Wait::Over(self.stop_waiting(own)));
        }
        Ok(Wait::For(own, (!complete).then_some(wait_object)))
    }

    /// A wait is over. True if no other thread waits or has waited: only then
    /// does what the module registered stay until this thread returns.
    pub(crate) fn waited(&mut self, own: u32) -> bool {
        let registration = self.registrations.at_mut(own);
        registration.waiters -= 1;
        let first = !core::mem::replace(&mut registration.waited, true);
        first && registration.waiters == 0
    }

    /// A thread is done with the wait object.
    pub(crate) fn stop_waiting(&mut self, own: u32) -> Option<WaitObject<C>> {
        let registration = self.registrations.at_mut(own);
        registration.waiting -= 1;
        (registration.waited && registration.waiting == 0)
            .then(|| self.registrations.remove(own).wait_object)
    }
}
