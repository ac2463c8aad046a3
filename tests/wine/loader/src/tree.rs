// SPDX-License-Identifier: MIT OR Apache-2.0

//! Wine's tree of drivers, which it walks without a lock.
//!
//! `ZwLoadDriver` looks into the tree before and after `DriverEntry`,
//! `ZwUnloadDriver` before and after `DriverUnload`; both change it. So one at a
//! time is in them, except that whoever is in a `DriverUnload`, which may wait
//! for ever, lets the others go on: each driver that is loaded has its unload
//! routine replaced by [`unload`].
//!
//! # Limits
//!
//! Two `DriverEntry` never run at once. Whatever the service control manager does
//! at the same time is not held up.

use alloc::vec::Vec;
use core::ptr;

use native::lock::SpinLock;
use native::system::{
    IoDriverObjectType, ObReferenceObjectByName, ObfDereferenceObject, ZwLoadDriver, ZwUnloadDriver,
};
use native::text::Text;
use native::turn::Turn;
use spin::Once;
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::NTSTATUS;

type Unload = unsafe extern "system" fn(driver: *const DRIVER_OBJECT);

/// Whoever has it may be in the tree.
fn turn() -> &'static Turn {
    static TURN: Once<Turn> = Once::new();
    TURN.call_once(Turn::new)
}

/// The drivers that were loaded here, by the addresses of their objects, and
/// their own unload routines.
static ROUTINES: SpinLock<Vec<(usize, Unload)>> = SpinLock::new(Vec::new());

/// Loads the driver of the service called `name`. IRQL = `PASSIVE_LEVEL`.
pub(crate) fn load(name: &[u16]) -> NTSTATUS {
    turn().take();
    let key = key(name);
    // SAFETY: the name is readable.
    let status = unsafe { ZwLoadDriver(key.counted().as_ptr()) };
    if status >= 0 {
        replace_routine(name);
    }
    turn().give_back();
    status
}

/// Unloads the driver of the service called `name`. IRQL = `PASSIVE_LEVEL`.
pub(crate) fn remove(name: &[u16]) -> NTSTATUS {
    turn().take();
    let key = key(name);
    // SAFETY: the name is readable.
    let status = unsafe { ZwUnloadDriver(key.counted().as_ptr()) };
    turn().give_back();
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
    // SAFETY: the kernel has set it before any driver was loaded.
    let kind = unsafe { *IoDriverObjectType };
    // SAFETY: the name is readable, and the place may be written.
    let status = unsafe {
        ObReferenceObjectByName(
            name.counted().as_ptr(),
            0,
            ptr::null(),
            0,
            kind,
            KERNEL_MODE,
            ptr::null(),
            &raw mut object,
        )
    };
    assert!(status >= 0, "a driver that was loaded has an object");
    // SAFETY: the object is a driver's, and is referenced.
    let driver = unsafe { &mut *object.cast::<DRIVER_OBJECT>() };
    if let Some(own) = driver.DriverUnload.replace(unload) {
        ROUTINES.with(|routines| routines.push((object.addr(), own)));
    } else {
        driver.DriverUnload = None;
    }
    // SAFETY: it was referenced above.
    unsafe { ObfDereferenceObject(object) };
}

/// Stands for the `DriverUnload` of each driver that was loaded here.
unsafe extern "system" fn unload(driver: *const DRIVER_OBJECT) {
    let own = ROUTINES.with(|routines| {
        let place = routines.iter().position(|(of, _)| *of == driver.addr());
        place.map(|place| routines.swap_remove(place).1)
    });
    let own = own.expect("it stands for one");
    turn().give_back();
    // SAFETY: it is the routine of this driver, which is being unloaded.
    unsafe { own(driver) };
    turn().take();
}
