// SPDX-License-Identifier: MIT OR Apache-2.0

//! The host of a registrar: what it needs of its system, and what it reports to it.
//!
//! The registrar has no operating system of its own: the simulated kernel, a
//! native `netio.sys` and a plain test process each implement [`Host`].

use core::ffi::c_void;
use core::fmt;
use core::num::NonZeroU64;

use nmr::abi::{NPIID, NTSTATUS};

use crate::finding::Finding;
use crate::knobs::Knob;

/// The system around a registrar.
///
/// No method is ever called while the registrar holds one of its locks, except
/// those of [`Lock`] itself.
pub trait Host: Sized {
    /// Mutual exclusion that is legal at IRQL <= `DISPATCH_LEVEL`.
    type Lock<T>: Lock<T>;
    /// What `NmrWaitFor...DeregisterComplete` blocks on.
    type Completion: Completion;

    /// Whether the registrar watches the modules: events, findings and histories.
    /// A host that only wants NMR's behaviour, at its bare cost, says `false`:
    /// then any thread may call `NmrClientAttachProvider`.
    const CHECKED: bool = true;

    /// The number of events that are kept, for the histories of findings and for
    /// [`Registrar::take_events`](crate::Registrar::take_events).
    const EVENTS: usize = 4096;

    /// The caller's IRQL: 0 is `PASSIVE_LEVEL`, 2 is `DISPATCH_LEVEL`.
    fn irql(&self) -> u8;

    /// Raises the caller's IRQL to `irql` for a callback. Returns the old one.
    /// A host that cannot raise it does nothing.
    fn raise_irql(&self, irql: u8) -> u8 {
        let _ = irql;
        self.irql()
    }

    /// Undoes a [`raise_irql`](Self::raise_irql) that answered `irql`.
    fn lower_irql(&self, irql: u8) {
        let _ = irql;
    }

    /// The time, in units of the host's, for histories. Without one, events are numbered
    /// instead.
    fn now(&self) -> Option<u64> {
        None
    }
    /// A number for the calling thread, unique among those that live.
    fn thread(&self) -> u64;

    /// One of `answers` (at least 1) answers, counted from 0, to a question
    /// that the documents leave open.
    fn draw(&self, knob: Knob, answers: u32) -> u32;

    /// The dispatch table that the peer of `owner` receives for `binding`, one of
    /// this NPI, with the binding context `context` of `owner`. A host that watches
    /// the calls between the modules may return a table of its own instead of
    /// `table`, which may be null.
    fn interpose(
        &self,
        binding: BindingId,
        npi: NPIID,
        owner: Side,
        context: *mut c_void,
        table: *const c_void,
    ) -> *const c_void {
        let _ = (binding, npi, owner, context);
        table
    }

    /// A status with which `call` (`Register` or `AttachProvider`) fails for
    /// `side` instead of doing anything: how a host injects faults.
    fn inject(&self, call: Call, side: Side) -> Option<NTSTATUS> {
        let _ = (call, side);
        None
    }

    /// Something happened. A host may switch threads here.
    fn observe(&self, event: &Event);

    /// A rule was broken.
    fn report(&self, finding: Finding);

    /// Something that no rule forbids in so many words, but that is worth
    /// knowing.
    fn note(&self, note: Finding) {
        let _ = note;
    }
}

/// A value that one thread at a time may touch.
pub trait Lock<T> {
    /// A lock around `value`.
    fn new(value: T) -> Self;
    /// Runs `body` on the value. `body` never blocks, never calls a module and
    /// never takes another lock of the registrar.
    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R;
}

/// A wait object that is signalled once.
pub trait Completion {
    /// A closed one.
    fn new() -> Self;
    /// Opens it; all waiters, present and future, go on. IRQL <= `DISPATCH_LEVEL`.
    fn set(&self);
    /// Returns once it is open. IRQL < `DISPATCH_LEVEL`.
    fn wait(&self);
}

/// Which end of a binding, or which kind of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The module that consumes the NPI.
    Client,
    /// The module that provides the NPI.
    Provider,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Provider,
            Self::Provider => Self::Client,
        }
    }
}

/// A registration, numbered from 1 in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationId(pub NonZeroU64);

/// A binding (an attach, accepted or not), numbered from 1 in the order in
/// which they were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BindingId(pub NonZeroU64);

/// One of NMR's functions or of the modules' callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `NmrRegisterClient` or `NmrRegisterProvider`.
    Register,
    /// `NmrDeregisterClient` or `NmrDeregisterProvider`.
    Deregister,
    /// `NmrWaitForClientDeregisterComplete` or `NmrWaitForProviderDeregisterComplete`.
    Wait,
    /// `NmrClientAttachProvider`.
    AttachProvider,
    /// `NmrClientDetachProviderComplete` or `NmrProviderDetachClientComplete`.
    DetachComplete,
    /// The callback `ClientAttachProvider` or `ProviderAttachClient`.
    AttachCallback,
    /// The callback `ClientDetachProvider` or `ProviderDetachClient`.
    DetachCallback,
    /// The callback `ClientCleanupBindingContext` or `ProviderCleanupBindingContext`.
    CleanupCallback,
}

impl Call {
    /// Returns `true` if NMR calls a module, and not a module NMR.
    #[must_use]
    pub const fn is_callback(self) -> bool {
        matches!(
            self,
            Self::AttachCallback | Self::DetachCallback | Self::CleanupCallback
        )
    }
}

/// Where in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// About to be made.
    Enter,
    /// Done, with this status (`STATUS_SUCCESS` for a call that returns none).
    Leave(NTSTATUS),
}

/// Something that happened in the registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was called.
    pub call: Call,
    /// Before or after.
    pub phase: Phase,
    /// The module's side: the one that calls the function or has the callback.
    pub side: Side,
    /// The NPI, as long as the registration exists.
    pub npi: Option<NPIID>,
    /// The module's registration, where one is known.
    pub registration: Option<RegistrationId>,
    /// The binding, where the call concerns one.
    pub binding: Option<BindingId>,
    /// The callback's address in the module for the two callback phases, the
    /// address of a callback of the module otherwise, 0 where none is known:
    /// tells a host which image the module is.
    pub code: usize,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.side, self.call)?;
        if let Some(RegistrationId(id)) = self.registration {
            write!(f, " registration {id}")?;
        }
        if let Some(BindingId(id)) = self.binding {
            write!(f, " binding {id}")?;
        }
        match self.phase {
            Phase::Enter => write!(f, " begins"),
            Phase::Leave(status) => write!(f, " -> {status:#010x}"),
        }
    }
}
