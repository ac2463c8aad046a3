// SPDX-License-Identifier: MIT OR Apache-2.0

//! The attach of one client to one provider: the offer, and the client's call of
//! `NmrClientAttachProvider`.

use core::ffi::c_void;
use core::ptr;

use nmr::abi::{HANDLE, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_NOINTERFACE, STATUS_SUCCESS};

use crate::characteristics::Attach;
use crate::handle::{HandleKind, Named};
use crate::host::{Call, Host, Lock, Side};
use crate::knobs::Knob;
use crate::ledger::Ledger;
use crate::notify::{PASSIVE, Subject, function};
use crate::registrar::Registrar;
use crate::state::{AcceptCall, Action, AttachCaller, Next, Refusal};

/// `NT_SUCCESS`.
pub(crate) const fn succeeded(status: NTSTATUS) -> bool {
    status >= 0
}

/// What stands in a provider's out parameters until it writes them: no context
/// and no dispatch table is at this address.
const UNWRITTEN: usize = usize::MAX & !0xFFF;

impl<H: Host> Registrar<H> {
    /// Offers a provider to a client, if that is what a `NmrRegister...` has to do next.
    /// Sets `next` to what it has to do then.
    pub(crate) fn offer(&self, next: &mut Next<H::Completion>) {
        let Next::Offer(offer) = next else {
            return;
        };
        let binding = offer.binding;
        let who = Subject {
            side: Side::Client,
            npi: offer.npi,
            registration: Some(offer.client),
            binding: Some(offer.id),
            code: offer.callback.code(),
        };
        let status = match offer.callback {
            Attach::Client(callback) => {
                self.enter_callback(Call::AttachCallback, who);
                // SAFETY: the client registered this callback for such calls;
                // the provider's structure is readable while it is registered.
                let status = unsafe { callback(offer.handle, offer.context, offer.provider) };
                self.leave(Call::AttachCallback, who, status)
            }
            Attach::Provider(_) => STATUS_NOINTERFACE,
        };
        let thread = self.host.thread();
        let mut step = Action::Rest;
        let settled = self
            .state
            .with(|state| state.settle(binding, status, thread, &mut step, next));
        if !settled.asking {
            self.judge_offer(who, status, settled.answer);
        }
        self.drive(&mut step);
        if let Some(registering) = settled.after {
            self.state
                .with(|state| state.next_offer(registering, thread, next));
        }
    }

    /// R10, R11, R13: the client's answer against the provider's.
    fn judge_offer(&self, who: Subject, status: NTSTATUS, answer: Option<NTSTATUS>) {
        if !H::CHECKED {
            return;
        }
        // What the provider answered is the provider's fault.
        if answer != Some(status) && self.judge_answer(who, Call::AttachCallback, status) {
            return;
        }
        match answer {
            Some(answer) if succeeded(answer) && !succeeded(status) => self.breach(
                11,
                who,
                format_args!("ClientAttachProvider failed with {status:#010x} after the provider had accepted"),
            ),
            Some(answer) if answer != status => self.breach(
                10,
                who,
                format_args!(
                    "ClientAttachProvider returned {status:#010x}, NmrClientAttachProvider had returned {answer:#010x}"
                ),
            ),
            None if succeeded(status) => self.breach(
                10,
                who,
                format_args!("ClientAttachProvider returned {status:#010x} without NmrClientAttachProvider"),
            ),
            _ => {}
        }
    }

    /// R13: an attach is done or refused when its callback returns. True if
    /// that is broken.
    fn judge_answer(&self, who: Subject, call: Call, status: NTSTATUS) -> bool {
        let odd = succeeded(status) && status != STATUS_SUCCESS;
        if odd {
            let name = function(call, who.side);
            self.breach(
                13,
                who,
                format_args!("{name} returned {status:#010x}, neither STATUS_SUCCESS nor an error"),
            );
        }
        odd
    }

    /// # Safety
    ///
    /// As for [`client_attach_provider`](Self::client_attach_provider).
    pub(crate) unsafe fn attach_provider(
        &self,
        handle: HANDLE,
        client_context: *mut c_void,
        client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        let kind = HandleKind {
            named: Named::Binding,
            side: Side::Client,
        };
        let who = self.identify(handle, kind);
        let inside = self.enter_reading(Call::AttachProvider, who, Ledger::offer_on);
        let thread = self.host.thread();
        let asker = AttachCaller { thread, inside };
        let name = function(Call::AttachProvider, Side::Client);
        self.check_irql(name, PASSIVE, who);
        let mut ask = None;
        let admitted = self.admit_asker(who, handle, asker, &mut ask);
        let status = match (admitted, &ask) {
            (Ok(()), Some(ask)) => {
                let room = !provider_context.is_null() && !provider_dispatch.is_null();
                let (status, answer) = if room {
                    self.ask(ask, client_context, client_dispatch)
                } else {
                    self.breach(1, who, format_args!("{name} got NULL for an out parameter"));
                    self.answered(ask, STATUS_INVALID_PARAMETER, None);
                    (STATUS_INVALID_PARAMETER, None)
                };
                if let Some(answer) = answer {
                    // SAFETY: not null; the arguments meet the contract of
                    // `client_attach_provider`.
                    unsafe { provider_context.write(answer.context) };
                    // SAFETY: not null; the arguments meet the contract of
                    // `client_attach_provider`.
                    unsafe { provider_dispatch.write(answer.dispatch) };
                }
                status
            }
            (Ok(()), None) => STATUS_INVALID_PARAMETER,
            (Err(refusal), _) => self.turn_down(Call::AttachProvider, kind, handle, refusal),
        };
        self.leave(Call::AttachProvider, who, status)
    }
    /// R8: serves a stray only if that is what is drawn, or nobody checks.
    fn admit_asker(
        &self,
        who: Subject,
        handle: HANDLE,
        asker: AttachCaller,
        ask: &mut Option<AcceptCall>,
    ) -> Result<(), Refusal> {
        let strict = self
            .state
            .with(|state| state.ask(handle, asker, !H::CHECKED, ask));
        let Err(Refusal::Rule(8, how)) = strict else {
            return strict;
        };
        if self.host.draw(Knob::AttachThread, 2) == 0 {
            return strict;
        }
        let served = self.state.with(|state| state.ask(handle, asker, true, ask));
        if served.is_ok() {
            let name = function(Call::AttachProvider, Side::Client);
            self.breach(8, who, format_args!("{name} was called {how}"));
        }
        served
    }

    /// Asks a provider; on success answers what its client gets.
    fn ask(
        &self,
        ask: &AcceptCall,
        client_context: *mut c_void,
        client_dispatch: *const c_void,
    ) -> (NTSTATUS, Option<Answer>) {
        let mut answer = Answer {
            context: ptr::without_provenance_mut(UNWRITTEN),
            dispatch: ptr::without_provenance(UNWRITTEN),
        };
        if let Some(status) = self.host.inject(Call::AttachProvider, Side::Client) {
            self.answered(ask, status, None);
            return (status, None);
        }
        let who = Subject::module(&ask.provider).binding(ask.id);
        let npi = ask.provider.npi.into();
        let status = match ask.provider.callbacks.attach {
            Attach::Provider(callback) => {
                let dispatch =
                    self.host
                        .interpose(ask.id, npi, Side::Client, client_context, client_dispatch);
                self.enter_callback(Call::AttachCallback, who);
                // SAFETY: the provider registered this callback for such calls;
                // the client's structure is readable while it is registered, and
                // it vouches for its context and dispatch table.
                let status = unsafe {
                    callback(
                        ask.handle,
                        ask.provider.context,
                        ask.client,
                        client_context,
                        dispatch,
                        &raw mut answer.context,
                        &raw mut answer.dispatch,
                    )
                };
                self.leave(Call::AttachCallback, who, status)
            }
            Attach::Client(_) => STATUS_NOINTERFACE,
        };
        self.judge_answer(who, Call::AttachCallback, status);
        if !succeeded(status) {
            self.answered(ask, status, None);
            return (status, None);
        }
        if answer.context.addr() == UNWRITTEN {
            self.breach(
                14,
                who,
                format_args!("ProviderAttachClient set no ProviderBindingContext"),
            );
            answer.context = ptr::null_mut();
        }
        if answer.dispatch.addr() == UNWRITTEN {
            self.breach(
                14,
                who,
                format_args!("ProviderAttachClient set no ProviderDispatch"),
            );
            answer.dispatch = ptr::null();
        } else if answer.dispatch.is_null() {
            self.warn(
                14,
                who,
                format_args!("ProviderAttachClient set a NULL ProviderDispatch"),
            );
        }
        let contexts = [client_context, answer.context];
        answer.dispatch =
            self.host
                .interpose(ask.id, npi, Side::Provider, answer.context, answer.dispatch);
        self.answered(ask, status, Some(contexts));
        (status, Some(answer))
    }

    /// A provider has answered; `contexts` are there if it accepted.
    fn answered(&self, ask: &AcceptCall, status: NTSTATUS, contexts: Option<[*mut c_void; 2]>) {
        let (mut unheard, mut step) = (None, Action::Rest);
        self.state.with(|state| {
            state.answered(ask.binding, status, contexts, &mut unheard, &mut step);
        });
        if let Some((client, client_status)) = unheard {
            let who = Subject::module(&client).binding(ask.id);
            self.judge_offer(who, client_status, Some(status));
        }
        self.drive(&mut step);
    }
}

/// What a provider gives its client.
struct Answer {
    context: *mut c_void,
    dispatch: *const c_void,
}
