// SPDX-License-Identifier: MIT OR Apache-2.0

//! Serialises accesses to Wine's tree of drivers, which it does not lock.
//!
//! `ZwLoadDriver` accesses the tree before and after `DriverEntry`, `ZwUnloadDriver` before
//! and after `DriverUnload`; both modify it. Therefore one thread at a time is in these
//! functions. During a `DriverUnload`, which may wait without limit, the lock is released:
//! the unload routine of each loaded driver is replaced by [`unload`].
//!
//! # Limits
//!
//! Two `DriverEntry` never run at the same time. Loads by the service control manager are
//! not serialised.

use alloc::vec::Vec;
use core::ptr;

use native::blocking_lock::BlockingLock;
use native::lock::SpinLock;
use native::system::{
    IoDriverObjectType, ObReferenceObjectByName, ObfDereferenceObject, ZwLoadDriver, ZwUnloadDriver,
};
use native::text::Text;
use spin::Once;
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::NTSTATUS;

type Unload = unsafe extern "system" fn(driver: *const DRIVER_OBJECT);

/// The lock of the tree.
fn tree_lock() -> &'static BlockingLock {
    static LOCK: Once<BlockingLock> = Once::new();
    LOCK.call_once(BlockingLock::new)
}

/// The unload routines of the drivers that were loaded here, by the addresses of their
/// driver objects.
static ROUTINES: SpinLock<Vec<(usize, Unload)>> = SpinLock::new(Vec::new());

/// Loads the driver of the service called `name`. IRQL = `PASSIVE_LEVEL`.
pub(crate) fn load(name: &[u16]) -> NTSTATUS {
    tree_lock().acquire();
    let key = key(name);
    // SAFETY: the name is valid, and outlives the call.
    let status = unsafe { ZwLoadDriver(key.counted().as_ptr()) };
    if status >= 0 {
        replace_routine(name);
    }
    tree_lock().release();
    status
}

/// Unloads the driver of the service called `name`. IRQL = `PASSIVE_LEVEL`.
pub(crate) fn remove(name: &[u16]) -> NTSTATUS {
    tree_lock().acquire();
    let key = key(name);
    // SAFETY: the name is valid, and outlives the call.
    let status = unsafe { ZwUnloadDriver(key.counted().as_ptr()) };
    tree_lock().release();
    status
}

fn key(name: &[u16]) -> Text {
    Text::default()
        .and(r"\Registry\Machine\System\CurrentControlSet\Services\")
        .and_units(name.iter().copied())
}

fn replace_routine(name: &[u16]) {
    const KERNEL_MODE: i8 = 0;
    let name = Text::default()
        .and(r"\Driver\")
        .and_units(name.iter().copied());
    let mut object = ptr::null_mut();
    // SAFETY: the kernel sets this variable before it loads any driver.
    let object_type = unsafe { *IoDriverObjectType };
    // SAFETY: the name is valid and outlives the call, and `object` is writable.
    let status = unsafe {
        ObReferenceObjectByName(
            name.counted().as_ptr(),
            0,
            ptr::null(),
            0,
            object_type,
            KERNEL_MODE,
            ptr::null(),
            &raw mut object,
        )
    };
    assert!(status >= 0, "a driver that was loaded has an object");
    // SAFETY: the object has the type of driver objects, and is referenced; no other thread
    // modifies it while the tree is locked.
    let driver = unsafe { &mut *object.cast::<DRIVER_OBJECT>() };
    if let Some(own) = driver.DriverUnload.replace(unload) {
        ROUTINES.with(|routines| routines.push((object.addr(), own)));
    } else {
        driver.DriverUnload = None;
    }
    // SAFETY: the reference was taken above, and is released once.
    unsafe { ObfDereferenceObject(object) };
}

/// Replaces the `DriverUnload` of each driver that was loaded here.
unsafe extern "system" fn unload(driver: *const DRIVER_OBJECT) {
    let own = ROUTINES.with(|routines| {
        let place = routines.iter().position(|(of, _)| *of == driver.addr());
        place.map(|place| routines.swap_remove(place).1)
    });
    let own = own.expect("it replaces a routine");
    tree_lock().release();
    // SAFETY: the routine is that of this driver, and the kernel is unloading it.
    unsafe { own(driver) };
    tree_lock().acquire();
}
