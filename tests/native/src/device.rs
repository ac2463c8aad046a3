// SPDX-License-Identifier: MIT OR Apache-2.0

//! A device that user mode sends buffered requests to.

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

/// What answers requests.
pub trait Device: 'static {
    /// Its name, without any directory.
    const NAME: &'static str;

    /// Answers a request. IRQL = `PASSIVE_LEVEL`; all devices wait meanwhile.
    fn serve(request: Request) -> Served;
}

/// The device of a driver, at most one.
#[derive(Debug)]
pub struct Slot<D> {
    device: AtomicPtr<DEVICE_OBJECT>,
    kind: PhantomData<fn() -> D>,
}

impl<D: Device> Slot<D> {
    /// No device.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            device: AtomicPtr::new(core::ptr::null_mut()),
            kind: PhantomData,
        }
    }

    fn name(directory: &str) -> Text {
        Text::default().and(directory).and(D::NAME)
    }

    /// Makes the device, for `DriverEntry`.
    ///
    /// # Errors
    ///
    /// The status with which the kernel refuses.
    pub fn create(&self, driver: &mut DRIVER_OBJECT) -> Result<(), NTSTATUS> {
        const FILE_DEVICE_UNKNOWN: u32 = 0x22;

        driver.MajorFunction[IRP_MJ_CREATE] = Some(succeed);
        driver.MajorFunction[IRP_MJ_CLOSE] = Some(succeed);
        driver.MajorFunction[IRP_MJ_CLEANUP] = Some(succeed);
        driver.MajorFunction[IRP_MJ_DEVICE_CONTROL] = Some(control::<D>);
        let name = Self::name(r"\Device\");
        let link = Self::name(r"\DosDevices\");
        let mut device = core::ptr::null_mut();
        // SAFETY: the driver object is the caller's own, in its `DriverEntry`.
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
        // SAFETY: both names are readable.
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

    /// Takes the device away, for `DriverUnload`.
    pub fn delete(&self) {
        let device = self.device.swap(core::ptr::null_mut(), Ordering::AcqRel);
        if device.is_null() {
            return;
        }
        let link = Self::name(r"\DosDevices\");
        // SAFETY: the name is readable.
        unsafe { IoDeleteSymbolicLink(link.counted().as_ptr()) };
        // SAFETY: `create` made it, and nobody else deletes it.
        unsafe { IoDeleteDevice(device) };
    }
}

impl<D: Device> Default for Slot<D> {
    fn default() -> Self {
        Self::new()
    }
}

/// The parameters of a device control. `windows-sys` leaves out that each is
/// aligned as a pointer is.
#[repr(C)]
struct Control {
    output: Aligned,
    input: Aligned,
    code: Aligned,
}

#[repr(C, align(8))]
struct Aligned(u32);

/// Proof that a request has been answered, or will be.
#[derive(Debug)]
#[must_use]
pub struct Served(NTSTATUS);

/// A request that waits for its answer.
///
/// # Invariants
///
/// The IRP is this value's alone, and is a buffered device control.
#[derive(Debug)]
#[must_use = "who asked waits until it is completed"]
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
    /// The IRP is a device control that is the caller's to answer.
    unsafe fn new(irp: *mut IRP) -> Self {
        // SAFETY: the location is that of the caller's IRP.
        let parameters = unsafe { &raw const (*stack(irp)).Parameters };
        // SAFETY: these are the parameters that a device control has.
        let control = unsafe { parameters.cast::<Control>().read() };
        Self {
            irp,
            code: control.code.0,
            input: control.input.0 as usize,
            output: control.output.0 as usize,
        }
    }

    /// What is asked.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.code
    }

    fn buffer(&self) -> *mut u8 {
        // SAFETY: by the invariant the IRP is ours.
        let associated = unsafe { (*self.irp).AssociatedIrp };
        // SAFETY: this is the member that a buffered request has.
        unsafe { associated.SystemBuffer }.cast()
    }

    /// What came with it.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        let buffer = self.buffer();
        if buffer.is_null() {
            return &[];
        }
        // SAFETY: the I/O manager's buffer has the input's length and more.
        unsafe { slice::from_raw_parts(buffer, self.input) }
    }

    /// Where the answer goes; the input is there until it is overwritten.
    pub fn output(&mut self) -> &mut [u8] {
        let buffer = self.buffer();
        if buffer.is_null() {
            return &mut [];
        }
        // SAFETY: the I/O manager's buffer has the output's length and more.
        unsafe { slice::from_raw_parts_mut(buffer, self.output) }
    }

    /// Answers it, with the first `bytes` of the output.
    pub fn complete(self, status: NTSTATUS, bytes: usize) -> Served {
        // SAFETY: by the invariant the IRP is ours until it is completed.
        let irp = unsafe { &mut *self.irp };
        irp.IoStatus.Anonymous.Status = status;
        irp.IoStatus.Information = bytes;
        // SAFETY: as above, and this value ends here.
        unsafe { IofCompleteRequest(irp, 0) };
        Served(status)
    }

    /// Puts the answer off: `answer` may complete the request on another thread.
    pub fn later(self, answer: impl FnOnce(Self)) -> Served {
        const SL_PENDING_RETURNED: u8 = 1;
        // SAFETY: by the invariant the IRP is ours.
        unsafe { (*stack(self.irp)).Control |= SL_PENDING_RETURNED };
        answer(self);
        Served(STATUS_PENDING)
    }
}

/// `IoGetCurrentIrpStackLocation`.
fn stack(irp: *mut IRP) -> *mut IO_STACK_LOCATION {
    // SAFETY: this is where a driver finds its location in an IRP that is its.
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
    // SAFETY: the I/O manager gives the driver this IRP to answer.
    let request = unsafe { Request::new(irp) };
    request.complete(STATUS_SUCCESS, 0).0
}

unsafe extern "system" fn control<D: Device>(_: *const DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager gives the driver this IRP to answer.
    D::serve(unsafe { Request::new(irp) }).0
}
