// SPDX-License-Identifier: MIT OR Apache-2.0

//! A registration, and the two steps that end it.
//!
//! [`Registered`](crate::Registered) begins all deregistrations of a driver at once, and the
//! driver's unload routine waits for each that is pending. The library waits for those that
//! are dropped instead, before `DriverEntry` or `DriverUnload` returns: see
//! [`crate::driver`].

use alloc::boxed::Box;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::abi::{self, NPI_MODULEID, NPI_REGISTRATION_INSTANCE, NPIID};
use crate::bug_check;
use crate::dropped::{self, Dropped};
use crate::event::Event;
use crate::handle::RegistrationHandle;
use crate::irql::{PassiveLevel, WaitAllowed};
use crate::layout::{self, Handed};
use crate::memory::MAX_SIZE;
use crate::module::{Module, Npi, Peers};
use crate::role::{Client, Provider, Role};
use crate::{NtStatus, Result, memory};

/// The number of modules of this image that are registered.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The number of modules of this image that are registered.
pub(crate) fn live() -> usize {
    LIVE.load(Ordering::Acquire)
}

/// Counts as a registered module while it lives: it stands for a module that is about to be
/// registered on a thread for which neither the entry nor the unload waits.
pub(crate) struct Counted(());

impl Counted {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Release);
    }
}

/// The registration block: all that NMR keeps pointers to while a module is
/// registered.
///
/// # Invariants
///
/// From registering until the deregistration is complete it stays at one
/// address, in non-paged memory, and nothing but the inside of `module`, `taken`
/// and `dropped` changes.
#[repr(C)]
pub(crate) struct Block<M: Module> {
    /// First, so that its address is the block's.
    dropped: Dropped,
    characteristics: <M::Role as Role>::Characteristics,
    npi_id: NPIID,
    module_id: NPI_MODULEID,
    /// `true` while a module that accepts one peer has one.
    taken: AtomicBool,
    module: M,
}

impl<M: Module> Block<M> {
    /// The module.
    pub(crate) const fn module(&self) -> &M {
        &self.module
    }

    /// Admits a peer. Any IRQL.
    ///
    /// # Errors
    ///
    /// `STATUS_NOINTERFACE` if the module accepts only one peer, and has it.
    pub(crate) fn admit_peer(&self) -> Result {
        if M::PEERS == Peers::One && self.taken.swap(true, Ordering::Acquire) {
            return Err(NtStatus::NOINTERFACE);
        }
        Ok(())
    }

    /// Records that an admitted peer was refused, or that its binding was freed. Any IRQL.
    pub(crate) fn peer_left(&self) {
        if M::PEERS == Peers::One {
            self.taken.store(false, Ordering::Release);
        }
    }

    /// Returns the block whose address NMR passed to a callback as its context.
    ///
    /// # Safety
    ///
    /// `context` is what [`register`] gave to NMR, and the deregistration is not
    /// complete during `'call`.
    pub(crate) const unsafe fn from_context<'call>(context: *mut c_void) -> &'call Self {
        // SAFETY: by this function's contract.
        unsafe { &*context.cast::<Self>() }
    }
}

/// A module that is registered with NMR.
///
/// It is one of the [`Modules`](crate::Modules) that the driver's entry returns, and is
/// deregistered with them. Dropping it begins the deregistration and does not wait; the
/// library waits later.
#[must_use = "dropping a registration begins its deregistration"]
pub struct Registration<M: Module> {
    block: NonNull<Block<M>>,
    handle: RegistrationHandle<M::Role>,
    /// Keeps it on the thread of the driver's entry, which can only return it or drop it.
    not_send: PhantomData<*mut M>,
}

/// Registers `module`. IRQL = `PASSIVE_LEVEL`.
///
/// # Errors
///
/// `STATUS_INSUFFICIENT_RESOURCES`, or NMR's status. `module` has then been dropped.
pub(crate) fn register<M: Module>(
    module: M,
    _passive: &PassiveLevel<'_>,
) -> Result<Registration<M>> {
    const {
        layout::assert_whole::<<M::Role as Role>::NpiCharacteristics<M::Npi>>(&M::CHARACTERISTICS);
        layout::assert_whole::<<M::Role as Role>::Dispatch<M::Npi>>(M::TABLE.own());
        assert!(
            size_of::<Block<M>>() <= MAX_SIZE,
            "a module has at most 4 KiB: keep what is larger in a box"
        );
    }
    let instance = NPI_REGISTRATION_INSTANCE {
        Version: <M::Npi as Npi>::INSTANCE_VERSION,
        Size: abi::struct_size::<NPI_REGISTRATION_INSTANCE>(),
        NpiId: ptr::null(),
        ModuleId: ptr::null(),
        Number: module.number(),
        NpiSpecificCharacteristics: <M::Role as Role>::NpiCharacteristics::<M::Npi>::pointer(
            M::CHARACTERISTICS,
        ),
    };
    let registered = Box::into_raw(memory::try_box(Block {
        dropped: Dropped::new(finish::<M>),
        characteristics: M::Role::characteristics::<M>(instance),
        npi_id: <M::Npi as Npi>::ID,
        module_id: module.module_id().to_abi(),
        taken: AtomicBool::new(false),
        module,
    })?);
    // The block points into itself, now that it has its address.
    // SAFETY: the block was allocated above, and nothing else refers to it.
    let instance = M::Role::instance(unsafe { &mut (*registered).characteristics });
    // SAFETY: the block is alive.
    instance.NpiId = unsafe { &raw const (*registered).npi_id };
    // SAFETY: the block is alive.
    instance.ModuleId = unsafe { &raw const (*registered).module_id };

    let mut handle = ptr::null_mut();
    // SAFETY: the block is alive.
    let characteristics = unsafe { &raw const (*registered).characteristics };
    // Counted before NMR has it, so that a registered module is always counted.
    LIVE.fetch_add(1, Ordering::Relaxed);
    // SAFETY: by its invariant the block stays valid and unchanged. Its owner keeps that
    // invariant: the `Registration`, or the `Pending` that it becomes.
    let status = unsafe { M::Role::register(characteristics, registered.cast(), &raw mut handle) };
    // SAFETY: the address of a box is not null.
    let block = unsafe { NonNull::new_unchecked(registered) };
    let status = NtStatus(status);
    if status == NtStatus::SUCCESS {
        let registration = Registration {
            block,
            handle: RegistrationHandle::new(handle),
            not_send: PhantomData,
        };
        registration.module().trace(Event::Register { status });
        return Ok(registration);
    }
    // NMR has not taken the block.
    let mut refused = Deregistered::new(block);
    if let Some(module) = refused.module() {
        module.trace(Event::Register { status });
    }
    drop(refused);
    // NMR documents no success code other than `STATUS_SUCCESS`.
    Err(status.or_unsuccessful())
}

impl<M: Module> Registration<M> {
    /// The module.
    #[must_use]
    pub const fn module(&self) -> &M {
        // SAFETY: the block lives until the deregistration is complete.
        unsafe { self.block.as_ref() }.module()
    }

    /// Begins the deregistration: NMR detaches every binding of the module, and no longer
    /// offers the module to peers. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn deregister(self) -> Deregistration<M> {
        let this = ManuallyDrop::new(self);
        let block = this.block;
        // SAFETY: the module is registered, and consuming `self` makes this its only
        // deregistration.
        let status = unsafe { this.handle.deregister() };
        this.module().trace(Event::Deregister { status });
        match status {
            NtStatus::SUCCESS => Deregistration::Complete(Deregistered::new(block)),
            NtStatus::PENDING => {
                // SAFETY: `this` is not used after its handle has moved out.
                let handle = unsafe { ptr::read(&raw const this.handle) };
                Deregistration::Pending(Pending {
                    block,
                    handle,
                    not_send: PhantomData,
                })
            }
            status => Deregistration::Failed(Failed::new(status)),
        }
    }
}

impl<M: Module> Drop for Registration<M> {
    fn drop(&mut self) {
        // SAFETY: a value that is dropped is not used again.
        let this = unsafe { ptr::read(self) };
        drop(this.deregister());
    }
}

/// The result of `NmrDeregisterClient` or `NmrDeregisterProvider`.
///
/// Windows returns `STATUS_PENDING` to every valid call, even if the module has no bindings.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>
#[must_use = "a pending deregistration must be waited for before the driver unloads"]
pub enum Deregistration<M: Module> {
    /// `STATUS_SUCCESS`: the module is deregistered. Also the result for a
    /// [`Switch`](crate::Switch) that was off.
    Complete(Deregistered<M>),
    /// `STATUS_PENDING`: callbacks may still run, and the driver must wait.
    Pending(Pending<M>),
    /// Any other status.
    Failed(Failed),
}

/// A pending deregistration. If it is dropped, the library waits for it later.
#[must_use = "a pending deregistration must be waited for before the driver unloads"]
pub struct Pending<M: Module> {
    block: NonNull<Block<M>>,
    handle: RegistrationHandle<M::Role>,
    not_send: PhantomData<*mut M>,
}

impl<M: Module<Role = Provider>> Pending<M> {
    /// `NmrWaitForProviderDeregisterComplete`: waits until every binding has been
    /// cleaned up and the last callback has returned. IRQL = `PASSIVE_LEVEL`.
    ///
    /// There is no time-out: if the detach of a binding is never completed, this never
    /// returns.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrwaitforproviderderegistercomplete>
    ///
    /// # Errors
    ///
    /// [`Failed`], if NMR returns anything but `STATUS_SUCCESS`.
    pub fn wait_for_provider_deregister_complete(
        self,
        wait: &WaitAllowed<'_>,
    ) -> core::result::Result<Deregistered<M>, Failed> {
        self.wait(wait)
    }
}

impl<M: Module<Role = Client>> Pending<M> {
    /// `NmrWaitForClientDeregisterComplete`: waits until every binding has been
    /// cleaned up and the last callback has returned. IRQL = `PASSIVE_LEVEL`.
    ///
    /// There is no time-out: if the detach of a binding is never completed, this never
    /// returns.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nf-netioddk-nmrwaitforclientderegistercomplete>
    ///
    /// # Errors
    ///
    /// [`Failed`], if NMR returns anything but `STATUS_SUCCESS`.
    pub fn wait_for_client_deregister_complete(
        self,
        wait: &WaitAllowed<'_>,
    ) -> core::result::Result<Deregistered<M>, Failed> {
        self.wait(wait)
    }
}

impl<M: Module> Pending<M> {
    /// Waits with the function of the module's role.
    pub(crate) fn wait(
        self,
        _wait: &WaitAllowed<'_>,
    ) -> core::result::Result<Deregistered<M>, Failed> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the deregistration is pending, and consuming `self` makes this its only
        // wait.
        match unsafe { this.handle.wait() } {
            NtStatus::SUCCESS => {
                let mut deregistered = Deregistered::new(this.block);
                if let Some(module) = deregistered.module() {
                    module.trace(Event::Deregistered);
                }
                Ok(deregistered)
            }
            status => Err(Failed::new(status)),
        }
    }
}

impl<M: Module> Drop for Pending<M> {
    fn drop(&mut self) {
        // SAFETY: the block's deregistration is pending, and this value was its only owner.
        unsafe { dropped::add(self.block.cast(), self.handle.raw()) };
    }
}

/// Waits for a deregistration that was dropped while it was pending, and frees the
/// module. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// `block` is the start of a `Block<M>` without another owner, whose deregistration is
/// pending and has this handle.
unsafe fn finish<M: Module>(block: NonNull<Dropped>, handle: abi::HANDLE, wait: &WaitAllowed<'_>) {
    let pending = Pending::<M> {
        block: block.cast(),
        handle: RegistrationHandle::new(handle),
        not_send: PhantomData,
    };
    match pending.wait(wait) {
        Ok(deregistered) => drop(deregistered),
        Err(failed) => failed.bug_check(),
    }
}

/// Proof that a module of type `M` is no longer registered, and the module.
#[must_use = "an unload routine returns it as its proof"]
pub struct Deregistered<M: Module> {
    block: Option<NonNull<Block<M>>>,
    not_send: PhantomData<*mut M>,
}

impl<M: Module> Deregistered<M> {
    /// Takes `block` over from NMR, which no longer uses it.
    fn new(block: NonNull<Block<M>>) -> Self {
        LIVE.fetch_sub(1, Ordering::Release);
        Self {
            block: Some(block),
            not_send: PhantomData,
        }
    }

    /// The proof of a switch that was off.
    pub(crate) const fn switched_off() -> Self {
        Self {
            block: None,
            not_send: PhantomData,
        }
    }

    /// The module; `None` if its [`Switch`](crate::Switch) was off.
    pub const fn module(&mut self) -> Option<&mut M> {
        match &mut self.block {
            // SAFETY: NMR no longer uses the block, and `self` is its only owner.
            Some(block) => Some(unsafe { &mut block.as_mut().module }),
            None => None,
        }
    }
}

impl<M: Module> Drop for Deregistered<M> {
    fn drop(&mut self) {
        if let Some(block) = self.block {
            // SAFETY: the block came from a box, NMR no longer uses it, and `self` is its
            // only owner.
            drop(unsafe { Box::from_raw(block.as_ptr()) });
        }
    }
}

/// The failure of a deregistration, or of the wait for it, which NMR returns for a handle
/// that it does not know. The module counts as registered for ever: its memory is never
/// freed, and its driver must not unload.
#[must_use = "the module may still be registered: its driver must not unload"]
#[derive(Debug)]
pub struct Failed(NtStatus);

impl Failed {
    pub(crate) const fn new(status: NtStatus) -> Self {
        Self(status)
    }

    /// The status that NMR returned.
    pub fn status(self) -> NtStatus {
        self.0
    }

    /// Bug-checks with `NMR_INVALID_STATE`: NMR would otherwise call into an
    /// unmapped image, and an unload cannot fail. Any IRQL.
    pub fn bug_check(self) -> ! {
        bug_check::still_registered(self.0)
    }
}
