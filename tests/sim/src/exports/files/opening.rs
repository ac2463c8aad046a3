// SPDX-License-Identifier: MIT OR Apache-2.0

//! Opening, creating and deleting files.

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_FILE_IS_A_DIRECTORY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_NOT_A_DIRECTORY, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND, STATUS_SHARING_VIOLATION, STATUS_SUCCESS, UNICODE_STRING,
};

use super::{complete, devices, file};
use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::findings::caller::caller;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::objects::file_system::{Node, OpenFile, normal};
use crate::objects::handles::Object;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ZwCreateFile" <= PASSIVE_LEVEL => create: i32;
    "ZwOpenFile" <= PASSIVE_LEVEL => open: i32;
    "ZwDeleteFile" <= PASSIVE_LEVEL => delete: i32;
}

/// Rights: to wait, to delete, and to read and to write, each as such and as generic ones.
pub(super) const SYNCHRONIZE: u32 = 0x0010_0000;
const DELETE: u32 = 0x0001_0000;
const READS: u32 = 0x8000_0000 | 0x1000_0000 | 0x1;
const WRITES: u32 = 0x4000_0000 | 0x1000_0000 | 0x6;

/// Options.
const DIRECTORY: u32 = 0x1;
const SYNCHRONOUS: u32 = 0x10 | 0x20;
const NON_DIRECTORY: u32 = 0x40;
const DELETE_ON_CLOSE: u32 = 0x1000;

/// What is done with a file that is there, and with one that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    Supersede,
    Open,
    Create,
    OpenIf,
    Overwrite,
    OverwriteIf,
}

impl Disposition {
    const ALL: [Self; 6] = [
        Self::Supersede,
        Self::Open,
        Self::Create,
        Self::OpenIf,
        Self::Overwrite,
        Self::OverwriteIf,
    ];

    /// The `Information` of a request that has found the file.
    const fn found(self) -> Result<usize, i32> {
        match self {
            Self::Supersede => Ok(0),
            Self::Open | Self::OpenIf => Ok(1),
            Self::Overwrite | Self::OverwriteIf => Ok(3),
            Self::Create => Err(STATUS_OBJECT_NAME_COLLISION),
        }
    }

    const fn creates(self) -> bool {
        !matches!(self, Self::Open | Self::Overwrite)
    }

    const fn empties(self) -> bool {
        matches!(self, Self::Supersede | Self::Overwrite | Self::OverwriteIf)
    }
}

/// What a driver wants to open.
struct Wanted {
    path: String,
    spelling: String,
    access: u32,
    shared: u32,
    disposition: Disposition,
    options: u32,
}

/// The path that attributes name, as it is compared and as it is spelled.
///
/// # Safety
///
/// They are valid.
unsafe fn named(attributes: *const OBJECT_ATTRIBUTES) -> Result<(String, String), i32> {
    // SAFETY: the attributes are valid, by this function's contract.
    let attributes = unsafe { &*attributes };
    // SAFETY: the name is valid with them, by this function's contract.
    let name = unsafe { strings::text(attributes.ObjectName.cast::<UNICODE_STRING>()) };
    match attributes.RootDirectory.addr() {
        0 => Ok((normal(&name), name)),
        root => {
            let root = with(|state| file(state, root).map(|file| file.path.clone()))?;
            let whole = format!(r"{root}\{name}");
            Ok((normal(&whole), whole))
        }
    }
}

unsafe extern "win64" fn create(
    handle: usize,
    access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
    block: usize,
    _allocation: usize,
    _file_attributes: u32,
    shared: u32,
    disposition: u32,
    options: u32,
    _extended: usize,
    _extended_length: u32,
) -> i32 {
    // SAFETY: the attributes are valid, as documented.
    let (path, spelling) = match unsafe { named(attributes) } {
        Ok(named) => named,
        Err(status) => return status,
    };
    if with(|state| state.objects.names.device(&spelling).is_some()) {
        return finish(devices::open(&spelling, access, options), handle, block);
    }
    let Some(&disposition) = Disposition::ALL.get(disposition as usize) else {
        return STATUS_INVALID_PARAMETER;
    };
    let wanted = Wanted {
        path,
        spelling,
        access,
        shared,
        disposition,
        options,
    };
    finish(with(|state| open_file(state, wanted)), handle, block)
}

/// Stores the handle of a file that was opened, and what was done.
fn finish(opened: Result<(usize, usize), i32>, handle: usize, block: usize) -> i32 {
    match opened {
        Ok((opened, information)) => {
            set(handle, opened);
            complete(block, Ok(information))
        }
        Err(status) => complete(block, Err(status)),
    }
}

unsafe extern "win64" fn open(
    handle: usize,
    access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
    block: usize,
    shared: u32,
    options: u32,
) -> i32 {
    let disposition = Disposition::Open as u32;
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe {
        create(
            handle,
            access,
            attributes,
            block,
            0,
            0,
            shared,
            disposition,
            options,
            0,
            0,
        )
    }
}

/// Opens a file or directory. Returns its handle and what was done.
fn open_file(state: &mut State, wanted: Wanted) -> Result<(usize, usize), i32> {
    let (path, options) = (&wanted.path, wanted.options);
    let is_synchronous = options & SYNCHRONOUS != 0;
    if is_synchronous && wanted.access & SYNCHRONIZE == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let makes_directory = options & DIRECTORY != 0;
    if makes_directory && (options & NON_DIRECTORY != 0 || wanted.disposition.empties()) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if faults::fails(state, FaultKind::Handle) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let flags = |rights: u32, masks: [u32; 3]| masks.map(|mask| rights & mask != 0);
    let access = flags(wanted.access, [READS, WRITES, DELETE]);
    let shared = flags(wanted.shared, [1, 2, 4]);
    let system = &mut state.objects.file_system;
    let information = match system.node(path) {
        Some(Node::Directory) if options & NON_DIRECTORY != 0 => {
            return Err(STATUS_FILE_IS_A_DIRECTORY);
        }
        Some(Node::File(_)) if options & DIRECTORY != 0 => return Err(STATUS_NOT_A_DIRECTORY),
        Some(_) => {
            let information = wanted.disposition.found()?;
            if let Some(other) = system.conflict(path, access, shared) {
                let owner = other.owner;
                refuse(state, &wanted.spelling, owner);
                return Err(STATUS_SHARING_VIOLATION);
            }
            if let Some(content) = system
                .content(path)
                .filter(|_| wanted.disposition.empties())
            {
                content.clear();
            }
            information
        }
        None if !system.has_parent(path) => return Err(STATUS_OBJECT_PATH_NOT_FOUND),
        None if !wanted.disposition.creates() => return Err(STATUS_OBJECT_NAME_NOT_FOUND),
        None => {
            let kind = if makes_directory {
                Node::Directory
            } else {
                Node::File(Vec::new())
            };
            system.add(path, &wanted.spelling, kind);
            2
        }
    };
    let by = caller(state);
    let number = state.objects.file_system.open(OpenFile {
        path: path.clone(),
        position: is_synchronous.then_some(0),
        access,
        shared,
        owner: by.map(|by| by.driver),
        is_deleted: options & DELETE_ON_CLOSE != 0,
        scan: None,
    });
    let object = Object::File {
        number,
        name: wanted.spelling,
    };
    Ok((state.objects.handles.open(object, by), information))
}

/// A file is open that another driver has for itself. That a driver cannot be loaded twice for
/// that reason is no defect.
fn refuse(state: &mut State, name: &str, owner: Option<DriverId>) {
    if let (Some(by), Some(owner)) = (caller(state), owner) {
        let name = format!("the file {name}");
        state.objects.names.collide(by.driver, name, owner);
    }
}

unsafe extern "win64" fn delete(attributes: *const OBJECT_ATTRIBUTES) -> i32 {
    // SAFETY: the attributes are valid, as documented.
    let (path, _) = match unsafe { named(attributes) } {
        Ok(named) => named,
        Err(status) => return status,
    };
    with(|state| {
        let system = &mut state.objects.file_system;
        if system.node(&path).is_none() {
            STATUS_OBJECT_NAME_NOT_FOUND
        } else if system
            .conflict(&path, [false, false, true], [true; 3])
            .is_some()
        {
            STATUS_SHARING_VIOLATION
        } else {
            system.remove(&path).err().unwrap_or(STATUS_SUCCESS)
        }
    })
}
