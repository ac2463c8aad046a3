// SPDX-License-Identifier: MIT OR Apache-2.0

//! The framework's stub in a driver image, in place of `FxDriverEntry` and
//! `FxStubDriverUnload` of `WdfDriverEntry.lib`.
//!
//! ```text
//! image's entry    WdfVersionBind, then the driver's entry;
//!                  WdfVersionUnbind, if that fails
//! image's unload   the framework's DriverUnload, which calls EvtDriverUnload;
//!                  then WdfVersionUnbind
//! ```
//!
//! So the image is bound whenever code of the driver itself runs.

use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::Ordering;

use nmr::NtStatus;
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

/// `KmdfLibrary` in UTF-16, with its terminating zero.
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

/// The maximum length of a service's registry path, in UTF-16 units.
const LONGEST_PATH: u16 = 260;

/// The state of this image to which the framework's loader and the stub keep pointers.
struct Binding {
    info: WDF_BIND_INFO,
    /// A copy of the service's registry path, which outlives `DriverEntry`.
    path: UNICODE_STRING,
    path_buffer: [u16; LONGEST_PATH as usize],
    /// The `DriverUnload` that the framework has set.
    unload: PDRIVER_UNLOAD,
}

/// The binding of this image.
///
/// # Invariants
///
/// Only [`entry`] and [`unload`] use it, which the I/O manager calls one after the other.
struct Image(UnsafeCell<Binding>);

// SAFETY: by the invariant one thread at a time uses it.
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
    /// Binds the image to the framework. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// Called in the image's entry, with its arguments; `this` is the image's binding,
    /// which nothing else uses meanwhile.
    unsafe fn bind(
        this: *mut Self,
        driver: *mut DRIVER_OBJECT,
        path: PCUNICODE_STRING,
    ) -> NTSTATUS {
        // SAFETY: the binding is a static, so that its fields are valid.
        let buffer = unsafe { &raw mut (*this).path_buffer };
        // SAFETY: the binding is a static, and nothing else uses it meanwhile.
        unsafe { (*this).path.Buffer = buffer.cast() };
        // SAFETY: the binding is a static, and nothing else uses it meanwhile.
        unsafe { (*this).info.FuncTable = FUNCTIONS.as_ptr().cast() };
        // SAFETY: the binding is a static, so that its fields are valid.
        let copy = unsafe { &raw mut (*this).path };
        // SAFETY: the binding is a static, so that its fields are valid.
        let info = unsafe { &raw mut (*this).info };
        // SAFETY: both strings are valid; a path that is too long is truncated.
        unsafe { RtlCopyUnicodeString(copy, path) };
        // SAFETY: the driver object is this driver's; the other arguments are in
        // statics, valid and at their addresses until `unbind`.
        unsafe { WdfVersionBind(driver, copy, info, GLOBALS.as_ptr()) }
    }

    /// Unbinds the image. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// `this` is the image's binding, which is bound; no function of the framework is
    /// called after this.
    unsafe fn unbind(this: *mut Self) {
        let globals = GLOBALS.load(Ordering::Relaxed);
        // SAFETY: the binding is a static, so that its fields are valid.
        let path = unsafe { &raw mut (*this).path };
        // SAFETY: the binding is a static, so that its fields are valid.
        let info = unsafe { &raw mut (*this).info };
        // SAFETY: the arguments are those of `bind`. The only error is that of an
        // image that is not bound.
        let _ = unsafe { WdfVersionUnbind(path, info, globals) };
    }
}

/// The image's entry: binds the image to the framework, runs `driver_entry`, and returns its
/// status. If binding or `driver_entry` fails, the image is not bound when this returns.
/// IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the image's entry, once, with its arguments.
pub(crate) unsafe fn entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    driver_entry: impl FnOnce(&mut DRIVER_OBJECT, Framework<'_>) -> NtStatus,
) -> NTSTATUS {
    // No reference to the binding is formed, because the loader keeps pointers to it.
    let binding = IMAGE.0.get();
    // SAFETY: this is the image's entry with its arguments, and by the invariant of
    // `Image` nothing else uses the binding.
    let bound = unsafe { Binding::bind(binding, driver, registry_path) };
    if bound < 0 {
        return bound;
    }
    // SAFETY: the image is bound, and not unbound before `driver_entry` has returned.
    let framework = unsafe { Framework::bound() };
    let status = driver_entry(driver, framework);
    if !status.is_success() {
        // SAFETY: the image is bound, and a driver whose entry fails calls no function
        // of the framework after it.
        unsafe { Binding::unbind(binding) };
        return status.0;
    }
    // SAFETY: the globals are valid while the image is bound.
    if unsafe { (*framework.globals()).DisplaceDriverUnload } != 0 {
        let displaced = driver.DriverUnload.replace(unload);
        // SAFETY: by the invariant of `Image` nothing else uses the binding.
        unsafe { (*binding).unload = displaced };
    }
    status.0
}

/// `DriverUnload`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager, once, after `entry` has succeeded.
unsafe extern "C" fn unload(driver: *mut DRIVER_OBJECT) {
    let binding = IMAGE.0.get();
    // SAFETY: by the invariant of `Image` nothing else uses the binding.
    let displaced = unsafe { (*binding).unload };
    if let Some(displaced) = displaced {
        // SAFETY: the framework has set this routine as the driver's `DriverUnload`,
        // and this is the call of it that the I/O manager makes.
        unsafe { displaced(driver) };
    }
    // SAFETY: the image is bound, and the framework has called `EvtDriverUnload`, after
    // which the driver calls no function of it.
    unsafe { Binding::unbind(binding) };
}
