// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrWaitFor...DeregisterComplete`: returns once nothing of a registration is
//! left, and ends its handle.

use nmr::abi::{HANDLE, NTSTATUS, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};

use crate::handle::{HandleKind, Named};
use crate::host::{Call, Completion, Host, Lock, Side};
use crate::notify::{APC, Subject, function};
use crate::registrar::Registrar;
use crate::state::{Wait, WaitToEnd};

impl<H: Host> Registrar<H> {
    pub(crate) fn wait(&self, side: Side, handle: HANDLE) -> NTSTATUS {
        let kind = HandleKind {
            named: Named::Registration,
            side,
        };
        let who = self.identify(handle, kind);
        let inside = self.enter_reading(Call::Wait, who, |ledger, thread| {
            ledger.frames(thread).next_back().copied()
        });
        let name = function(Call::Wait, side);
        self.check_irql(name, APC, who);
        if let Some(inside) = inside {
            // R31.
            let callback = function(inside.call, inside.side);
            self.breach(31, who, format_args!("{name} was called inside {callback}"));
        }
        let thread = self.host.thread();
        let begun = self
            .state
            .with(|state| state.wait(handle, side, H::CHECKED, thread));
        let status = match begun {
            // The wait object is dropped out here, not under the lock.
            Ok(Wait::Over(wait_object)) => {
                drop(wait_object);
                STATUS_SUCCESS
            }
            Ok(Wait::Held(own, alone)) => self.end_wait(who, own, alone),
            Ok(Wait::For(own, wait_object)) => {
                // SAFETY: the wait object stays while this thread is counted at it.
                unsafe { wait_object.as_ref() }.wait();
                let alone = self.state.with(|state| state.waited(own));
                self.end_wait(who, own, alone)
            }
            Ok(Wait::Endless) => STATUS_UNSUCCESSFUL,
            Err(refusal) => self.turn_down(Call::Wait, kind, handle, refusal),
        };
        self.leave_at_end(Call::Wait, who, status)
    }

    /// The deregistration of `own` is complete, and this thread, alone or not, goes on.
    fn end_wait(&self, who: Subject, own: u32, alone: bool) -> NTSTATUS {
        if alone {
            self.check_unchanged(who);
        }
        drop(self.state.with(|state| state.stop_waiting(own)));
        STATUS_SUCCESS
    }

    /// Signals a wait object that a thread waits for.
    pub(crate) fn open(&self, wake: Option<&WaitToEnd<H::Completion>>) {
        let Some(&WaitToEnd {
            registration,
            wait_object,
        }) = wake
        else {
            return;
        };
        // SAFETY: the wait object stays while this thread is counted at it.
        unsafe { wait_object.as_ref() }.set();
        drop(self.state.with(|state| state.stop_waiting(registration)));
    }
}
