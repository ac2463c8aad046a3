// SPDX-License-Identifier: MIT OR Apache-2.0

//! One binding of a client and a provider of the same NPI, from the offer to the last
//! cleanup.
//!
//! ```text
//!  queued -> offered -> attached -> claimed -> detaching -> cleaning -> cleaned -> gone
//!     |         |
//!     +---------+-> gone (deregistered before the offer, or refused)
//! ```

use core::ffi::c_void;
use core::num::NonZeroU64;
use core::ptr;

use nmr::abi::NTSTATUS;

use crate::host::{BindingId, Side};
use crate::inspect::Doing;
use crate::list::Links;
use crate::slab::NONE;

/// The phase of a binding's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its turn to be offered comes later in a running `NmrRegister...`.
    Queued,
    /// `ClientAttachProvider` runs.
    Offered,
    /// Both sides said yes.
    Attached,
    /// A side deregisters: one thread is about to begin the detach.
    Claimed,
    /// Both sides detach.
    Detaching,
    /// Both sides have detached; cleanup callbacks run.
    Cleaning,
    /// They have run.
    Cleaned,
}

/// What the documents leave open about one detach, as drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DetachOrder {
    /// The side whose detach callback is called first.
    pub(crate) first: Side,
    /// The second waits for the first side's completion, not only for its
    /// callback's return.
    pub(crate) serial: bool,
    /// A completion that comes from inside the detach callback, or while it
    /// runs, counts at once, and cleanup may run in it. One that comes before
    /// counts when the callback has returned: nobody may be cleaned up whom a
    /// callback is about to be called for.
    pub(crate) prompt: bool,
}

/// A thread by its number, such that none takes no more memory than one. The highest
/// number stands for its predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(NonZeroU64);

impl Thread {
    pub(crate) const fn new(number: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(number))
    }

    const fn number(self) -> u64 {
        self.0.get() - 1
    }
}

/// One side of a binding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// The slot of its registration.
    pub(crate) registration: u32,
    /// Its place among that registration's bindings.
    pub(crate) links: Links,
    /// The side's own context; NULL once its cleanup begins.
    pub(crate) context: *mut c_void,
    /// The state of its detach.
    pub(crate) detach_state: DetachState,
    /// That state when its `DetachComplete` function was called.
    pub(crate) reported: Option<DetachState>,
    /// The thread on which its attach or detach callback runs.
    pub(crate) thread: Option<Thread>,
}

/// The state of one side's detach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DetachState {
    /// It is not attached: nothing is owed to it.
    NotAttached,
    /// It is attached: a detach and a cleanup are owed to it.
    Attached,
    /// Its detach callback is about to be called, or runs.
    Detaching,
    /// Its detach callback runs, and a completion counts at once.
    InCallback,
    /// Its detach callback returned `STATUS_PENDING`.
    Pended,
    /// Its detach callback returned anything else.
    Returned,
}

impl End {
    const fn new(registration: u32) -> Self {
        Self {
            registration,
            links: Links::LOOSE,
            context: ptr::null_mut(),
            detach_state: DetachState::NotAttached,
            reported: None,
            thread: None,
        }
    }

    /// It is owed a cleanup.
    pub(crate) const fn bound(&self) -> bool {
        !matches!(self.detach_state, DetachState::NotAttached)
    }

    /// Its detach callback has been begun and has not returned.
    pub(crate) const fn leaving(&self) -> bool {
        matches!(
            self.detach_state,
            DetachState::Detaching | DetachState::InCallback
        )
    }

    /// Its detach is over.
    const fn detached(&self) -> bool {
        match self.detach_state {
            DetachState::NotAttached | DetachState::Returned => true,
            DetachState::Attached | DetachState::Detaching => false,
            DetachState::InCallback => matches!(self.reported, Some(DetachState::InCallback)),
            DetachState::Pended => self.reported.is_some(),
        }
    }

    /// Its detach callback has been called and has returned.
    const fn returned(&self) -> bool {
        matches!(
            self.detach_state,
            DetachState::Pended | DetachState::Returned
        )
    }
}

/// The action that a transition of a binding leaves to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Nothing now: another event will move it on.
    Rest,
    /// This side's detach callback is to be called.
    Detach(Side),
    /// The cleanup callbacks are to be called.
    CleanUp,
    /// It is to be taken off the tables.
    Release,
}

/// The number of a binding that has not been offered.
const UNNUMBERED: BindingId = BindingId(NonZeroU64::MAX);

/// A binding.
pub(crate) struct Binding {
    pub(crate) id: BindingId,
    pub(crate) phase: Phase,
    /// The side whose registration made it.
    pub(crate) made_by: Side,
    /// The thread on which its cleanup callbacks run.
    pub(crate) cleaner: Option<Thread>,
    /// `ProviderAttachClient` runs.
    pub(crate) asking: bool,
    /// What `ClientAttachProvider` answered while a provider was still being
    /// asked on another thread.
    pub(crate) unheard: Option<NTSTATUS>,
    /// What `NmrClientAttachProvider` last answered.
    pub(crate) answer: Option<NTSTATUS>,
    pub(crate) plan: DetachOrder,
    /// The next one in the list of a running `NmrDeregister...`.
    pub(crate) next_to_detach: u32,
    ends: [End; 2],
}

impl Binding {
    /// Between the registrations in two slots.
    pub(crate) const fn new(made_by: Side, client: u32, provider: u32) -> Self {
        Self {
            id: UNNUMBERED,
            phase: Phase::Queued,
            made_by,
            cleaner: None,
            asking: false,
            unheard: None,
            answer: None,
            plan: DetachOrder {
                first: Side::Client,
                serial: false,
                prompt: false,
            },
            next_to_detach: NONE,
            ends: [End::new(client), End::new(provider)],
        }
    }

    /// The slots of its registrations, the client's first.
    pub(crate) const fn registrations(&self) -> [u32; 2] {
        let [client, provider] = &self.ends;
        [client.registration, provider.registration]
    }

    pub(crate) const fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(crate) const fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// The detach callback of a side is called now, on this thread.
    pub(crate) const fn detach_entered(&mut self, side: Side, thread: Thread) {
        let prompt = self.plan.prompt;
        let end = self.end_mut(side);
        end.thread = Some(thread);
        if prompt {
            end.detach_state = DetachState::InCallback;
        }
    }

    /// A side has its context back: its cleanup begins, on this thread.
    pub(crate) const fn cleanup_entered(&mut self, side: Side, thread: Thread) {
        self.cleaner = Some(thread);
        self.end_mut(side).context = ptr::null_mut();
    }

    /// Returns `true` if the thread is in one of its callbacks.
    pub(crate) fn runs_on(&self, thread: Thread) -> bool {
        self.cleaner == Some(thread) || self.ends.iter().any(|end| end.thread == Some(thread))
    }

    /// The thread on which a callback of a side runs, if one does.
    pub(crate) fn callback_thread(&self, side: Side) -> Option<u64> {
        let end = self.end(side);
        let thread = end.thread.or(self.cleaner.filter(|_| end.bound()));
        thread.map(Thread::number)
    }

    /// What a side does that a deregistration waits for.
    pub(crate) fn doing(&self, side: Side) -> Option<Doing> {
        let end = self.end(side);
        match self.phase {
            Phase::Queued | Phase::Attached => None,
            Phase::Offered => match side {
                Side::Client => Some(Doing::Attaching),
                Side::Provider => self.asking.then_some(Doing::Attaching),
            },
            Phase::Cleaning | Phase::Cleaned => end.bound().then_some(Doing::CleaningUp),
            Phase::Claimed | Phase::Detaching => match end.detach_state {
                DetachState::NotAttached | DetachState::Returned => None,
                DetachState::Attached => Some(Doing::NotYetDetaching),
                DetachState::Detaching | DetachState::InCallback => Some(Doing::Detaching),
                DetachState::Pended => end.reported.is_none().then_some(Doing::Pended),
            },
        }
    }

    /// Finds out what comes next and marks it as begun, so that no other
    /// thread begins it too.
    #[inline]
    pub(crate) fn advance(&mut self) -> Move {
        match self.phase {
            Phase::Detaching => self.advance_detach(),
            Phase::Cleaned if !self.ends.iter().any(End::leaving) => Move::Release,
            _ => Move::Rest,
        }
    }

    #[inline]
    fn advance_detach(&mut self) -> Move {
        let DetachOrder { first, serial, .. } = self.plan;
        if let Some(call) = self.enter(first) {
            return call;
        }
        let leader = *self.end(first);
        let followed = leader.detached() || (!serial && leader.returned());
        if followed && let Some(call) = self.enter(first.peer()) {
            return call;
        }
        if self.ends.iter().all(End::detached) {
            self.phase = Phase::Cleaning;
            return Move::CleanUp;
        }
        Move::Rest
    }

    #[inline]
    fn enter(&mut self, side: Side) -> Option<Move> {
        let end = self.end_mut(side);
        if end.detach_state != DetachState::Attached {
            return None;
        }
        end.detach_state = DetachState::Detaching;
        Some(Move::Detach(side))
    }
}
