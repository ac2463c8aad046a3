// SPDX-License-Identifier: MIT OR Apache-2.0

//! Control devices: how they are described, created, opened to programs and, with
//! their driver object, deleted.

use kmdf::abi::{
    WDF_FILEOBJECT_CONFIG, WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WdfIoQueueDispatchParallel,
};
use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT};
use windows_sys::Win32::Foundation::{
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE,
    STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS, UNICODE_STRING,
};

use super::{TAG, handle, object, unknown};
use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::io::devices;
use crate::findings;
use crate::findings::caller::caller;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::io::files::INITIALIZING;
use crate::kernel::{State, with};
use crate::objects::sddl;
use crate::objects::security::Dacl;
use crate::verifier::faults;

exports! {
    of "wdf01000.sys":
    "WdfControlDeviceInitAllocate" <= PASSIVE_LEVEL => allocate: usize;
    "WdfDeviceInitFree" <= DISPATCH_LEVEL => free: ();
    "WdfDeviceInitAssignName" <= PASSIVE_LEVEL => assign_name: i32;
    "WdfDeviceInitSetFileObjectConfig" <= DISPATCH_LEVEL => set_file_object_config: ();
    "WdfDeviceCreate" <= PASSIVE_LEVEL => create: i32;
    "WdfDeviceCreateSymbolicLink" <= PASSIVE_LEVEL => create_symbolic_link: i32;
    "WdfIoQueueCreate" <= DISPATCH_LEVEL => create_queue: i32;
    "WdfControlFinishInitializing" <= PASSIVE_LEVEL => finish_initializing: ();
}

/// `WdfFileObjectNotRequired`.
const NOT_REQUIRED: u32 = 1;
/// `WdfFileObjectCanBeOptional`.
const OPTIONAL: u32 = 0x8000_0000;

/// What a driver wants done with files.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    /// The driver's functions; 0 where there is none.
    pub(super) create: usize,
    pub(super) cleanup: usize,
    pub(super) close: usize,
    /// Whether there is no request without a file.
    pub(super) required: bool,
    /// The type of a file's context and its size, if it has one.
    pub(super) context: Option<(usize, usize)>,
}

/// A device that is described.
#[derive(Debug)]
pub(super) struct Init {
    /// Of its driver.
    globals: usize,
    list: Dacl,
    name: Option<String>,
    files: Files,
}

/// A device that is created.
#[derive(Debug)]
pub(super) struct Device {
    /// Of its driver.
    globals: usize,
    name: Option<String>,
    links: Vec<String>,
    pub(super) files: Files,
    /// `EvtIoDeviceControl` of its queue, if it has one.
    pub(super) control: Option<usize>,
}

/// `FILE_DEVICE_UNKNOWN` and `FILE_DEVICE_SECURE_OPEN`, unless a driver says otherwise.
const UNKNOWN: u32 = 0x22;
const SECURE_OPEN: u32 = 0x100;

unsafe extern "win64" fn allocate(
    globals: usize,
    driver: usize,
    descriptor: *const UNICODE_STRING,
) -> usize {
    if object(driver) != globals {
        unknown(driver);
    }
    // SAFETY: the text is valid, as documented.
    let text = unsafe { strings::text(descriptor) };
    let Some(list) = sddl::parse(&text) else {
        return 0;
    };
    with(|state| {
        let by = caller(state);
        if faults::fails(state, faults::FaultKind::Framework) {
            return 0;
        }
        // What a driver forgets to free is its leak.
        let Some(at) = state
            .memory
            .pool
            .allocate(size_of::<usize>(), TAG, true, by)
        else {
            return 0;
        };
        let init = Init {
            globals,
            list,
            name: None,
            files: Files::default(),
        };
        state.wdf.inits.insert(at, init);
        at
    })
}

/// Changes the description of a device.
fn change<R>(init: usize, change: impl FnOnce(&mut Init) -> R) -> R {
    let changed = with(|state| state.wdf.inits.get_mut(&init).map(change));
    changed.unwrap_or_else(|| unknown(init))
}

unsafe extern "win64" fn free(_globals: usize, init: usize) {
    if !with(|state| remove_init(state, init)) {
        unknown(init);
    }
}

unsafe extern "win64" fn assign_name(
    _globals: usize,
    init: usize,
    name: *const UNICODE_STRING,
) -> i32 {
    if with(|state| faults::fails(state, faults::FaultKind::Framework)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    change(init, |init| init.name = Some(name));
    STATUS_SUCCESS
}

unsafe extern "win64" fn set_file_object_config(
    _globals: usize,
    init: usize,
    config: *const WDF_FILEOBJECT_CONFIG,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
) {
    // SAFETY: it is valid, as documented.
    let config = unsafe { &*config };
    // SAFETY: they are null or valid, as documented.
    let attributes = unsafe { attributes.as_ref() };
    let type_of = attributes.map_or(std::ptr::null(), |it| it.ContextTypeInfo);
    // SAFETY: it is null or valid as long as the driver is there, as
    // documented.
    let context = unsafe { type_of.as_ref() };
    let files = Files {
        create: config.EvtDeviceFileCreate.map_or(0, |it| it as usize),
        cleanup: config.EvtFileCleanup.map_or(0, |it| it as usize),
        close: config.EvtFileClose.map_or(0, |it| it as usize),
        required: config.FileObjectClass & OPTIONAL == 0 && config.FileObjectClass != NOT_REQUIRED,
        context: context.map(|context| (type_of.addr(), context.ContextSize)),
    };
    if config.Size as usize != size_of::<WDF_FILEOBJECT_CONFIG>() {
        findings::unsupported("uses a WDF_FILEOBJECT_CONFIG of another version");
    }
    change(init, |init| init.files = files);
}

unsafe extern "win64" fn create(
    _globals: usize,
    init: *mut usize,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    device: *mut usize,
) -> i32 {
    if !attributes.is_null() {
        findings::unsupported("creates a device with attributes");
    }
    // SAFETY: it is valid, as documented.
    let at = unsafe { *init };
    let (globals, name) = change(at, |init| (init.globals, init.name.clone()));
    let driver = with(|state| {
        let client = state.wdf.clients.get(&globals)?;
        Some(client.created.as_ref()?.object)
    });
    let Some(driver) = driver else {
        return STATUS_INVALID_DEVICE_STATE;
    };
    let driver = driver as *mut DRIVER_OBJECT;
    // SAFETY: it is the object with which the driver was created.
    let created = unsafe { devices::create(driver, 0, name, UNKNOWN, SECURE_OPEN) };
    let new = match created {
        Ok(new) => new.addr(),
        Err(status) => return status,
    };
    with(|state| {
        if let Some(init) = state.wdf.inits.remove(&at) {
            state.objects.protections.insert(new, init.list);
            let device = Device {
                globals,
                name: init.name,
                links: Vec::new(),
                files: init.files,
                control: None,
            };
            state.wdf.devices.insert(new, device);
        }
        let by = caller(state);
        let _ = state.memory.pool.free(at, TAG, by);
    });
    // SAFETY: both may be written, as documented.
    unsafe {
        init.write(0);
        device.write(handle(new));
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn create_symbolic_link(
    _globals: usize,
    device: usize,
    link: *const UNICODE_STRING,
) -> i32 {
    // SAFETY: the name is valid, as documented.
    let link = unsafe { strings::text(link) };
    let created = with(|state| {
        let name = state.wdf.devices.get(&object(device))?.name.clone()?;
        if faults::fails(state, faults::FaultKind::Link) {
            return Some(STATUS_INSUFFICIENT_RESOURCES);
        }
        let by = caller(state)?;
        if !state.objects.names.add_link(&link, &name, by) {
            return Some(STATUS_OBJECT_NAME_COLLISION);
        }
        let device = state.wdf.devices.get_mut(&object(device))?;
        device.links.push(link);
        Some(STATUS_SUCCESS)
    });
    created.unwrap_or_else(|| unknown(device))
}

unsafe extern "win64" fn create_queue(
    _globals: usize,
    device: usize,
    config: *const WDF_IO_QUEUE_CONFIG,
    _attributes: *const WDF_OBJECT_ATTRIBUTES,
    queue: *mut usize,
) -> i32 {
    // SAFETY: it is valid, as documented.
    let config = unsafe { &*config };
    if config.Size as usize != size_of::<WDF_IO_QUEUE_CONFIG>() {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    let others = [
        config.EvtIoDefault,
        config.EvtIoRead,
        config.EvtIoWrite,
        config.EvtIoInternalDeviceControl,
    ];
    if config.DispatchType != WdfIoQueueDispatchParallel
        || config.DefaultQueue == 0
        || others.iter().any(|other| !other.is_null())
    {
        findings::unsupported("creates a queue other than the parallel one for control requests");
    }
    if with(|state| faults::fails(state, faults::FaultKind::Framework)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let control = config.EvtIoDeviceControl.map(|it| it as usize);
    let found = with(|state| {
        let device = state.wdf.devices.get_mut(&object(device));
        device.map(|device| device.control = control).is_some()
    });
    if !found {
        unknown(device);
    }
    if !queue.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { queue.write(self::queue(object(device))) };
    }
    STATUS_SUCCESS
}

/// The handle of the queue of a device.
pub(super) const fn queue(device: usize) -> usize {
    handle(device + 1)
}

unsafe extern "win64" fn finish_initializing(_globals: usize, device: usize) {
    let at = object(device);
    if !with(|state| state.wdf.devices.contains_key(&at)) {
        unknown(device);
    }
    // SAFETY: a device of the framework's is in memory.
    unsafe { (*(at as *mut DEVICE_OBJECT)).Flags &= !INITIALIZING };
}

/// Deletes the devices of a driver, with their links.
pub(super) fn delete_of(globals: usize) {
    while let Some(device) = with(|state| remove_device_of(state, globals)) {
        // SAFETY: it was created, and is deleted once.
        unsafe { devices::io_delete_device(device as *mut DEVICE_OBJECT) };
    }
}

fn remove_init(state: &mut State, init: usize) -> bool {
    let by = caller(state);
    let found = state.wdf.inits.remove(&init).is_some();
    found && state.memory.pool.free(init, TAG, by).is_ok()
}

fn remove_device_of(state: &mut State, globals: usize) -> Option<usize> {
    let mut all = state.wdf.devices.iter();
    let (&at, _) = all.find(|(_, device)| device.globals == globals)?;
    let device = state.wdf.devices.remove(&at)?;
    for link in device.links {
        state.objects.names.remove_link(&link);
    }
    Some(at)
}
