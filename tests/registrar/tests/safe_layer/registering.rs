// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registers and ends modules as a driver's entry and unload do.

use nmr::irql::WaitAllowed;
use nmr::{
    Client, Deregistered, Deregistration, Driver, Failed, Loading, Module, Modules, NtStatus,
    Pending, Provider, Registered, Registration, Role, driver,
};

use crate::modules::TestProvider;

/// The permission that a driver's entry has.
pub(crate) fn loading() -> Loading<'static> {
    // SAFETY: a test's thread has IRQL 0 outside the callbacks, no callback calls
    // this, and each test ends what it has registered.
    unsafe { Loading::assume() }
}

/// The permission that a request to the control device has.
pub(crate) fn wait_allowed() -> WaitAllowed<'static> {
    // SAFETY: a test's thread has IRQL 0 outside the callbacks, and no callback and
    // no function of a dispatch table calls this.
    unsafe { WaitAllowed::assume() }
}

/// Registers `module`.
pub(crate) fn register<M: Module>(module: M) -> Registration<M> {
    loading().register(module).expect("NMR has memory")
}

/// Begins to deregister modules.
pub(crate) fn begin<S: Modules>(
    modules: S,
) -> (<S as Modules>::Deregistrations, WaitAllowed<'static>) {
    // SAFETY: a test's thread may wait, see `wait_allowed`.
    unsafe { Registered::new(modules) }.deregister()
}

/// Deregisters a module and waits for it.
pub(crate) fn end<M: Module<Role: Wait>>(
    module: impl Modules<Deregistrations = Deregistration<M>>,
) -> Deregistered<M> {
    let (deregistration, wait) = begin(module);
    finish(deregistration, &wait)
}

/// Waits for a deregistration that has begun, if it is pending.
pub(crate) fn finish<M: Module<Role: Wait>>(
    deregistration: Deregistration<M>,
    wait: &WaitAllowed<'_>,
) -> Deregistered<M> {
    let finished = match deregistration {
        Deregistration::Complete(deregistered) => Ok(deregistered),
        Deregistration::Pending(pending) => <M::Role as Wait>::wait(pending, wait),
        Deregistration::Failed(failed) => Err(failed),
    };
    finished.unwrap_or_else(|failed| panic!("{}", failed.status()))
}

/// A driver whose entry fails.
enum Failing {}

impl Driver for Failing {
    type Entry<'entry> = ();
    type Modules = Registration<TestProvider>;

    fn load((): ()) -> nmr::Result<Self::Modules> {
        Err(NtStatus::UNSUCCESSFUL)
    }

    fn unload(_modules: Registered<'_, Self::Modules>) -> Deregistered<TestProvider> {
        unreachable!("it is not loaded")
    }
}

/// Waits for what has been dropped, as the library does after an entry that has
/// failed. Bug-checks if a module is registered.
pub(crate) fn finish_dropped() {
    // SAFETY: a test's thread is at `PASSIVE_LEVEL`, and the driver is not loaded.
    let loaded = unsafe { driver::load::<Failing>(|_loading| ()) };
    assert_eq!(loaded, Err(NtStatus::UNSUCCESSFUL));
}

/// A role, and the wait function of its modules.
pub(crate) trait Wait: Role {
    fn wait<M: Module<Role = Self>>(
        pending: Pending<M>,
        wait: &WaitAllowed<'_>,
    ) -> Result<Deregistered<M>, Failed>;
}

impl Wait for Client {
    fn wait<M: Module<Role = Self>>(
        pending: Pending<M>,
        wait: &WaitAllowed<'_>,
    ) -> Result<Deregistered<M>, Failed> {
        pending.wait_for_client_deregister_complete(wait)
    }
}

impl Wait for Provider {
    fn wait<M: Module<Role = Self>>(
        pending: Pending<M>,
        wait: &WaitAllowed<'_>,
    ) -> Result<Deregistered<M>, Failed> {
        pending.wait_for_provider_deregister_complete(wait)
    }
}
