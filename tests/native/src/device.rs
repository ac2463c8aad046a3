// SPDX-License-Identifier: MIT OR Apache-2.0

//! A device for buffered requests of user mode.

use core::marker::PhantomData;
use core::slice;
use core::sync::atomic::{AtomicPtr, Ordering};

use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT, IO_STACK_LOCATION, IRP};
use windows_sys::Win32::Foundation::{NTSTATUS, STATUS_PENDING, STATUS_SUCCESS};

use crate::system::{
    IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, IofCompleteRequest,
};
use crate::text::Text;

const IRP_MJ_CREATE: usize = 0;
const IRP_MJ_CLOSE: usize = 2;
const IRP_MJ_DEVICE_CONTROL: usize = 14;
const IRP_MJ_CLEANUP: usize = 18;

/// The handler of a device's requests.
pub trait Device: 'static {
    /// The name of the device, without directory.
    const NAME: &'static str;

    /// Answers a request. IRQL = `PASSIVE_LEVEL`.
    fn serve(request: Request) -> Served;
}

/// Holds the device of a driver.
#[derive(Debug)]
pub struct Slot<D> {
    device: AtomicPtr<DEVICE_OBJECT>,
    handler: PhantomData<fn() -> D>,
}

impl<D: Device> Slot<D> {
    /// An empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            device: AtomicPtr::new(core::ptr::null_mut()),
            handler: PhantomData,
        }
    }

    fn name(directory: &str) -> Text {
        Text::default().and(directory).and(D::NAME)
    }

    /// Creates the device, in `DriverEntry`.
    ///
    /// # Errors
    ///
    /// The kernel's status.
    pub fn create(&self, driver: &mut DRIVER_OBJECT) -> Result<(), NTSTATUS> {
        const FILE_DEVICE_UNKNOWN: u32 = 0x22;

        driver.MajorFunction[IRP_MJ_CREATE] = Some(succeed);
        driver.MajorFunction[IRP_MJ_CLOSE] = Some(succeed);
        driver.MajorFunction[IRP_MJ_CLEANUP] = Some(succeed);
        driver.MajorFunction[IRP_MJ_DEVICE_CONTROL] = Some(control::<D>);
        let name = Self::name(r"\Device\");
        let link = Self::name(r"\DosDevices\");
        let mut device = core::ptr::null_mut();
        // SAFETY: the driver object is valid: the caller has it from the kernel, in
        // `DriverEntry`; the name and `device` outlive the call.
        let status = unsafe {
            IoCreateDevice(
                driver,
                0,
                name.counted().as_ptr(),
                FILE_DEVICE_UNKNOWN,
                0,
                0,
                &raw mut device,
            )
        };
        if status < 0 {
            return Err(status);
        }
        // SAFETY: both names are valid, and outlive the call.
        let status =
            unsafe { IoCreateSymbolicLink(link.counted().as_ptr(), name.counted().as_ptr()) };
        if status < 0 {
            // SAFETY: the device was made above.
            unsafe { IoDeleteDevice(device) };
            return Err(status);
        }
        self.device.store(device, Ordering::Release);
        Ok(())
    }

    /// Deletes the device, in `DriverUnload`.
    pub fn delete(&self) {
        let device = self.device.swap(core::ptr::null_mut(), Ordering::AcqRel);
        if device.is_null() {
            return;
        }
        let link = Self::name(r"\DosDevices\");
        // SAFETY: the name is valid, and outlives the call.
        unsafe { IoDeleteSymbolicLink(link.counted().as_ptr()) };
        // SAFETY: `create` made the device, and the swap above makes this the only deletion.
        unsafe { IoDeleteDevice(device) };
    }
}

impl<D: Device> Default for Slot<D> {
    fn default() -> Self {
        Self::new()
    }
}

/// The parameters of a device control. In `windows-sys` they lack the alignment of a
/// pointer.
#[repr(C)]
struct Control {
    output: Aligned,
    input: Aligned,
    code: Aligned,
}

#[repr(C, align(8))]
struct Aligned(u32);

/// Proof that a request was completed, or is pending.
#[derive(Debug)]
#[must_use]
pub struct Served(NTSTATUS);

/// A request that must be completed.
///
/// # Invariants
///
/// The IRP is owned by this value, and is a buffered request.
#[derive(Debug)]
#[must_use = "the caller in user mode waits until it is completed"]
pub struct Request {
    irp: *mut IRP,
    code: u32,
    input: usize,
    output: usize,
}

// SAFETY: an IRP may be completed on any thread.
unsafe impl Send for Request {}

impl Request {
    /// # Safety
    ///
    /// The IRP must be valid, buffered, and not yet completed; the new value owns it.
    unsafe fn new(irp: *mut IRP) -> Self {
        // SAFETY: the IRP is valid by the contract of this function, and so is its location.
        let parameters = unsafe { &raw const (*stack(irp)).Parameters };
        // SAFETY: `Control` has the layout of a device control's parameters, and is not larger
        // than the union.
        let control = unsafe { parameters.cast::<Control>().read() };
        Self {
            irp,
            code: control.code.0,
            input: control.input.0 as usize,
            output: control.output.0 as usize,
        }
    }

    /// The control code.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.code
    }

    fn buffer(&self) -> *mut u8 {
        // SAFETY: by the invariant the IRP is owned and valid.
        let associated = unsafe { (*self.irp).AssociatedIrp };
        // SAFETY: a buffered request has this member of the union.
        unsafe { associated.SystemBuffer }.cast()
    }

    /// The input.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        let buffer = self.buffer();
        if buffer.is_null() {
            return &[];
        }
        // SAFETY: the I/O manager's buffer has the input's length and more.
        unsafe { slice::from_raw_parts(buffer, self.input) }
    }

    /// The output buffer; it contains the input until it is overwritten.
    pub fn output(&mut self) -> &mut [u8] {
        let buffer = self.buffer();
        if buffer.is_null() {
            return &mut [];
        }
        // SAFETY: the I/O manager's buffer has the output's length and more.
        unsafe { slice::from_raw_parts_mut(buffer, self.output) }
    }

    /// Completes the request with the first `bytes` of the output.
    pub fn complete(self, status: NTSTATUS, bytes: usize) -> Served {
        // SAFETY: by the invariant the IRP is owned until it is completed below.
        let irp = unsafe { &mut *self.irp };
        irp.IoStatus.Anonymous.Status = status;
        irp.IoStatus.Information = bytes;
        // SAFETY: by the invariant the IRP is owned; `self` is consumed, so it is completed once.
        unsafe { IofCompleteRequest(irp, 0) };
        Served(status)
    }

    /// Marks the request as pending; `answer` may complete it on another thread.
    pub fn later(self, answer: impl FnOnce(Self)) -> Served {
        const SL_PENDING_RETURNED: u8 = 1;
        // SAFETY: by the invariant the IRP is owned and valid, and so is its location.
        unsafe { (*stack(self.irp)).Control |= SL_PENDING_RETURNED };
        answer(self);
        Served(STATUS_PENDING)
    }
}

/// `IoGetCurrentIrpStackLocation`.
fn stack(irp: *mut IRP) -> *mut IO_STACK_LOCATION {
    // SAFETY: callers pass a valid IRP that this driver owns, whose current location is set.
    unsafe {
        (*irp)
            .Tail
            .Overlay
            .Anonymous2
            .Anonymous
            .CurrentStackLocation
    }
}

unsafe extern "system" fn succeed(_: *const DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes a valid IRP, which the driver must complete.
    let request = unsafe { Request::new(irp) };
    request.complete(STATUS_SUCCESS, 0).0
}

unsafe extern "system" fn control<D: Device>(_: *const DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes a valid IRP, which the driver must complete.
    D::serve(unsafe { Request::new(irp) }).0
}
