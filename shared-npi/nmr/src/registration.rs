// SPDX-License-Identifier: MIT OR Apache-2.0

//! A registration, and the two steps that end it.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicUsize, Ordering};

use super::abi::{self, NPI_MODULEID, NPI_REGISTRATION_INSTANCE, NPIID};
use super::handle::RegistrationHandle;
use super::irql::PassiveLevel;
use super::module::{Module, Npi};
use super::role::Role;
use crate::{NtStatus, Result, memory};

/// How many modules of this image are registered.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// How many modules of this image are registered.
pub(super) fn live() -> usize {
    LIVE.load(Ordering::Acquire)
}

/// All that NMR keeps pointers to while a module is registered.
///
/// # Invariants
///
/// From registering until the deregistration is complete it stays at one
/// address, in non-paged memory, and nothing but the inside of `module`
/// changes.
pub(super) struct Registered<M: Module> {
    characteristics: <M::Role as Role>::Characteristics,
    npi_id: NPIID,
    module_id: NPI_MODULEID,
    module: M,
}

impl<M: Module> Registered<M> {
    /// The module.
    pub(super) const fn module(&self) -> &M {
        &self.module
    }

    /// The registration whose context NMR passed to a callback.
    ///
    /// # Safety
    ///
    /// `context` is what [`Registration::register`] gave to NMR, and the
    /// deregistration is not complete during `'call`.
    pub(super) const unsafe fn from_context<'call>(context: *mut c_void) -> &'call Self {
        // SAFETY: by this function's contract.
        unsafe { &*context.cast::<Self>() }
    }
}

/// A module that is registered with NMR.
///
/// It is ended in two visible steps, [`deregister`](Self::deregister) and
/// [`Pending::wait`]. Dropping it takes both at once, at IRQL <
/// `DISPATCH_LEVEL`, for paths that have nothing to say.
#[must_use = "dropping a registration ends it and waits for the end"]
pub struct Registration<M: Module> {
    block: NonNull<Registered<M>>,
    handle: RegistrationHandle<M::Role>,
    /// It stays with the thread of its driver's entry, which can leave it to
    /// the unload routine only through a [`Slot`](super::Slot) or a
    /// [`Switch`](super::Switch).
    not_send: PhantomData<*mut M>,
}

impl<M: Module> Registration<M> {
    /// Registers `module`. Attach callbacks may run, and detach callbacks
    /// after them, before this returns: everything they use is ready inside
    /// `module`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/initializing-and-registering-a-provider-module>
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`, or NMR's own status; `module` has then
    /// been dropped.
    pub fn register(module: M, _passive: &PassiveLevel<'_>) -> Result<Self> {
        let instance = NPI_REGISTRATION_INSTANCE {
            Version: 0,
            Size: abi::struct_size::<NPI_REGISTRATION_INSTANCE>(),
            NpiId: ptr::null(),
            ModuleId: ptr::null(),
            Number: 0,
            NpiSpecificCharacteristics: ptr::from_ref(M::CHARACTERISTICS).cast(),
        };
        let block = NonNull::from(Box::leak(memory::try_box(Registered {
            characteristics: M::Role::characteristics::<M>(instance),
            npi_id: <M::Npi as Npi>::ID,
            module_id: M::MODULE_ID,
            module,
        })?));
        // The block points into itself, now that it has its address.
        let registered = block.as_ptr();
        // SAFETY: the block was leaked from a box just now, and is nobody
        // else's.
        let instance = M::Role::instance(unsafe { &mut (*registered).characteristics });
        // SAFETY: as above.
        instance.NpiId = unsafe { &raw const (*registered).npi_id };
        // SAFETY: as above.
        instance.ModuleId = unsafe { &raw const (*registered).module_id };

        let mut handle = ptr::null_mut();
        // SAFETY: as above.
        let characteristics = unsafe { &raw const (*registered).characteristics };
        // SAFETY: by the invariant of `Registered`, which the owner of the
        // block, this registration and what it becomes, keeps.
        let status =
            unsafe { M::Role::register(characteristics, registered.cast(), &raw mut handle) };
        if status == abi::STATUS_SUCCESS {
            LIVE.fetch_add(1, Ordering::Relaxed);
            let handle = RegistrationHandle::new(handle);
            return Ok(Self {
                block,
                handle,
                not_send: PhantomData,
            });
        }
        // SAFETY: NMR has not taken the block.
        drop(unsafe { Box::from_raw(block.as_ptr()) });
        // A success code that is not `STATUS_SUCCESS` is none NMR documents.
        Err(NtStatus(status)
            .ok()
            .err()
            .unwrap_or(NtStatus(abi::STATUS_UNSUCCESSFUL)))
    }

    /// The module.
    #[must_use]
    pub const fn module(&self) -> &M {
        // SAFETY: the block lives until the registration has ended.
        unsafe { self.block.as_ref() }.module()
    }

    /// Step one: tells NMR to detach every binding of the module and to offer
    /// it no more. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// Windows answers [`Deregistration::Pending`] to every valid call, even
    /// where nothing is bound.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>
    pub fn deregister(self) -> Deregistration<M> {
        let this = ManuallyDrop::new(self);
        let block = this.block;
        // SAFETY: the registration is alive, and giving it up by value makes
        // this its only deregistration.
        match unsafe { this.handle.deregister() } {
            NtStatus::SUCCESS => Deregistration::Complete(Ended::new(block)),
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

/// What [`Registration::deregister`] answers.
#[must_use = "a pending deregistration must be waited for before the driver unloads"]
pub enum Deregistration<M: Module> {
    /// `STATUS_SUCCESS`: NMR has forgotten the module.
    Complete(Ended<M>),
    /// `STATUS_PENDING`: callbacks may still run, and must be waited for.
    Pending(Pending<M>),
    /// Anything else.
    Failed(Failed),
}

/// A deregistration that has begun. Dropping it waits for its end, at
/// IRQL < `DISPATCH_LEVEL`.
#[must_use = "a pending deregistration must be waited for before the driver unloads"]
pub struct Pending<M: Module> {
    block: NonNull<Registered<M>>,
    handle: RegistrationHandle<M::Role>,
    not_send: PhantomData<*mut M>,
}

impl<M: Module> Pending<M> {
    /// Step two: waits, with `NmrWaitForClientDeregisterComplete` or
    /// `NmrWaitForProviderDeregisterComplete` as the role demands, until the
    /// last callback has returned. IRQL = `PASSIVE_LEVEL`.
    ///
    /// There is no time-out: a binding whose detach is never completed blocks
    /// this for ever.
    ///
    /// # Errors
    ///
    /// [`Failed`], where NMR answers anything but `STATUS_SUCCESS`.
    pub fn wait(self, _passive: &PassiveLevel<'_>) -> core::result::Result<Ended<M>, Failed> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the deregistration is pending, and giving it up by value
        // makes this its only wait.
        match unsafe { this.handle.wait() } {
            NtStatus::SUCCESS => Ok(Ended::new(this.block)),
            status => Err(Failed::new(status)),
        }
    }
}

impl<M: Module> Drop for Pending<M> {
    fn drop(&mut self) {
        // SAFETY: a value that is dropped is not used again.
        let this = unsafe { ptr::read(self) };
        // SAFETY: whoever drops this does so where waiting is legal, as the
        // type says.
        let passive = unsafe { PassiveLevel::assume() };
        drop(this.wait(&passive));
    }
}

/// Proof that a module of type `M` is no longer registered, and the module.
#[must_use = "an unload routine returns it as its proof"]
pub struct Ended<M: Module> {
    block: NonNull<Registered<M>>,
}

impl<M: Module> Ended<M> {
    /// The proof: NMR has given up `block`.
    fn new(block: NonNull<Registered<M>>) -> Self {
        LIVE.fetch_sub(1, Ordering::Release);
        Self { block }
    }
}

impl<M: Module> Deref for Ended<M> {
    type Target = M;

    fn deref(&self) -> &M {
        // SAFETY: `self` owns the block.
        unsafe { self.block.as_ref() }.module()
    }
}

impl<M: Module> DerefMut for Ended<M> {
    fn deref_mut(&mut self) -> &mut M {
        // SAFETY: `self` is the only owner of the block.
        &mut unsafe { self.block.as_mut() }.module
    }
}

impl<M: Module> Drop for Ended<M> {
    fn drop(&mut self) {
        // SAFETY: the block was leaked from a box, NMR has given it up, and
        // `self` is its only owner.
        drop(unsafe { Box::from_raw(self.block.as_ptr()) });
    }
}

/// NMR refused to deregister a module, or to wait for it, which it does for a
/// handle it does not know. The module counts as registered for ever: its
/// memory is never freed, and its driver must not unload.
#[must_use = "the module may still be registered: its driver must not unload"]
#[derive(Debug)]
pub struct Failed(NtStatus);

impl Failed {
    pub(super) const fn new(status: NtStatus) -> Self {
        Self(status)
    }

    /// What NMR answered.
    pub fn status(self) -> NtStatus {
        self.0
    }
}
