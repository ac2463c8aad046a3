// SPDX-License-Identifier: MIT OR Apache-2.0

//! Framework objects: their handles, attributes, contexts and parents.

use std::collections::BTreeMap;

use kmdf::abi::{WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO};
use windows_sys::Win32::Foundation::{
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_EXISTS,
    STATUS_SUCCESS,
};

use super::{TAG, check_not_null, handle, object, unsupported};
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::verifier::faults;

exports! {
    of "wdf01000.sys":
    "WdfObjectCreate" <= DISPATCH_LEVEL => wdf_object_create: i32;
    "WdfObjectGetTypedContextWorker" <= DISPATCH_LEVEL => typed_context: usize;
    "WdfObjectAllocateContext" <= DISPATCH_LEVEL => allocate_context: i32;
    "WdfObjectContextGetObject" <= DISPATCH_LEVEL => object_of_context: usize;
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Driver,
    Device,
    Queue,
    Request,
    File,
    SpinLock,
    WaitLock,
    Timer,
    WorkItem,
    Memory,
    String,
    Collection,
    Key,
    General,
}

impl Kind {
    /// What it is in words.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Driver => "the driver object",
            Self::Device => "a device",
            Self::Queue => "a queue",
            Self::Request => "a request",
            Self::File => "a file object",
            Self::SpinLock => "a spin lock",
            Self::WaitLock => "a wait lock",
            Self::Timer => "a timer",
            Self::WorkItem => "a work item",
            Self::Memory => "a memory object",
            Self::String => "a string",
            Self::Collection => "a collection",
            Self::Key => "a registry key",
            Self::General => "a general object",
        }
    }

    /// Returns `true` if the driver may delete the object. For a queue this is not so if the queue
    /// belongs to its device.
    pub(super) const fn is_deletable(self) -> bool {
        !matches!(self, Self::Driver | Self::Request | Self::File)
    }
}

/// A context, with the callbacks of the attributes that it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// The address of its type; 0 if there are callbacks only.
    type_of: usize,
    /// 0 if there are callbacks only.
    pub(super) at: usize,
    pub(super) cleanup: usize,
    pub(super) destroy: usize,
}

/// An object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) globals: usize,
    pub(super) kind: Kind,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
    pub(super) contexts: Vec<Context>,
    /// Its address was made for it.
    pub(super) is_block: bool,
    pub(super) references: u32,
    pub(super) deleted: bool,
    pub(super) by: Option<Site>,
}

/// All objects of a cycle, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) all: BTreeMap<usize, Object>,
    /// Those that are destroyed, with the code that deleted them.
    pub(super) gone: BTreeMap<usize, (Kind, Option<Site>)>,
}

/// The code that made the object at an address.
pub(super) fn creator(state: &State, at: usize) -> Option<Site> {
    state.wdf.objects.all.get(&at)?.by
}

/// What a driver says of an object that it makes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    cleanup: usize,
    destroy: usize,
    /// Its address.
    pub(super) parent: Option<usize>,
    /// The address of the context's type and its size.
    context: Option<(usize, usize)>,
    /// Its callbacks are to run at `PASSIVE_LEVEL`.
    pub(super) is_passive: bool,
}

impl Attributes {
    pub(super) const fn has_context(&self) -> bool {
        self.context.is_some()
    }
}

/// Reads attributes.
///
/// # Safety
///
/// They are null or valid.
pub(super) unsafe fn attributes(at: *const WDF_OBJECT_ATTRIBUTES) -> Result<Attributes, i32> {
    const PASSIVE: u32 = 2;
    const DEVICE_OR_QUEUE: [u32; 2] = [2, 3];

    // SAFETY: they are null or valid, by this function's contract.
    let Some(attributes) = (unsafe { at.as_ref() }) else {
        return Ok(Attributes::default());
    };
    if attributes.Size as usize != size_of::<WDF_OBJECT_ATTRIBUTES>() {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    if DEVICE_OR_QUEUE.contains(&attributes.SynchronizationScope) {
        unsupported("a synchronization scope of a device or queue");
    }
    let type_of = attributes.ContextTypeInfo;
    // SAFETY: it is null or valid as long as the driver is there, as documented.
    let context = unsafe { type_of.as_ref() }.map(|it| {
        let size = it.ContextSize.max(attributes.ContextSizeOverride);
        (unique(type_of), size)
    });
    let parent = attributes.ParentObject.addr();
    Ok(Attributes {
        cleanup: attributes.EvtCleanupCallback.addr(),
        destroy: attributes.EvtDestroyCallback.addr(),
        parent: (parent != 0).then(|| find_any(parent)),
        context,
        is_passive: attributes.ExecutionLevel == PASSIVE,
    })
}

/// What identifies a type of contexts.
fn unique(type_of: *const WDF_OBJECT_CONTEXT_TYPE_INFO) -> usize {
    // SAFETY: it is valid as long as the driver is there, as documented.
    let unique = unsafe { (*type_of).UniqueType };
    if unique.is_null() {
        type_of.addr()
    } else {
        unique.addr()
    }
}

/// Makes an object at an address of its own; its parent is `parent` unless its
/// attributes name another one. Returns `None` where memory is short.
pub(super) fn create(
    globals: usize,
    kind: Kind,
    attributes: &Attributes,
    parent: usize,
) -> Option<usize> {
    with(|state| {
        if faults::fails(state, faults::FaultKind::Framework) {
            return None;
        }
        let at = state.memory.pool.reserve(size_of::<usize>(), TAG);
        add(state, globals, at, kind, attributes, Some(parent));
        if let Some(object) = state.wdf.objects.all.get_mut(&at) {
            object.is_block = true;
        }
        Some(at)
    })
}

/// Adds the object at an address.
pub(super) fn add(
    state: &mut State,
    globals: usize,
    at: usize,
    kind: Kind,
    attributes: &Attributes,
    parent: Option<usize>,
) {
    let parent = attributes.parent.or(parent);
    let object = Object {
        globals,
        kind,
        parent,
        children: Vec::new(),
        contexts: Vec::new(),
        is_block: false,
        references: 1,
        deleted: false,
        by: caller(state),
    };
    state.wdf.objects.gone.remove(&at);
    state.wdf.objects.all.insert(at, object);
    if let Some(parent) = parent
        && let Some(parent) = state.wdf.objects.all.get_mut(&parent)
    {
        parent.children.push(at);
    }
    add_context(state, at, attributes);
}

/// Sets the parent of an object.
pub(super) fn set_parent(state: &mut State, at: usize, parent: usize) {
    let objects = &mut state.wdf.objects.all;
    let before = objects
        .get_mut(&at)
        .and_then(|it| it.parent.replace(parent));
    if let Some(before) = before.and_then(|it| objects.get_mut(&it)) {
        before.children.retain(|&child| child != at);
    }
    if let Some(parent) = objects.get_mut(&parent) {
        parent.children.push(at);
    }
}

/// Adds a context to an object. Returns its address, 0 if it has callbacks only.
fn add_context(state: &mut State, at: usize, attributes: &Attributes) -> usize {
    let (type_of, size) = attributes.context.unwrap_or_default();
    let context = match attributes.context {
        Some(_) => state.memory.pool.reserve(size, TAG),
        None => 0,
    };
    if let Some(object) = state.wdf.objects.all.get_mut(&at) {
        object.contexts.push(Context {
            type_of,
            at: context,
            cleanup: attributes.cleanup,
            destroy: attributes.destroy,
        });
    }
    context
}

/// Returns `true` if a device is among an object and its ancestors.
pub(super) fn is_below_device(mut at: usize) -> bool {
    with(|state| {
        loop {
            let Some(object) = state.wdf.objects.all.get(&at) else {
                return false;
            };
            match object.parent {
                _ if object.kind == Kind::Device => return true,
                Some(parent) => at = parent,
                None => return false,
            }
        }
    })
}

/// The parent of an object.
pub(super) fn parent(at: usize) -> Option<usize> {
    with(|state| state.wdf.objects.all.get(&at)?.parent)
}

/// The object with this handle, if it is of this kind.
pub(super) fn find(handle: usize, kind: Kind) -> usize {
    let at = find_any(handle);
    if with(|state| state.wdf.objects.all.get(&at).map(|it| it.kind)) != Some(kind) {
        unknown(handle);
    }
    at
}

pub(super) fn find_any(handle: usize) -> usize {
    check_not_null(handle, "the handle");
    let at = object(handle);
    if !with(|state| state.wdf.objects.all.contains_key(&at)) {
        unknown(handle);
    }
    at
}

/// Ends the cycle: a driver has passed a handle of nothing, or of something else.
pub(super) fn unknown(handle: usize) -> ! {
    let at = object(handle);
    let what = with(|state| {
        let is = state.wdf.objects.all.get(&at).map(|it| it.kind);
        match (is, state.wdf.objects.gone.get(&at)) {
            (Some(kind), _) => format!(
                "{handle:#x} is no handle of an object that fits, but of {}",
                kind.name()
            ),
            (None, Some((kind, by))) => {
                let by = by.map_or_else(String::new, |by| {
                    format!(" by {}", state.loader.drivers.show(by))
                });
                format!(
                    "{handle:#x} is no handle of an object any more: {} was deleted{by}",
                    kind.name()
                )
            }
            (None, None) => format!("{handle:#x} is no handle of an object"),
        }
    });
    stop(("0x10D", [0x5, handle, 0, 0]), what)
}

unsafe extern "win64" fn wdf_object_create(
    globals: usize,
    given: *const WDF_OBJECT_ATTRIBUTES,
    created: *mut usize,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    unsafe { create_for(globals, Kind::General, given, created) }
}

/// Makes an object that has nothing but attributes, by default below the driver.
///
/// # Safety
///
/// The attributes are null or valid, and `to` may be written.
pub(super) unsafe fn create_for(
    globals: usize,
    kind: Kind,
    given: *const WDF_OBJECT_ATTRIBUTES,
    to: *mut usize,
) -> i32 {
    // SAFETY: they are null or valid, by this function's contract.
    let given = match unsafe { attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    // SAFETY: it may be written, by this function's contract.
    unsafe { publish(to, create(globals, kind, &given, globals)) }
}

/// Writes the handle of an object that was made.
///
/// # Safety
///
/// `to` may be written unless it is null.
pub(super) unsafe fn publish(to: *mut usize, created: Option<usize>) -> i32 {
    let Some(created) = created else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    if !to.is_null() {
        // SAFETY: it may be written, by this function's contract.
        unsafe { to.write(handle(created)) };
    }
    STATUS_SUCCESS
}

pub(super) fn contexts(at: usize) -> Vec<Context> {
    with(|state| {
        let object = state.wdf.objects.all.get(&at);
        object.map_or_else(Vec::new, |object| object.contexts.clone())
    })
}

unsafe extern "win64" fn typed_context(
    _globals: usize,
    handle: usize,
    wanted: *const WDF_OBJECT_CONTEXT_TYPE_INFO,
) -> usize {
    let at = find_any(handle);
    let wanted = unique(wanted);
    let all = contexts(at);
    let found = all.iter().find(|it| it.at != 0 && it.type_of == wanted);
    found.map_or(0, |context| context.at)
}

unsafe extern "win64" fn allocate_context(
    _globals: usize,
    handle: usize,
    given: *const WDF_OBJECT_ATTRIBUTES,
    context: *mut usize,
) -> i32 {
    let at = find_any(handle);
    // SAFETY: they are valid, as documented.
    let given = match unsafe { attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    let Some((type_of, _)) = given.context else {
        return windows_sys::Win32::Foundation::STATUS_OBJECT_NAME_INVALID;
    };
    let mut all = contexts(at).into_iter();
    let (status, new) = match all.find(|it| it.at != 0 && it.type_of == type_of) {
        Some(there) => (STATUS_OBJECT_NAME_EXISTS, there.at),
        None if with(|state| faults::fails(state, faults::FaultKind::Framework)) => {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        None => (STATUS_SUCCESS, with(|state| add_context(state, at, &given))),
    };
    if !context.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { context.write(new) };
    }
    status
}

unsafe extern "win64" fn object_of_context(_globals: usize, context: usize) -> usize {
    let found = with(|state| {
        let mut all = state.wdf.objects.all.iter();
        let has = |it: &Context| it.at == context && it.at != 0;
        let found = all.find(|(_, object)| object.contexts.iter().any(has));
        found.map(|(&at, _)| at)
    });
    match found {
        Some(at) => handle(at),
        None => stop(
            ("0x10D", [0x5, context, 0, 0]),
            format!("{context:#x} is no context of an object"),
        ),
    }
}
