// SPDX-License-Identifier: MIT OR Apache-2.0

//! Completing and cancelling requests.

use windows_sys::Win32::Foundation::STATUS_INVALID_DEVICE_REQUEST;

use crate::exports::execution::levels;
use crate::exports::exports;
use crate::exports::io::builds;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, Irql};
use crate::io::completion;
use crate::io::irp::Irp;
use crate::io::requests;
use crate::kernel::with;
use crate::network;
use crate::verifier::locks::{self, LockKind};

exports! {
    "IofCompleteRequest" <= DISPATCH_LEVEL => iof_complete_request: ();
    "IoCancelIrp" <= DISPATCH_LEVEL => io_cancel_irp: u8;
    "IoAcquireCancelSpinLock" <= DISPATCH_LEVEL => io_acquire_cancel_spin_lock: ();
    "IoReleaseCancelSpinLock" <= DISPATCH_LEVEL => io_release_cancel_spin_lock: ();
}

unsafe extern "win64" fn iof_complete_request(irp: usize, _boost: i8) {
    let beneath = with(|state| {
        let by = caller(state)?;
        let holder = state.io.packets.is_beneath(irp, by.driver);
        let holder = holder.map(|holder| state.loader.drivers.show(holder));
        holder.or_else(|| network::requests::holder(state, irp))
    });
    if let Some(holder) = beneath {
        let code = ("0xC9", [0x209, 0, irp, 0]);
        stop(
            code,
            format!("an IRP was completed that {holder} still has"),
        );
    }
    forbid_spin_lock();
    completion::complete(irp, builds::finish);
}

/// "Never call `IoCompleteRequest` while holding a spin lock."
fn forbid_spin_lock() {
    let held = with(|state| {
        let mut held = state.verifier.locks.of(state.scheduling.current_id());
        let held = held.find(|held| held.kind == LockKind::Spin)?;
        Some(state.loader.drivers.show(held.by?))
    });
    if let Some(by) = held {
        let what = format!("an IRP was completed with a spin lock held that {by} acquired");
        stop("0xC4", what);
    }
}

/// What the I/O manager answers for a driver that does not care.
pub(in crate::exports) unsafe extern "win64" fn invalid_request(
    _device: usize,
    irp: *mut Irp,
) -> i32 {
    // SAFETY: a request that is sent is in memory.
    unsafe {
        (*irp).status = STATUS_INVALID_DEVICE_REQUEST;
        (*irp).information = 0;
    }
    completion::complete(irp.addr(), builds::finish);
    STATUS_INVALID_DEVICE_REQUEST
}

unsafe extern "win64" fn io_cancel_irp(irp: usize) -> u8 {
    if with(|state| state.io.packets.is_freed(irp)) {
        let by = with(|state| {
            let by = state.io.packets.get(irp)?.freed?;
            Some(state.loader.drivers.show(by))
        });
        let by = by.unwrap_or_else(|| "the I/O manager, as it was complete,".to_owned());
        stop("0xC9", format!("an IRP was cancelled that {by} has freed"));
    }
    u8::from(network::requests::cancel(irp) || requests::cancel(irp))
}

unsafe extern "win64" fn io_acquire_cancel_spin_lock(old: *mut Irql) {
    let level = locks::acquire_cancel();
    // SAFETY: it may be written, as documented.
    unsafe { old.write(level) };
}

unsafe extern "win64" fn io_release_cancel_spin_lock(old: Irql) {
    locks::release_cancel();
    levels::lower(old);
}
