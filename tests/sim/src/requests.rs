// SPDX-License-Identifier: MIT OR Apache-2.0

//! The I/O manager for control devices: files are opened and closed, requests
//! are sent, cancelled and completed.
//!
//! What happens is what happens to a driver that is not for Plug and Play: a file
//! begins with `IRP_MJ_CREATE`; its handle ends with `IRP_MJ_CLEANUP`, and when no
//! request refers to it any more, it ends with `IRP_MJ_CLOSE`. A driver with open
//! files is not unloaded until the last one is closed, and cannot be opened
//! meanwhile. All functions that send something run on a simulated thread.
//!
//! # Limits
//!
//! `METHOD_BUFFERED` only, and no completion routines: nothing is above or below
//! a control device.

use std::collections::{BTreeMap, BTreeSet};

use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT};
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
};
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_PENDING,
};

use crate::bug_check::Code;
use crate::deferred::{Before, check_return};
use crate::driver::{DriverId, Site};
use crate::findings::{stop, stop_at};
use crate::irp::{self, Ask, Cancel, Dispatch, Irp, PENDING_RETURNED, stack_location};
use crate::kernel::{State, with};
use crate::live::Kind;
use crate::locks;
use crate::scheduler::{MICROSECOND, Waitable, block, point};

const TAG: u32 = u32::from_le_bytes(*b"Irp ");
const FILE_TAG: u32 = u32::from_le_bytes(*b"File");
/// `FILE_OBJECT`.
const FILE_SIZE: usize = 0xD8;

/// `DO_DEVICE_INITIALIZING`: the device cannot be opened yet.
pub(crate) const INITIALIZING: u32 = 0x80;

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) output: Vec<u8>,
}

/// A request that was sent.
#[derive(Debug)]
struct Request {
    ask: Ask,
    /// The dispatch routine it was sent to.
    to: Option<Site>,
    /// Whether it was marked pending when it was completed.
    marked: bool,
    answer: Option<Answer>,
}

/// A file that is open.
#[derive(Debug)]
struct File {
    device: usize,
    driver: DriverId,
}

/// All requests and files of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    sent: BTreeMap<usize, Request>,
    files: BTreeMap<usize, File>,
    /// Drivers that go when their files are closed.
    leaving: BTreeSet<DriverId>,
    /// Devices that were deleted while files were open.
    deleted: BTreeSet<usize>,
}

impl Requests {
    /// The dispatch routine that has not completed a request, and its name.
    pub(crate) fn owed(&self, irp: usize) -> Option<(Option<Site>, &'static str)> {
        let request = self.sent.get(&irp)?;
        request
            .answer
            .is_none()
            .then_some((request.to, name(request.ask.major)))
    }

    /// Where some request that is not complete was sent.
    pub(crate) fn unanswered(&self) -> Option<Site> {
        let mut open = self
            .sent
            .values()
            .filter(|request| request.answer.is_none());
        open.find_map(|request| request.to)
    }

    fn is_open(&self, driver: DriverId) -> bool {
        self.files.values().any(|file| file.driver == driver)
    }

    /// Whether files are open on a device, which is then deleted after them.
    pub(crate) fn delete_later(&mut self, device: usize) -> bool {
        let open = self.files.values().any(|file| file.device == device);
        if open {
            self.deleted.insert(device);
        }
        open
    }
}

const fn major(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

const fn name(number: u8) -> &'static str {
    match number as u32 {
        IRP_MJ_CREATE => "IRP_MJ_CREATE",
        IRP_MJ_CLEANUP => "IRP_MJ_CLEANUP",
        IRP_MJ_CLOSE => "IRP_MJ_CLOSE",
        _ => "IRP_MJ_DEVICE_CONTROL",
    }
}

/// Opens the device with this name; answers the file.
pub(crate) fn open(name: &str) -> Result<usize, i32> {
    let file = with(|state| state.open(name))?;
    let device = with(|state| state.requests.files[&file].device);
    let irp = send(IRP_MJ_CREATE, device, file, 0, &[], 0);
    let status = wait(irp, None).map_or(STATUS_PENDING, |answer| answer.status);
    if status < 0 {
        with(|state| state.forget_file(file));
        return Err(status);
    }
    Ok(file)
}

/// Sends a control code; answers the request.
///
/// # Panics
///
/// Its method is not `METHOD_BUFFERED`: the others need a memory of the
/// application's own.
pub(crate) fn control(file: usize, code: u32, input: &[u8], output_length: usize) -> usize {
    const METHODS: [&str; 4] = ["BUFFERED", "IN_DIRECT", "OUT_DIRECT", "NEITHER"];
    let method = METHODS[(code & 3) as usize];
    assert!(
        method == METHODS[0],
        "control code {code:#x} has METHOD_{method}: only METHOD_BUFFERED can be sent"
    );
    let device = with(|state| state.requests.files[&file].device);
    send(
        IRP_MJ_DEVICE_CONTROL,
        device,
        file,
        code,
        input,
        output_length,
    )
}

/// Waits until a request is answered, or for some time.
pub(crate) fn wait(irp: usize, time: Option<u64>) -> Option<Answer> {
    let until = time.map(|time| with(|state| state.scheduler.time) + time);
    loop {
        let answer = with(|state| {
            let request = &state.requests.sent[&irp];
            request.answer.clone()
        });
        let late = until.is_some_and(|until| with(|state| state.scheduler.time) >= until);
        if answer.is_some() || late {
            return answer;
        }
        block(Waitable::Object(irp), until);
    }
}

/// `IoCancelIrp`: answers whether a cancel routine was called.
pub(crate) fn cancel(irp: usize) -> bool {
    if with(|state| state.requests.owed(irp).is_none()) {
        return false;
    }
    let before = Before::now();
    let old = locks::acquire_cancel();
    let packet = irp as *mut Irp;
    let live = with(|state| state.requests.owed(irp).is_some());
    let routine = live.then(|| {
        // SAFETY: a request that is not complete is in memory.
        unsafe { prepare_cancel(packet, old) }
    });
    let routine = routine.unwrap_or_default();
    if routine == 0 {
        locks::release_cancel();
        with(|state| state.set_irql(old));
        return false;
    }
    // SAFETY: the driver set this routine for this.
    let routine = unsafe { std::mem::transmute::<usize, Cancel>(routine) };
    let device = with(|state| state.requests.sent[&irp].ask.device);
    // SAFETY: with the cancel spin lock held, as it is documented.
    unsafe { routine(device, packet) };
    let site = with(|state| state.drivers.site(routine as usize));
    check_return("a cancel routine", before, site);
    point();
    true
}

/// Takes the cancel routine away.
///
/// # Safety
///
/// The request is in memory.
unsafe fn prepare_cancel(irp: *mut Irp, old: u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        (*irp).cancel = 1;
        (*irp).cancel_irql = old;
        std::mem::take(&mut (*irp).cancel_routine)
    }
}

/// Closes the only handle of a file: cancels what is under way, and waits for it.
pub(crate) fn close(file: usize) {
    /// Milliseconds that a cancelled request has.
    const PATIENCE: u64 = 5_000;
    let device = with(|state| state.requests.files[&file].device);
    let cleanup = send(IRP_MJ_CLEANUP, device, file, 0, &[], 0);
    wait(cleanup, None);
    let mine = with(|state| {
        let all = state.requests.sent.iter();
        let mine = all.filter(|(_, request)| request.ask.file == file);
        mine.map(|(&irp, _)| irp).collect::<Vec<_>>()
    });
    for irp in mine {
        cancel(irp);
        if wait(irp, Some(PATIENCE * 1_000 * MICROSECOND)).is_none() {
            let site = with(|state| state.requests.sent[&irp].to);
            let patience = usize::try_from(PATIENCE).expect("it is small");
            let code = ("0xC4", [0x135, irp, patience, 0]);
            stop_at(
                code,
                "a request was cancelled and is not completed".to_owned(),
                site,
            );
        }
    }
    let closed = send(IRP_MJ_CLOSE, device, file, 0, &[], 0);
    wait(closed, None);
    with(|state| state.forget_file(file));
}

/// Waits until no file of a driver is open; from now on none is opened.
pub(crate) fn defer_unload(driver: DriverId, object: usize) {
    with(|state| state.requests.leaving.insert(driver));
    while with(|state| state.requests.is_open(driver)) {
        block(Waitable::Object(object), None);
    }
}

/// What a driver does that writes to `NextDevice`.
pub(crate) const ENDLESS_DEVICES: &str = "the list of the driver's devices has no end";

/// The devices that a driver made in `DriverEntry` can be opened now; false where
/// their list has no end.
///
/// # Safety
///
/// The driver object heads a list of devices in memory.
pub(crate) unsafe fn finish_devices(object: *mut DRIVER_OBJECT) -> bool {
    // SAFETY: the caller's promise.
    let mut device = unsafe { (*object).DeviceObject };
    for _ in 0..with(|state| state.objects.count(Kind::Device)) {
        if device.is_null() {
            break;
        }
        // SAFETY: the caller's promise.
        device = unsafe {
            (*device).Flags &= !INITIALIZING;
            (*device).NextDevice
        };
    }
    device.is_null()
}

/// Sends a request to its driver's dispatch routine.
fn send(
    number: u32,
    device: usize,
    file: usize,
    code: u32,
    input: &[u8],
    output_length: usize,
) -> usize {
    point();
    let (irp, routine) = with(|state| {
        let length = input.len().max(output_length);
        let buffer = if length == 0 {
            0
        } else {
            state.pool.reserve(length, TAG)
        };
        let ask = Ask {
            major: major(number),
            device,
            file,
            code,
            buffer,
            input_length: input.len(),
            output_length,
        };
        let memory = state.pool.reserve(irp::SIZE, TAG);
        if buffer != 0 {
            // SAFETY: the buffer was just allocated and is no shorter.
            unsafe { (buffer as *mut u8).copy_from(input.as_ptr(), input.len()) };
        }
        // SAFETY: the memory was just allocated for this, zeroed.
        let irp = unsafe { irp::make(memory as *mut _, &ask) };
        // SAFETY: a device with an open file, and its driver's object, are there.
        let routine = unsafe {
            let driver = (*(device as *const DEVICE_OBJECT)).DriverObject;
            (*driver).MajorFunction[number as usize]
        };
        let to = routine.and_then(|routine| state.drivers.site(routine as usize));
        state.requests.sent.insert(
            irp.addr(),
            Request {
                ask,
                to,
                marked: false,
                answer: None,
            },
        );
        state.trace(|_| format!("{} is sent, request {:#x}", name(ask.major), irp.addr()));
        (irp, routine)
    });
    let Some(routine) = routine else {
        let status = STATUS_ACCESS_VIOLATION.cast_unsigned() as usize;
        let site = with(|state| state.maker(device));
        let what = format!(
            "the driver has put a null pointer in the place of {}",
            name(major(number))
        );
        stop_at(("0x7E", [status, 0, 0, 0]), what, site);
    };
    // SAFETY: the routine has Windows' calling convention, whatever the host's
    // `extern "system"` is.
    let routine: Dispatch = unsafe { std::mem::transmute(routine) };
    let before = Before::now();
    // SAFETY: the driver set it for such requests.
    let status = unsafe { routine(device, irp) };
    let now = with(|state| state.scheduler.current().irql);
    let site = with(|state| state.drivers.site(routine as usize));
    if now != before.level {
        let code = (
            "0xC9",
            [0x05, device, usize::from(before.level), usize::from(now)],
        );
        stop_at(code, "a dispatch routine changed the IRQL".to_owned(), site);
    }
    locks::check_none_taken("a dispatch routine", before, site);
    if let Some((code, what)) = with(|state| state.check_dispatched(irp, routine as usize, status))
    {
        stop_at(code, what, site);
    }
    point();
    irp.addr()
}

/// `IoCompleteRequest`.
pub(crate) fn complete(irp: usize) {
    match with(|state| state.complete(irp)) {
        Ok(()) => {}
        Err((code, what)) => stop(code, what),
    }
}

impl State {
    /// Where a device was made.
    fn maker(&self, device: usize) -> Option<Site> {
        self.names
            .values()
            .find(|(at, _)| *at == device)
            .map(|(_, by)| *by)
    }

    fn open(&mut self, name: &str) -> Result<usize, i32> {
        /// `IO_TYPE_FILE`.
        const KIND: u16 = 5;

        let device = self.names.get(name).map(|&(at, _)| at);
        let device = device
            .filter(|&device| self.objects.is(device, Kind::Device))
            .ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        // SAFETY: a device that is not deleted is in memory.
        let (flags, object) = unsafe {
            let device = device as *mut DEVICE_OBJECT;
            ((*device).Flags, (*device).DriverObject)
        };
        // SAFETY: the driver of a device is there.
        let start = unsafe { (*object).DriverStart }.addr();
        let driver = self.drivers.site(start).map(|site| site.driver);
        let driver = driver.ok_or(STATUS_NO_SUCH_DEVICE)?;
        if flags & INITIALIZING != 0 || self.requests.leaving.contains(&driver) {
            return Err(STATUS_NO_SUCH_DEVICE);
        }
        let file = self.pool.allocate(FILE_SIZE, FILE_TAG, true, None);
        let file = file.ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        // SAFETY: it was just allocated: the type, and the device at offset 8.
        unsafe {
            (file as *mut u16).write(KIND);
            (file as *mut usize).add(1).write(device);
            (*(device as *mut DEVICE_OBJECT)).ReferenceCount += 1;
        }
        self.requests.files.insert(file, File { device, driver });
        Ok(file)
    }

    /// A file is gone, and with the last one what waited for it.
    fn forget_file(&mut self, file: usize) {
        let Some(File { device, driver }) = self.requests.files.remove(&file) else {
            return;
        };
        let _ = self.pool.free(file, 0, None);
        // SAFETY: a device is in memory as long as files are open.
        let object = unsafe {
            let device = device as *mut DEVICE_OBJECT;
            (*device).ReferenceCount -= 1;
            (*device).DriverObject.addr()
        };
        let open = self
            .requests
            .files
            .values()
            .any(|file| file.device == device);
        if !open && self.requests.deleted.remove(&device) {
            let _ = self.pool.free(device, 0, None);
        }
        if !self.requests.is_open(driver) {
            self.scheduler.wake_all(Waitable::Object(object));
        }
    }

    fn complete(&mut self, irp: usize) -> Result<(), (Code, String)> {
        let again = |what: String| Err((("0x44", [irp, 0, 0, 0]).into(), what));
        let Some(request) = self.requests.sent.get(&irp) else {
            return again(format!(
                "{irp:#x} was completed, which is no request under way"
            ));
        };
        let name = name(request.ask.major);
        if request.answer.is_some() {
            return again(format!("an {name} was completed twice"));
        }
        // SAFETY: a request that is not complete is in memory.
        let (status, information, cancel) = unsafe {
            let irp = irp as *mut Irp;
            ((*irp).status, (*irp).information, (*irp).cancel_routine)
        };
        if status == STATUS_PENDING || status == -1 {
            let shown = status.cast_unsigned();
            let code = ("0xC9", [0x06, shown as usize, irp, 0]);
            let what = format!("an {name} was completed with status {shown:#010x}");
            return Err((code.into(), what));
        }
        if cancel != 0 {
            let what = format!("an {name} was completed while its cancel routine was set");
            return Err((("0xC9", [0x07, cancel, irp, 0]).into(), what));
        }
        self.answer(irp, status, information);
        Ok(())
    }

    /// A request is complete: its memory goes, and who waits goes on.
    fn answer(&mut self, irp: usize, status: i32, information: usize) {
        let Some(request) = self.requests.sent.get_mut(&irp) else {
            return;
        };
        let length = information.min(request.ask.output_length);
        let mut output = vec![0; if status < 0 { 0 } else { length }];
        // SAFETY: the buffer has `output_length` bytes if it is there, and the
        // stack location is that of a request in memory.
        unsafe {
            if request.ask.buffer != 0 {
                let from = request.ask.buffer as *const u8;
                output.as_mut_ptr().copy_from(from, output.len());
            }
            let location = stack_location(irp as *mut Irp);
            request.marked = (*location).control & PENDING_RETURNED != 0;
        }
        let buffer = request.ask.buffer;
        request.answer = Some(Answer { status, output });
        if buffer != 0 {
            let _ = self.pool.free(buffer, 0, None);
        }
        let _ = self.pool.free(irp, 0, None);
        self.scheduler.wake_all(Waitable::Object(irp));
    }

    /// Whether what a dispatch routine returned fits what it did.
    fn check_dispatched(
        &self,
        irp: *mut Irp,
        routine: usize,
        status: i32,
    ) -> Option<(Code, String)> {
        let request = &self.requests.sent[&irp.addr()];
        let name = name(request.ask.major);
        let marked = match &request.answer {
            Some(_) => request.marked,
            // SAFETY: a request that is not complete is in memory.
            None => unsafe { (*stack_location(irp)).control & PENDING_RETURNED != 0 },
        };
        let (number, what) = match &request.answer {
            _ if status == STATUS_PENDING && !marked => (
                0x23D,
                "returned STATUS_PENDING without IoMarkIrpPending".to_owned(),
            ),
            _ if status == STATUS_PENDING => return None,
            None => (
                0x226,
                "returned without completing it or STATUS_PENDING".to_owned(),
            ),
            Some(_) if marked => (
                0x23E,
                format!(
                    "marked it pending and returned {:#010x}",
                    status.cast_unsigned()
                ),
            ),
            Some(answer) if answer.status != status => {
                let (returned, set) = (status.cast_unsigned(), answer.status.cast_unsigned());
                (
                    0x224,
                    format!("returned {returned:#010x} and completed it with {set:#010x}"),
                )
            }
            Some(_) => return None,
        };
        let code = ("0xC9", [number, routine, irp.addr(), request.ask.device]);
        Some((
            code.into(),
            format!("the dispatch routine for {name} {what}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "0x222003 has METHOD_NEITHER: only METHOD_BUFFERED")]
    fn other_methods_are_refused_by_name() {
        control(0, 0x0022_2003, &[], 0);
    }
}
