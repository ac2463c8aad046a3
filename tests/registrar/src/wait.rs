// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrWaitFor...DeregisterComplete`: returns once nothing of a registration is
//! left, and ends its handle.

use shared_npi::nmr::abi::{HANDLE, NTSTATUS, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};

use crate::handle::{Kind, Named};
use crate::host::{Call, Completion, Host, Lock, Side};
use crate::registrar::Registrar;
use crate::state::{Wait, Wake};
use crate::watch::{APC, Who, function};

impl<H: Host> Registrar<H> {
    pub(crate) fn wait(&self, side: Side, handle: HANDLE) -> NTSTATUS {
        let kind = Kind {
            named: Named::Registration,
            side,
        };
        let (who, module) = self.identify(handle, kind);
        self.enter(Call::Wait, who);
        let name = function(Call::Wait, side);
        self.check_irql(name, APC, who);
        if self.waits_for_itself(name, who) {
            return self.leave(Call::Wait, who, STATUS_UNSUCCESSFUL);
        }
        let status = match self.state.with(|state| state.wait(handle, side)) {
            Ok(wait) => {
                if let Some(module) = &module {
                    self.check_unchanged(module);
                }
                self.wait_at(wait);
                if let Some(module) = &module {
                    self.check_unchanged(module);
                    self.ledger
                        .with(|ledger| ledger.forget_registration(module.id));
                }
                STATUS_SUCCESS
            }
            Err(refusal) => self.turn_down(name, kind, who, refusal),
        };
        self.leave(Call::Wait, who, status)
    }

    fn wait_at(&self, wait: Wait<H::Completion>) {
        let left = match wait {
            Wait::Over(door) => door,
            Wait::At(registration, door) => {
                // SAFETY: the door stays while this thread is counted at it.
                unsafe { door.as_ref() }.wait();
                self.state.with(|state| state.waited(registration))
            }
        };
        drop(left);
    }

    /// R31: a wait inside a callback; true if it could never end.
    fn waits_for_itself(&self, name: &str, who: Who) -> bool {
        if !H::CHECKED {
            return false;
        }
        let thread = self.host.thread();
        let (inside, own) = self.ledger.with(|ledger| {
            let inside = ledger.frames(thread).last().copied();
            let own = ledger
                .frames(thread)
                .any(|frame| frame.registration == who.registration);
            (inside, own && who.registration.is_some())
        });
        if let Some(frame) = inside {
            let callback = function(frame.call, frame.side);
            self.breach(31, who, format_args!("{name} was called inside {callback}"));
        }
        own
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
