// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that drivers make themselves, and which dispatch routine each request is with.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::ThreadId;

/// How a driver's request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// By `IoAllocateIrp` or `IoBuildAsynchronousFsdRequest`: its driver frees it.
    Allocated,
    /// For a thread, by `IoBuildDeviceIoControlRequest` or `IoBuildSynchronousFsdRequest`:
    /// the I/O manager frees it.
    Threaded,
    /// By `IoInitializeIrp`, in memory of the driver.
    Own,
}

/// What the I/O manager does for a threaded request when it is complete.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Built {
    /// The memory that is the request's own, or 0.
    pub(crate) system_buffer: usize,
    pub(crate) mdl: usize,
    /// Where the output goes, and how much there is room for.
    pub(crate) output: usize,
    pub(crate) room: usize,
    /// What is told that it is complete.
    pub(crate) status_block: usize,
    pub(crate) event: usize,
    /// The file that it was sent to by handle, which it keeps, or 0.
    pub(crate) file: usize,
    /// The event of a handle, which it keeps, or 0.
    pub(crate) kept_event: usize,
    /// The event of a synchronous file that is signalled beside `event`, or 0.
    pub(crate) file_event: usize,
}

/// A request that a driver has made.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) origin: Origin,
    pub(crate) built: Built,
    /// The call that made it.
    pub(crate) by: Option<Site>,
    /// The thread that it was built for.
    pub(crate) thread: Option<ThreadId>,
    /// `true` if it was complete since it was sent last.
    pub(crate) completed: bool,
    /// The call that freed it.
    pub(crate) freed: Option<Site>,
    pub(crate) is_live: bool,
}

impl Packet {
    pub(crate) const fn new(origin: Origin, by: Option<Site>) -> Self {
        Self {
            origin,
            built: Built {
                system_buffer: 0,
                mdl: 0,
                output: 0,
                room: 0,
                status_block: 0,
                event: 0,
                file: 0,
                kept_event: 0,
                file_event: 0,
            },
            by,
            thread: None,
            completed: false,
            freed: None,
            is_live: true,
        }
    }
}

/// A dispatch routine that was called with a request.
#[derive(Clone, Copy, Debug)]
struct Call {
    number: u64,
    /// Its stack location.
    location: u8,
    /// `true` if it has returned.
    returned: bool,
    to: Option<Site>,
}

/// What a request was like when its completion passed the stack location of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    /// `true` if it was marked pending.
    pub(crate) marked: bool,
    pub(crate) status: i32,
}

/// The dispatch routines that a request is with.
#[derive(Debug, Default)]
struct Travel {
    calls: Vec<Call>,
    passed: BTreeMap<u64, Passed>,
}

/// The requests of a cycle that drivers have made, and where every request is.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    made: BTreeMap<usize, Packet>,
    travels: BTreeMap<usize, Travel>,
    calls: u64,
}

impl Packets {
    /// Returns `true` if drivers have made no requests.
    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty()
    }

    /// Adds a request.
    pub(crate) fn add(&mut self, irp: usize, packet: Packet) {
        self.made.insert(irp, packet);
    }

    /// A request that a driver has made, be it freed or not.
    pub(crate) fn get(&self, irp: usize) -> Option<&Packet> {
        self.made.get(&irp)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, irp: usize) -> Option<&mut Packet> {
        self.made.get_mut(&irp)
    }

    /// The requests that were built for a thread, and are not complete.
    pub(crate) fn of_thread(&self, thread: ThreadId) -> impl Iterator<Item = usize> {
        let made = self.made.iter();
        made.filter_map(move |(&irp, packet)| {
            (packet.is_live && packet.thread == Some(thread)).then_some(irp)
        })
    }

    /// Returns `true` if a driver has made this request and nobody freed it.
    pub(crate) fn is_live(&self, irp: usize) -> bool {
        self.made.get(&irp).is_some_and(|packet| packet.is_live)
    }

    /// Returns `true` if a driver has made this request, and it was freed.
    pub(crate) fn is_freed(&self, irp: usize) -> bool {
        self.made.get(&irp).is_some_and(|packet| !packet.is_live)
    }

    /// Records that `by` has freed a request.
    pub(crate) fn free(&mut self, irp: usize, by: Option<Site>) {
        if let Some(packet) = self.made.get_mut(&irp) {
            packet.is_live = false;
            packet.freed = by;
        }
    }

    /// The dispatch routine `to` is called with a request at this stack location. Returns the
    /// number of the call.
    pub(crate) fn begin(&mut self, irp: usize, location: u8, to: Option<Site>) -> u64 {
        self.calls += 1;
        let call = Call {
            number: self.calls,
            location,
            returned: false,
            to,
        };
        self.travels.entry(irp).or_default().calls.push(call);
        if let Some(packet) = self.made.get_mut(&irp) {
            packet.completed = false;
        }
        self.calls
    }

    /// The network is passed a request at this stack location. No call of a dispatch routine
    /// returns for it.
    pub(crate) fn lend(&mut self, irp: usize, location: u8) {
        let number = self.begin(irp, location, None);
        let calls = self.travels.get_mut(&irp).map(|travel| &mut travel.calls);
        for call in calls.into_iter().flatten() {
            call.returned |= call.number == number;
        }
    }

    /// The completion of a request passes a stack location.
    pub(crate) fn pass(&mut self, irp: usize, location: u8, passed: Passed) {
        if let Some(travel) = self.travels.get_mut(&irp) {
            let all = &mut travel.passed;
            travel.calls.retain(|call| {
                let stays = call.location > location;
                if !stays && !call.returned {
                    all.insert(call.number, passed);
                }
                stays
            });
        }
        if !self.is_under_way(irp)
            && let Some(packet) = self.made.get_mut(&irp)
        {
            packet.completed = true;
        }
    }

    /// The dispatch routine has returned. Returns how the completion passed it; `None` if
    /// that has not happened.
    pub(crate) fn end(&mut self, irp: usize, call: u64) -> Option<Passed> {
        let travel = self.travels.get_mut(&irp)?;
        let passed = travel.passed.remove(&call);
        for call in travel.calls.iter_mut().filter(|it| it.number == call) {
            call.returned = true;
        }
        if travel.passed.is_empty() && travel.calls.is_empty() {
            self.travels.remove(&irp);
        }
        passed
    }

    /// Returns `true` if a dispatch routine that was called with a request has passed it on to
    /// another one, which has it.
    pub(crate) fn is_passed_on(&self, irp: usize, call: u64) -> bool {
        let travel = self.travels.get(&irp);
        let last = travel.and_then(|travel| travel.calls.last());
        last.is_some_and(|last| last.number != call)
    }

    /// Returns `true` if a dispatch routine has a request that was called with it.
    pub(crate) fn is_under_way(&self, irp: usize) -> bool {
        self.travels
            .get(&irp)
            .is_some_and(|travel| !travel.calls.is_empty())
    }

    /// The dispatch routine that a request is with.
    pub(crate) fn holder(&self, irp: usize) -> Option<Site> {
        self.travels.get(&irp)?.calls.last()?.to
    }

    /// The dispatch routine of another driver that a request is with, if `driver` has passed
    /// it on or made it.
    pub(crate) fn is_beneath(&self, irp: usize, driver: DriverId) -> Option<Site> {
        let travel = self.travels.get(&irp)?;
        let holder = travel.calls.last()?.to?;
        let is_mine = |site: Option<Site>| site.is_some_and(|site| site.driver == driver);
        let above = travel.calls.iter().any(|call| is_mine(call.to));
        let made = self.made.get(&irp).is_some_and(|packet| is_mine(packet.by));
        (holder.driver != driver && (above || made)).then_some(holder)
    }

    /// The first request in `memory` that is under way.
    pub(crate) fn under_way_within(&self, memory: &Range<usize>) -> Option<Site> {
        let mut made = self.made.range(memory.clone());
        made.find_map(|(&irp, _)| self.holder(irp))
    }

    /// Forgets the requests in `memory`, which their driver frees.
    pub(crate) fn forget_within(&mut self, memory: &Range<usize>) {
        let own =
            |irp: &usize, packet: &Packet| memory.contains(irp) && packet.origin == Origin::Own;
        self.made.retain(|irp, packet| !own(irp, packet));
    }

    /// The first request that a driver has made and not freed, or that is not complete, and
    /// its address.
    pub(crate) fn left_by(&self, driver: DriverId) -> Option<(usize, &Packet)> {
        let is_left = |irp: usize, packet: &Packet| {
            packet.is_live
                && packet.by.is_some_and(|by| by.driver == driver)
                && (packet.origin != Origin::Own || self.is_under_way(irp))
        };
        let mut made = self.made.iter();
        let (&irp, packet) = made.find(|(irp, packet)| is_left(**irp, packet))?;
        Some((irp, packet))
    }
}
