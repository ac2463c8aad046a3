// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrRegister...`: enters a module and offers it to every peer before it
//! returns.

use core::ffi::c_void;
use core::ptr;

use shared_npi::nmr::abi::{
    HANDLE, NPIID, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

use crate::characteristics::{Characteristics, Defect};
use crate::host::{Call, Host, Lock, Side};
use crate::knobs::Knob;
use crate::registrar::Registrar;
use crate::registration::Door;
use crate::state::{Applicant, Next};
use crate::watch::{PASSIVE, Who, function};

impl<H: Host> Registrar<H> {
    /// # Safety
    ///
    /// As for [`register_provider`](Self::register_provider).
    pub(crate) unsafe fn register(
        &self,
        side: Side,
        characteristics: Option<Characteristics>,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        let code = characteristics.map_or(0, Characteristics::code);
        let who = Who::on(side).code(code);
        self.enter(Call::Register, who);
        self.check_irql(function(Call::Register, side), PASSIVE, who);
        let status = match self.admit(who, characteristics, handle) {
            Ok((characteristics, npi)) => {
                // SAFETY: `admit` refuses a null `handle`; the caller's promise.
                match unsafe { self.enroll(characteristics, npi, context, handle) } {
                    Ok(who) => return self.leave(Call::Register, who, STATUS_SUCCESS),
                    Err(status) => status,
                }
            }
            Err(status) => status,
        };
        if !handle.is_null() && self.host.draw(Knob::HandleOnFailure, 2) == 1 {
            // SAFETY: not null; the caller's promise.
            unsafe { handle.write(ptr::null_mut()) };
        }
        self.leave(Call::Register, who, status)
    }

    /// R1: what cannot be registered, and what the documents want otherwise.
    fn admit(
        &self,
        who: Who,
        characteristics: Option<Characteristics>,
        handle: *mut HANDLE,
    ) -> Result<(Characteristics, NPIID), NTSTATUS> {
        let refuse = |what| {
            self.breach(1, who, format_args!("{what} is NULL"));
            Err(STATUS_INVALID_PARAMETER)
        };
        let Some(characteristics) = characteristics else {
            return refuse("the characteristics' address");
        };
        if handle.is_null() {
            return refuse("the handle variable's address");
        }
        let npi = match characteristics.npi() {
            Ok(npi) => npi,
            Err(Defect(what)) => return refuse(what),
        };
        if let Some(Defect(what)) = characteristics.oddity() {
            self.breach(1, who, format_args!("{what}"));
            if self.host.draw(Knob::OddCharacteristics, 2) == 1 {
                return Err(STATUS_INVALID_PARAMETER);
            }
        }
        Ok((characteristics, npi))
    }

    /// # Safety
    ///
    /// As for [`register_provider`](Self::register_provider), with a `handle`
    /// that is not null.
    unsafe fn enroll(
        &self,
        characteristics: Characteristics,
        npi: NPIID,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> Result<Who, NTSTATUS> {
        let handle_first = self.host.draw(Knob::HandleWritten, 2) == 0;
        let applicant = Applicant {
            characteristics,
            context,
            npi,
            door: Door::new().map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?,
            newest_first: self.host.draw(Knob::AttachOrder, 2) == 1,
        };
        // A door that was not used is dropped out here, not under the lock.
        let (slot, module, value) = self
            .state
            .with(|state| state.register(applicant))
            .map_err(|_unused| STATUS_INSUFFICIENT_RESOURCES)?;
        if handle_first {
            // SAFETY: the caller's promise.
            unsafe { handle.write(value) };
        }
        self.offer_all(slot);
        if !handle_first {
            // SAFETY: the caller's promise.
            unsafe { handle.write(value) };
        }
        Ok(Who::module(&module))
    }

    fn offer_all(&self, slot: u32) {
        let thread = self.offering_thread();
        loop {
            match self.state.with(|state| state.next_offer(slot, thread)) {
                Next::Offer(offer) => self.offer(offer),
                Next::Return(wake) => return self.open(wake.as_ref()),
            }
        }
    }
}
