// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrar's host: the simulated kernel as NMR sees it.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use nmr::abi::{NPIID, NTSTATUS};
use registrar::finding::Finding;
use registrar::host::{BindingId, Call, Completion, Event, Host, Lock, Phase, Side};
use registrar::knobs::Knob;
use windows_sys::Win32::Foundation::STATUS_INSUFFICIENT_RESOURCES;

use crate::calls::table_functions;
use crate::costs::{self, Kind};
use crate::findings::bug_check::Code;
use crate::findings::caller::caller;
use crate::findings::{self, stop, stop_at, stop_by_rule};
use crate::hardware::trap::steps;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::memory::pageable::set_irql;
use crate::nmr::{durations, registrations, trace, transitions};
use crate::scheduling::{Waitable, block, point};
use crate::verifier::binding_calls;
use crate::verifier::callback_locks;
use crate::verifier::dispatch_tables::{self, Handed};
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::nmr_lock_order;
use crate::verifier::promises;
use crate::verifier::routine::check_convention;

/// Finds the kernel by itself.
#[derive(Debug)]
pub(crate) struct SimHost;

/// No thread is switched while it is held, so no thread waits for it.
pub(crate) struct SimLock<T>(RefCell<T>);

/// A wait object, numbered for the scheduler.
pub(crate) struct SimWaitObject {
    number: u32,
    open: Cell<bool>,
}

impl<T> Lock<T> for SimLock<T> {
    fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.0.borrow_mut())
    }
}

impl Completion for SimWaitObject {
    fn new() -> Self {
        Self {
            number: with(|state| state.scheduling.new_wait_object()),
            open: Cell::new(false),
        }
    }

    fn set(&self) {
        self.open.set(true);
        with(|state| {
            state
                .scheduling
                .wake_all(Waitable::Deregistration(self.number));
        });
    }

    fn wait(&self) {
        while !self.open.get() {
            block(Waitable::Deregistration(self.number), None);
        }
    }
}

impl Host for SimHost {
    type Lock<T> = SimLock<T>;
    type Completion = SimWaitObject;

    fn irql(&self) -> u8 {
        with(|state| state.scheduling.current().irql)
    }

    fn raise_irql(&self, irql: u8) -> u8 {
        with(|state| {
            let old = state.scheduling.current().irql;
            set_irql(state, old.max(irql));
            old
        })
    }

    fn lower_irql(&self, irql: u8) {
        with(|state| set_irql(state, irql));
        point();
    }

    fn now(&self) -> Option<u64> {
        Some(with(|state| state.scheduling.now()))
    }

    fn thread(&self) -> u64 {
        with(|state| state.scheduling.current_id().0 as u64)
    }

    fn draw(&self, knob: Knob, answers: u32) -> u32 {
        debug_assert_eq!(answers, knob.answers());
        with(|state| state.knob(knob))
    }

    fn interpose(
        &self,
        binding: BindingId,
        npi: NPIID,
        owner: Side,
        context: *mut c_void,
        table: *const c_void,
    ) -> *const c_void {
        let handed = Handed {
            binding,
            npi,
            owner,
            context: context.addr(),
            table: table.addr(),
        };
        if !with(|state| table_functions::hand_over(state, handed)) {
            let what = "more bindings come and go than a cycle has room for";
            stop("livelock", what.to_owned());
        }
        table
    }

    fn inject(&self, call: Call, _side: Side) -> Option<NTSTATUS> {
        let kind = match call {
            Call::Register => FaultKind::Registration,
            _ => FaultKind::Attach,
        };
        with(|state| faults::fails(state, kind)).then_some(STATUS_INSUFFICIENT_RESOURCES)
    }

    fn observe(&self, event: &Event) {
        if event.call.is_callback() && matches!(event.phase, Phase::Leave(_)) {
            let site = with(|state| state.loader.drivers.site(event.code));
            check_convention(format_args!("{:?}", event.call), site);
        }
        let follow = |state: &mut State| {
            state.trace(|state| trace::kind(state, event));
            registrations::follow_callback(state, event);
            transitions::follow(state, event);
            registrations::follow(state, event);
            registrations::count(state, event);
            durations::follow(state, event);
            let kept = callback_locks::check(state, event);
            dispatch_tables::follow(state, event);
            let promised = promises::observe(state, event);
            let called = binding_calls::observe(state, event);
            called.or(kept).or(promised)
        };
        let breach = costs::measure(Kind::Checks, || with(follow));
        if let Some((code, what)) = breach {
            let site = with(|state| {
                let module = state.loader.drivers.site(event.code);
                let caller = caller(state).filter(|_| !event.call.is_callback());
                caller.or(module)
            });
            stop_at(code, what, site);
        }
        nmr_lock_order::observe(event);
        faults::delay(event);
        point();
        if event.call.is_callback() && event.phase == Phase::Enter {
            steps::enter(event.code);
        }
    }

    fn report(&self, finding: Finding) {
        let site = with(|state| {
            for moment in &finding.history {
                state.trace(|_| format!("  before: {moment}"));
            }
            culprit(state, &finding)
        });
        stop_by_rule(&finding, site);
    }

    fn note(&self, note: Finding) {
        with(|state| {
            let site = culprit(state, &note);
            findings::note(state, Code::rule(note.rule), note.what, site);
        });
    }
}

/// The place in the driver that broke a rule.
fn culprit(state: &State, breach: &Finding) -> Option<Site> {
    /// Rules on what a callback answers or leaves: they are broken where it
    /// ends, not where NMR was called before it.
    const ANSWERS: [u8; 6] = [5, 10, 11, 13, 14, 17];
    /// The rule on completing a detach: it is broken by that call, even if this shows
    /// only when the detach callback has returned.
    const COMPLETION: u8 = 20;

    let module = state.loader.drivers.site(breach.code);
    let caller =
        caller(state).filter(|caller| module.is_none_or(|module| module.driver == caller.driver));
    if let (COMPLETION, Some(binding)) = (breach.rule, breach.binding)
        && let Some(site) = registrations::completed_at(state, binding, breach.side)
    {
        return Some(site);
    }
    if ANSWERS.contains(&breach.rule) {
        return module.or(caller);
    }
    caller.or(module)
}
