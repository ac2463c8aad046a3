// SPDX-License-Identifier: MIT OR Apache-2.0

//! Control device objects of the framework: devices without hardware, which programs open by
//! name.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/using-control-device-objects>

use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use nmr::{NtStatus, Result};
use wdk_sys::UNICODE_STRING;
use wdm::name::Name;

use crate::abi::{
    EVT_WDF_DEVICE_FILE_CREATE, EVT_WDF_FILE_CLOSE, EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    PWDFDEVICE_INIT, WDF_FILEOBJECT_CONFIG, WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WDFDEVICE,
    WDFDRIVER, WDFQUEUE,
};
use crate::context::ContextType;
use crate::framework::{DriverObject, Framework, call};

/// The description of a device that is not created yet. Dropping it frees it.
///
/// # Invariants
///
/// `init` is valid, and the driver must free it.
pub(crate) struct DeviceInit<'bound> {
    init: NonNull<core::ffi::c_void>,
    framework: Framework<'bound>,
}

impl<'bound> DriverObject<'bound> {
    /// Describes a control device with the security descriptor of the SDDL string
    /// `descriptor`: `WdfControlDeviceInitAllocate`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfcontrol/nf-wdfcontrol-wdfcontroldeviceinitallocate>
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub(crate) fn control_device(self, descriptor: &Name) -> Result<DeviceInit<'bound>> {
        let init = call!(self.framework, WdfControlDeviceInitAllocateTableIndex(
            self.handle => WDFDRIVER,
            &descriptor.unicode() => *const UNICODE_STRING,
        ) -> PWDFDEVICE_INIT);
        let init = NonNull::new(init).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        Ok(DeviceInit {
            init,
            framework: self.framework,
        })
    }
}

impl<'bound> DeviceInit<'bound> {
    /// Names the device: `WdfDeviceInitAssignName`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The framework's status.
    pub(crate) fn assign_name(&mut self, name: &Name) -> Result {
        NtStatus(call!(self.framework, WdfDeviceInitAssignNameTableIndex(
            self.init.as_ptr() => PWDFDEVICE_INIT,
            &name.unicode() => *const UNICODE_STRING,
        ) -> i32))
        .ok()
    }

    /// Sets the callbacks of the device's files, and gives each file a context of type `T`,
    /// which is all zeros at first: `WdfDeviceInitSetFileObjectConfig`.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// The callbacks may be called while the device exists.
    pub(crate) unsafe fn set_files<T>(
        &mut self,
        context: &'static ContextType<T>,
        create: EVT_WDF_DEVICE_FILE_CREATE,
        close: EVT_WDF_FILE_CLOSE,
    ) {
        let mut config = WDF_FILEOBJECT_CONFIG::new(create, close);
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            ContextTypeInfo: context.info(),
            ..WDF_OBJECT_ATTRIBUTES::new()
        };
        call!(self.framework, WdfDeviceInitSetFileObjectConfigTableIndex(
            self.init.as_ptr() => PWDFDEVICE_INIT,
            &raw mut config => *mut WDF_FILEOBJECT_CONFIG,
            &raw mut attributes => *mut WDF_OBJECT_ATTRIBUTES,
        ) -> ());
    }

    /// Creates the device: `WdfDeviceCreate`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdevice/nf-wdfdevice-wdfdevicecreate>
    ///
    /// # Errors
    ///
    /// The framework's status.
    pub(crate) fn create(self) -> Result<ControlDevice<'bound>> {
        let mut init = self.init.as_ptr();
        let mut device = ptr::null_mut();
        let status = call!(self.framework, WdfDeviceCreateTableIndex(
            &raw mut init => *mut PWDFDEVICE_INIT,
            ptr::null_mut() => *mut WDF_OBJECT_ATTRIBUTES,
            &raw mut device => *mut WDFDEVICE,
        ) -> i32);
        NtStatus(status).ok()?;
        // The framework frees the description of a device that it has created.
        let this = ManuallyDrop::new(self);
        Ok(ControlDevice {
            device,
            framework: this.framework,
        })
    }
}

impl Drop for DeviceInit<'_> {
    /// `WdfDeviceInitFree`. IRQL = `PASSIVE_LEVEL`.
    fn drop(&mut self) {
        call!(self.framework, WdfDeviceInitFreeTableIndex(
            self.init.as_ptr() => PWDFDEVICE_INIT,
        ) -> ());
    }
}

/// A control device, which the framework deletes with the driver object.
///
/// # Invariants
///
/// `device` is a valid handle during `'bound`, to a device that is not finished.
#[must_use = "the device cannot be opened yet"]
pub(crate) struct ControlDevice<'bound> {
    device: WDFDEVICE,
    framework: Framework<'bound>,
}

impl<'bound> ControlDevice<'bound> {
    /// Wraps the device with this handle. Any IRQL.
    ///
    /// # Safety
    ///
    /// The handle came from [`into_handle`](Self::into_handle), and is wrapped once.
    pub(crate) const unsafe fn from_handle(
        device: WDFDEVICE,
        framework: Framework<'bound>,
    ) -> Self {
        Self { device, framework }
    }

    /// The handle of the device. Any IRQL.
    #[must_use]
    pub(crate) const fn into_handle(self) -> WDFDEVICE {
        self.device
    }

    /// Creates the symbolic link by which programs open the device:
    /// `WdfDeviceCreateSymbolicLink`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The framework's status.
    pub(crate) fn link(&self, name: &Name) -> Result {
        NtStatus(call!(self.framework, WdfDeviceCreateSymbolicLinkTableIndex(
            self.device => WDFDEVICE,
            &name.unicode() => *const UNICODE_STRING,
        ) -> i32))
        .ok()
    }

    /// Creates the queue that presents control requests to `control` as they arrive,
    /// at `PASSIVE_LEVEL`: `WdfIoQueueCreate`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfio/nf-wdfio-wdfioqueuecreate>
    ///
    /// # Errors
    ///
    /// The framework's status.
    ///
    /// # Safety
    ///
    /// The callback may be called while the device exists.
    pub(crate) unsafe fn present(&self, control: EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL) -> Result {
        let mut config = WDF_IO_QUEUE_CONFIG::default_queue(control);
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            ExecutionLevel: crate::abi::WdfExecutionLevelPassive,
            ..WDF_OBJECT_ATTRIBUTES::new()
        };
        let mut queue = ptr::null_mut();
        NtStatus(call!(self.framework, WdfIoQueueCreateTableIndex(
            self.device => WDFDEVICE,
            &raw mut config => *mut WDF_IO_QUEUE_CONFIG,
            &raw mut attributes => *mut WDF_OBJECT_ATTRIBUTES,
            &raw mut queue => *mut WDFQUEUE,
        ) -> i32))
        .ok()
    }

    /// Finishes the device, which can then be opened: `WdfControlFinishInitializing`.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfcontrol/nf-wdfcontrol-wdfcontrolfinishinitializing>
    pub(crate) fn finish(self) {
        call!(self.framework, WdfControlFinishInitializingTableIndex(
            self.device => WDFDEVICE,
        ) -> ());
    }
}
