// SPDX-License-Identifier: MIT OR Apache-2.0

//! The end of bindings: `NmrDeregister...`, the detach callbacks,
//! `Nmr...DetachComplete` and the cleanup callbacks.
//!
//! The thread that moves a binding drives it on as far as it goes: the thread that
//! deregisters, the one that completes a pending detach, or, for a late comer,
//! the one that has just attached it.

use nmr::abi::{HANDLE, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS};

use crate::binding::{DetachOrder, Thread};
use crate::characteristics::{CleanupFn, DetachFn};
use crate::handle::{HandleKind, Named};
use crate::host::{self, Host, Lock, Side};
use crate::knobs::Knob;
use crate::notify::{DISPATCH, Subject, function};
use crate::registrar::Registrar;
use crate::slab::NONE;
use crate::state::{Action, Call, Completed, Entry, Refusal};

impl<H: Host> Registrar<H> {
    /// `NmrDeregister...`.
    pub(crate) fn deregister(&self, side: Side, handle: HANDLE) -> NTSTATUS {
        let kind = HandleKind {
            named: Named::Registration,
            side,
        };
        let who = self.identify(handle, kind);
        self.enter(host::Call::Deregister, who);
        let name = function(host::Call::Deregister, side);
        self.check_irql(name, DISPATCH, who);
        let may_finish = self.host.draw(Knob::DeregisterWhenIdle, 2) == 1;
        let (plan, entry) = (self.plan(), self.entry());
        let mut step = Action::Rest;
        let begun = self
            .state
            .with(|state| state.deregister(handle, side, plan, may_finish, entry, &mut step));
        let status = match begun {
            Ok(mut work) => {
                self.drive(&mut step);
                while work.next != NONE {
                    work.next = self.detach(work.next);
                }
                if may_finish {
                    self.check_unchanged(who);
                    self.deregistered(work.own)
                } else {
                    STATUS_PENDING
                }
            }
            Err(refusal) => {
                let status = self.turn_down(host::Call::Deregister, kind, handle, refusal);
                let again = matches!(refusal, Refusal::Rule(..));
                if again && self.host.draw(Knob::DeregisterTwice, 2) == 1 {
                    STATUS_PENDING
                } else {
                    status
                }
            }
        };
        self.leave_at_end(host::Call::Deregister, who, status)
    }

    fn deregistered(&self, registration: u32) -> NTSTATUS {
        let (status, wake, wait_object) = self.state.with(|state| state.deregistered(registration));
        self.open(wake.as_ref());
        drop(wait_object);
        status
    }

    /// When a callback that comes next is entered: at once if there is nobody who could
    /// tell the difference, which saves taking the lock for it.
    fn entry(&self) -> Entry {
        if H::CHECKED {
            Entry::Later
        } else {
            Entry::Now(Thread::new(self.host.thread()))
        }
    }

    /// How to detach one binding.
    fn plan(&self) -> DetachOrder {
        let first = if self.host.draw(Knob::DetachOrder, 2) == 0 {
            Side::Client
        } else {
            Side::Provider
        };
        DetachOrder {
            first,
            serial: self.host.draw(Knob::DetachOverlap, 2) == 1,
            prompt: self.host.draw(Knob::EarlyComplete, 2) == 1,
        }
    }

    /// Detaches a binding that this thread has claimed. Returns the next one.
    fn detach(&self, binding: u32) -> u32 {
        let (plan, entry) = (self.plan(), self.entry());
        let mut step = Action::Rest;
        let next = self
            .state
            .with(|state| state.begin_detach(binding, plan, entry, &mut step));
        self.drive(&mut step);
        next
    }

    /// Does what a transition left to be done, and what follows from that.
    pub(crate) fn drive(&self, step: &mut Action<H::Completion>) {
        loop {
            match step {
                Action::Rest => return,
                &mut Action::Begin(binding) => {
                    self.detach(binding);
                    return;
                }
                Action::Detach(call) => {
                    let status = self.call_detach(call);
                    let who = Subject::call(call, call.callback as usize);
                    let (binding, side, entry) = (call.binding, call.side, self.entry());
                    let reported = self
                        .state
                        .with(|state| state.detach_returned(binding, side, status, entry, step));
                    if reported && status == STATUS_SUCCESS {
                        self.completed_in_vain(who);
                    }
                }
                Action::CleanUp(binding, [client, provider]) => {
                    let calls = if self.host.draw(Knob::CleanupOrder, 2) == 0 {
                        [client, provider]
                    } else {
                        [provider, client]
                    };
                    for call in calls.into_iter().flatten() {
                        self.call_cleanup(call);
                    }
                    let binding = *binding;
                    self.state.with(|state| state.cleaned(binding, step));
                }
                Action::Done(wakes) => {
                    for wake in wakes {
                        self.open(wake.as_ref());
                    }
                    return;
                }
            }
        }
    }
    /// Calls a detach callback.
    fn call_detach(&self, call: &Call<DetachFn>) -> NTSTATUS {
        let who = Subject::call(call, call.callback as usize);
        self.enter_callback(host::Call::DetachCallback, who);
        let status = self.at_callback_irql(host::Call::DetachCallback, who, || {
            if H::CHECKED {
                let thread = Thread::new(self.host.thread());
                self.state
                    .with(|state| state.detach_entered(call.binding, call.side, thread));
            }
            // SAFETY: the module registered this callback for such calls, and
            // gave this context for the binding.
            unsafe { (call.callback)(call.context) }
        });
        self.leave(host::Call::DetachCallback, who, status);
        if status != STATUS_SUCCESS && status != STATUS_PENDING {
            let name = function(host::Call::DetachCallback, who.side);
            self.breach(
                17,
                who,
                format_args!(
                    "{name} returned {status:#010x}, neither STATUS_SUCCESS nor STATUS_PENDING"
                ),
            );
            if self.host.draw(Knob::OddDetachStatus, 2) == 1 {
                return STATUS_PENDING;
            }
        }
        status
    }

    /// R20: a detach that did not pend was reported as complete.
    fn completed_in_vain(&self, who: Subject) {
        let complete = function(host::Call::DetachComplete, who.side);
        let callback = function(host::Call::DetachCallback, who.side);
        self.breach(
            20,
            who,
            format_args!("{complete} was called before {callback} returned STATUS_SUCCESS"),
        );
    }

    /// Calls a cleanup callback.
    fn call_cleanup(&self, call: &Call<CleanupFn>) {
        let who = Subject::call(call, call.callback as usize);
        if H::CHECKED {
            let thread = Thread::new(self.host.thread());
            self.state
                .with(|state| state.cleanup_entered(call.binding, call.side, thread));
        }
        self.enter_callback(host::Call::CleanupCallback, who);
        self.at_callback_irql(host::Call::CleanupCallback, who, || {
            // SAFETY: the module registered this callback for such calls, and
            // gave this context for the binding, which both sides have left.
            unsafe { (call.callback)(call.context) };
        });
        self.left(host::Call::CleanupCallback, who);
    }

    /// Runs a callback at an IRQL that it must stand.
    fn at_callback_irql<R>(
        &self,
        call: host::Call,
        who: Subject,
        callback: impl FnOnce() -> R,
    ) -> R {
        let lowered =
            (self.host.draw(Knob::CallbackIrql, 2) == 1).then(|| self.host.raise_irql(DISPATCH));
        let before = self.host.irql();
        let result = callback();
        let after = self.host.irql();
        if after != before {
            let name = function(call, who.side);
            self.breach(
                5,
                who,
                format_args!("{name} returned at IRQL {after}, it was called at {before}"),
            );
        }
        if let Some(irql) = lowered {
            self.host.lower_irql(irql);
        }
        result
    }

    /// `Nmr...DetachComplete`.
    pub(crate) fn detach_complete(&self, side: Side, handle: HANDLE) {
        let kind = HandleKind {
            named: Named::Binding,
            side,
        };
        let who = self.identify(handle, kind);
        self.enter(host::Call::DetachComplete, who);
        let name = function(host::Call::DetachComplete, side);
        self.check_irql(name, DISPATCH, who);
        let entry = self.entry();
        let mut step = Action::Rest;
        let completed = self
            .state
            .with(|state| state.detach_complete(handle, side, entry, &mut step));
        match completed {
            Ok(completed) => {
                match completed {
                    Completed::InTime => {}
                    Completed::BeforeDetach => {
                        let what = format_args!("{name} was called before the detach callback");
                        self.breach_or_warn(Knob::CompleteBeforeDetach, 21, who, what);
                    }
                    Completed::BeforeAttach => {
                        let what =
                            format_args!("{name} was called for a binding that is not attached");
                        self.breach_or_warn(Knob::CompleteBeforeDetach, 20, who, what);
                    }
                }
                self.drive(&mut step);
            }
            Err(refusal) => {
                self.turn_down(host::Call::DetachComplete, kind, handle, refusal);
            }
        }
        self.left(host::Call::DetachComplete, who);
    }

    /// Reports why `call` does nothing. Returns what it returns.
    pub(crate) fn turn_down(
        &self,
        call: host::Call,
        kind: HandleKind,
        handle: HANDLE,
        refusal: Refusal,
    ) -> NTSTATUS {
        match refusal {
            Refusal::Handle(misuse) => self.misused(call, kind, handle, misuse),
            Refusal::Rule(rule, how) => {
                let who = self.identify(handle, kind);
                let name = function(call, kind.side);
                self.breach(rule, who, format_args!("{name} was called {how}"));
                STATUS_INVALID_PARAMETER
            }
        }
    }
}
