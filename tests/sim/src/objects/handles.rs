// SPDX-License-Identifier: MIT OR Apache-2.0

//! Handles, and the reference-counted objects behind them.

use std::fmt;

use crate::kernel::State;
use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::{ThreadId, Waitable};

/// What a handle stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// The object of a thread at this address.
    Thread(usize),
    /// The event at this address, by its name if it has one.
    Event { address: usize, name: String },
    /// The registry key with this path.
    Key(String),
    /// The file on the volume with this number, as its driver spelled its name.
    File { number: usize, name: String },
    /// The device object at this address, with the rights that were asked for.
    Device { address: usize, access: u32 },
    /// A device that was opened by this name: the file object at this address.
    DeviceFile { file: usize, name: String },
    /// The object of a process at this address.
    Process(usize),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(_) => write!(f, "a thread"),
            Self::Event { name, .. } if name.is_empty() => write!(f, "an event"),
            Self::Event { name, .. } => write!(f, "the event {name}"),
            Self::Key(path) => write!(f, "the registry key {path}"),
            Self::File { name, .. } => write!(f, "the file {name}"),
            Self::DeviceFile { name, .. } => write!(f, "the device {name}"),
            Self::Device { .. } => write!(f, "a device object"),
            Self::Process(_) => write!(f, "a process"),
        }
    }
}

#[derive(Debug)]
struct Open {
    object: Object,
    by: Option<Site>,
}

/// A reference-counted object.
#[derive(Debug)]
struct Counted {
    address: usize,
    /// Whose object it is, if it is a thread's.
    thread: Option<ThreadId>,
    /// The thread itself, and handles.
    references: usize,
    /// Pointers that drivers hold.
    pointers: Vec<Site>,
}

/// All handles and counted objects of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    open: Vec<Option<Open>>,
    objects: Vec<Counted>,
}

/// Kernel handles have the highest bit set, and step by four.
const FIRST: usize = 0xFFFF_FFFF_8000_0004;

const fn index(handle: usize) -> Option<usize> {
    match handle.checked_sub(FIRST) {
        Some(distance) if distance % 4 == 0 => Some(distance / 4),
        _ => None,
    }
}

impl Handles {
    /// A handle for `object`. No value is used twice.
    pub(crate) fn open(&mut self, object: Object, by: Option<Site>) -> usize {
        if let Object::Thread(address) | Object::Event { address, .. } | Object::Process(address) =
            object
            && let Some(counted) = self.counted(address)
        {
            counted.references += 1;
        }
        self.open.push(Some(Open { object, by }));
        FIRST + (self.open.len() - 1) * 4
    }

    /// What `handle` stands for.
    pub(crate) fn get(&self, handle: usize) -> Option<&Object> {
        let open = self.open.get(index(handle)?)?.as_ref()?;
        Some(&open.object)
    }

    fn take(&mut self, handle: usize) -> Option<Object> {
        Some(self.open.get_mut(index(handle)?)?.take()?.object)
    }

    fn counted(&mut self, address: usize) -> Option<&mut Counted> {
        self.objects
            .iter_mut()
            .find(|object| object.address == address)
    }

    /// Adds the object of a thread that has begun.
    pub(crate) fn add_thread(&mut self, address: usize, thread: ThreadId) {
        self.objects.push(Counted {
            address,
            thread: Some(thread),
            references: 1,
            pointers: Vec::new(),
        });
    }

    /// Adds an object that is not a thread's, and is there until it is released.
    pub(crate) fn add_object(&mut self, address: usize) {
        if self.counted(address).is_none() {
            self.objects.push(Counted {
                address,
                thread: None,
                references: 1,
                pointers: Vec::new(),
            });
        }
    }

    /// Returns `true` if a counted object is at this address.
    pub(crate) fn has(&self, address: usize) -> bool {
        self.objects.iter().any(|object| object.address == address)
    }

    /// The place in a driver that holds a pointer to the object at this
    /// address.
    pub(crate) fn pointer_to(&self, address: usize) -> Option<Site> {
        let mut all = self.objects.iter();
        let object = all.find(|object| object.address == address)?;
        object.pointers.first().copied()
    }

    /// The handles and pointers that a driver has left behind.
    pub(crate) fn held_by(&self, driver: DriverId) -> Vec<(String, Site)> {
        let handles = self.open.iter().flatten().filter_map(|open| {
            let by = open.by.filter(|by| by.driver == driver)?;
            Some((format!("a handle of {}", open.object), by))
        });
        let pointers = self.objects.iter().flat_map(|object| &object.pointers);
        let pointers = pointers
            .filter(|by| by.driver == driver)
            .map(|&by| ("a reference to an object".to_owned(), by));
        handles.chain(pointers).collect()
    }
}

/// Counts a driver's pointer to the object at `address`, if any.
pub(crate) fn reference(state: &mut State, address: usize, by: Option<Site>) -> bool {
    let Some(object) = state.objects.handles.counted(address) else {
        return false;
    };
    object.pointers.extend(by);
    true
}

/// Takes back a driver's pointer, if it has one.
pub(crate) fn dereference(state: &mut State, address: usize, by: Option<Site>) -> bool {
    let Some(object) = state.objects.handles.counted(address) else {
        return false;
    };
    let mine = |site: &Site| Some(site.driver) == by.map(|by| by.driver);
    let Some(index) = object.pointers.iter().position(mine) else {
        return false;
    };
    object.pointers.remove(index);
    if object.pointers.is_empty() {
        state.scheduling.wake_all(Waitable::Pointers(address));
    }
    drop_unused(state, address);
    true
}

/// Closes a handle, if it is one.
pub(crate) fn close(state: &mut State, handle: usize) -> bool {
    match state.objects.handles.take(handle) {
        None => false,
        Some(Object::Key(_) | Object::Device { .. } | Object::DeviceFile { .. }) => true,
        Some(Object::File { number, .. }) => {
            state.objects.file_system.close(number);
            true
        }
        Some(
            Object::Thread(address) | Object::Event { address, .. } | Object::Process(address),
        ) => {
            release(state, address);
            true
        }
    }
}

/// Closes a handle if it is one of a device that was opened by name. Returns the file object, which
/// the handle does not keep any more.
pub(crate) fn take_device_file(state: &mut State, handle: usize) -> Option<usize> {
    let open = state.objects.handles.open.get_mut(index(handle)?)?;
    let taken = open.take_if(|open| matches!(open.object, Object::DeviceFile { .. }))?;
    let Object::DeviceFile { file, .. } = taken.object else {
        return None;
    };
    dereference(state, file, taken.by);
    Some(file)
}

/// Keeps the object at `address` until it is released.
pub(crate) fn retain(state: &mut State, address: usize) {
    if let Some(object) = state.objects.handles.counted(address) {
        object.references += 1;
    }
}

/// Takes back a thread's, a handle's or a wait's reference.
pub(crate) fn release(state: &mut State, address: usize) {
    if let Some(object) = state.objects.handles.counted(address) {
        object.references -= 1;
    }
    drop_unused(state, address);
}

fn drop_unused(state: &mut State, address: usize) {
    let unused = |object: &Counted| {
        object.address == address && object.references == 0 && object.pointers.is_empty()
    };
    if let Some(index) = state.objects.handles.objects.iter().position(unused) {
        let object = state.objects.handles.objects.remove(index);
        if let Some(thread) = object.thread {
            state.scheduling.thread_mut(thread).object = 0;
        }
        state.objects.events.forget(address);
        let freed = state.memory.pool.free(address, 0, None);
        debug_assert_eq!(freed, Ok(()));
    }
}
