// SPDX-License-Identifier: MIT OR Apache-2.0

//! The modules of a driver, which are deregistered in one step.
//!
//! A driver with several modules begins every deregistration before it waits for any. So all
//! bindings detach at the same time, whatever the order in which their calls end, and no
//! module waits for a peer that detaches only when another module of the same driver does.
//! [`Registered::deregister`] takes that step, and only the deregistrations that it returns
//! can be waited for.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>

use core::marker::PhantomData;

use crate::irql::{PassiveLevel, WaitAllowed};
use crate::module::Module;
use crate::registration::{Deregistered, Deregistration, Registration};
use crate::switch::Switched;

mod sealed {
    pub trait Sealed {
        type Deregistrations;
        fn deregister(self) -> Self::Deregistrations;
    }
}
use sealed::Sealed;

/// The modules of a driver: a [`Registration`], a [`Switched`] module, or a tuple of
/// up to four of these.
pub trait Modules:
    Sealed<Deregistrations = <Self as Modules>::Deregistrations> + Sized + 'static
{
    /// The deregistrations of all modules: a [`Deregistration`], or a tuple of them.
    type Deregistrations;

    /// The proof that no module is registered any more, with the modules themselves: a
    /// [`Deregistered`], or a tuple of them.
    type Deregistered;
}

/// The modules of a driver that is being unloaded.
#[must_use = "the modules must be deregistered before the driver unloads"]
pub struct Registered<'unload, S: Modules> {
    modules: S,
    routine: PhantomData<PassiveLevel<'unload>>,
}

impl<'unload, S: Modules> Registered<'unload, S> {
    /// Wraps the modules that `DriverUnload` is to deregister.
    ///
    /// # Safety
    ///
    /// The caller runs `DriverUnload`, or another routine that may wait for NMR, at
    /// `PASSIVE_LEVEL` during `'unload`: see [`WaitAllowed::assume`].
    pub const unsafe fn new(modules: S) -> Self {
        Self {
            modules,
            routine: PhantomData,
        }
    }

    /// Calls `NmrDeregisterClient` or `NmrDeregisterProvider` for each module. NMR calls the
    /// detach callbacks of all bindings, and this does not wait. The caller matches the
    /// result of each module, and waits for those that are pending with the [`WaitAllowed`],
    /// which only this function returns.
    pub fn deregister(self) -> (<S as Modules>::Deregistrations, WaitAllowed<'unload>) {
        let begun = self.modules.deregister();
        // SAFETY: `new` was promised that waiting is allowed during `'unload`, and
        // every deregistration has begun.
        (begun, unsafe { WaitAllowed::assume() })
    }
}

impl<M: Module> Sealed for Registration<M> {
    type Deregistrations = Deregistration<M>;

    fn deregister(self) -> Deregistration<M> {
        self.deregister()
    }
}

impl<M: Module> Modules for Registration<M> {
    type Deregistrations = Deregistration<M>;
    type Deregistered = Deregistered<M>;
}

impl<M: Module> Sealed for Switched<M> {
    type Deregistrations = Deregistration<M>;

    fn deregister(self) -> Deregistration<M> {
        self.close()
    }
}

impl<M: Module> Modules for Switched<M> {
    type Deregistrations = Deregistration<M>;
    type Deregistered = Deregistered<M>;
}

macro_rules! tuples {
    ($(($($modules:ident $member:ident),+))*) => {$(
        impl<$($modules: Modules),+> Sealed for ($($modules,)+) {
            type Deregistrations = ($(<$modules as Modules>::Deregistrations,)+);

            fn deregister(self) -> Self::Deregistrations {
                let ($($member,)+) = self;
                ($($member.deregister(),)+)
            }
        }

        impl<$($modules: Modules),+> Modules for ($($modules,)+) {
            type Deregistrations = ($(<$modules as Modules>::Deregistrations,)+);
            type Deregistered = ($($modules::Deregistered,)+);
        }
    )*};
}

tuples! {
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
}
