// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes and threads by their numbers, and their objects. Besides the process System, in
//! which drivers run, there are processes of programs, of which drivers are notified.

use std::mem::offset_of;

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_CID, STATUS_INVALID_PARAMETER_MIX,
    STATUS_NOT_FOUND, STATUS_PENDING, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings::write_counted;
use crate::exports::execution::threads;
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::memory::variables;
use crate::objects::handles::{self, Object};
use crate::scheduling::ThreadId;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "PsGetCurrentProcess" <= DISPATCH_LEVEL => current_process: usize;
    "IoGetCurrentProcess" <= DISPATCH_LEVEL => current_process: usize;
    "PsGetCurrentProcessId" <= DISPATCH_LEVEL => current_process_id: usize;
    "PsGetCurrentThreadId" <= DISPATCH_LEVEL => current_thread_id: usize;
    "PsLookupProcessByProcessId" <= APC_LEVEL => look_up_process: i32;
    "PsLookupThreadByThreadId" <= APC_LEVEL => look_up_thread: i32;
    "PsGetProcessId" <= DISPATCH_LEVEL => process_id: usize;
    "PsGetThreadId" <= DISPATCH_LEVEL => thread_id: usize;
    "PsGetThreadProcessId" <= DISPATCH_LEVEL => thread_process_id: usize;
    "PsGetProcessCreateTimeQuadPart" <= DISPATCH_LEVEL => create_time: i64;
    "PsGetProcessExitStatus" <= APC_LEVEL => process_exit_status: i32;
    "PsGetThreadExitStatus" <= APC_LEVEL => thread_exit_status: i32;
    "IoThreadToProcess" <= DISPATCH_LEVEL => thread_process: usize;
    "SeLocateProcessImageName" <= PASSIVE_LEVEL => image_name: i32;
    "PsIsSystemThread" <= DISPATCH_LEVEL => is_system_thread: u8;
    "KeQueryPriorityThread" <= PASSIVE_LEVEL => priority: i32;
    "KeSetPriorityThread" <= PASSIVE_LEVEL => set_priority: i32;
    "KeSetBasePriorityThread" <= PASSIVE_LEVEL => set_base_priority: i32;
    "ZwOpenProcess" <= PASSIVE_LEVEL => open_process: i32;
}

/// The number of the process called System.
pub(in crate::exports) const SYSTEM: usize = 4;

/// The process of a program that runs all the time.
pub(in crate::exports) const SHELL: usize = 0x0B0C;

/// The processes of programs that come and go: the number of the first, the distance of the
/// numbers, and the names of their objects.
const FIRST_PROGRAM: usize = 0x1A2C;
const APART: usize = 0x20;
const PROGRAMS: [&str; 8] = [
    "the program",
    "the second program",
    "the third program",
    "the fourth program",
    "the fifth program",
    "the sixth program",
    "the seventh program",
    "the eighth program",
];

/// The numbers of the processes that programs may have.
pub(in crate::exports) fn programs() -> impl Iterator<Item = usize> {
    (0..PROGRAMS.len()).map(|place| FIRST_PROGRAM + place * APART)
}

/// The place of a program's process among those that there may be.
fn program(process: usize) -> Option<usize> {
    programs().position(|number| number == process)
}

/// The object of the process with this number.
pub(in crate::exports) fn object(state: &mut State, process: usize) -> usize {
    let name = match process {
        SYSTEM => "PsInitialSystemProcess",
        SHELL => "the shell",
        _ => PROGRAMS[program(process).unwrap_or_default()],
    };
    let object = variables::variable(state, name) + size_of::<usize>();
    state.objects.handles.add_object(object);
    object
}

/// The number of the process with this object.
fn number(state: &mut State, address: usize) -> Option<usize> {
    let mut all = [SYSTEM, SHELL].into_iter().chain(programs());
    all.find(|process| object(state, *process) == address)
}

/// The object of the process whose memory the current thread has.
pub(super) fn current(state: &mut State) -> usize {
    let attached = state.scheduling.current().attached.last();
    match attached.map(|it| it.process) {
        Some(process) => process,
        None => object(state, SYSTEM),
    }
}

/// Ends the cycle unless this is the object of a process.
pub(super) fn check(process: usize) {
    if with(|state| number(state, process)).is_none() {
        not_an_object(process, "process");
    }
}

unsafe extern "win64" fn current_process() -> usize {
    with(current)
}

unsafe extern "win64" fn current_process_id() -> usize {
    SYSTEM
}

unsafe extern "win64" fn current_thread_id() -> usize {
    with(|state| id_of(state.scheduling.current_id()))
}

/// The number by which drivers know a thread.
const fn id_of(thread: ThreadId) -> usize {
    4 * (thread.0 + 2)
}

/// The thread that has this number, unless it has ended.
fn thread_of(state: &State, id: usize) -> Option<ThreadId> {
    let all = 0..state.scheduling.threads().len();
    let thread = all.map(ThreadId).find(|thread| id_of(*thread) == id)?;
    (!state.scheduling.thread(thread).has_ended()).then_some(thread)
}

/// Passes on an object with a reference that the driver must give back.
fn give(state: &mut State, object: usize) -> usize {
    let by = caller(state);
    handles::reference(state, object, by);
    object
}

/// Returns the name of a process in memory that the driver frees. System has no name.
unsafe extern "win64" fn image_name(process: usize, place: usize) -> i32 {
    const TAG: u32 = u32::from_le_bytes(*b"SeIm");
    let name = match with(|state| number(state, process)) {
        Some(SHELL) => r"\Device\HarddiskVolume3\Windows\explorer.exe",
        Some(SYSTEM) => return STATUS_NOT_FOUND,
        Some(_) => r"\Device\HarddiskVolume3\Windows\System32\notepad.exe",
        None => not_an_object(process, "process"),
    };
    let units: Vec<_> = name.encode_utf16().chain([0]).collect();
    let text = size_of::<UNICODE_STRING>();
    let at = with(|state| {
        let by = caller(state);
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let size = text + size_of_val(&*units);
        state.memory.pool.allocate(size, TAG, true, by)
    });
    let Some(at) = at else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    write_counted(at, &units);
    set(place, at);
    STATUS_SUCCESS
}

/// The object of the process with this number, if it runs.
fn running(state: &mut State, process: usize) -> Option<usize> {
    let runs = match process {
        SYSTEM | SHELL => true,
        _ => state.objects.notifications.programs.contains(&process),
    };
    runs.then(|| object(state, process))
}

unsafe extern "win64" fn look_up_process(process: usize, found: usize) -> i32 {
    let object = with(|state| {
        let object = running(state, process)?;
        Some(give(state, object))
    });
    answer(object, found)
}

/// Opens a handle of a process by its number, or by that of one of its threads with it. The
/// rights are not checked, as a kernel-mode caller's are not.
unsafe extern "win64" fn open_process(
    handle: usize,
    _access: u32,
    attributes: usize,
    client: usize,
) -> i32 {
    let name: usize = get(attributes + offset_of!(OBJECT_ATTRIBUTES, ObjectName));
    if name != 0 || client == 0 {
        return STATUS_INVALID_PARAMETER_MIX;
    }
    let [process, thread] = get::<[usize; 2]>(client);
    let opened = with(|state| {
        // All threads are of one process.
        if thread != 0 && (process != SYSTEM || thread_of(state, thread).is_none()) {
            return Err(STATUS_INVALID_CID);
        }
        let object = running(state, process).ok_or(STATUS_INVALID_CID)?;
        if faults::fails(state, FaultKind::Handle) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let by = caller(state);
        Ok(state.objects.handles.open(Object::Process(object), by))
    });
    match opened {
        Ok(opened) => {
            set(handle, opened);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn look_up_thread(thread: usize, found: usize) -> i32 {
    let object = with(|state| {
        let thread = thread_of(state, thread)?;
        let object = threads::object(state, thread);
        Some(give(state, object))
    });
    answer(object, found)
}

fn answer(object: Option<usize>, found: usize) -> i32 {
    match object {
        Some(object) => {
            set(found, object);
            STATUS_SUCCESS
        }
        None => STATUS_INVALID_CID,
    }
}

unsafe extern "win64" fn process_id(process: usize) -> usize {
    match with(|state| number(state, process)) {
        Some(number) => number,
        None => not_an_object(process, "process"),
    }
}

/// The thread with this object.
pub(super) fn thread(address: usize) -> ThreadId {
    let found = with(|state| {
        let all = state.scheduling.threads().iter();
        let mut all = all.map(|thread| thread.object);
        all.position(|object| object != 0 && object == address)
    });
    match found {
        Some(index) => ThreadId(index),
        None => not_an_object(address, "thread"),
    }
}

fn not_an_object(address: usize, what: &str) -> ! {
    let what = format!("{address:#x} is no {what} object, or one that has been freed");
    stop(("0x18", [0, address, 0, 0]), what)
}

unsafe extern "win64" fn thread_id(object: usize) -> usize {
    id_of(thread(object))
}

unsafe extern "win64" fn thread_process_id(object: usize) -> usize {
    thread(object);
    SYSTEM
}

unsafe extern "win64" fn thread_process(object: usize) -> usize {
    thread(object);
    with(|state| self::object(state, SYSTEM))
}

unsafe extern "win64" fn is_system_thread(object: usize) -> u8 {
    thread(object);
    1
}

/// Returns the exit status of a process: programs end with success.
unsafe extern "win64" fn process_exit_status(process: usize) -> i32 {
    // SAFETY: it needs nothing.
    match unsafe { process_id(process) } {
        SYSTEM | SHELL => STATUS_PENDING,
        _ => STATUS_SUCCESS,
    }
}

unsafe extern "win64" fn thread_exit_status(object: usize) -> i32 {
    let thread = thread(object);
    if with(|state| state.scheduling.thread(thread).has_ended()) {
        STATUS_SUCCESS
    } else {
        STATUS_PENDING
    }
}

/// All processes have begun an hour before the clock is first read.
unsafe extern "win64" fn create_time(process: usize) -> i64 {
    /// 2024-01-01, in units of 100 ns since 1601.
    const BEGINNING: i64 = 133_485_408_000_000_000;
    // SAFETY: it needs nothing.
    unsafe { process_id(process) };
    BEGINNING
}

/// The usual priority of a system thread.
const USUAL: i32 = 8;

unsafe extern "win64" fn priority(object: usize) -> i32 {
    let thread = thread(object);
    with(|state| USUAL + state.scheduling.thread(thread).priority)
}

unsafe extern "win64" fn set_priority(object: usize, priority: i32) -> i32 {
    let thread = thread(object);
    with(|state| {
        let thread = state.scheduling.thread_mut(thread);
        USUAL + std::mem::replace(&mut thread.priority, priority - USUAL)
    })
}

unsafe extern "win64" fn set_base_priority(object: usize, increment: i32) -> i32 {
    let thread = thread(object);
    with(|state| {
        let thread = state.scheduling.thread_mut(thread);
        std::mem::replace(&mut thread.priority, increment)
    })
}
