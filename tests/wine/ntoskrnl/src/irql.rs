// SPDX-License-Identifier: MIT OR Apache-2.0

//! The IRQL of each thread.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::original::{TlsAlloc, TlsGetValue, TlsSetValue};

pub(crate) const PASSIVE_LEVEL: u8 = 0;
pub(crate) const APC_LEVEL: u8 = 1;
pub(crate) const DISPATCH_LEVEL: u8 = 2;

/// The TLS slot of each thread's IRQL, allocated at the first use.
fn slot() -> u32 {
    const NONE: u32 = u32::MAX;
    static SLOT: AtomicU32 = AtomicU32::new(NONE);

    let slot = SLOT.load(Ordering::Relaxed);
    if slot != NONE {
        return slot;
    }
    // SAFETY: the function has no precondition. A slot that loses the race is left unused.
    let new = unsafe { TlsAlloc() };
    match SLOT.compare_exchange(NONE, new, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => new,
        Err(other) => other,
    }
}

pub(crate) fn current() -> u8 {
    // SAFETY: the slot was allocated by `TlsAlloc`.
    let value = unsafe { TlsGetValue(slot()) };
    value.addr().to_le_bytes()[0]
}

/// Sets the IRQL, and returns the old one.
pub(crate) fn set(irql: u8) -> u8 {
    let old = current();
    let value: *mut c_void = ptr::without_provenance_mut(usize::from(irql));
    // SAFETY: the slot was allocated by `TlsAlloc`.
    unsafe { TlsSetValue(slot(), value) };
    old
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeGetCurrentIrql() -> u8 {
    current()
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KfRaiseIrql(irql: u8) -> u8 {
    set(irql)
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeRaiseIrqlToDpcLevel() -> u8 {
    set(DISPATCH_LEVEL)
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeLowerIrql(irql: u8) {
    set(irql);
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KfLowerIrql(irql: u8) {
    set(irql);
}
