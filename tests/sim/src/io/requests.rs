// SPDX-License-Identifier: MIT OR Apache-2.0

//! The I/O manager for control devices: sends requests, waits for them and cancels
//! them.
//!
//! It does what Windows does for a driver without Plug and Play: opening a file sends
//! `IRP_MJ_CREATE`, closing its handle sends `IRP_MJ_CLEANUP`, and when no request and
//! no driver references the file any more, `IRP_MJ_CLOSE` is sent. Functions that send
//! requests run on a simulated thread.

use std::collections::BTreeMap;

use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS,
    IRP_MJ_QUERY_INFORMATION, IRP_MJ_READ, IRP_MJ_SHUTDOWN, IRP_MJ_WRITE,
};
use windows_sys::Win32::Foundation::{STATUS_ACCESS_DENIED, STATUS_PENDING};

use crate::findings::stop_at;
use crate::io::buffers;
use crate::io::buffers::Method;
use crate::io::contract;
use crate::io::files::{self, FileFlags};
use crate::io::irp::{self, Irp, Parameters, stack_location};
use crate::io::switched;
use crate::io::travel;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::memory::pageable::set_irql;
use crate::objects::security::Account;
use crate::scheduling::{MICROSECOND, Waitable, block, point};
use crate::verifier::driver_call;
use crate::verifier::locks;
use crate::verifier::routine::{EntryState, check_return};

const TAG: u32 = u32::from_le_bytes(*b"Irp ");
/// The completion of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) information: usize,
    pub(crate) output: Vec<u8>,
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) parameters: Parameters,
    /// The dispatch routine it was sent to.
    pub(in crate::io) to: Option<Site>,
    pub(crate) answer: Option<Answer>,
}

/// All requests of a cycle, by address.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(in crate::io) sent: BTreeMap<usize, Request>,
}

impl Requests {
    /// The dispatch routine for control requests of a device that is in memory.
    pub(crate) fn control_routine(state: &State, device: usize) -> Option<Site> {
        // SAFETY: a device with an open file, and its driver's object, are there.
        let routine = unsafe {
            let driver = (*(device as *const DEVICE_OBJECT)).DriverObject;
            (*driver).MajorFunction[IRP_MJ_DEVICE_CONTROL as usize]
        };
        state.loader.drivers.site(routine? as usize)
    }

    /// The dispatch routine that has not completed a request, and its name.
    pub(crate) fn owed(&self, irp: usize) -> Option<(Option<Site>, &'static str)> {
        let request = self.sent.get(&irp)?;
        request
            .answer
            .is_none()
            .then_some((request.to, name(request.parameters.major)))
    }

    /// The dispatch routine of a request that is not complete.
    pub(crate) fn unanswered(&self) -> Option<Site> {
        let mut open = self
            .sent
            .values()
            .filter(|request| request.answer.is_none());
        open.find_map(|request| request.to)
    }
}

const fn major(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

/// The name of a major function.
pub(crate) const fn name(number: u8) -> &'static str {
    match number as u32 {
        IRP_MJ_CREATE => "IRP_MJ_CREATE",
        IRP_MJ_CLEANUP => "IRP_MJ_CLEANUP",
        IRP_MJ_CLOSE => "IRP_MJ_CLOSE",
        IRP_MJ_DEVICE_CONTROL => "IRP_MJ_DEVICE_CONTROL",
        IRP_MJ_READ => "IRP_MJ_READ",
        IRP_MJ_WRITE => "IRP_MJ_WRITE",
        IRP_MJ_QUERY_INFORMATION => "IRP_MJ_QUERY_INFORMATION",
        IRP_MJ_FLUSH_BUFFERS => "IRP_MJ_FLUSH_BUFFERS",
        IRP_MJ_SHUTDOWN => "IRP_MJ_SHUTDOWN",
        _ => "IRP",
    }
}

/// Opens the device with this name, or to which a link with this name leads,
/// for what is `wanted`. Returns the file.
pub(crate) fn open(name: &str, account: Account, wanted: u32) -> Result<usize, i32> {
    open_file(name, account, wanted, FileFlags::default()).map(|(file, _)| file)
}

/// The same with flags. Returns also what the driver says was done.
pub(crate) fn open_file(
    name: &str,
    account: Account,
    wanted: u32,
    flags: FileFlags,
) -> Result<(usize, usize), i32> {
    let file = with(|state| {
        let opened = files::make(state, name, account, wanted, flags);
        state.trace(|_| match opened {
            Ok(_) => format!("{account:?} opens {name} for {wanted:#x}"),
            Err(status) => format!("{account:?} cannot open {name}: {status:#x}"),
        });
        opened
    })?;
    let device = with(|state| state.io.files.device(file));
    let irp = send(device, file, &ProgramRequest::bare(IRP_MJ_CREATE));
    let answer = wait(irp, None);
    let status = answer
        .as_ref()
        .map_or(STATUS_PENDING, |answer| answer.status);
    if status < 0 {
        contract::check_open(device, status);
        with(|state| files::forget(state, file));
        return Err(status);
    }
    Ok((file, answer.map_or(0, |answer| answer.information)))
}

/// A request of a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProgramRequest {
    /// One of `IRP_MJ_...`.
    pub(crate) major: u32,
    /// The control code, where it is one.
    pub(crate) code: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) output_length: usize,
}

impl ProgramRequest {
    /// A control code.
    pub(crate) const fn control(code: u32, input: Vec<u8>, output_length: usize) -> Self {
        Self {
            major: IRP_MJ_DEVICE_CONTROL,
            code,
            input,
            output_length,
        }
    }

    /// A request without parameters.
    pub(in crate::io) const fn bare(major: u32) -> Self {
        Self {
            major,
            code: 0,
            input: Vec::new(),
            output_length: 0,
        }
    }

    /// The rights that a handle must have for it: those that a control code names.
    fn needs(&self) -> u32 {
        const FILE_READ_DATA: u32 = 1;
        const FILE_WRITE_DATA: u32 = 2;
        match self.major {
            // `FILE_READ_ACCESS` and `FILE_WRITE_ACCESS` have the same values.
            IRP_MJ_DEVICE_CONTROL => self.code >> 14 & (FILE_READ_DATA | FILE_WRITE_DATA),
            IRP_MJ_READ => FILE_READ_DATA,
            IRP_MJ_WRITE | IRP_MJ_FLUSH_BUFFERS => FILE_WRITE_DATA,
            _ => 0,
        }
    }
}

/// Sends a request to a file. Returns the IRP, unless the I/O manager
/// refuses it because the handle may not be used for it.
pub(crate) fn send_to_file(file: usize, message: &ProgramRequest) -> Result<usize, i32> {
    let needed = message.needs();
    if !with(|state| state.io.files.grants(file, needed)) {
        let status = STATUS_ACCESS_DENIED;
        with(|state| {
            let name = name(major(message.major));
            let shown = status.cast_unsigned();
            state.trace(|_| format!("{name} needs {needed:#x} and is refused, {shown:#x}"));
        });
        return Err(status);
    }
    let device = with(|state| state.io.files.device(file));
    Ok(send(device, file, message))
}

/// Asks something of a file's device as another driver does, with a request from
/// `IoBuildDeviceIoControlRequest`, which has no file; ends the request.
pub(crate) fn send_without_file(file: usize, message: &ProgramRequest) {
    let device = with(|state| state.io.files.device(file));
    let irp = send(device, 0, message);
    finish(irp);
}

/// Waits until a request is answered, or for some time.
pub(crate) fn wait(irp: usize, time: Option<u64>) -> Option<Answer> {
    let until = time.map(|time| with(|state| state.scheduling.now()) + time);
    loop {
        let answer = with(|state| {
            let request = &state.io.requests.sent[&irp];
            request.answer.clone()
        });
        let late = until.is_some_and(|until| with(|state| state.scheduling.now()) >= until);
        if answer.is_some() || late {
            return answer;
        }
        block(Waitable::Object(irp), until);
    }
}

/// `IoCancelIrp`: answers whether a cancel routine was called.
pub(crate) fn cancel(irp: usize) -> bool {
    if !with(|state| is_cancellable(state, irp)) {
        return false;
    }
    let before = EntryState::now();
    let old = locks::acquire_cancel();
    let packet = irp as *mut Irp;
    let routine = with(|state| is_cancellable(state, irp)).then(|| {
        // SAFETY: a request that is not complete is in memory.
        unsafe { prepare_cancel(packet, old) }
    });
    let routine = routine.unwrap_or_default();
    if routine == 0 {
        locks::release_cancel();
        with(|state| set_irql(state, old));
        return false;
    }
    // SAFETY: as above; a cancel routine is that of the driver that the request is with.
    let device = unsafe { (*stack_location(packet)).device };
    let by = with(|state| state.io.packets.holder(irp));
    // SAFETY: with the cancel spin lock held, as it is documented.
    unsafe {
        driver_call::call(
            "the cancel routine of a request",
            routine,
            by,
            &[device, irp],
        )
    };
    let site = with(|state| state.loader.drivers.site(routine));
    check_return("a cancel routine", before, site);
    point();
    true
}

/// Returns `true` if a request is in memory and not complete.
fn is_cancellable(state: &State, irp: usize) -> bool {
    state.io.requests.owed(irp).is_some() || state.io.packets.is_live(irp)
}

/// Takes the cancel routine away.
///
/// # Safety
///
/// The request is in memory.
unsafe fn prepare_cancel(irp: *mut Irp, old: u8) -> usize {
    // SAFETY: the request is in memory, by this function's contract.
    unsafe {
        (*irp).cancel = 1;
        (*irp).cancel_irql = old;
        std::mem::take(&mut (*irp).cancel_routine)
    }
}

/// Closes the only handle of a file: cancels what is under way, and waits for it.
/// A file that a driver still refers to ends later.
pub(crate) fn close(file: usize) {
    let device = with(|state| state.io.files.device(file));
    let cleanup = send(device, file, &ProgramRequest::bare(IRP_MJ_CLEANUP));
    wait(cleanup, None);
    let mine = with(|state| {
        let all = state.io.requests.sent.iter();
        let mine = all.filter(|(_, request)| request.parameters.file == file);
        mine.map(|(&irp, _)| irp).collect::<Vec<_>>()
    });
    mine.into_iter().for_each(finish);
    if with(|state| state.objects.handles.pointer_to(file).is_none()) {
        end(file);
        return;
    }
    with(|state| {
        let name = format!("end of file {file:#x}");
        state.scheduling.spawn_own(name, move || {
            while with(|state| state.objects.handles.pointer_to(file).is_some()) {
                block(Waitable::Pointers(file), None);
            }
            end(file);
        })
    });
}

/// Cancels a request, and waits for its end.
fn finish(irp: usize) {
    /// Milliseconds that a cancelled request has.
    const PATIENCE: u64 = 5_000;
    cancel(irp);
    if wait(irp, Some(PATIENCE * 1_000 * MICROSECOND)).is_none() {
        let site = with(|state| state.io.requests.sent[&irp].to);
        let patience = usize::try_from(PATIENCE).expect("it is small");
        let code = ("0xC4", [0x135, irp, patience, 0]);
        stop_at(
            code,
            "a request was cancelled and is not completed".to_owned(),
            site,
        );
    }
}

/// Closes a file that nothing refers to any more.
fn end(file: usize) {
    let device = with(|state| state.io.files.device(file));
    let closed = send(device, file, &ProgramRequest::bare(IRP_MJ_CLOSE));
    wait(closed, None);
    with(|state| files::forget(state, file));
}

/// Sends a request to its driver's dispatch routine.
pub(in crate::io) fn send(device: usize, file: usize, message: &ProgramRequest) -> usize {
    point();
    send_now(device, file, message)
}

/// Sends a request, before any other thread runs.
pub(in crate::io) fn send_now(device: usize, file: usize, message: &ProgramRequest) -> usize {
    let ProgramRequest {
        major: number,
        code,
        ref input,
        output_length,
    } = *message;
    let (irp, top) = with(|state| {
        let method = match number {
            IRP_MJ_DEVICE_CONTROL => Method::of(code),
            // SAFETY: a device with an open file is in memory.
            _ => Method::of_device(unsafe { (*(device as *const DEVICE_OBJECT)).Flags }),
        };
        let parameters = Parameters {
            major: major(number),
            file,
            code,
            buffers: buffers::make(state, method, input, output_length),
            input_length: input.len(),
            output_length,
            is_drivers: state.io.files.is_drivers(file),
        };
        // SAFETY: a device with an open file is in memory, and so is what is attached to it.
        let top = unsafe { &*(travel::top(device) as *const DEVICE_OBJECT) };
        let stack_count = u8::try_from(top.StackSize).unwrap_or(1).max(1);
        let memory = state.memory.pool.reserve(irp::size(stack_count), TAG);
        // SAFETY: the memory was just allocated for this, zeroed.
        let irp = unsafe { irp::make(memory as *mut _, stack_count, &parameters) };
        // SAFETY: the request was just made.
        unsafe { (*irp).thread = state.scheduling.current().object };
        switched::end_announcement(state, file);
        state.io.requests.sent.insert(
            irp.addr(),
            Request {
                parameters,
                to: None,
                answer: None,
            },
        );
        state.counts.requests += 1;
        state.trace(|_| {
            format!(
                "{} is sent, request {:#x}{}",
                name(parameters.major),
                irp.addr(),
                lengths(&parameters)
            )
        });
        (irp, std::ptr::from_ref(top).addr())
    });
    // SAFETY: the request was just made, and the device is the top of a stack with an open file.
    unsafe { travel::call_driver(top, irp) };
    irp.addr()
}

/// Describes the parameters of a request, in words that follow its address.
fn lengths(parameters: &Parameters) -> String {
    let Parameters {
        code,
        input_length,
        output_length,
        ..
    } = parameters;
    match u32::from(parameters.major) {
        IRP_MJ_READ => format!(", {output_length} bytes"),
        IRP_MJ_WRITE => format!(", {input_length} bytes"),
        IRP_MJ_DEVICE_CONTROL => {
            format!(", code {code:#x}, {input_length} bytes in and {output_length} out")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::malformed::code;

    #[test]
    fn a_request_needs_the_rights_that_its_code_names() {
        let control = |access| ProgramRequest::control(code(1, 0, access), Vec::new(), 0).needs();
        assert_eq!([0, 1, 2, 3].map(control), [0, 1, 2, 3]);
        let other = |major| ProgramRequest::bare(major).needs();
        let majors = [IRP_MJ_READ, IRP_MJ_WRITE, IRP_MJ_CREATE, IRP_MJ_CLEANUP];
        assert_eq!(majors.map(other), [1, 2, 0, 0]);
    }

    #[test]
    fn the_trace_says_how_long_a_request_is() {
        let said = |major| {
            lengths(&Parameters {
                major: super::major(major),
                file: 0,
                code: 0x22_2000,
                buffers: buffers::Buffers::default(),
                input_length: 16,
                output_length: 0,
                is_drivers: false,
            })
        };
        let majors = [IRP_MJ_READ, IRP_MJ_WRITE, IRP_MJ_CLOSE];
        assert_eq!(majors.map(said), [", 0 bytes", ", 16 bytes", ""]);
        let control = ", code 0x222000, 16 bytes in and 0 out";
        assert_eq!(said(IRP_MJ_DEVICE_CONTROL), control);
    }
}
