// SPDX-License-Identifier: MIT OR Apache-2.0

//! The framework driver object: how a driver is created and unloaded.

use std::ffi::c_void;

use kmdf::abi::{
    WDF_DRIVER_CONFIG, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES, WDFDRIVER,
    WdfDriverInitNoDispatchOverride, WdfDriverInitNonPnpDriver,
};
use windows_sys::Wdk::Foundation::{DRIVER_DISPATCH, DRIVER_OBJECT};
use windows_sys::Win32::Foundation::{
    STATUS_DRIVER_INTERNAL_ERROR, STATUS_INFO_LENGTH_MISMATCH, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UNICODE_STRING,
};

use super::objects::{self, Kind};
use super::{TAG, call, check_not_null, files, handle, lifetimes, unsupported};
use crate::calls::bind;
use crate::exports::data::strings;
use crate::exports::exports;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::loader::export::Export;
use crate::verifier::faults;

exports! {
    of "wdf01000.sys":
    "WdfDriverCreate" <= PASSIVE_LEVEL => wdf_driver_create: i32;
    "WdfDriverGetRegistryPath" <= PASSIVE_LEVEL => registry_path: usize;
    "WdfDriverWdmGetDriverObject" <= DISPATCH_LEVEL => driver_object: usize;
    "WdfWdmDriverGetWdfDriverHandle" <= DISPATCH_LEVEL => driver_handle: usize;
}

/// The `DriverUnload` of each driver of the framework that has an
/// `EvtDriverUnload`.
const UNLOAD: &Export = &Export::function(
    "wdf01000.sys",
    "FxDriver::Unload",
    PASSIVE_LEVEL,
    0,
    unload as *const (),
);

/// A framework driver object.
#[derive(Clone, Debug)]
pub(super) struct Created {
    /// Its `DRIVER_OBJECT`.
    pub(super) object: usize,
    /// `EvtDriverUnload`, if the driver has one.
    unload: Option<usize>,
    /// The path of its service's key.
    pub(super) service: String,
    /// The same for the driver, once it has asked for it.
    path: Option<usize>,
}

unsafe extern "win64" fn wdf_driver_create(
    globals: *mut WDF_DRIVER_GLOBALS,
    object: *mut DRIVER_OBJECT,
    path: *const UNICODE_STRING,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    config: *const WDF_DRIVER_CONFIG,
    created: *mut WDFDRIVER,
) -> i32 {
    check_not_null(object.addr(), "DriverObject");
    check_not_null(path.addr(), "RegistryPath");
    check_not_null(config.addr(), "DriverConfig");
    // SAFETY: it is not null, and so valid, as documented.
    let config = unsafe { &*config };
    // SAFETY: as above.
    let path = unsafe { strings::text(path) };
    // SAFETY: they are null or valid, as documented.
    let answer = unsafe { objects::attributes(attributes) }.and_then(|attributes| {
        with(|state| {
            create_driver(state, globals.addr(), object.addr(), &path, config)?;
            let at = globals.addr();
            objects::add(state, at, at, Kind::Driver, &attributes, None);
            Ok(())
        })
    });
    let status = answer.map_or_else(|status| status, |()| STATUS_SUCCESS);
    if status >= 0 && !simulated(config) {
        unsupported("a driver for Plug and Play or of a miniport");
    }
    if status >= 0 {
        // SAFETY: the driver object is the driver's, as documented, and the
        // globals were found to be.
        unsafe { publish(globals, object, &path, config) };
    }
    if !created.is_null() {
        let handle = if status < 0 {
            0
        } else {
            handle(globals.addr())
        };
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { created.cast::<usize>().write(handle) };
    }
    status
}

/// Returns `true` if a driver is of the one kind that is simulated.
const fn simulated(config: &WDF_DRIVER_CONFIG) -> bool {
    config.DriverInitFlags == WdfDriverInitNonPnpDriver
}

/// Fills in what the driver and the I/O manager see.
///
/// # Safety
///
/// Both are the driver's.
unsafe fn publish(
    globals: *mut WDF_DRIVER_GLOBALS,
    object: *mut DRIVER_OBJECT,
    path: &str,
    config: &WDF_DRIVER_CONFIG,
) {
    let unloadable = config.EvtDriverUnload.is_some();
    let bound = with(|state| {
        let driver = state.wdf.clients.get(&globals.addr())?.driver;
        Some((
            bind(state, driver, UNLOAD),
            bind(state, driver, files::DISPATCH),
        ))
    });
    let Some((unload, dispatch)) = bound else {
        return;
    };
    let service = path.rsplit('\\').next().unwrap_or_default().as_bytes();
    let mut name = [0; 32];
    let length = service.len().min(name.len() - 1);
    name[..length].copy_from_slice(&service[..length]);
    let tag = match config.DriverPoolTag {
        0 => u32::from_le_bytes([name[0], name[1], name[2], name[3]]),
        tag => tag,
    };
    // SAFETY: both are the driver's, by this function's contract; a thunk is
    // code that passes on a call of `DriverUnload` or of a dispatch routine,
    // and 0 is none.
    unsafe {
        (&raw mut (*object).DriverUnload)
            .cast::<usize>()
            .write(if unloadable { unload } else { 0 });
        (*object)
            .MajorFunction
            .fill(std::mem::transmute::<usize, DRIVER_DISPATCH>(dispatch));
        (*globals).Driver = handle(globals.addr()) as WDFDRIVER;
        (*globals).DriverFlags |= config.DriverInitFlags;
        (*globals).DriverTag = tag;
        (*globals).DriverName = name;
        (*globals).DisplaceDriverUnload = u8::from(unloadable);
    }
}

/// `FxDriver::Unload`.
unsafe extern "win64" fn unload(object: *mut DRIVER_OBJECT) {
    let found = with(|state| {
        let mut all = state.wdf.clients.iter();
        all.find_map(|(&globals, client)| {
            let created = client
                .created
                .as_ref()
                .filter(|it| it.object == object.addr())?;
            Some((globals, created.unload?))
        })
    });
    let Some((globals, routine)) = found else {
        return;
    };
    // SAFETY: the callback takes this.
    unsafe { call("EvtDriverUnload", routine, globals, &[handle(globals)]) };
    lifetimes::delete(globals);
    with(|state| {
        lifetimes::check_left(state, globals);
        if let Some(client) = state.wdf.clients.get_mut(&globals) {
            client.created = None;
        }
    });
}

fn create_driver(
    state: &mut State,
    globals: usize,
    object: usize,
    path: &str,
    config: &WDF_DRIVER_CONFIG,
) -> Result<(), i32> {
    const KNOWN: u32 = WdfDriverInitNonPnpDriver | WdfDriverInitNoDispatchOverride;

    if config.Size as usize != size_of::<WDF_DRIVER_CONFIG>() {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let flags = config.DriverInitFlags;
    if flags & !KNOWN != 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let client = state.wdf.clients.get(&globals);
    if client.is_none_or(|client| client.created.is_some()) {
        return Err(STATUS_DRIVER_INTERNAL_ERROR);
    }
    if flags == WdfDriverInitNonPnpDriver && config.EvtDriverDeviceAdd.is_some() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if faults::fails(state, faults::FaultKind::Framework) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let unload = config.EvtDriverUnload;
    let created = Created {
        object,
        unload: unload.map(|routine| (routine as *const c_void).addr()),
        service: path.to_owned(),
        path: None,
    };
    if let Some(client) = state.wdf.clients.get_mut(&globals) {
        client.created = Some(created);
    }
    Ok(())
}

/// What a driver that is created has.
fn created<R>(state: &mut State, driver: usize, read: impl FnOnce(&mut Created) -> R) -> Option<R> {
    let client = state.wdf.clients.get_mut(&driver)?;
    client.created.as_mut().map(read)
}

unsafe extern "win64" fn registry_path(_globals: usize, driver: usize) -> usize {
    let driver = objects::find(driver, Kind::Driver);
    with(|state| {
        let (service, there) = created(state, driver, |it| (it.service.clone(), it.path))?;
        if there.is_some() {
            return there;
        }
        let units: Vec<u16> = service.encode_utf16().chain([0]).collect();
        let at = state.memory.pool.reserve(units.len() * 2, TAG);
        // SAFETY: the block was just made for them.
        unsafe { (at as *mut u16).copy_from(units.as_ptr(), units.len()) };
        created(state, driver, |it| it.path = Some(at));
        Some(at)
    })
    .unwrap_or_default()
}

unsafe extern "win64" fn driver_object(_globals: usize, driver: usize) -> usize {
    let driver = objects::find(driver, Kind::Driver);
    with(|state| created(state, driver, |it| it.object)).unwrap_or_default()
}

unsafe extern "win64" fn driver_handle(globals: usize, object: usize) -> usize {
    let known = with(|state| created(state, globals, |it| it.object == object));
    if known == Some(true) {
        handle(globals)
    } else {
        0
    }
}
