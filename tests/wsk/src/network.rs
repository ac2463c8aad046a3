// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registration with Winsock Kernel, with the provider's NPI captured.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::pin::Pin;
use core::ptr;

use nmr::irql::PassiveLevel;
use nmr::memory::try_box;
use nmr::{NtStatus, Result};

use crate::wsk::{
    self, ClientDispatch, ClientNpi, INFINITE_WAIT, ProviderNpi, Registration, VERSION,
};

static DISPATCH: ClientDispatch = ClientDispatch {
    version: VERSION,
    reserved: 0,
    event: 0,
};

/// A registration. It does not move, as Winsock Kernel knows its address; it is dropped at
/// `PASSIVE_LEVEL`, after the last socket is closed.
pub(crate) struct Network {
    registration: UnsafeCell<Registration>,
    npi: ProviderNpi,
}

// SAFETY: Winsock Kernel's functions may be called in any thread, and they alone change the
// registration.
unsafe impl Sync for Network {}
// SAFETY: a registration belongs to no thread.
unsafe impl Send for Network {}

impl Network {
    /// Registers, and captures the NPI. IRQL = `PASSIVE_LEVEL`.
    pub(crate) fn open(_: &PassiveLevel<'_>) -> Result<Pin<Box<Self>>> {
        let mut network = try_box(Self {
            registration: UnsafeCell::default(),
            npi: ProviderNpi {
                client: ptr::null_mut(),
                dispatch: ptr::null(),
            },
        })?;
        let client = ClientNpi {
            context: ptr::null_mut(),
            dispatch: &raw const DISPATCH,
        };
        let at = network.registration.get();
        // SAFETY: the registration is in a box, and stays there until it is deregistered.
        NtStatus(unsafe { wsk::register(&raw const client, at) }).ok()?;
        // SAFETY: the registration has just been made; the NPI may be written.
        let status = unsafe { wsk::capture_provider_npi(at, INFINITE_WAIT, &raw mut network.npi) };
        if let Err(status) = NtStatus(status).ok() {
            // SAFETY: as above; nothing is captured.
            unsafe { wsk::deregister(at) };
            return Err(status);
        }
        Ok(Box::into_pin(network))
    }

    /// The provider's NPI, as long as this is.
    pub(crate) const fn npi(&self) -> &ProviderNpi {
        &self.npi
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if self.npi.dispatch.is_null() {
            return;
        }
        let at = self.registration.get();
        // SAFETY: the NPI was captured, once.
        unsafe { wsk::release_provider_npi(at) };
        // SAFETY: the registration was made, once, and its sockets are closed.
        unsafe { wsk::deregister(at) };
    }
}
