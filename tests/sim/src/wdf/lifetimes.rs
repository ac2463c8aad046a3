// SPDX-License-Identifier: MIT OR Apache-2.0

//! References to framework objects, and the deletion of objects.
//!
//! An object is deleted with its descendants: cleanup callbacks are called from the lowest
//! descendant upwards; then each object whose last reference is released is destroyed,
//! children before their parents.

use windows_sys::Wdk::Foundation::DEVICE_OBJECT;

use super::objects::{Kind, contexts, find_any};
use super::{TAG, call, collections, deferred, handle, memory, queue};
use crate::exports::exports;
use crate::exports::io::devices;
use crate::findings::caller::caller;
use crate::findings::{self, stop};
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::memory::pool::FreeError;

exports! {
    of "wdf01000.sys":
    "WdfObjectDelete" <= DISPATCH_LEVEL => wdf_object_delete: ();
    "WdfObjectReferenceActual" <= DISPATCH_LEVEL => reference: ();
    "WdfObjectDereferenceActual" <= DISPATCH_LEVEL => dereference: ();
}

/// Deletes an object and its descendants.
pub(super) fn delete(at: usize) {
    let tree = with(|state| {
        let mut tree = Vec::new();
        collect(state, at, &mut tree);
        tree
    });
    for &(at, kind) in &tree {
        match kind {
            Kind::Timer => deferred::dispose_timer(at),
            Kind::WorkItem => deferred::dispose_work_item(at),
            Kind::Collection => collections::dispose(at),
            _ => {}
        }
        for context in contexts(at) {
            run_callback("EvtCleanupCallback", context.cleanup, at);
        }
    }
    for (at, _) in tree {
        release(at);
    }
}

/// Marks an object and its descendants as deleted, the lowest first.
fn collect(state: &mut State, at: usize, tree: &mut Vec<(usize, Kind)>) {
    let Some(object) = state.wdf.objects.all.get_mut(&at) else {
        return;
    };
    if std::mem::replace(&mut object.deleted, true) {
        return;
    }
    let kind = object.kind;
    let parent = object.parent;
    for child in std::mem::take(&mut object.children).into_iter().rev() {
        collect(state, child, tree);
    }
    if let Some(parent) = parent.and_then(|it| state.wdf.objects.all.get_mut(&it)) {
        parent.children.retain(|&child| child != at);
    }
    tree.push((at, kind));
}

fn run_callback(what: &'static str, routine: usize, at: usize) {
    if routine == 0 {
        return;
    }
    // SAFETY: the callback takes this.
    unsafe { call(what, routine, at, &[handle(at)]) };
}

/// Takes a reference off an object, and destroys it if that was the last one.
pub(super) fn release(at: usize) {
    let last = with(|state| {
        let object = state.wdf.objects.all.get_mut(&at)?;
        object.references -= 1;
        Some(object.references == 0)
    });
    if last != Some(true) {
        return;
    }
    for context in contexts(at) {
        run_callback("EvtDestroyCallback", context.destroy, at);
    }
    let (device, memory) = with(|state| {
        let device = state.wdf.devices.remove(&at);
        if let Some(device) = &device {
            state.io.shutdown.unregister(at);
            for link in &device.links {
                state.objects.names.remove_link(link);
            }
        }
        state.wdf.queues.remove(&at);
        state.wdf.keys.remove(&at);
        state.wdf.spin_locks.remove(&at);
        state.wdf.timers.remove(&at);
        state.wdf.work_items.remove(&at);
        let memory = state.wdf.memories.remove(&at);
        destroy(state, at);
        (device, memory)
    });
    if device.is_some() {
        // SAFETY: it was created, and is deleted once.
        unsafe { devices::io_delete_device(at as *mut DEVICE_OBJECT) };
    }
    if let Some(memory) = memory {
        memory::free(memory);
    }
}

fn destroy(state: &mut State, at: usize) {
    let Some(object) = state.wdf.objects.all.remove(&at) else {
        return;
    };
    let by = caller(state);
    state.wdf.objects.gone.insert(at, (object.kind, by));
    for context in object.contexts {
        if context.at == 0 {
            continue;
        }
        let freed = state.memory.pool.free(context.at, TAG, by);
        if let Some((_, place)) = freed.err().and_then(FreeError::written) {
            let what = format!("the context of {} was written {place}", object.kind.name());
            findings::report(state, "wdf", what, object.by);
        }
    }
    if object.is_block {
        let _ = state.memory.pool.free(at, TAG, by);
    }
}

/// Reports what is left of a driver whose objects were deleted: those to which it has
/// taken references and not given back.
pub(super) fn check_left(state: &mut State, globals: usize) {
    let mut all = state.wdf.objects.all.values();
    let left = all.find(|object| object.globals == globals && object.references > 0);
    let Some(object) = left else { return };
    let references = match object.references {
        1 => "1 reference".to_owned(),
        more => format!("{more} references"),
    };
    let name = object.kind.name();
    let what = format!("the driver object is deleted, with {references} to {name} left");
    let by = object.by;
    findings::report(state, "leak", what, by);
}

unsafe extern "win64" fn wdf_object_delete(_globals: usize, handle: usize) {
    let at = find_any(handle);
    let (kind, deleted, belongs) = with(|state| {
        let object = &state.wdf.objects.all[&at];
        let belongs = object.kind == Kind::Queue && queue::belongs_to_device(state, at);
        (object.kind, object.deleted, belongs)
    });
    if belongs {
        let what = "a queue was deleted by its driver that is the default queue of its device, or \
                    that WdfDeviceConfigureRequestDispatching has made the queue for all requests \
                    of a kind: the framework deletes it with the device";
        stop("wdf", what.to_owned());
    }
    if !kind.is_deletable() {
        let what = format!("{} was deleted by its driver", kind.name());
        stop("wdf", what);
    }
    if deleted {
        stop("wdf", format!("{} was deleted twice", kind.name()));
    }
    delete(at);
}

/// Takes a reference to the object with this handle.
pub(super) fn add_reference(handle: usize) {
    let at = find_any(handle);
    with(|state| {
        if let Some(object) = state.wdf.objects.all.get_mut(&at) {
            object.references += 1;
        }
    });
}

unsafe extern "win64" fn reference(
    _globals: usize,
    handle: usize,
    _tag: usize,
    _line: i32,
    _file: usize,
) {
    add_reference(handle);
}

unsafe extern "win64" fn dereference(
    _globals: usize,
    handle: usize,
    _tag: usize,
    _line: i32,
    _file: usize,
) {
    let at = find_any(handle);
    let (kind, last) = with(|state| {
        let object = &state.wdf.objects.all[&at];
        (object.kind, object.references == 1 && !object.deleted)
    });
    if last {
        let what = format!(
            "the last reference to {} was given back with WdfObjectDereference: delete it with \
             WdfObjectDelete",
            kind.name()
        );
        stop(("0x10D", [0x7, handle, 0, 0]), what);
    }
    release(at);
}
