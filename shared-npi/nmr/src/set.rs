// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modules that are registered together and leave together.
//!
//! A driver with several modules begins every deregistration before it waits
//! for any: so all bindings detach at the same time, whatever the order in
//! which they come to an end, and no module waits for a peer that would only
//! go with another of its own modules. A [`Set`] is a registration, a
//! [`Switch`] that may be off, something [`Kept`] beside them, or a tuple of
//! sets, which makes any number.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>

use super::irql::PassiveLevel;
use super::module::Module;
use super::registration::{Deregistration, Ended, Failed, Registration};
use super::switch::Switch;

mod sealed {
    pub trait Sealed {}
}
pub(super) use sealed::Sealed;

/// What a driver has registered.
pub trait Set: Sealed + Sized + 'static {
    /// Their deregistrations.
    type Deregistrations: Deregistrations<Ended = Self::Ended>;

    /// Proof that none is registered any more, and the modules.
    type Ended;

    /// Step one, for all of them: tells NMR to detach every binding of every
    /// module, and waits for none. IRQL <= `DISPATCH_LEVEL`.
    fn deregister(self) -> Self::Deregistrations;
}

/// Deregistrations that have begun.
#[must_use = "deregistrations must be waited for before the driver unloads"]
pub trait Deregistrations: Sealed + Sized {
    /// Proof that all have ended, and the modules.
    type Ended;

    /// Step two, for all of them: for each that NMR answered with
    /// `STATUS_PENDING`, waits with the function of its role until it is
    /// complete. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The first [`Failed`], after all have been waited for.
    fn wait(self, passive: &PassiveLevel<'_>) -> Result<Self::Ended, Failed>;
}

impl<M: Module> Sealed for Registration<M> {}
impl<M: Module> Sealed for Deregistration<M> {}

impl<M: Module> Set for Registration<M> {
    type Deregistrations = Deregistration<M>;
    type Ended = Ended<M>;

    fn deregister(self) -> Deregistration<M> {
        self.deregister()
    }
}

impl<M: Module> Deregistrations for Deregistration<M> {
    type Ended = Ended<M>;

    fn wait(self, passive: &PassiveLevel<'_>) -> Result<Ended<M>, Failed> {
        match self {
            Self::Complete(ended) => Ok(ended),
            Self::Pending(pending) => pending.wait(passive),
            Self::Failed(failed) => Err(failed),
        }
    }
}

impl<M: Module> Sealed for &'static Switch<M> {}

impl<M: Module> Set for &'static Switch<M> {
    type Deregistrations = Closing<M>;
    type Ended = Closed<M>;

    fn deregister(self) -> Closing<M> {
        Closing(self.close())
    }
}

/// A [`Switch`] that goes off for good.
#[must_use = "a module that was on must be waited for before the driver unloads"]
pub struct Closing<M: Module>(Option<Deregistration<M>>);

/// Proof that a [`Switch`] is off for good, and its module, if it was on.
#[must_use = "an unload routine returns it as its proof"]
pub struct Closed<M: Module>(Option<Ended<M>>);

impl<M: Module> Closed<M> {
    /// The module, if it was on.
    #[must_use]
    pub fn module(self) -> Option<Ended<M>> {
        self.0
    }
}

impl<M: Module> Sealed for Closing<M> {}

impl<M: Module> Deregistrations for Closing<M> {
    type Ended = Closed<M>;

    fn wait(self, passive: &PassiveLevel<'_>) -> Result<Closed<M>, Failed> {
        let ended = self.0.map(|begun| begun.wait(passive));
        ended.transpose().map(Closed)
    }
}

/// What a driver keeps as long as its registrations, and gets back when they
/// have ended: a control device, say.
#[derive(Debug)]
pub struct Kept<T>(pub T);

impl<T> Sealed for Kept<T> {}

impl<T: Send + 'static> Set for Kept<T> {
    type Deregistrations = Self;
    type Ended = T;

    fn deregister(self) -> Self {
        self
    }
}

impl<T> Deregistrations for Kept<T> {
    type Ended = T;

    fn wait(self, _passive: &PassiveLevel<'_>) -> Result<T, Failed> {
        Ok(self.0)
    }
}

macro_rules! tuples {
    ($(($($set:ident $member:ident),+))*) => {$(
        impl<$($set: Sealed),+> Sealed for ($($set,)+) {}

        impl<$($set: Set),+> Set for ($($set,)+) {
            type Deregistrations = ($($set::Deregistrations,)+);
            type Ended = ($($set::Ended,)+);

            fn deregister(self) -> Self::Deregistrations {
                let ($($member,)+) = self;
                ($($member.deregister(),)+)
            }
        }

        impl<$($set: Deregistrations),+> Deregistrations for ($($set,)+) {
            type Ended = ($($set::Ended,)+);

            fn wait(self, passive: &PassiveLevel<'_>) -> Result<Self::Ended, Failed> {
                let ($($member,)+) = self;
                let ($($member,)+) = ($($member.wait(passive),)+);
                Ok(($($member?,)+))
            }
        }
    )*};
}

tuples! {
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
}
