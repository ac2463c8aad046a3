// SPDX-License-Identifier: MIT OR Apache-2.0

//! Shutdown notifications: the devices that are sent `IRP_MJ_SHUTDOWN`.
//!
//! The machine shuts down in this order: the first notifications are sent, the file
//! systems are flushed, the last-chance notifications are sent. No document says in which
//! order the devices of a queue come. Drivers are not unloaded.
//!
//! A load or an unload that is under way goes on. `IoUnregisterShutdownNotification` waits for
//! nothing: a device whose request is under way is deleted after it, and its driver's image
//! stays until then.

use rand::RngExt;
use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Wdk::System::SystemServices::IRP_MJ_SHUTDOWN;

use crate::io::files::{self, Notified};
use crate::io::requests::{self, ProgramRequest};
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::memory::pageable;
use crate::scheduling::{ThreadId, point};

/// `DO_SHUTDOWN_REGISTERED`.
const REGISTERED: u32 = 0x800;

/// When a device is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Before the file systems are flushed.
    First,
    /// After they are flushed.
    LastChance,
}

/// A device that is registered.
#[derive(Clone, Copy, Debug)]
struct Notification {
    queue: Queue,
    device: usize,
    by: Site,
}

/// The notifications of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    registered: Vec<Notification>,
    /// The thread that shuts the machine down.
    thread: Option<ThreadId>,
}

impl Shutdown {
    /// Registers a device at `by`, once for each queue.
    pub(crate) fn register(&mut self, queue: Queue, device: usize, by: Site) {
        let known = |it: &Notification| it.queue == queue && it.device == device;
        if !self.registered.iter().any(known) {
            self.registered.push(Notification { queue, device, by });
        }
        // SAFETY: a device that registers is in memory.
        unsafe { (*(device as *mut DEVICE_OBJECT)).Flags |= REGISTERED };
    }

    /// Takes all registrations of a device away.
    pub(crate) fn unregister(&mut self, device: usize) {
        self.registered.retain(|it| it.device != device);
        // SAFETY: a device that unregisters is in memory.
        unsafe { (*(device as *mut DEVICE_OBJECT)).Flags &= !REGISTERED };
    }

    /// The code that registered a device, if it is registered.
    pub(crate) fn registered(&self, device: usize) -> Option<Site> {
        let found = self.registered.iter().find(|it| it.device == device);
        found.map(|it| it.by)
    }

    /// The thread that shuts the machine down, if it does.
    pub(crate) const fn thread(&self) -> Option<ThreadId> {
        self.thread
    }
}

/// The current thread begins to shut the machine down.
pub(crate) fn begin(state: &mut State) {
    state.trace(|_| "the machine shuts down".to_owned());
    state.counts.shutdowns += 1;
    state.io.shutdown.thread = Some(state.scheduling.current_id());
}

/// The file systems are flushed: from now on the current thread cannot page memory in.
pub(crate) fn flush(state: &mut State) {
    state.trace(|_| "the file systems are flushed".to_owned());
    pageable::stop_paging(state);
}

/// Notifies the devices of a queue, each once, and waits for each.
pub(crate) fn notify(queue: Queue) {
    loop {
        point();
        // No driver can unregister its device between this and the call of its routine.
        let Some((device, notified)) = with(|state| take(state, queue)) else {
            return;
        };
        let irp = requests::send_now(device, 0, &ProgramRequest::bare(IRP_MJ_SHUTDOWN));
        requests::wait(irp, None);
        with(|state| files::end_notification(state, notified));
    }
}

/// Takes a device out of a queue, which stays until its notification has ended.
fn take(state: &mut State, queue: Queue) -> Option<(usize, Option<Notified>)> {
    let all = &state.io.shutdown.registered;
    let places = (0..all.len()).filter(|&at| all[at].queue == queue);
    let places: Vec<_> = places.collect();
    let drawn = match places.len() {
        0 => return None,
        1 => 0,
        several => state.choices.chance.random_range(0..several),
    };
    let device = state.io.shutdown.registered.remove(places[drawn]).device;
    Some((device, files::begin_notification(state, device)))
}
