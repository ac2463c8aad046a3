// SPDX-License-Identifier: MIT OR Apache-2.0

//! Completing and cancelling requests.

use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_FILE_SYSTEM_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL,
};
use windows_sys::Win32::Foundation::STATUS_INVALID_DEVICE_REQUEST;

use crate::exports::execution::levels;
use crate::exports::exports;
use crate::exports::io::builds;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL, Irql};
use crate::io::completion;
use crate::io::irp::{Irp, stack_location};
use crate::io::requests;
use crate::kernel::with;
use crate::network;
use crate::verifier::locks::{self, LockKind};

exports! {
    "IofCompleteRequest" <= DISPATCH_LEVEL => iof_complete_request: ();
    "IoCancelIrp" <= DISPATCH_LEVEL => io_cancel_irp: u8;
    "IoAcquireCancelSpinLock" <= DISPATCH_LEVEL => io_acquire_cancel_spin_lock: ();
    "IoReleaseCancelSpinLock" <= DISPATCH_LEVEL => io_release_cancel_spin_lock: ();
    "IoIsOperationSynchronous" <= HIGH_LEVEL => io_is_operation_synchronous: u8;
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

/// Returns 1 if a request is synchronous. One without a file is, by its flags and its code.
unsafe extern "win64" fn io_is_operation_synchronous(irp: *const Irp) -> u8 {
    /// `IRP_PAGING_IO`, `IRP_SYNCHRONOUS_API` and `IRP_SYNCHRONOUS_PAGING_IO`.
    const PAGING: u32 = 0x02;
    const ALWAYS: u32 = 0x04;
    const SYNCHRONOUS_PAGING: u32 = 0x40;
    /// `METHOD_BUFFERED` in a control code.
    const METHOD: usize = 3;

    // SAFETY: the request is in memory and has a present stack location, as documented.
    let (flags, file, major, code) = unsafe {
        let location = &*stack_location(irp);
        (
            (*irp).flags,
            location.file,
            location.major.into(),
            location.code,
        )
    };
    let is_synchronous = if flags & PAGING != 0 {
        flags & SYNCHRONOUS_PAGING != 0
    } else {
        let is_control = matches!(
            major,
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL | IRP_MJ_FILE_SYSTEM_CONTROL
        );
        flags & ALWAYS != 0
            || with(|state| state.io.files.is_synchronous(file))
            || (is_control && code & METHOD == 0)
    };
    u8::from(is_synchronous)
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
