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
//! No completion routines: nothing is above or below a control device.

use std::collections::{BTreeMap, BTreeSet};

use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT};
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS,
    IRP_MJ_QUERY_INFORMATION, IRP_MJ_READ, IRP_MJ_WRITE,
};
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_DENIED, STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_NO_SUCH_DEVICE, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_PENDING,
};

use crate::buffers::Method;
use crate::bug_check::Code;
use crate::deferred::{Before, check_return};
use crate::driver::{DriverId, Site};
use crate::findings::{stop, stop_at};
use crate::irp::{self, Ask, Cancel, Dispatch, Irp, PENDING_RETURNED, stack_location};
use crate::kernel::{State, with};
use crate::live::Kind;
use crate::locks;
use crate::scheduler::{MICROSECOND, Waitable, block, point};
use crate::security::{self, Account};

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
    /// Drivers that were to go and had no unload routine.
    pub(crate) refusing: BTreeSet<DriverId>,
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

    /// Whether a driver is to go, and stays for the time being.
    pub(crate) fn is_put_off(&self, driver: DriverId) -> bool {
        self.leaving.contains(&driver) || self.refusing.contains(&driver)
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

/// `NT_ERROR`: nothing is put out; with a warning something may be.
const fn is_error(status: i32) -> bool {
    status.cast_unsigned() >> 30 == 3
}

const fn major(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

const fn name(number: u8) -> &'static str {
    match number as u32 {
        IRP_MJ_CREATE => "IRP_MJ_CREATE",
        IRP_MJ_CLEANUP => "IRP_MJ_CLEANUP",
        IRP_MJ_CLOSE => "IRP_MJ_CLOSE",
        IRP_MJ_DEVICE_CONTROL => "IRP_MJ_DEVICE_CONTROL",
        IRP_MJ_READ => "IRP_MJ_READ",
        IRP_MJ_WRITE => "IRP_MJ_WRITE",
        IRP_MJ_QUERY_INFORMATION => "IRP_MJ_QUERY_INFORMATION",
        IRP_MJ_FLUSH_BUFFERS => "IRP_MJ_FLUSH_BUFFERS",
        _ => "IRP",
    }
}

/// Opens the device with this name, or to which a link with this name leads;
/// answers the file.
pub(crate) fn open(name: &str, account: Account) -> Result<usize, i32> {
    let file = with(|state| {
        let opened = state.open(name, account);
        state.trace(|_| match opened {
            Ok(_) => format!("{account:?} opens {name}"),
            Err(status) => format!("{account:?} cannot open {name}: {status:#x}"),
        });
        opened
    })?;
    let device = with(|state| state.requests.files[&file].device);
    let irp = send(device, file, &Message::bare(IRP_MJ_CREATE));
    let status = wait(irp, None).map_or(STATUS_PENDING, |answer| answer.status);
    if status < 0 {
        with(|state| state.forget_file(file));
        return Err(status);
    }
    Ok(file)
}

/// What a program asks of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// One of `IRP_MJ_...`.
    pub(crate) major: u32,
    /// The control code, where it is one.
    pub(crate) code: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) output_length: usize,
}

impl Message {
    /// A control code.
    pub(crate) const fn control(code: u32, input: Vec<u8>, output_length: usize) -> Self {
        Self {
            major: IRP_MJ_DEVICE_CONTROL,
            code,
            input,
            output_length,
        }
    }

    /// One that says no more than what it is.
    const fn bare(major: u32) -> Self {
        Self {
            major,
            code: 0,
            input: Vec::new(),
            output_length: 0,
        }
    }
}

/// Asks something of a file; answers the request.
pub(crate) fn ask(file: usize, message: &Message) -> usize {
    let device = with(|state| state.requests.files[&file].device);
    send(device, file, message)
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
    let cleanup = send(device, file, &Message::bare(IRP_MJ_CLEANUP));
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
    let closed = send(device, file, &Message::bare(IRP_MJ_CLOSE));
    wait(closed, None);
    with(|state| state.forget_file(file));
}

/// Waits until no file of a driver is open; from now on none is opened.
pub(crate) fn defer_unload(driver: DriverId, object: usize) {
    with(|state| {
        state.requests.leaving.insert(driver);
        let open = state.requests.is_open(driver);
        state.counts.unloads_deferred += u64::from(open);
    });
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
fn send(device: usize, file: usize, message: &Message) -> usize {
    let Message {
        major: number,
        code,
        ref input,
        output_length,
    } = *message;
    point();
    let (irp, routine) = with(|state| {
        let method = match number {
            IRP_MJ_DEVICE_CONTROL => Method::of(code),
            // SAFETY: a device with an open file is in memory.
            _ => Method::of_device(unsafe { (*(device as *const DEVICE_OBJECT)).Flags }),
        };
        let ask = Ask {
            major: major(number),
            device,
            file,
            code,
            buffers: state.make_buffers(method, input, output_length),
            input_length: input.len(),
            output_length,
        };
        let memory = state.pool.reserve(irp::SIZE, TAG);
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
        state.counts.requests += 1;
        state.trace(|_| format!("{} is sent, request {:#x}", name(ask.major), irp.addr()));
        (irp, routine)
    });
    let Some(routine) = routine else {
        let status = STATUS_ACCESS_VIOLATION.cast_unsigned() as usize;
        let site = with(|state| state.names.maker(device));
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
    fn open(&mut self, name: &str, account: Account) -> Result<usize, i32> {
        /// `IO_TYPE_FILE`.
        const KIND: u16 = 5;

        let device = self
            .names
            .device(name)
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
        let list = self.protections.get(&device);
        if list.is_some_and(|list| !list.grants(account, security::READ_WRITE)) {
            return Err(STATUS_ACCESS_DENIED);
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
        let room = request.ask.output_length;
        let controls = u32::from(request.ask.major) == IRP_MJ_DEVICE_CONTROL;
        if controls && !is_error(status) && information > room {
            let what = format!(
                "an {name} was completed with {information} bytes of output, the program has room \
                 for {room}"
            );
            return Err(("overrun".into(), what));
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
        let buffers = request.ask.buffers;
        let length = if is_error(status) { 0 } else { information };
        let code = request.ask.code;
        // SAFETY: the request is in memory with its buffers, and there is room for
        // what it says of its output.
        unsafe {
            let output = buffers.read(length.min(request.ask.output_length));
            let location = stack_location(irp as *mut Irp);
            request.marked = (*location).control & PENDING_RETURNED != 0;
            request.answer = Some(Answer { status, output });
        }
        self.count_control(code, status);
        self.free_buffers(buffers);
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
