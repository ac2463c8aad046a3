// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structures and numbers of `wdfdriver.h`, `wdfdevice.h`, `wdfio.h`, `wdfobject.h`,
//! `wdfglobals.h`, `wdffuncenum.h` and the loader's `fxldr.h`, under their own names.
//!
//! References: <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdriver/>,
//! <https://github.com/microsoft/Windows-Driver-Frameworks>

#![expect(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "the names are those of the Windows headers"
)]

use core::ffi::c_void;
use core::mem::{offset_of, size_of};
use core::ptr::{null, null_mut};

/// What a `WDFDRIVER` leads to: nobody's business but the framework's.
#[derive(Debug)]
pub enum WDFDRIVER__ {}

/// A framework driver object.
pub type WDFDRIVER = *mut WDFDRIVER__;

/// A device of the framework's.
pub type WDFDEVICE = *mut c_void;
/// A queue of requests.
pub type WDFQUEUE = *mut c_void;
/// A request.
pub type WDFREQUEST = *mut c_void;
/// A file that is open.
pub type WDFFILEOBJECT = *mut c_void;
/// A device that is about to be created.
pub type PWDFDEVICE_INIT = *mut c_void;

/// A function of the framework, whatever its arguments.
pub type WDFFUNC = unsafe extern "C" fn();

/// `EvtDriverDeviceAdd`, which a driver that is not for Plug and Play lacks.
pub type EVT_WDF_DRIVER_DEVICE_ADD =
    unsafe extern "C" fn(driver: WDFDRIVER, device_init: *mut c_void) -> i32;

/// `EvtDriverUnload`. IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_DRIVER_UNLOAD = unsafe extern "C" fn(driver: WDFDRIVER);

/// `EvtDeviceFileCreate`: completes the request. IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_DEVICE_FILE_CREATE =
    unsafe extern "C" fn(device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT);

/// `EvtFileClose` and `EvtFileCleanup`. IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_FILE_CLOSE = unsafe extern "C" fn(file: WDFFILEOBJECT);

/// `EvtIoDeviceControl`: completes the request, now or later.
pub type EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL = unsafe extern "C" fn(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    output_length: usize,
    input_length: usize,
    code: u32,
);

/// In `DriverInitFlags`: the driver is not for Plug and Play.
pub const WdfDriverInitNonPnpDriver: u32 = 1;
/// In `DriverInitFlags`: the dispatch routines stay the driver's own.
pub const WdfDriverInitNoDispatchOverride: u32 = 2;

/// What `WdfDriverCreate` is told of a driver.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_DRIVER_CONFIG {
    /// Of this structure.
    pub Size: u32,
    /// Called for each device that the Plug and Play manager finds.
    pub EvtDriverDeviceAdd: Option<EVT_WDF_DRIVER_DEVICE_ADD>,
    /// Called before the driver is unloaded; without it, it never is.
    pub EvtDriverUnload: Option<EVT_WDF_DRIVER_UNLOAD>,
    /// `WdfDriverInit...`.
    pub DriverInitFlags: u32,
    /// Of the memory that the framework allocates for the driver; 0 leaves the
    /// choice to it.
    pub DriverPoolTag: u32,
}

impl WDF_DRIVER_CONFIG {
    /// Of a driver that is not for Plug and Play.
    #[must_use]
    pub const fn non_pnp() -> Self {
        Self {
            Size: 0x20,
            EvtDriverDeviceAdd: None,
            EvtDriverUnload: None,
            DriverInitFlags: WdfDriverInitNonPnpDriver,
            DriverPoolTag: 0,
        }
    }
}

/// What the framework lets a driver see of what it knows about it.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_DRIVER_GLOBALS {
    /// The driver object, once it is created.
    pub Driver: WDFDRIVER,
    /// The `DriverInitFlags`.
    pub DriverFlags: u32,
    /// The driver's pool tag.
    pub DriverTag: u32,
    /// The name of its service.
    pub DriverName: [u8; 32],
    /// Whether `DriverUnload` is to be that of the stub.
    pub DisplaceDriverUnload: u8,
}

/// A version of the framework.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WDF_VERSION {
    /// 1 for KMDF.
    pub Major: u32,
    /// The oldest one that will do.
    pub Minor: u32,
    /// Not looked at.
    pub Build: u32,
}

/// What a driver wants to be bound to.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_BIND_INFO {
    /// Of this structure.
    pub Size: u32,
    /// `KmdfLibrary`, in UTF-16.
    pub Component: *const u16,
    /// The version that the driver was built for.
    pub Version: WDF_VERSION,
    /// How many functions that version has.
    pub FuncCount: u32,
    /// Where the address of the table of functions is to be put.
    pub FuncTable: *mut *const WDFFUNC,
    /// The loader's.
    pub Module: *mut c_void,
}

impl WDF_BIND_INFO {
    /// Its `Size`.
    pub const SIZE: u32 = 0x30;
}

/// `WDF_TRI_STATE`: what the framework thinks best.
pub const WdfUseDefault: u32 = 2;
/// `WDF_FILEOBJECT_CLASS`: the framework uses `FsContext`.
pub const WdfFileObjectWdfCanUseFsContext: u32 = 2;
/// `WDF_IO_QUEUE_DISPATCH_TYPE`: requests are presented as they come.
pub const WdfIoQueueDispatchParallel: u32 = 2;
/// `WDF_EXECUTION_LEVEL` and `WDF_SYNCHRONIZATION_SCOPE`: that of the parent.
pub const WdfInheritFromParent: u32 = 1;
/// `WDF_EXECUTION_LEVEL`: callbacks are called at `PASSIVE_LEVEL`.
pub const WdfExecutionLevelPassive: u32 = 2;

/// What a driver wants done with the files of a device.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_FILEOBJECT_CONFIG {
    /// Of this structure.
    pub Size: u32,
    /// A file is opened.
    pub EvtDeviceFileCreate: Option<EVT_WDF_DEVICE_FILE_CREATE>,
    /// Nothing refers to a file any more.
    pub EvtFileClose: Option<EVT_WDF_FILE_CLOSE>,
    /// The last handle of a file is closed.
    pub EvtFileCleanup: Option<EVT_WDF_FILE_CLOSE>,
    /// Whether a device below is told, too.
    pub AutoForwardCleanupClose: u32,
    /// What the framework may use of a file object.
    pub FileObjectClass: u32,
}

/// What a driver wants done with the requests to a device.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_IO_QUEUE_CONFIG {
    /// Of this structure.
    pub Size: u32,
    /// How requests are presented.
    pub DispatchType: u32,
    /// Whether the queue rests while the device sleeps.
    pub PowerManaged: u32,
    /// Whether reads and writes of nothing are presented.
    pub AllowZeroLengthRequests: u8,
    /// Whether all requests come here that no other queue takes.
    pub DefaultQueue: u8,
    /// Of requests for which there is no other function.
    pub EvtIoDefault: *const c_void,
    /// Of reads.
    pub EvtIoRead: *const c_void,
    /// Of writes.
    pub EvtIoWrite: *const c_void,
    /// Of control requests.
    pub EvtIoDeviceControl: Option<EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL>,
    /// Of control requests from drivers.
    pub EvtIoInternalDeviceControl: *const c_void,
    /// The queue stops while the driver has a request.
    pub EvtIoStop: *const c_void,
    /// The queue goes on.
    pub EvtIoResume: *const c_void,
    /// A request was cancelled in the queue.
    pub EvtIoCanceledOnQueue: *const c_void,
    /// How many are presented at a time; `u32::MAX` for any number.
    pub NumberOfPresentedRequests: u32,
    /// Not of use to drivers.
    pub Driver: WDFDRIVER,
}

/// A type of context: memory of the driver's that belongs to an object.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_OBJECT_CONTEXT_TYPE_INFO {
    /// Of this structure.
    pub Size: u32,
    /// The type's name, for debuggers.
    pub ContextName: *const u8,
    /// How many bytes.
    pub ContextSize: usize,
    /// Null: this structure is the type's identity.
    pub UniqueType: *const Self,
    /// Who else knows the type's identity.
    pub EvtDriverGetUniqueContextType: *const c_void,
}

/// What objects are like.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_OBJECT_ATTRIBUTES {
    /// Of this structure.
    pub Size: u32,
    /// The object is deleted.
    pub EvtCleanupCallback: *const c_void,
    /// The last reference to the object is gone.
    pub EvtDestroyCallback: *const c_void,
    /// At which IRQL its callbacks are called.
    pub ExecutionLevel: u32,
    /// Which of them are called one after the other.
    pub SynchronizationScope: u32,
    /// With which object it is deleted.
    pub ParentObject: *mut c_void,
    /// More than the type's size of context, unless 0.
    pub ContextSizeOverride: usize,
    /// The type of its context, if it has one.
    pub ContextTypeInfo: *const WDF_OBJECT_CONTEXT_TYPE_INFO,
}

impl WDF_FILEOBJECT_CONFIG {
    /// Of files that are created and closed.
    #[must_use]
    pub const fn new(create: EVT_WDF_DEVICE_FILE_CREATE, close: EVT_WDF_FILE_CLOSE) -> Self {
        Self {
            Size: 0x28,
            EvtDeviceFileCreate: Some(create),
            EvtFileClose: Some(close),
            EvtFileCleanup: None,
            AutoForwardCleanupClose: WdfUseDefault,
            FileObjectClass: WdfFileObjectWdfCanUseFsContext,
        }
    }
}

impl WDF_IO_QUEUE_CONFIG {
    /// Of the queue for all requests, of which there are only control requests.
    #[must_use]
    pub const fn default_queue(control: EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL) -> Self {
        Self {
            Size: 0x60,
            DispatchType: WdfIoQueueDispatchParallel,
            PowerManaged: WdfUseDefault,
            AllowZeroLengthRequests: 0,
            DefaultQueue: 1,
            EvtIoDefault: null(),
            EvtIoRead: null(),
            EvtIoWrite: null(),
            EvtIoDeviceControl: Some(control),
            EvtIoInternalDeviceControl: null(),
            EvtIoStop: null(),
            EvtIoResume: null(),
            EvtIoCanceledOnQueue: null(),
            NumberOfPresentedRequests: u32::MAX,
            Driver: null_mut(),
        }
    }
}

impl WDF_OBJECT_CONTEXT_TYPE_INFO {
    /// Its `Size`.
    pub const SIZE: u32 = 0x28;
}

impl WDF_OBJECT_ATTRIBUTES {
    /// Those of the parent.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            Size: 0x38,
            EvtCleanupCallback: null(),
            EvtDestroyCallback: null(),
            ExecutionLevel: WdfInheritFromParent,
            SynchronizationScope: WdfInheritFromParent,
            ParentObject: null_mut(),
            ContextSizeOverride: 0,
            ContextTypeInfo: null(),
        }
    }
}

impl Default for WDF_OBJECT_ATTRIBUTES {
    fn default() -> Self {
        Self::new()
    }
}

/// How many functions KMDF 1.15 has, the version of Windows 10: no driver here
/// needs more, and a later framework accepts it.
pub const WdfFunctionTableNumEntries: u32 = 444;

/// Places in the table.
macro_rules! places {
    ($($name:ident = $place:literal,)*) => {$(
        /// Of the function with this name.
        pub const $name: usize = $place;
    )*};
}

places! {
    WdfControlDeviceInitAllocateTableIndex = 25,
    WdfControlFinishInitializingTableIndex = 27,
    WdfDeviceInitFreeTableIndex = 54,
    WdfDeviceInitAssignNameTableIndex = 67,
    WdfDeviceInitSetFileObjectConfigTableIndex = 71,
    WdfDeviceCreateTableIndex = 75,
    WdfDeviceCreateSymbolicLinkTableIndex = 80,
    WdfDriverCreateTableIndex = 116,
    WdfIoQueueCreateTableIndex = 152,
    WdfObjectGetTypedContextWorkerTableIndex = 202,
    WdfRequestCompleteWithInformationTableIndex = 265,
    WdfRequestRetrieveInputBufferTableIndex = 269,
    WdfRequestRetrieveOutputBufferTableIndex = 270,
    WdfRequestGetFileObjectTableIndex = 277,
}

const _: () = {
    assert!(size_of::<WDF_DRIVER_CONFIG>() == WDF_DRIVER_CONFIG::non_pnp().Size as usize);
    assert!(offset_of!(WDF_DRIVER_CONFIG, EvtDriverUnload) == 0x10);
    assert!(offset_of!(WDF_DRIVER_CONFIG, DriverPoolTag) == 0x1C);
    assert!(size_of::<WDF_DRIVER_GLOBALS>() == 0x38);
    assert!(offset_of!(WDF_DRIVER_GLOBALS, DisplaceDriverUnload) == 0x30);
    assert!(size_of::<WDF_BIND_INFO>() == WDF_BIND_INFO::SIZE as usize);
    assert!(offset_of!(WDF_BIND_INFO, Version) == 0x10);
    assert!(offset_of!(WDF_BIND_INFO, FuncTable) == 0x20);
    assert!(size_of::<WDF_FILEOBJECT_CONFIG>() == 0x28);
    assert!(size_of::<WDF_IO_QUEUE_CONFIG>() == 0x60);
    assert!(offset_of!(WDF_IO_QUEUE_CONFIG, EvtIoDeviceControl) == 0x28);
    let size = WDF_OBJECT_CONTEXT_TYPE_INFO::SIZE;
    assert!(size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() == size as usize);
    let size = WDF_OBJECT_ATTRIBUTES::new().Size;
    assert!(size_of::<WDF_OBJECT_ATTRIBUTES>() == size as usize);
};
