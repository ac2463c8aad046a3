// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrRegister...`: enters a module and offers it to every peer before it
//! returns.

use core::ffi::c_void;
use core::ptr;

use nmr::abi::{
    HANDLE, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::characteristics::{Characteristics, Missing};
use crate::handle;
use crate::host::{Call, Host, Lock, Side};
use crate::knobs::Knob;
use crate::notify::{PASSIVE, Subject, function};
use crate::registrar::Registrar;
use crate::registration::{Module, WaitObject};
use crate::snapshot::Snapshot;
use crate::state::{Lack, NewRegistration, Next, Registered};

impl<H: Host> Registrar<H> {
    /// # Safety
    ///
    /// As for [`register_provider`](Self::register_provider).
    pub(crate) unsafe fn register(
        &self,
        side: Side,
        characteristics: Option<Characteristics>,
        context: *mut c_void,
        handle_out: *mut HANDLE,
    ) -> NTSTATUS {
        let code = characteristics.map_or(0, Characteristics::code);
        let who = Subject::on(side).code(code);
        self.enter(Call::Register, who);
        self.check_irql(function(Call::Register, side), PASSIVE, who);
        let status = match &mut self.admit(who, characteristics, context, handle_out) {
            Ok((characteristics, applicant)) => {
                // SAFETY: `admit` refuses a null `handle_out`; the arguments
                // meet the contract of `register_provider`.
                match unsafe { self.enroll(who, *characteristics, applicant, handle_out) } {
                    Ok(who) => return self.leave(Call::Register, who, STATUS_SUCCESS),
                    Err(status) => status,
                }
            }
            Err(status) => *status,
        };
        let left_behind = match self.host.draw(Knob::HandleOnFailure, 3) {
            0 => None,
            1 => Some(ptr::null_mut()),
            _ => Some(handle::dud(side)),
        };
        if let Some(value) = left_behind
            && !handle_out.is_null()
        {
            // SAFETY: not null; the arguments meet the contract of
            // `register_provider`.
            unsafe { handle_out.write(value) };
        }
        self.leave(Call::Register, who, status)
    }

    /// R1: what cannot be registered, and what the documents want otherwise.
    fn admit(
        &self,
        who: Subject,
        characteristics: Option<Characteristics>,
        context: *mut c_void,
        handle_out: *mut HANDLE,
    ) -> Result<(Characteristics, NewRegistration), NTSTATUS> {
        let refuse = |what| {
            self.breach(1, who, format_args!("{what} is NULL"));
            Err(STATUS_INVALID_PARAMETER)
        };
        let Some(characteristics) = characteristics else {
            return refuse("the characteristics' address");
        };
        if handle_out.is_null() {
            return refuse("the handle variable's address");
        }
        let callbacks = match characteristics.callbacks() {
            Ok(callbacks) => callbacks,
            Err(Missing(what)) => return refuse(what),
        };
        let npi = match characteristics.npi() {
            Ok(npi) => npi.into(),
            Err(Missing(what)) => return refuse(what),
        };
        if let Some(oddity) = characteristics.oddity() {
            self.breach(1, who, format_args!("{oddity}"));
            if self.host.draw(Knob::OddCharacteristics, 2) == 1 {
                return Err(STATUS_INVALID_PARAMETER);
            }
        }
        self.admit_instance(who, characteristics)?;
        match self.host.inject(Call::Register, who.side) {
            Some(status) => Err(status),
            None => Ok((
                characteristics,
                NewRegistration {
                    instance: characteristics.instance(),
                    callbacks,
                    context,
                    npi,
                    newest_first: false,
                },
            )),
        }
    }

    /// The registration instance's part of R1.
    fn admit_instance(
        &self,
        who: Subject,
        characteristics: Characteristics,
    ) -> Result<(), NTSTATUS> {
        if characteristics.instance_version() != 0 {
            let what = format_args!("the registration instance's Version is not 0");
            self.breach_or_warn(Knob::InstanceVersion, 1, who, what);
        }
        if !characteristics.module_id().is_null() {
            return Ok(());
        }
        self.warn(1, who, format_args!("ModuleId is NULL"));
        if self.host.draw(Knob::NullModuleId, 2) == 1 {
            return Err(STATUS_INVALID_PARAMETER);
        }
        Ok(())
    }

    /// Enters a registration in the tables. A wait object that it needs is allocated,
    /// and one that it does not need is dropped, while they are not locked.
    fn enter_registration(
        &self,
        applicant: &NewRegistration,
        next: &mut Next<H::Completion>,
    ) -> Result<Registered, NTSTATUS> {
        let thread = self.host.thread();
        let mut wait_object = None;
        loop {
            let entered = self
                .state
                .with(|state| state.register(applicant, &mut wait_object, thread, next));
            match entered {
                Ok(registered) => return Ok(registered),
                Err(Lack::WaitObject) => {
                    let allocated = WaitObject::new();
                    wait_object = Some(allocated.map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?);
                }
                Err(Lack::Memory) => return Err(STATUS_INSUFFICIENT_RESOURCES),
            }
        }
    }

    /// # Safety
    ///
    /// As for [`register_provider`](Self::register_provider), with a `handle_out`
    /// that is not null.
    unsafe fn enroll(
        &self,
        who: Subject,
        characteristics: Characteristics,
        applicant: &mut NewRegistration,
        handle_out: *mut HANDLE,
    ) -> Result<Subject, NTSTATUS> {
        let handle_first = self.host.draw(Knob::HandleWritten, 2) == 0;
        applicant.newest_first = self.host.draw(Knob::AttachOrder, 2) == 1;
        let mut next = Next::Return(None);
        let registered = self.enter_registration(applicant, &mut next)?;
        if H::CHECKED {
            let module = Module {
                id: registered.id,
                npi: applicant.npi,
                instance: applicant.instance,
                callbacks: applicant.callbacks,
                context: applicant.context,
            };
            let snapshot = Snapshot::new(characteristics, applicant.context);
            self.ledger.with(|ledger| ledger.remember(module, snapshot));
        }
        if handle_first {
            // SAFETY: the arguments meet the contract of `register_provider`,
            // with a `handle_out` that is not null.
            unsafe { handle_out.write(registered.handle) };
        }
        let wake = loop {
            match &next {
                Next::Offer(_) => self.offer(&mut next),
                Next::Return(wake) => break wake.as_ref(),
            }
        };
        self.open(wake);
        if !handle_first {
            // SAFETY: the arguments meet the contract of `register_provider`,
            // with a `handle_out` that is not null.
            unsafe { handle_out.write(registered.handle) };
        }
        Ok(Subject {
            npi: applicant.npi,
            registration: Some(registered.id),
            ..who
        })
    }
}
