// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notifications of processes, threads and images. A program that runs is one of each.

use std::ptr;

use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_DENIED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_PROCEDURE_NOT_FOUND, STATUS_SUCCESS,
};

use super::{Kind, Notification, Text, Wanted, add, notify, remove};
use crate::exports::execution::processes;
use crate::exports::exports;
use crate::hardware::irql::{APC_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};

exports! {
    "PsSetCreateProcessNotifyRoutine" <= PASSIVE_LEVEL => set_process: i32;
    "PsSetCreateProcessNotifyRoutineEx" <= PASSIVE_LEVEL => set_process_ex: i32;
    "PsSetCreateProcessNotifyRoutineEx2" <= PASSIVE_LEVEL => set_process_ex2: i32;
    "PsSetCreateThreadNotifyRoutine" <= PASSIVE_LEVEL => set_thread: i32;
    "PsSetCreateThreadNotifyRoutineEx" <= PASSIVE_LEVEL => set_thread_ex: i32;
    "PsRemoveCreateThreadNotifyRoutine" <= APC_LEVEL => remove_thread: i32;
    "PsSetLoadImageNotifyRoutine" <= PASSIVE_LEVEL => set_image: i32;
    "PsSetLoadImageNotifyRoutineEx" <= PASSIVE_LEVEL => set_image_ex: i32;
    "PsRemoveLoadImageNotifyRoutine" <= APC_LEVEL => remove_image: i32;
}

/// Registers or removes a routine that is told of processes.
fn change_process(kind: Kind, routine: usize, remove_it: u8) -> i32 {
    if remove_it != 0 {
        return removed(kind, routine);
    }
    with(|state| {
        let is_there = state
            .objects
            .notifications
            .of(kind, routine)
            .next()
            .is_some();
        if is_there || !add(state, Wanted::new(kind, routine, routine)) {
            STATUS_INVALID_PARAMETER
        } else {
            STATUS_SUCCESS
        }
    })
}

fn removed(kind: Kind, routine: usize) -> i32 {
    if remove(kind, routine) {
        STATUS_SUCCESS
    } else {
        STATUS_PROCEDURE_NOT_FOUND
    }
}

fn set(kind: Kind, routine: usize) -> i32 {
    if with(|state| add(state, Wanted::new(kind, routine, routine))) {
        STATUS_SUCCESS
    } else {
        STATUS_INSUFFICIENT_RESOURCES
    }
}

/// Returns `true` if the image with this routine was linked with `/INTEGRITYCHECK`.
pub(super) fn is_in_checked_image(state: &State, routine: usize) -> bool {
    let site = state.loader.drivers.site(routine);
    site.is_some_and(|site| {
        let file = state.loader.drivers[site.driver].image.file();
        file.claimed_characteristics().contains(&"FORCE_INTEGRITY")
    })
}

unsafe extern "win64" fn set_process(routine: usize, remove_it: u8) -> i32 {
    change_process(Kind::Process, routine, remove_it)
}

unsafe extern "win64" fn set_process_ex(routine: usize, remove_it: u8) -> i32 {
    if !with(|state| is_in_checked_image(state, routine)) {
        return STATUS_ACCESS_DENIED;
    }
    change_process(Kind::ProcessEx, routine, remove_it)
}

unsafe extern "win64" fn set_process_ex2(kind: i32, routine: usize, remove_it: u8) -> i32 {
    /// `PsCreateProcessNotifySubsystems`.
    const SUBSYSTEMS: i32 = 0;
    if kind != SUBSYSTEMS {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: as this function's caller.
    unsafe { set_process_ex(routine, remove_it) }
}

unsafe extern "win64" fn set_thread(routine: usize) -> i32 {
    set(Kind::Thread, routine)
}

unsafe extern "win64" fn set_thread_ex(_kind: i32, routine: usize) -> i32 {
    set(Kind::Thread, routine)
}

unsafe extern "win64" fn remove_thread(routine: usize) -> i32 {
    removed(Kind::Thread, routine)
}

unsafe extern "win64" fn set_image(routine: usize) -> i32 {
    set(Kind::Image, routine)
}

unsafe extern "win64" fn set_image_ex(routine: usize, _flags: usize) -> i32 {
    set(Kind::Image, routine)
}

unsafe extern "win64" fn remove_image(routine: usize) -> i32 {
    removed(Kind::Image, routine)
}

/// `IMAGE_INFO`.
#[repr(C)]
struct ImageInfo {
    properties: u32,
    base: usize,
    selector: u32,
    size: usize,
    section_number: u32,
}

/// Tells of an image that is mapped into a process, 0 for the kernel.
pub(super) fn image_loaded(path: &str, process: usize, base: usize, size: usize) {
    /// `IMAGE_ADDRESSING_MODE_32BIT`, which is the mode of all images.
    const MODE: u32 = 3;
    /// `SystemModeImage`.
    const SYSTEM: u32 = 1 << 8;
    let path = Text::new(path);
    let info = ImageInfo {
        properties: if process == 0 { MODE | SYSTEM } else { MODE },
        base,
        selector: 0,
        size,
        section_number: 0,
    };
    let info = (&raw const info).addr();
    let all = |_: &Notification| true;
    notify(
        Kind::Image,
        all,
        |_| vec![path.address(), process, info],
        |_, _| {},
    );
}

/// `PS_CREATE_NOTIFY_INFO`.
#[repr(C)]
struct CreateInfo {
    size: usize,
    flags: u32,
    parent: usize,
    creator: [usize; 2],
    file: *const u8,
    image: usize,
    command_line: usize,
    status: i32,
}

/// Runs a program, if its process is not refused: it begins with a thread and an image, lives
/// for a time, and ends.
pub(super) fn run_a_program(live: impl FnOnce()) {
    const PARENT: usize = processes::SHELL;
    const FALSE: usize = 0;
    const TRUE: usize = 1;
    /// Where Windows maps the images of programs.
    const BASE: usize = 0x7FF7_1234_0000;
    const NAME: &str = r"\??\C:\Windows\System32\notepad.exe";

    let all = |_: &Notification| true;
    // No two processes that run have the same number.
    let begun = with(|state| {
        let running = &mut state.objects.notifications.programs;
        let process = processes::programs().find(|it| !running.contains(it))?;
        running.insert(process);
        Some((process, processes::object(state, process)))
    });
    // As many may run already as there are numbers.
    let Some((process, object)) = begun else {
        return;
    };
    let thread = process + 4;
    let (name, command) = (Text::new(NAME), Text::new("notepad.exe"));
    let mut info = CreateInfo {
        size: size_of::<CreateInfo>(),
        flags: 1,
        parent: PARENT,
        creator: [PARENT, thread],
        file: ptr::null(),
        image: name.address(),
        command_line: command.address(),
        status: STATUS_SUCCESS,
    };
    let at = (&raw mut info).addr();
    notify(
        Kind::Process,
        all,
        |_| vec![PARENT, process, TRUE],
        |_, _| {},
    );
    notify(
        Kind::ProcessEx,
        all,
        |_| vec![object, process, at],
        |_, _| {},
    );
    // SAFETY: routines may have written there, and nothing else does.
    let status = unsafe { (&raw const info.status).read_volatile() };
    if status >= 0 {
        notify(
            Kind::Thread,
            all,
            |_| vec![process, thread, TRUE],
            |_, _| {},
        );
        image_loaded(NAME, process, BASE, 0x9_0000);
        live();
        notify(
            Kind::Thread,
            all,
            |_| vec![process, thread, FALSE],
            |_, _| {},
        );
    }
    notify(
        Kind::Process,
        all,
        |_| vec![PARENT, process, FALSE],
        |_, _| {},
    );
    notify(
        Kind::ProcessEx,
        all,
        |_| vec![object, process, 0],
        |_, _| {},
    );
    with(|state| state.objects.notifications.programs.remove(&process));
}
