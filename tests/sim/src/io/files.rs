// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files of the drivers' devices, and what they keep from going.
//!
//! A driver with open files is not unloaded until the last one is closed, and a
//! device that was deleted is there until then. A device cannot be opened while
//! its driver's `DriverEntry` runs, nor once its driver is to go.
//!
//! A file is open until nobody refers to it: its handle may be closed, and a driver
//! that has referenced the file object keeps the file, its device and itself.

use std::collections::{BTreeMap, BTreeSet};

use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT};
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_DENIED, STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_NAME_NOT_FOUND,
};

use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, Site};
use crate::memory::placement::ALIGNMENT;
use crate::objects::handles;
use crate::objects::kernel_objects::ObjectKind;
use crate::objects::security::Account;
use crate::scheduling::{Waitable, block};

const TAG: u32 = u32::from_le_bytes(*b"File");
/// `FILE_OBJECT`.
const SIZE: usize = 0xD8;

/// The size of a device object, behind which its extension lies: both are aligned as blocks of
/// pool are.
pub(crate) const DEVICE_SIZE: usize = size_of::<DEVICE_OBJECT>().next_multiple_of(ALIGNMENT);

/// `DO_DEVICE_INITIALIZING`: the device cannot be opened yet.
pub(crate) const INITIALIZING: u32 = 0x80;
/// `DO_EXCLUSIVE`: the device cannot be opened while a file of it is open.
pub(crate) const EXCLUSIVE: u32 = 0x8;

/// A file that is open.
#[derive(Debug)]
struct File {
    device: usize,
    driver: DriverId,
    /// What its handle may be used for.
    granted: u32,
    flags: FileFlags,
    /// Whether a request of it is under way while others wait, if it is synchronous.
    is_busy: bool,
    /// Whether a driver has opened it, and no program.
    is_drivers: bool,
}

/// How a file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileFlags {
    /// Its requests are complete when the functions return that send them.
    pub(crate) is_synchronous: bool,
    /// The waits for them can be alerted.
    pub(crate) is_alertable: bool,
}

impl FileFlags {
    /// `FILE_OBJECT::Flags`.
    const fn bits(self) -> u32 {
        const SYNCHRONOUS_IO: u32 = 2;
        const ALERTABLE_IO: u32 = 4;
        let synchronous = if self.is_synchronous {
            SYNCHRONOUS_IO
        } else {
            0
        };
        synchronous | if self.is_alertable { ALERTABLE_IO } else { 0 }
    }
}

/// What keeps a driver until a completion routine of it has returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GuardId(u64);

/// A device that is being notified, and its driver: both stay until the notification ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) struct Notified {
    device: usize,
    driver: DriverId,
}

/// A device on top of another one.
#[derive(Debug)]
struct Attached {
    below: usize,
    /// The driver of the device below.
    driver: DriverId,
    /// `true` if the device on top is another driver's.
    is_foreign: bool,
}

impl Attached {
    /// Returns `true` if it keeps this driver.
    fn keeps(&self, driver: DriverId) -> bool {
        self.is_foreign && self.driver == driver
    }
}

/// All files of a cycle, by address.
#[derive(Debug, Default)]
pub(crate) struct Files {
    open: BTreeMap<usize, File>,
    /// Drivers that go when their files are closed.
    leaving: BTreeSet<DriverId>,
    /// Drivers that were to go and had no unload routine.
    refusing: BTreeSet<DriverId>,
    /// Devices that were deleted while files were open, or a device was attached to them.
    deleted: BTreeSet<usize>,
    /// Devices on top of others, by address.
    attached: BTreeMap<usize, Attached>,
    /// The devices whose drivers handle a notification.
    notified: Vec<Notified>,
    /// The drivers that stay until a completion routine of theirs has returned, each with the
    /// request and its stack location: those of `IoSetCompletionRoutineEx`.
    guards: BTreeMap<GuardId, (usize, u8, DriverId)>,
    next_guard: GuardId,
}

impl Files {
    /// The device of a file that is open.
    pub(crate) fn device(&self, file: usize) -> usize {
        self.open[&file].device
    }

    /// Returns `true` if this is a file that was opened for synchronous I/O.
    pub(crate) fn is_synchronous(&self, file: usize) -> bool {
        let file = self.open.get(&file);
        file.is_some_and(|file| file.flags.is_synchronous)
    }

    /// Returns `true` if a driver has opened this file.
    pub(crate) fn is_drivers(&self, file: usize) -> bool {
        self.open.get(&file).is_some_and(|file| file.is_drivers)
    }

    /// A request to a synchronous file begins. Returns `false` if another one is under way.
    pub(crate) fn begin_synchronous(&mut self, file: usize) -> bool {
        let open = self.open.get_mut(&file);
        open.is_none_or(|file| !std::mem::replace(&mut file.is_busy, true))
    }

    /// The request to a synchronous file has ended.
    pub(crate) fn end_synchronous(&mut self, file: usize) {
        if let Some(file) = self.open.get_mut(&file) {
            file.is_busy = false;
        }
    }

    /// Returns `true` if there is such a file.
    pub(crate) fn has(&self, file: usize) -> bool {
        self.open.contains_key(&file)
    }

    /// Returns `true` if the handle of a file that is open may be used for
    /// this.
    pub(crate) fn grants(&self, file: usize, wanted: u32) -> bool {
        wanted & !self.open[&file].granted == 0
    }

    /// Returns `true` if a driver is to go, and stays for the time being.
    pub(crate) fn is_unload_deferred(&self, driver: DriverId) -> bool {
        self.leaving.contains(&driver) || self.refusing.contains(&driver)
    }

    /// Records that the unload of a driver was refused: it has no unload routine.
    pub(crate) fn refuse_unload(&mut self, driver: DriverId) {
        self.refusing.insert(driver);
    }

    /// Returns `true` if a file of a driver is open, a device is on top of one of its own, or
    /// a completion routine of it is to be called.
    fn is_open(&self, driver: DriverId) -> bool {
        self.open.values().any(|file| file.driver == driver)
            || self.attached.values().any(|it| it.keeps(driver))
            || self.guards.values().any(|&(_, _, it)| it == driver)
    }

    /// Keeps a driver until the completion of a request has passed a stack location.
    pub(crate) fn guard(&mut self, irp: usize, location: u8, driver: DriverId) {
        self.next_guard.0 += 1;
        self.guards.insert(self.next_guard, (irp, location, driver));
    }

    /// What keeps a driver until then.
    pub(crate) fn guard_of(&self, irp: usize, location: u8) -> Option<GuardId> {
        let mut guards = self.guards.iter();
        let found = guards.find(|(_, it)| (it.0, it.1) == (irp, location));
        found.map(|(&id, _)| id)
    }

    /// Returns `true` if a device was deleted and is still there.
    pub(crate) fn keeps(&self, device: usize) -> bool {
        self.deleted.contains(&device)
    }

    /// Returns `true` if a device is on top of another one.
    pub(crate) fn is_attached(&self, device: usize) -> bool {
        self.attached.contains_key(&device)
    }

    /// Returns `true` if something uses a device that its driver deletes.
    fn uses(&self, device: usize) -> bool {
        self.open.values().any(|file| file.device == device)
            || self.attached.values().any(|it| it.below == device)
            || self.notified.iter().any(|it| it.device == device)
    }

    /// Returns `true` if files are open on a device, or a device is attached to it: it is
    /// then deleted after them.
    pub(crate) fn delete_later(&mut self, device: usize) -> bool {
        let used = self.uses(device);
        if used {
            self.deleted.insert(device);
        }
        used
    }
}

/// Waits until no file of a driver is open; from now on none is opened.
pub(crate) fn defer_unload(driver: DriverId) {
    with(|state| {
        state.io.files.leaving.insert(driver);
        let open = state.io.files.is_open(driver);
        state.counts.unloads_deferred += u64::from(open);
        if open || is_kept(state, driver) {
            // Who waits for this unload learns that it may take another driver's first.
            let current = state.scheduling.current_id();
            state.scheduling.wake_all(Waitable::Thread(current));
            state.scheduling.wake_all(Waitable::Stage);
        }
    });
    while with(|state| state.io.files.is_open(driver)) {
        block(Waitable::Files(driver), None);
    }
}

/// A notification of a device begins. Returns `None` if it has no driver.
pub(in crate::io) fn begin_notification(state: &mut State, device: usize) -> Option<Notified> {
    let driver = driver_of(state, device)?;
    let notified = Notified { device, driver };
    state.io.files.notified.push(notified);
    Some(notified)
}

/// A notification of a device has ended.
pub(in crate::io) fn end_notification(state: &mut State, notified: Option<Notified>) {
    let all = &mut state.io.files.notified;
    let place = all.iter().position(|it| Some(*it) == notified);
    if let Some(Notified { device, driver }) = place.map(|place| all.swap_remove(place)) {
        end_use(state, device, driver);
    }
}

/// Waits until no device of a driver is being notified.
pub(crate) fn finish_notifications(driver: DriverId) {
    let is_notified = |state: &mut State| {
        let mut notified = state.io.files.notified.iter();
        notified.any(|it| it.driver == driver)
    };
    while with(is_notified) {
        block(Waitable::Files(driver), None);
    }
}

/// The finding against a driver that writes to `NextDevice`.
pub(crate) const ENDLESS_DEVICES: &str = "the list of the driver's devices has no end";

/// The devices that a driver made in `DriverEntry` can be opened now. Returns
/// `false` if their list has no end.
///
/// # Safety
///
/// The driver object heads a list of devices in memory.
pub(crate) unsafe fn finish_devices(object: *mut DRIVER_OBJECT) -> bool {
    // SAFETY: the driver object heads a list of devices in memory, by this
    // function's contract.
    let mut device = unsafe { (*object).DeviceObject };
    for _ in 0..with(|state| state.objects.created.count(ObjectKind::Device)) {
        if device.is_null() {
            break;
        }
        // SAFETY: the driver object heads a list of devices in memory, by this
        // function's contract.
        device = unsafe {
            (*device).Flags &= !INITIALIZING;
            (*device).NextDevice
        };
    }
    device.is_null()
}

/// Makes a file of the device with this name, to be used for what is `wanted`.
pub(crate) fn make(
    state: &mut State,
    name: &str,
    account: Account,
    wanted: u32,
    flags: FileFlags,
) -> Result<usize, i32> {
    /// `IO_TYPE_FILE`, and the offset of `Flags`.
    const KIND: u16 = 5;
    const FLAGS: usize = 0x50;

    let device = state
        .objects
        .names
        .device(name)
        .filter(|&device| state.objects.created.is(device, ObjectKind::Device))
        .ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
    // SAFETY: a device that is not deleted is in memory.
    let device_flags = unsafe { (*(device as *const DEVICE_OBJECT)).Flags };
    let driver = driver_of(state, device).ok_or(STATUS_NO_SUCH_DEVICE)?;
    if device_flags & INITIALIZING != 0 || state.io.files.leaving.contains(&driver) {
        return Err(STATUS_NO_SUCH_DEVICE);
    }
    let files = &state.io.files;
    if device_flags & EXCLUSIVE != 0 && files.open.values().any(|file| file.device == device) {
        return Err(STATUS_ACCESS_DENIED);
    }
    let list = state.objects.protections.get(&device);
    if list.is_some_and(|list| !list.grants(account, wanted)) {
        return Err(STATUS_ACCESS_DENIED);
    }
    let file = state.memory.pool.allocate(SIZE, TAG, true, None);
    let file = file.ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    // SAFETY: it was just allocated: the type, the device at offset 8, and the flags.
    unsafe {
        (file as *mut u16).write(KIND);
        ((file + FLAGS) as *mut u32).write(flags.bits());
        (file as *mut usize).add(1).write(device);
        (*(device as *mut DEVICE_OBJECT)).ReferenceCount += 1;
    }
    let open = File {
        device,
        driver,
        granted: wanted,
        flags,
        is_busy: false,
        is_drivers: account == Account::Kernel,
    };
    state.io.files.open.insert(file, open);
    state.objects.handles.add_object(file);
    Ok(file)
}

/// Returns `true` if another driver keeps a driver: it has referenced a file of it, or has a
/// device on top of one of its own.
pub(crate) fn is_kept(state: &State, driver: DriverId) -> bool {
    let files = &state.io.files;
    let references = |file: usize| {
        let by = state.objects.handles.pointer_to(file);
        by.is_some_and(|by| by.driver != driver)
    };
    files.attached.values().any(|it| it.keeps(driver))
        || (files.open.iter()).any(|(&file, open)| open.driver == driver && references(file))
}

/// Returns `true` if the unload of any driver waits for what another driver has of it.
pub(crate) fn keeps_unload(state: &State) -> bool {
    let mut leaving = state.io.files.leaving.iter();
    leaving.any(|driver| is_kept(state, *driver))
}

/// The place in a driver that has referenced a file and not released it.
pub(crate) fn first_referenced(state: &State) -> Option<Site> {
    let mut files = state.io.files.open.keys();
    files.find_map(|&file| state.objects.handles.pointer_to(file))
}

/// Forgets a closed file, and wakes an unload that waits for the driver's last
/// one.
pub(crate) fn forget(state: &mut State, file: usize) {
    let Some(File { device, driver, .. }) = state.io.files.open.remove(&file) else {
        return;
    };
    handles::release(state, file);
    // SAFETY: a device is in memory as long as files are open.
    unsafe { (*(device as *mut DEVICE_OBJECT)).ReferenceCount -= 1 };
    end_use(state, device, driver);
}

/// A use of a driver's device has ended: it goes if it was deleted, and the driver if it was
/// to go.
fn end_use(state: &mut State, device: usize, driver: DriverId) {
    if !state.io.files.uses(device) && state.io.files.deleted.remove(&device) {
        let _ = state.memory.pool.free(device, 0, None);
    }
    if !state.io.files.is_open(driver) {
        state.scheduling.wake_all(Waitable::Files(driver));
    }
}

/// The completion of a request has passed a stack location: its driver may go.
pub(crate) fn unguard(state: &mut State, guard: GuardId) {
    if let Some((_, _, driver)) = state.io.files.guards.remove(&guard)
        && !state.io.files.is_open(driver)
    {
        state.scheduling.wake_all(Waitable::Files(driver));
    }
}

/// The driver of a device.
fn driver_of(state: &State, device: usize) -> Option<DriverId> {
    // SAFETY: a device that is not deleted is in memory, and its driver is there.
    let start = unsafe {
        let object = (*(device as *const DEVICE_OBJECT)).DriverObject;
        (*object).DriverStart
    };
    let site = state.loader.drivers.site(start.addr());
    site.map(|site| site.driver)
}

/// Records that the device `source` is now on top of the device `below`. Returns `false` if
/// that is not possible: the driver of `below` is to go.
pub(crate) fn attach(state: &mut State, source: usize, below: usize) -> bool {
    let Some(driver) = driver_of(state, below) else {
        return false;
    };
    // A driver does not keep itself.
    let is_foreign = driver_of(state, source) != Some(driver);
    let files = &mut state.io.files;
    if files.leaving.contains(&driver) || files.deleted.contains(&below) {
        return false;
    }
    files.attached.insert(
        source,
        Attached {
            below,
            driver,
            is_foreign,
        },
    );
    true
}

/// Records that a device is on top of no other one any more.
pub(crate) fn detach(state: &mut State, source: usize) {
    if let Some(Attached { below, driver, .. }) = state.io.files.attached.remove(&source) {
        end_use(state, below, driver);
    }
}
