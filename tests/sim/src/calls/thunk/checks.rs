// SPDX-License-Identifier: MIT OR Apache-2.0

//! The checks of a call when it begins and when it returns.

use super::passage::{argument, frame};
use crate::findings::bug_check::{Code, unexpected_irql};
use crate::hardware::irql;
use crate::kernel::State;
use crate::loader::drivers::Site;
use crate::scheduling::frame::Callee;
use crate::verifier::arguments;
use crate::verifier::binding_calls;
use crate::verifier::outstanding_requests::{DescribedCall, Effect};
use crate::verifier::promises::{self, Crossing};
use crate::verifier::stack_objects;
use crate::verifier::undue_completion::{self, Undue};

/// A defect of the request that a call makes or completes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wrong {
    /// The call completes a request that is not outstanding.
    Undue(Undue),
    /// The call submits memory that its caller has already lent to an outstanding request.
    Again,
}

/// Numbers the request that the innermost call makes or completes. Returns the defect of the
/// request, if it has one.
pub(super) fn begin_request(state: &mut State, home: *const usize) -> Option<Wrong> {
    let Callee::Dispatch {
        driver, through, ..
    } = frame(state).call
    else {
        return None;
    };
    let owner = |binding| state.verifier.binding_calls.code(binding, through.owner);
    let callee = through.binding.map(owner);
    let callee = callee.and_then(|code| state.loader.drivers.site(code));
    let call = DescribedCall::new(through, driver, callee.map(|site| site.driver))?;
    // SAFETY: the call that `enter_stub` is in; the function's description says that there
    // is such an argument.
    let argument = |number| unsafe { argument(home, number) };
    match state.verifier.outstanding_requests.call(call, argument) {
        Effect::None => {
            let cancelled = state
                .verifier
                .outstanding_requests
                .cancelled(&call, argument);
            let frames = &mut state.scheduling.current_mut().frames;
            frames.last_mut().expect("a call is under way").request = cancelled;
            None
        }
        Effect::Undue(undue) => Some(Wrong::Undue(undue)),
        effect @ (Effect::Request(number) | Effect::Again(number)) => {
            let frames = &mut state.scheduling.current_mut().frames;
            frames.last_mut().expect("a call is under way").request = Some(number);
            let lent = state
                .verifier
                .outstanding_requests
                .lent_for(number)
                .to_vec();
            for address in lent {
                stack_objects::lend(state, address, number);
            }
            matches!(effect, Effect::Again(_)).then_some(Wrong::Again)
        }
    }
}

/// Checks a call before it is made; `wrong` is the defect of its request. Returns the breach, if
/// there is one.
pub(super) fn check(
    state: &mut State,
    home: *const usize,
    call: Callee,
    wrong: Option<Wrong>,
) -> Option<(Code, String)> {
    let owed = state.scheduling.current_mut().owes_wait.take();
    match call {
        Callee::Import { export, .. } => {
            if let Some(by) = owed.filter(|_| !export.name.starts_with("KeWait")) {
                let what = format!(
                    "{} was called after {by} with Wait TRUE, which only a call of KeWaitForSingle\
                     Object or its like may follow",
                    export.name
                );
                return Some(("0xC4".into(), what));
            }
            let irql = state.scheduling.current().irql;
            (irql > export.max_irql).then(|| {
                let what = format!(
                    "{} was called at {}, its limit is {}",
                    export.name,
                    irql::name(irql),
                    irql::name(export.max_irql)
                );
                let home = frame(state).home;
                (("0xA", [0, usize::from(irql), 0, home]).into(), what)
            })
        }
        Callee::Dispatch {
            driver,
            through,
            target,
        } => {
            // SAFETY: the call that `enter_stub` is in; the function's description says that
            // there is such an argument.
            let argument = |number| unsafe { argument(home, number) };
            let is_undue = matches!(wrong, Some(Wrong::Undue(_)));
            let completes = through.completes() && !is_undue;
            let breach = binding_calls::check_call(state, driver, through, completes);
            breach.or_else(|| match wrong {
                Some(Wrong::Undue(undue)) => undue_completion::breach(state, undue, driver, target),
                Some(Wrong::Again) => arguments::lent_again(state, driver, through),
                None => arguments::breach(state, driver, through, argument),
            })
        }
    }
}

/// Checks what the description of an NPI promises of the call that begins.
pub(super) fn begin_promises(
    state: &mut State,
    home: *const usize,
    call: Callee,
) -> Option<(Code, String)> {
    // SAFETY: the call that `enter_stub` is in; the function's description says that there
    // is such an argument.
    let argument = |number| unsafe { argument(home, number) };
    let crossing = crossing(state, call)?;
    promises::begin(state, crossing, argument)
}

/// The innermost call, which is `call`, if its function is described.
fn crossing(state: &State, call: Callee) -> Option<Crossing> {
    let Callee::Dispatch {
        driver,
        through,
        target,
    } = call
    else {
        return None;
    };
    Crossing::new(state, through, driver, target, frame(state).request)
}

/// Checks a call that returns. Returns the breach and the place that is
/// responsible.
pub(super) fn watch_return(
    state: &mut State,
    call: Callee,
    result: u64,
) -> Option<(Code, String, Option<Site>)> {
    let Callee::Dispatch {
        through, target, ..
    } = call
    else {
        return None;
    };
    let pended = state.verifier.binding_calls.leave(through, target, result);
    if let Some(number) = frame(state).request
        && through.pends()
        && !pended
    {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an NTSTATUS is the low half"
        )]
        let status = result as u32;
        let outstanding = &mut state.verifier.outstanding_requests;
        if !outstanding.answer(number, status)
            && let Some((code, what)) =
                undue_completion::answered_too(state, through, target, status)
        {
            return Some((code, what, state.loader.drivers.site(target)));
        }
    }
    if let Some(crossing) = crossing(state, call) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an NTSTATUS is the low half"
        )]
        let status = result as u32;
        if let Some((code, what)) = promises::end(state, crossing, status, pended) {
            return Some((code, what, state.loader.drivers.site(target)));
        }
    }
    if through.completes() {
        state.verifier.binding_calls.completed_at = state.scheduling.now();
    }
    let (before, after) = (frame(state).irql, state.scheduling.current().irql);
    (before != after).then(|| {
        let code = unexpected_irql(after, before);
        let (before, after) = (irql::name(before), irql::name(after));
        let what = format!("{through} returned at {after}, it was called at {before}");
        (code, what, state.loader.drivers.site(target))
    })
}
