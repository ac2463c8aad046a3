// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waits for the end of a deregistration, and that end.

use core::ptr::NonNull;

use nmr::abi::HANDLE;

use super::{Refusal, State};
use crate::binding::Thread;
use crate::handle::{HandleKind, Named};
use crate::host::Side;
use crate::registration::{Registration, WaitObject};
use crate::slab::NONE;

/// How a wait goes on.
pub(crate) enum Wait<C> {
    /// Not at all: its deregistration was complete, and it is gone.
    Over(Option<WaitObject<C>>),
    /// For this registration, at this wait object.
    For(u32, NonNull<C>),
    /// Not at all: its deregistration was complete. The registration stays; true as for
    /// [`State::waited`].
    Held(u32, bool),
    /// Not at all: it is asked for inside a callback that it would wait for.
    Endless,
}

impl<C> State<C> {
    /// Begins to wait for a registration, which stays until
    /// [`stop_waiting`](Self::stop_waiting): with `hold` even if its deregistration is
    /// complete. It is this thread that would wait.
    pub(crate) fn wait(
        &mut self,
        handle: HANDLE,
        side: Side,
        hold: bool,
        thread: u64,
    ) -> Result<Wait<C>, Refusal> {
        let named = Named::Registration;
        let own = self.resolve(handle, HandleKind { named, side })?;
        if self.has_callback_on(own, side, thread) {
            return Ok(Wait::Endless);
        }
        let registration = self.registrations.at_mut(own);
        if !registration.deregistering {
            return Err(Refusal::Rule(
                28,
                "before the registration was deregistered",
            ));
        }
        let complete = registration.complete();
        if complete && !hold {
            registration.waited = true;
            let alone = registration.waiting == 0;
            return Ok(Wait::Over(if alone { self.end(own, false) } else { None }));
        }
        registration.waiters += 1;
        registration.waiting += 1;
        Ok(if complete {
            Wait::Held(own, registration.waited())
        } else {
            Wait::For(own, registration.wait_object)
        })
    }

    /// Returns `true` if the thread is in a callback for a binding of the registration.
    fn has_callback_on(&self, own: u32, side: Side, thread: u64) -> bool {
        let mut slot = self.registrations.at(own).bindings.first;
        while slot != NONE {
            let binding = self.bindings.at(slot);
            if binding.runs_on(Thread::new(thread)) {
                return true;
            }
            slot = binding.end(side).links.after;
        }
        false
    }

    /// A wait is over. True if no other thread waits or has waited: only then
    /// does what the module registered stay until this thread returns.
    pub(crate) fn waited(&mut self, own: u32) -> bool {
        self.registrations.at_mut(own).waited()
    }

    /// A thread is done with the wait object.
    pub(crate) fn stop_waiting(&mut self, own: u32) -> Option<WaitObject<C>> {
        let registration = self.registrations.at_mut(own);
        registration.waiting -= 1;
        if registration.waited && registration.waiting == 0 {
            self.end(own, false)
        } else {
            None
        }
    }
}

impl<C> Registration<C> {
    const fn waited(&mut self) -> bool {
        self.waiters -= 1;
        let first = !core::mem::replace(&mut self.waited, true);
        first && self.waiters == 0
    }
}
