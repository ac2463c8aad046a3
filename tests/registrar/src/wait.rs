// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrWaitFor...DeregisterComplete`: returns once nothing of a registration is
//! left, and ends its handle.

use alloc::vec::Vec;

use nmr::abi::{HANDLE, NTSTATUS, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};

use crate::handle::{Kind, Named};
use crate::host::{Call, Completion, Host, Lock, Side};
use crate::ledger::Frame;
use crate::registrar::Registrar;
use crate::state::{Wait, Wake};
use crate::watch::{APC, Who, function};

impl<H: Host> Registrar<H> {
    pub(crate) fn wait(&self, side: Side, handle: HANDLE) -> NTSTATUS {
        let kind = Kind {
            named: Named::Registration,
            side,
        };
        let who = self.identify(handle, kind);
        self.enter(Call::Wait, who);
        let name = function(Call::Wait, side);
        self.check_irql(name, APC, who);
        if self.waits_for_itself(name, who) {
            return self.leave(Call::Wait, who, STATUS_UNSUCCESSFUL);
        }
        let begun = self
            .state
            .with(|state| state.wait(handle, side, H::CHECKED));
        let status = match begun {
            // The door is dropped out here, not under the lock.
            Ok(Wait::Over(door)) => {
                drop(door);
                STATUS_SUCCESS
            }
            Ok(Wait::For(own, door)) => {
                if let Some(door) = door {
                    // SAFETY: the door stays while this thread is counted at it.
                    unsafe { door.as_ref() }.wait();
                }
                let alone = self.state.with(|state| state.waited(own));
                if alone {
                    self.check_unchanged(who);
                }
                if let Some(gone) = who.registration {
                    self.forget(gone);
                }
                drop(self.state.with(|state| state.leave_door(own)));
                STATUS_SUCCESS
            }
            Err(refusal) => self.turn_down(Call::Wait, kind, handle, refusal),
        };
        self.leave(Call::Wait, who, status)
    }

    /// R31: a wait inside a callback; true if it could never end, because the
    /// callback belongs to a binding of the registration.
    fn waits_for_itself(&self, name: &str, who: Who) -> bool {
        if !H::CHECKED {
            return false;
        }
        let thread = self.host.thread();
        let frames: Vec<Frame> = self
            .ledger
            .with(|ledger| ledger.frames(thread).copied().collect());
        let Some(inside) = frames.last() else {
            return false;
        };
        let callback = function(inside.call, inside.side);
        self.breach(31, who, format_args!("{name} was called inside {callback}"));
        who.registration.is_some_and(|own| {
            self.state.with(|state| {
                frames
                    .iter()
                    .filter_map(|frame| frame.binding)
                    .any(|binding| state.binds(binding, own))
            })
        })
    }

    /// Opens a door that somebody waits at.
    pub(crate) fn open(&self, wake: Option<&Wake<H::Completion>>) {
        let Some(&Wake { registration, door }) = wake else {
            return;
        };
        // SAFETY: the door stays while this thread is counted at it.
        unsafe { door.as_ref() }.set();
        drop(self.state.with(|state| state.leave_door(registration)));
    }
}
