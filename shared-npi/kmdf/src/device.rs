// SPDX-License-Identifier: MIT OR Apache-2.0

//! A control device: one that programs open by name and that no hardware stands
//! behind.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/using-control-device-objects>

use core::ptr::{self, NonNull};

use nmr::{NtStatus, Result};
use wdk_sys::UNICODE_STRING;

use crate::abi::{
    EVT_WDF_DEVICE_FILE_CREATE, EVT_WDF_FILE_CLOSE, EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    PWDFDEVICE_INIT, WDF_FILEOBJECT_CONFIG, WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WDFDEVICE,
    WDFDRIVER, WDFQUEUE,
};
use crate::context::ContextType;
use crate::framework::{Driver, Framework, call};

/// A device that is about to be created. Dropping it gives that up.
#[derive(Debug)]
pub struct DeviceInit<'bound> {
    init: NonNull<core::ffi::c_void>,
    framework: Framework<'bound>,
}

impl<'bound> Driver<'bound> {
    /// `WdfControlDeviceInitAllocate`: those may open the device to whom the
    /// security descriptor grants it. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub fn control_device(self, descriptor: &UNICODE_STRING) -> Result<DeviceInit<'bound>> {
        let init = call!(self.framework, WdfControlDeviceInitAllocateTableIndex(
            self.handle => WDFDRIVER,
            descriptor => *const UNICODE_STRING,
        ) -> PWDFDEVICE_INIT);
        let init = NonNull::new(init).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        Ok(DeviceInit {
            init,
            framework: self.framework,
        })
    }
}

impl<'bound> DeviceInit<'bound> {
    /// `WdfDeviceInitAssignName`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What the framework answers.
    pub fn assign_name(&mut self, name: &UNICODE_STRING) -> Result {
        NtStatus(call!(self.framework, WdfDeviceInitAssignNameTableIndex(
            self.init.as_ptr() => PWDFDEVICE_INIT,
            name => *const UNICODE_STRING,
        ) -> i32))
        .ok()
    }

    /// `WdfDeviceInitSetFileObjectConfig`: each file has a context of type `T`,
    /// all zero at first. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// The functions may be called as long as the device is there.
    pub unsafe fn set_files<T>(
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

    /// `WdfDeviceCreate`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What the framework answers.
    pub fn create(self) -> Result<ControlDevice<'bound>> {
        let mut init = self.init.as_ptr();
        let mut device = ptr::null_mut();
        let status = call!(self.framework, WdfDeviceCreateTableIndex(
            &raw mut init => *mut PWDFDEVICE_INIT,
            ptr::null_mut() => *mut WDF_OBJECT_ATTRIBUTES,
            &raw mut device => *mut WDFDEVICE,
        ) -> i32);
        NtStatus(status).ok()?;
        let framework = self.framework;
        // The framework has taken it.
        core::mem::forget(self);
        Ok(ControlDevice { device, framework })
    }
}

impl Drop for DeviceInit<'_> {
    fn drop(&mut self) {
        call!(self.framework, WdfDeviceInitFreeTableIndex(
            self.init.as_ptr() => PWDFDEVICE_INIT,
        ) -> ());
    }
}

/// A control device, which the framework deletes with the driver object.
#[derive(Debug)]
#[must_use = "nobody can open it yet"]
pub struct ControlDevice<'bound> {
    device: WDFDEVICE,
    framework: Framework<'bound>,
}

impl ControlDevice<'_> {
    /// `WdfDeviceCreateSymbolicLink`: the device's name for programs.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What the framework answers.
    pub fn link(&self, name: &UNICODE_STRING) -> Result {
        NtStatus(call!(self.framework, WdfDeviceCreateSymbolicLinkTableIndex(
            self.device => WDFDEVICE,
            name => *const UNICODE_STRING,
        ) -> i32))
        .ok()
    }

    /// `WdfIoQueueCreate`: control requests are presented as they come, at
    /// `PASSIVE_LEVEL`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What the framework answers.
    ///
    /// # Safety
    ///
    /// The function may be called as long as the device is there.
    pub unsafe fn present(&self, control: EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL) -> Result {
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

    /// `WdfControlFinishInitializing`: from now on it can be opened.
    /// IRQL = `PASSIVE_LEVEL`.
    pub fn finish(self) {
        call!(self.framework, WdfControlFinishInitializingTableIndex(
            self.device => WDFDEVICE,
        ) -> ());
    }
}
