// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registrar reports to its host: events, findings and notes.
//!
//! Nothing is reported if [`Host::CHECKED`] is false.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use nmr::abi::{HANDLE, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

use crate::finding::Finding;
use crate::handle::{HandleKind, Misuse};
use crate::host::{BindingId, Call, Event, Host, Lock, Phase, RegistrationId, Side};
use crate::knobs::Knob;
use crate::ledger::Ledger;
use crate::npis::NpiKey;
use crate::registrar::Registrar;
use crate::registration::Module;
use crate::state;

/// `PASSIVE_LEVEL`.
pub(crate) const PASSIVE: u8 = 0;
/// `APC_LEVEL`, the highest at which a thread may wait.
pub(crate) const APC: u8 = 1;
/// `DISPATCH_LEVEL`.
pub(crate) const DISPATCH: u8 = 2;

/// The subject of an event or a finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) side: Side,
    /// The NPI of its registration, [`NpiKey::NIL`] if there is none.
    pub(crate) npi: NpiKey,
    pub(crate) registration: Option<RegistrationId>,
    pub(crate) binding: Option<BindingId>,
    pub(crate) code: usize,
}

impl Subject {
    /// An unknown module on `side`.
    pub(crate) const fn on(side: Side) -> Self {
        Self {
            side,
            npi: NpiKey::NIL,
            registration: None,
            binding: None,
            code: 0,
        }
    }

    pub(crate) fn module(module: &Module) -> Self {
        Self {
            side: module.side(),
            npi: module.npi,
            registration: Some(module.id),
            binding: None,
            code: module.code(),
        }
    }

    /// The module with a callback at `code` that is called.
    pub(crate) const fn call<F>(call: &state::Call<F>, code: usize) -> Self {
        Self {
            side: call.side,
            npi: call.npi,
            registration: Some(call.registration),
            binding: Some(call.id),
            code,
        }
    }

    pub(crate) const fn binding(self, binding: BindingId) -> Self {
        Self {
            binding: Some(binding),
            ..self
        }
    }

    pub(crate) const fn code(self, code: usize) -> Self {
        Self { code, ..self }
    }

    fn event(&self, call: Call, phase: Phase) -> Event {
        Event {
            call,
            phase,
            side: self.side,
            npi: self.registration.map(|_| self.npi.into()),
            registration: self.registration,
            binding: self.binding,
            code: self.code,
        }
    }
}

impl<H: Host> Registrar<H> {
    pub(crate) fn enter(&self, call: Call, who: Subject) {
        self.event(call, Phase::Enter, who);
    }

    /// Ends what [`enter`](Self::enter) began. Returns `status`.
    pub(crate) fn leave(&self, call: Call, who: Subject, status: NTSTATUS) -> NTSTATUS {
        self.event(call, Phase::Leave(status), who);
        status
    }

    /// Ends what [`enter`](Self::enter) began: with success, the registration is gone.
    /// Returns `status`.
    pub(crate) fn leave_at_end(&self, call: Call, who: Subject, status: NTSTATUS) -> NTSTATUS {
        if H::CHECKED {
            let phase = Phase::Leave(status);
            self.note(call, phase, &who, |ledger| match who.registration {
                Some(gone) if status == STATUS_SUCCESS => ledger.forget(gone),
                _ => {}
            });
            self.host.observe(&who.event(call, phase));
        }
        status
    }

    pub(crate) fn left(&self, call: Call, who: Subject) {
        self.event(call, Phase::Leave(STATUS_SUCCESS), who);
    }

    fn event(&self, call: Call, phase: Phase, who: Subject) {
        if H::CHECKED {
            self.note(call, phase, &who, |_| ());
            self.host.observe(&who.event(call, phase));
        }
    }

    /// Begins a function of NMR's. Returns what `read` finds in the ledger, whose lock is
    /// taken once for both.
    pub(crate) fn enter_reading<R>(
        &self,
        call: Call,
        who: Subject,
        read: impl FnOnce(&Ledger, u64) -> Option<R>,
    ) -> Option<R> {
        if !H::CHECKED {
            return None;
        }
        let thread = self.host.thread();
        let found = self.note(call, Phase::Enter, &who, |ledger| read(ledger, thread));
        self.host.observe(&who.event(call, Phase::Enter));
        found
    }
    /// Begins a callback of a registration that is held by a binding. R2: what the module
    /// registered is as it was.
    pub(crate) fn enter_callback(&self, call: Call, who: Subject) {
        if H::CHECKED {
            let remembered = self.note(call, Phase::Enter, &who, |ledger| {
                who.registration.and_then(|id| ledger.snapshot(id).copied())
            });
            self.compare(who, remembered.as_ref());
            self.host.observe(&who.event(call, Phase::Enter));
        }
    }

    /// Records an event. Returns what `read` finds in the ledger then.
    #[inline]
    fn note<R>(
        &self,
        call: Call,
        phase: Phase,
        who: &Subject,
        read: impl FnOnce(&mut Ledger) -> R,
    ) -> R {
        let (time, thread) = (self.host.now(), self.host.thread());
        self.ledger.with(|ledger| {
            ledger.note((time, thread), call, phase, who);
            read(ledger)
        })
    }

    /// Reports a breach of `rule`.
    pub(crate) fn breach(&self, rule: u8, who: Subject, what: fmt::Arguments<'_>) {
        if H::CHECKED {
            self.host.report(self.finding(rule, who, what));
        }
    }

    /// Notes what `rule` warns of.
    pub(crate) fn warn(&self, rule: u8, who: Subject, what: fmt::Arguments<'_>) {
        if H::CHECKED {
            self.host.note(self.finding(rule, who, what));
        }
    }

    /// Reports a breach of `rule` if that is the answer to `knob`, and notes it
    /// otherwise.
    pub(crate) fn breach_or_warn(
        &self,
        knob: Knob,
        rule: u8,
        who: Subject,
        what: fmt::Arguments<'_>,
    ) {
        if !H::CHECKED {
            return;
        }
        let finding = self.finding(rule, who, what);
        if self.host.draw(knob, 2) == 1 {
            self.host.report(finding);
        } else {
            self.host.note(finding);
        }
    }

    fn finding(&self, rule: u8, who: Subject, what: fmt::Arguments<'_>) -> Finding {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = fmt::write(&mut text, what);
        let (module, history) = self.ledger.with(|ledger| {
            (
                who.registration.and_then(|id| ledger.name(id)),
                who.binding.map_or_else(Vec::new, |id| ledger.history(id)),
            )
        });
        Finding {
            rule,
            what: text,
            side: who.side,
            registration: who.registration,
            module,
            binding: who.binding,
            code: who.code,
            thread: self.host.thread(),
            history,
        }
    }

    /// Whose handle of `kind` this is, as far as that can be told.
    pub(crate) fn identify(&self, handle: HANDLE, kind: HandleKind) -> Subject {
        let owner = if H::CHECKED {
            let subject = |module: &Module, binding| Subject {
                binding,
                ..Subject::module(module)
            };
            self.state.with(|state| state.owner(handle, kind, subject))
        } else {
            None
        };
        owner.unwrap_or(Subject::on(kind.side))
    }

    /// R22, R23: `function` got something that is no handle of `kind`. Returns
    /// what it returns.
    pub(crate) fn misused(
        &self,
        call: Call,
        kind: HandleKind,
        handle: HANDLE,
        misuse: Misuse,
    ) -> NTSTATUS {
        let name = function(call, kind.side);
        let who = Subject::on(kind.side);
        match misuse {
            Misuse::Null => {
                self.breach(23, who, format_args!("{name} got NULL, not {kind}"));
            }
            Misuse::Stale => self.breach(
                23,
                who,
                format_args!("{name} got {kind} that is no longer valid"),
            ),
            // R30 is about going on as if it had answered STATUS_PENDING.
            Misuse::Finished => self.breach(
                if call == Call::Wait { 30 } else { 23 },
                who,
                format_args!(
                    "{name} got {kind} whose deregistration had ended with STATUS_SUCCESS"
                ),
            ),
            Misuse::Failed => self.breach(
                36,
                who,
                format_args!(
                    "{name} got what a failed {} left in the handle variable",
                    function(Call::Register, kind.side)
                ),
            ),
            Misuse::NotAHandle => self.breach(
                22,
                who,
                format_args!("{name} got a value that is no handle of NMR's, not {kind}"),
            ),
            Misuse::Other(found) => {
                let whose = self.identify(handle, found);
                self.breach(22, whose, format_args!("{name} got {found}, not {kind}"));
            }
        }
        STATUS_INVALID_PARAMETER
    }

    /// R4: `function` was called above `limit`.
    pub(crate) fn check_irql(&self, function: &str, limit: u8, who: Subject) {
        if !H::CHECKED {
            return;
        }
        let irql = self.host.irql();
        if irql > limit {
            self.breach(
                4,
                who,
                format_args!("{function} was called at IRQL {irql}, its limit is {limit}"),
            );
        }
    }
}

/// The name of a function of NMR's that exists once for each side.
pub(crate) const fn function(call: Call, side: Side) -> &'static str {
    match (call, side) {
        (Call::Register, Side::Client) => "NmrRegisterClient",
        (Call::Register, Side::Provider) => "NmrRegisterProvider",
        (Call::Deregister, Side::Client) => "NmrDeregisterClient",
        (Call::Deregister, Side::Provider) => "NmrDeregisterProvider",
        (Call::Wait, Side::Client) => "NmrWaitForClientDeregisterComplete",
        (Call::Wait, Side::Provider) => "NmrWaitForProviderDeregisterComplete",
        (Call::AttachProvider, _) => "NmrClientAttachProvider",
        (Call::DetachComplete, Side::Client) => "NmrClientDetachProviderComplete",
        (Call::DetachComplete, Side::Provider) => "NmrProviderDetachClientComplete",
        (Call::AttachCallback, Side::Client) => "ClientAttachProvider",
        (Call::AttachCallback, Side::Provider) => "ProviderAttachClient",
        (Call::DetachCallback, Side::Client) => "ClientDetachProvider",
        (Call::DetachCallback, Side::Provider) => "ProviderDetachClient",
        (Call::CleanupCallback, Side::Client) => "ClientCleanupBindingContext",
        (Call::CleanupCallback, Side::Provider) => "ProviderCleanupBindingContext",
    }
}
