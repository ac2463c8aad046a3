// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waiting for the end of a registration, and the end itself.

use core::ptr::NonNull;

use shared_npi::nmr::abi::HANDLE;

use super::{Refusal, State};
use crate::handle::{Kind, Named};
use crate::host::Side;
use crate::registration::Door;

/// How a wait goes on.
pub(crate) enum Wait<C> {
    /// Not at all: its deregistration is complete.
    Over(Option<Door<C>>),
    /// At the door of this registration.
    At(u32, NonNull<C>),
}

impl<C> State<C> {
    /// Begins to wait for a registration.
    pub(crate) fn wait(&mut self, handle: HANDLE, side: Side) -> Result<Wait<C>, Refusal> {
        let named = Named::Registration;
        let own = self.resolve(handle, Kind { named, side })?;
        let registration = self.registrations.at_mut(own);
        if !registration.deregistering {
            return Err(Refusal::Rule(
                28,
                "before the registration was deregistered",
            ));
        }
        if registration.complete() {
            registration.waited = true;
            return Ok(Wait::Over(self.retire(own)));
        }
        registration.at_door += 1;
        Ok(Wait::At(own, registration.door.address()))
    }

    /// A thread that waited has gone through the door.
    pub(crate) fn waited(&mut self, own: u32) -> Option<Door<C>> {
        self.registrations.at_mut(own).waited = true;
        self.leave_door(own)
    }

    /// A thread is done with the door.
    pub(crate) fn leave_door(&mut self, own: u32) -> Option<Door<C>> {
        self.registrations.at_mut(own).at_door -= 1;
        self.retire(own)
    }

    /// Ends a registration that has been waited for and whose door nobody uses.
    fn retire(&mut self, own: u32) -> Option<Door<C>> {
        let registration = self.registrations.at(own);
        (registration.waited && registration.at_door == 0)
            .then(|| self.registrations.remove(own).door)
    }
}
