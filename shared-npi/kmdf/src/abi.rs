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

/// The target of a `WDFDRIVER`, which is opaque to drivers.
#[derive(Debug)]
pub enum WDFDRIVER__ {}

/// A handle to a framework driver object.
pub type WDFDRIVER = *mut WDFDRIVER__;

/// A handle to a framework device object.
pub type WDFDEVICE = *mut c_void;
/// A handle to a framework queue object.
pub type WDFQUEUE = *mut c_void;
/// A handle to a framework request object.
pub type WDFREQUEST = *mut c_void;
/// A handle to a framework file object.
pub type WDFFILEOBJECT = *mut c_void;
/// A framework-allocated description of a device that is not created yet.
pub type PWDFDEVICE_INIT = *mut c_void;

/// A function of the framework, of any signature.
pub type WDFFUNC = unsafe extern "C" fn();

/// `EvtDriverDeviceAdd`, which a non-PnP driver does not have.
/// IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_DRIVER_DEVICE_ADD =
    unsafe extern "C" fn(driver: WDFDRIVER, device_init: *mut c_void) -> i32;

/// `EvtDriverUnload`. IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_DRIVER_UNLOAD = unsafe extern "C" fn(driver: WDFDRIVER);

/// `EvtDeviceFileCreate`: completes the request. IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_DEVICE_FILE_CREATE =
    unsafe extern "C" fn(device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT);

/// `EvtFileClose` and `EvtFileCleanup`. IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_FILE_CLOSE = unsafe extern "C" fn(file: WDFFILEOBJECT);

/// `EvtIoDeviceControl`: completes the request, now or later. IRQL as the queue's
/// execution level states.
pub type EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL = unsafe extern "C" fn(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    output_length: usize,
    input_length: usize,
    code: u32,
);

/// In `DriverInitFlags`: a non-PnP driver.
pub const WdfDriverInitNonPnpDriver: u32 = 1;
/// In `DriverInitFlags`: the framework leaves the dispatch table to the driver.
pub const WdfDriverInitNoDispatchOverride: u32 = 2;

/// The configuration of a driver, for `WdfDriverCreate`.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_DRIVER_CONFIG {
    /// The size of this structure.
    pub Size: u32,
    /// Called for each device that the Plug and Play manager enumerates.
    pub EvtDriverDeviceAdd: Option<EVT_WDF_DRIVER_DEVICE_ADD>,
    /// Called before the driver is unloaded; a driver without it cannot be unloaded.
    pub EvtDriverUnload: Option<EVT_WDF_DRIVER_UNLOAD>,
    /// A combination of the `WdfDriverInit...` flags.
    pub DriverInitFlags: u32,
    /// The pool tag of memory that the framework allocates for the driver; 0 lets
    /// the framework choose one.
    pub DriverPoolTag: u32,
}

impl WDF_DRIVER_CONFIG {
    /// The value of `Size`.
    pub const SIZE: u32 = 0x20;

    /// The configuration of a non-PnP driver with this unload routine. Any IRQL.
    #[must_use]
    pub const fn non_pnp(unload: EVT_WDF_DRIVER_UNLOAD) -> Self {
        Self {
            Size: Self::SIZE,
            EvtDriverDeviceAdd: None,
            EvtDriverUnload: Some(unload),
            DriverInitFlags: WdfDriverInitNonPnpDriver,
            DriverPoolTag: 0,
        }
    }
}

/// The public part of the state that the framework keeps for a driver.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_DRIVER_GLOBALS {
    /// The framework driver object, once it is created.
    pub Driver: WDFDRIVER,
    /// The driver's `DriverInitFlags`.
    pub DriverFlags: u32,
    /// The driver's pool tag.
    pub DriverTag: u32,
    /// The name of the driver's service.
    pub DriverName: [u8; 32],
    /// Nonzero if the stub must replace `DriverUnload` by its own routine.
    pub DisplaceDriverUnload: u8,
}

/// A version of the framework.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WDF_VERSION {
    /// 1 for KMDF.
    pub Major: u32,
    /// The oldest minor version that the driver runs on.
    pub Minor: u32,
    /// Ignored.
    pub Build: u32,
}

/// The library that a driver binds to, for `WdfVersionBind`.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_BIND_INFO {
    /// The size of this structure.
    pub Size: u32,
    /// `KmdfLibrary`, in UTF-16.
    pub Component: *const u16,
    /// The version that the driver is built for.
    pub Version: WDF_VERSION,
    /// The number of functions of that version.
    pub FuncCount: u32,
    /// Receives the address of the function table.
    pub FuncTable: *mut *const WDFFUNC,
    /// Reserved for the loader.
    pub Module: *mut c_void,
}

impl WDF_BIND_INFO {
    /// The value of `Size`.
    pub const SIZE: u32 = 0x30;
}

/// `WDF_TRI_STATE`: the default of the framework.
pub const WdfUseDefault: u32 = 2;
/// `WDF_FILEOBJECT_CLASS`: the framework may use `FsContext`.
pub const WdfFileObjectWdfCanUseFsContext: u32 = 2;
/// `WDF_IO_QUEUE_DISPATCH_TYPE`: requests are presented as they arrive.
pub const WdfIoQueueDispatchParallel: u32 = 2;
/// `WDF_EXECUTION_LEVEL` and `WDF_SYNCHRONIZATION_SCOPE`: inherited from the parent.
pub const WdfInheritFromParent: u32 = 1;
/// `WDF_EXECUTION_LEVEL`: callbacks are called at `PASSIVE_LEVEL`.
pub const WdfExecutionLevelPassive: u32 = 2;

/// The configuration of a device's file objects.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_FILEOBJECT_CONFIG {
    /// The size of this structure.
    pub Size: u32,
    /// Called when a file is opened.
    pub EvtDeviceFileCreate: Option<EVT_WDF_DEVICE_FILE_CREATE>,
    /// Called when the last reference to a file is released.
    pub EvtFileClose: Option<EVT_WDF_FILE_CLOSE>,
    /// Called when the last handle to a file is closed.
    pub EvtFileCleanup: Option<EVT_WDF_FILE_CLOSE>,
    /// A `WDF_TRI_STATE`: cleanup and close are forwarded to the device below.
    pub AutoForwardCleanupClose: u32,
    /// The fields of a file object that the framework may use.
    pub FileObjectClass: u32,
}

/// The configuration of a queue of requests to a device.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_IO_QUEUE_CONFIG {
    /// The size of this structure.
    pub Size: u32,
    /// A `WDF_IO_QUEUE_DISPATCH_TYPE`.
    pub DispatchType: u32,
    /// A `WDF_TRI_STATE`: the queue stops while the device sleeps.
    pub PowerManaged: u32,
    /// Nonzero if reads and writes of zero bytes are presented.
    pub AllowZeroLengthRequests: u8,
    /// Nonzero if the queue takes all requests that no other queue takes.
    pub DefaultQueue: u8,
    /// Called for requests without a callback of their own.
    pub EvtIoDefault: *const c_void,
    /// Called for reads.
    pub EvtIoRead: *const c_void,
    /// Called for writes.
    pub EvtIoWrite: *const c_void,
    /// Called for control requests.
    pub EvtIoDeviceControl: Option<EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL>,
    /// Called for internal control requests, which come from drivers.
    pub EvtIoInternalDeviceControl: *const c_void,
    /// Called when the queue stops while the driver owns a request.
    pub EvtIoStop: *const c_void,
    /// Called when the queue resumes.
    pub EvtIoResume: *const c_void,
    /// Called when a request is cancelled in the queue.
    pub EvtIoCanceledOnQueue: *const c_void,
    /// The most requests presented at a time; `u32::MAX` for no limit.
    pub NumberOfPresentedRequests: u32,
    /// Reserved.
    pub Driver: WDFDRIVER,
}

/// A type of context space: memory that a driver attaches to framework objects.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_OBJECT_CONTEXT_TYPE_INFO {
    /// The size of this structure.
    pub Size: u32,
    /// The type's name, for debuggers.
    pub ContextName: *const u8,
    /// The size of the context in bytes.
    pub ContextSize: usize,
    /// Null if this structure itself identifies the type.
    pub UniqueType: *const Self,
    /// Reserved.
    pub EvtDriverGetUniqueContextType: *const c_void,
}

/// The attributes of an object.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_OBJECT_ATTRIBUTES {
    /// The size of this structure.
    pub Size: u32,
    /// Called when the object is deleted.
    pub EvtCleanupCallback: *const c_void,
    /// Called when the last reference to the object is released.
    pub EvtDestroyCallback: *const c_void,
    /// A `WDF_EXECUTION_LEVEL`: the highest IRQL of the object's callbacks.
    pub ExecutionLevel: u32,
    /// A `WDF_SYNCHRONIZATION_SCOPE`: the callbacks that are serialized.
    pub SynchronizationScope: u32,
    /// The object with which this one is deleted.
    pub ParentObject: *mut c_void,
    /// A larger size for the context than its type's, or 0.
    pub ContextSizeOverride: usize,
    /// The type of the context, or null.
    pub ContextTypeInfo: *const WDF_OBJECT_CONTEXT_TYPE_INFO,
}

impl WDF_FILEOBJECT_CONFIG {
    /// The configuration of files with these callbacks. Any IRQL.
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
    /// The configuration of the default queue of a device that takes control requests
    /// only. Any IRQL.
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
    /// The value of `Size`.
    pub const SIZE: u32 = 0x28;
}

impl WDF_OBJECT_ATTRIBUTES {
    /// Attributes without a context, inherited from the parent. Any IRQL.
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

/// The number of functions of KMDF 1.15, the version of the first Windows 10. A later
/// framework accepts a driver that is built for it.
pub const WdfFunctionTableNumEntries: u32 = 444;

/// Defines indexes into the function table.
macro_rules! indexes {
    ($($name:ident = $index:literal,)*) => {$(
        /// The index of the function with this name.
        pub const $name: usize = $index;
    )*};
}

indexes! {
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
    assert!(size_of::<WDF_DRIVER_CONFIG>() == WDF_DRIVER_CONFIG::SIZE as usize);
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
