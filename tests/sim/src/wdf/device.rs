// SPDX-License-Identifier: MIT OR Apache-2.0

//! Control devices: describing them, creating them, opening them to programs, and deleting
//! them with their driver object.

pub(super) mod shutdown;

use std::collections::BTreeMap;

use kmdf::abi::{WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES};
use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT};
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS, UNICODE_STRING,
};

use super::files::Files;
use super::objects::{self, Attributes, Kind, unknown};
use super::{TAG, check_not_null, handle, object, unsupported};
use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::io::devices;
use crate::findings::caller::caller;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::io::files::INITIALIZING;
use crate::kernel::{State, with};
use crate::objects::sddl;
use crate::objects::security::Dacl;
use crate::verifier::faults;
use shutdown::ShutdownRoutine;

exports! {
    of "wdf01000.sys":
    "WdfControlDeviceInitAllocate" <= PASSIVE_LEVEL => allocate: usize;
    "WdfDeviceInitFree" <= DISPATCH_LEVEL => free: ();
    "WdfDeviceInitAssignName" <= PASSIVE_LEVEL => assign_name: i32;
    "WdfDeviceInitSetFileObjectConfig" <= DISPATCH_LEVEL => set_file_object_config: ();
    "WdfDeviceCreate" <= PASSIVE_LEVEL => create: i32;
    "WdfDeviceCreateSymbolicLink" <= PASSIVE_LEVEL => create_symbolic_link: i32;
    "WdfControlFinishInitializing" <= PASSIVE_LEVEL => finish_initializing: ();
    "WdfControlDeviceInitSetShutdownNotification" <= DISPATCH_LEVEL => set_shutdown_notification: ();
    "WdfDeviceInitSetDeviceType" <= DISPATCH_LEVEL => set_type: ();
    "WdfDeviceInitSetCharacteristics" <= DISPATCH_LEVEL => set_characteristics: ();
    "WdfDeviceInitSetExclusive" <= DISPATCH_LEVEL => set_exclusive: ();
    "WdfDeviceInitSetIoType" <= DISPATCH_LEVEL => set_io_type: ();
    "WdfDeviceInitAssignSDDLString" <= PASSIVE_LEVEL => assign_sddl: i32;
    "WdfDeviceInitSetRequestAttributes" <= DISPATCH_LEVEL => set_request_attributes: ();
    "WdfDeviceInitSetIoInCallerContextCallback" <= DISPATCH_LEVEL => set_in_caller_context: ();
    "WdfDeviceInitSetDeviceClass" <= DISPATCH_LEVEL => set_class: ();
    "WdfPdoInitAssignRawDevice" <= PASSIVE_LEVEL => assign_raw_device: i32;
    "WdfDeviceWdmGetDeviceObject" <= DISPATCH_LEVEL => device_object: usize;
    "WdfWdmDeviceGetWdfDeviceHandle" <= DISPATCH_LEVEL => device_of: usize;
    "WdfDeviceGetDriver" <= DISPATCH_LEVEL => driver_of: usize;
    "WdfFileObjectGetDevice" <= DISPATCH_LEVEL => device_of_file: usize;
    "WdfFileObjectWdmGetFileObject" <= DISPATCH_LEVEL => file_object: usize;
}

/// `WdfFileObjectNotRequired`.
const NOT_REQUIRED: u32 = 1;
/// `WdfFileObjectCanBeOptional`.
const OPTIONAL: u32 = 0x8000_0000;

/// A device that is described.
#[derive(Debug)]
pub(super) struct Init {
    /// Of its driver.
    globals: usize,
    list: Dacl,
    name: Option<String>,
    files: Files,
    kind: u32,
    characteristics: u32,
    /// Of its device object.
    flags: u32,
    /// Of its requests.
    requests: Attributes,
    /// `EvtIoInCallerContext`; 0 if there is none.
    in_caller_context: usize,
    shutdown: Option<ShutdownRoutine>,
}

/// A device that is created.
#[derive(Debug)]
pub(super) struct Device {
    /// Of its driver.
    pub(super) globals: usize,
    name: Option<String>,
    pub(super) links: Vec<String>,
    pub(super) files: Files,
    /// Of its requests.
    pub(super) requests: Attributes,
    /// `EvtIoInCallerContext`; 0 if there is none.
    pub(super) in_caller_context: usize,
    pub(super) default_queue: Option<usize>,
    /// What is called when the machine shuts down.
    pub(super) shutdown: Option<ShutdownRoutine>,
    /// The other queues, by the major functions that they take.
    pub(super) queues: BTreeMap<u8, usize>,
}

/// `FILE_DEVICE_UNKNOWN` and `FILE_DEVICE_SECURE_OPEN`, unless a driver says otherwise.
const UNKNOWN: u32 = 0x22;
const SECURE_OPEN: u32 = 0x100;
/// `DO_BUFFERED_IO` and `DO_DIRECT_IO`.
const BUFFERED_IO: u32 = 0x4;
const DIRECT_IO: u32 = 0x10;

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
            kind: UNKNOWN,
            characteristics: SECURE_OPEN,
            flags: BUFFERED_IO,
            requests: Attributes::default(),
            in_caller_context: 0,
            shutdown: None,
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
    let attributes = unsafe { objects::attributes(attributes) }.unwrap_or_default();
    let files = Files {
        create: config.EvtDeviceFileCreate.map_or(0, |it| it as usize),
        cleanup: config.EvtFileCleanup.map_or(0, |it| it as usize),
        close: config.EvtFileClose.map_or(0, |it| it as usize),
        required: config.FileObjectClass & OPTIONAL == 0 && config.FileObjectClass != NOT_REQUIRED,
        attributes,
    };
    if config.Size as usize != size_of::<WDF_FILEOBJECT_CONFIG>() {
        unsupported("a WDF_FILEOBJECT_CONFIG of another version");
    }
    change(init, |init| init.files = files);
}

unsafe extern "win64" fn create(
    _globals: usize,
    init: *mut usize,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    device: *mut usize,
) -> i32 {
    // SAFETY: they are null or valid, as documented.
    let attributes = match unsafe { objects::attributes(attributes) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    // SAFETY: it is valid, as documented.
    let at = unsafe { *init };
    check_not_null(at, "DeviceInit");
    let (globals, name) = change(at, |init| (init.globals, init.name.clone()));
    let (kind, characteristics, flags) =
        change(at, |init| (init.kind, init.characteristics, init.flags));
    let driver = with(|state| {
        let client = state.wdf.clients.get(&globals)?;
        Some(client.created.as_ref()?.object)
    });
    let Some(driver) = driver else {
        return STATUS_INVALID_DEVICE_STATE;
    };
    let driver = driver as *mut DRIVER_OBJECT;
    // SAFETY: it is the object with which the driver was created.
    let created = unsafe { devices::create(driver, 0, name, kind, characteristics) };
    let new = match created {
        Ok(new) => new.addr(),
        Err(status) => return status,
    };
    // SAFETY: it was just created.
    unsafe { (*(new as *mut DEVICE_OBJECT)).Flags |= flags };
    with(|state| {
        if let Some(init) = state.wdf.inits.remove(&at) {
            state.objects.protections.insert(new, init.list);
            if let Some(shutdown) = init.shutdown {
                shutdown.register(state, new);
            }
            let device = Device {
                globals,
                name: init.name,
                links: Vec::new(),
                files: init.files,
                requests: init.requests,
                in_caller_context: init.in_caller_context,
                shutdown: init.shutdown,
                default_queue: None,
                queues: BTreeMap::new(),
            };
            state.wdf.devices.insert(new, device);
            let kind = Kind::Device;
            objects::add(state, globals, new, kind, &attributes, Some(globals));
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
    let device = objects::find(device, Kind::Device);
    let created = with(|state| {
        let name = state.wdf.devices.get(&device)?.name.clone()?;
        if faults::fails(state, faults::FaultKind::Link) {
            return Some(STATUS_INSUFFICIENT_RESOURCES);
        }
        let by = caller(state)?;
        if !state.objects.names.add_link(&link, &name, by) {
            return Some(STATUS_OBJECT_NAME_COLLISION);
        }
        let device = state.wdf.devices.get_mut(&device)?;
        device.links.push(link);
        Some(STATUS_SUCCESS)
    });
    created.unwrap_or(STATUS_INVALID_DEVICE_STATE)
}

unsafe extern "win64" fn finish_initializing(_globals: usize, device: usize) {
    let device = objects::find(device, Kind::Device) as *mut DEVICE_OBJECT;
    // SAFETY: a device of the framework's is in memory.
    unsafe { (*device).Flags &= !INITIALIZING };
}

unsafe extern "win64" fn set_type(_globals: usize, init: usize, kind: u32) {
    change(init, |init| init.kind = kind);
}

unsafe extern "win64" fn set_characteristics(
    _globals: usize,
    init: usize,
    characteristics: u32,
    keeps_others: u8,
) {
    change(init, |init| {
        let kept = if keeps_others == 0 {
            0
        } else {
            init.characteristics
        };
        init.characteristics = kept | characteristics;
    });
}

/// Programs open a device once at a time.
unsafe extern "win64" fn set_exclusive(_globals: usize, init: usize, _exclusive: u8) {
    change(init, |_| {});
}

/// How the buffers of reads and writes come: `WDF_DEVICE_IO_TYPE`.
unsafe extern "win64" fn set_io_type(_globals: usize, init: usize, kind: i32) {
    const NEITHER: i32 = 1;
    const DIRECT: i32 = 3;
    let flags = match kind {
        NEITHER => 0,
        DIRECT => DIRECT_IO,
        _ => BUFFERED_IO,
    };
    change(init, |init| init.flags = flags);
}

unsafe extern "win64" fn assign_sddl(
    _globals: usize,
    init: usize,
    descriptor: *const UNICODE_STRING,
) -> i32 {
    // SAFETY: the text is null or valid, as documented.
    let text = unsafe { strings::text(descriptor) };
    match sddl::parse(&text) {
        Some(list) => {
            change(init, |init| init.list = list);
            STATUS_SUCCESS
        }
        None => STATUS_INVALID_PARAMETER,
    }
}

unsafe extern "win64" fn set_request_attributes(
    _globals: usize,
    init: usize,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
) {
    // SAFETY: they are valid, as documented.
    let attributes = unsafe { objects::attributes(attributes) }.unwrap_or_default();
    change(init, |init| init.requests = attributes);
}

unsafe extern "win64" fn set_in_caller_context(_globals: usize, init: usize, routine: usize) {
    change(init, |init| init.in_caller_context = routine);
}

/// Does nothing: an administrator has made no security settings for the class.
unsafe extern "win64" fn set_class(_globals: usize, init: usize, _class: usize) {
    change(init, |_| {});
}

/// Fails: a control device is not a physical device.
unsafe extern "win64" fn assign_raw_device(_globals: usize, init: usize, _class: usize) -> i32 {
    change(init, |_| STATUS_INVALID_PARAMETER)
}

unsafe extern "win64" fn set_shutdown_notification(
    _globals: usize,
    init: usize,
    routine: usize,
    flags: u8,
) {
    let shutdown = ShutdownRoutine { routine, flags };
    change(init, |init| init.shutdown = Some(shutdown));
}

unsafe extern "win64" fn device_object(_globals: usize, device: usize) -> usize {
    objects::find(device, Kind::Device)
}

unsafe extern "win64" fn device_of(_globals: usize, device: usize) -> usize {
    let known = with(|state| state.wdf.devices.contains_key(&device));
    if known { handle(device) } else { 0 }
}

unsafe extern "win64" fn driver_of(_globals: usize, device: usize) -> usize {
    let device = objects::find(device, Kind::Device);
    with(|state| handle(state.wdf.devices[&device].globals))
}

unsafe extern "win64" fn device_of_file(_globals: usize, file: usize) -> usize {
    objects::parent(objects::find(file, Kind::File)).map_or(0, handle)
}

unsafe extern "win64" fn file_object(_globals: usize, file: usize) -> usize {
    objects::find(file, Kind::File)
}

fn remove_init(state: &mut State, init: usize) -> bool {
    let by = caller(state);
    let found = state.wdf.inits.remove(&init).is_some();
    found && state.memory.pool.free(init, TAG, by).is_ok()
}
