// SPDX-License-Identifier: MIT OR Apache-2.0

//! The framework's part of a driver image, which `WdfDriverEntry.lib` has under
//! the names `FxDriverEntry` and `FxStubDriverUnload`.
//!
//! ```text
//! image's entry    WdfVersionBind, then the driver's entry;
//!                  WdfVersionUnbind, if that fails
//! image's unload   the framework's DriverUnload, which calls EvtDriverUnload;
//!                  then WdfVersionUnbind
//! ```
//!
//! So the framework is there from before the first line of the driver until
//! after its last, and knows nothing of it afterwards.

use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::Ordering;

use wdk_sys::ntddk::RtlCopyUnicodeString;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING, PDRIVER_UNLOAD, UNICODE_STRING};

use crate::abi::{WDF_BIND_INFO, WDF_DRIVER_GLOBALS, WDF_VERSION, WdfFunctionTableNumEntries};
use crate::framework::{FUNCTIONS, Framework, GLOBALS};

#[link(name = "WDFLDR.SYS", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    fn WdfVersionBind(
        driver: *mut DRIVER_OBJECT,
        registry_path: *mut UNICODE_STRING,
        info: *mut WDF_BIND_INFO,
        globals: *mut *mut WDF_DRIVER_GLOBALS,
    ) -> NTSTATUS;

    fn WdfVersionUnbind(
        registry_path: *mut UNICODE_STRING,
        info: *mut WDF_BIND_INFO,
        globals: *mut WDF_DRIVER_GLOBALS,
    ) -> NTSTATUS;
}

/// `KmdfLibrary`, and the zero that ends it.
const COMPONENT: &[u16; 12] = &{
    let name = b"KmdfLibrary\0";
    let mut units = [0; 12];
    let mut at = 0;
    while at < name.len() {
        units[at] = name[at] as u16;
        at += 1;
    }
    units
};

/// The longest path of a service, in UTF-16 units.
const LONGEST_PATH: u16 = 260;

/// What the loader and the stub keep for this image.
struct Binding {
    info: WDF_BIND_INFO,
    /// The service, whose name outlives `DriverEntry` here.
    path: UNICODE_STRING,
    path_buffer: [u16; LONGEST_PATH as usize],
    /// The `DriverUnload` that the framework has set.
    unload: PDRIVER_UNLOAD,
}

/// # Invariants
///
/// Touched by [`entry`] and [`unload`] only, which the I/O manager calls one
/// after the other.
struct Image(UnsafeCell<Binding>);

// SAFETY: by the invariant one thread at a time touches it.
unsafe impl Sync for Image {}

static IMAGE: Image = Image(UnsafeCell::new(Binding {
    info: WDF_BIND_INFO {
        Size: WDF_BIND_INFO::SIZE,
        Component: COMPONENT.as_ptr(),
        Version: WDF_VERSION {
            Major: 1,
            Minor: 15,
            Build: 0,
        },
        FuncCount: WdfFunctionTableNumEntries,
        FuncTable: ptr::null_mut(),
        Module: ptr::null_mut(),
    },
    path: UNICODE_STRING {
        Length: 0,
        MaximumLength: 2 * LONGEST_PATH,
        Buffer: ptr::null_mut(),
    },
    path_buffer: [0; LONGEST_PATH as usize],
    unload: None,
}));

impl Binding {
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// In the image's entry, with its arguments; `this` is the image's.
    unsafe fn bind(
        this: *mut Self,
        driver: *mut DRIVER_OBJECT,
        path: PCUNICODE_STRING,
    ) -> NTSTATUS {
        // SAFETY: nobody else has it yet.
        let buffer = unsafe { &raw mut (*this).path_buffer };
        // SAFETY: as above.
        unsafe { (*this).path.Buffer = buffer.cast() };
        // SAFETY: as above.
        unsafe { (*this).info.FuncTable = FUNCTIONS.as_ptr().cast() };
        // SAFETY: as above.
        let copy = unsafe { &raw mut (*this).path };
        // SAFETY: as above.
        let info = unsafe { &raw mut (*this).info };
        // SAFETY: both strings are valid; what is too long is cut off.
        unsafe { RtlCopyUnicodeString(copy, path) };
        // SAFETY: all arguments are valid, and stay where they are until `unbind`.
        unsafe { WdfVersionBind(driver, copy, info, GLOBALS.as_ptr()) }
    }

    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// Bound, and no function of the framework is called any more.
    unsafe fn unbind(this: *mut Self) {
        let globals = GLOBALS.load(Ordering::Relaxed);
        // SAFETY: by this function's contract.
        let path = unsafe { &raw mut (*this).path };
        // SAFETY: as above.
        let info = unsafe { &raw mut (*this).info };
        // SAFETY: the arguments are those of `bind`. An error would mean that
        // the image was not bound.
        let _ = unsafe { WdfVersionUnbind(path, info, globals) };
    }
}

/// The image's entry: runs the driver's, `driver_entry`, with the framework.
/// IRQL = `PASSIVE_LEVEL`.
///
/// # Errors
///
/// What binding or `driver_entry` answers; the image is not bound then.
///
/// # Safety
///
/// Called by the I/O manager, once, with these arguments.
pub unsafe fn entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    driver_entry: impl FnOnce(&mut DRIVER_OBJECT, PCUNICODE_STRING, Framework<'_>) -> NTSTATUS,
) -> NTSTATUS {
    // The loader keeps pointers into it: it is never borrowed.
    let binding = IMAGE.0.get();
    // SAFETY: the caller's promise.
    let bound = unsafe { Binding::bind(binding, driver, registry_path) };
    if bound < 0 {
        return bound;
    }
    // SAFETY: bound, and not unbound before `driver_entry` has returned.
    let framework = unsafe { Framework::bound() };
    let status = driver_entry(driver, registry_path, framework);
    if status < 0 {
        // SAFETY: bound, and the driver is not started.
        unsafe { Binding::unbind(binding) };
        return status;
    }
    // SAFETY: the framework's globals are valid while the image is bound.
    if unsafe { (*framework.globals()).DisplaceDriverUnload } != 0 {
        let displaced = driver.DriverUnload.replace(unload);
        // SAFETY: by the invariant of `Image`, and this is `entry`.
        unsafe { (*binding).unload = displaced };
    }
    status
}

/// `DriverUnload`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager, once, after `entry` has succeeded.
unsafe extern "C" fn unload(driver: *mut DRIVER_OBJECT) {
    let binding = IMAGE.0.get();
    // SAFETY: by the invariant of `Image`, and this is `unload`.
    let displaced = unsafe { (*binding).unload };
    if let Some(displaced) = displaced {
        // SAFETY: the framework has set it for this.
        unsafe { displaced(driver) };
    }
    // SAFETY: bound, and the driver has come to its end.
    unsafe { Binding::unbind(binding) };
}
