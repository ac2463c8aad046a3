// SPDX-License-Identifier: MIT OR Apache-2.0

//! A ring of the events that were not read yet.

use alloc::collections::VecDeque;

use channel::events::{CAPACITY, Call as Number, Record};
use native::lock::SpinLock;
use registrar::host::{Call, Event, Phase, Side};

/// The last [`CAPACITY`] records.
pub(crate) struct Ring(SpinLock<Unread>);

struct Unread {
    records: VecDeque<Record>,
    lost: u64,
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self(SpinLock::new(Unread {
            records: VecDeque::with_capacity(CAPACITY),
            lost: 0,
        }))
    }

    pub(crate) fn add(&self, event: &Event) {
        let record = record(event);
        self.0.with(|unread| {
            if unread.records.len() == CAPACITY {
                unread.records.pop_front();
                unread.lost += 1;
            }
            unread.records.push_back(record);
        });
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.with(|unread| {
            unread.records.clear();
            unread.lost = 0;
        });
    }

    /// How many have been lost since this was last asked.
    pub(crate) fn take_lost(&self) -> u64 {
        self.0.with(|unread| core::mem::take(&mut unread.lost))
    }

    /// The oldest one.
    pub(crate) fn take(&self) -> Option<Record> {
        self.0.with(|unread| unread.records.pop_front())
    }
}

fn record(event: &Event) -> Record {
    let (ended, status) = match event.phase {
        Phase::Enter => (0, 0),
        Phase::Leave(status) => (1, status),
    };
    Record {
        thread: native::thread::current(),
        image: native::image::base_of(event.code) as u64,
        registration: event
            .registration
            .map_or(0, |registration| registration.0.get()),
        binding: event.binding.map_or(0, |binding| binding.0.get()),
        status,
        call: number(event.call) as u8,
        ended,
        side: match event.side {
            Side::Client => 0,
            Side::Provider => 1,
        },
        reserved: 0,
    }
}

const fn number(call: Call) -> Number {
    match call {
        Call::Register => Number::Register,
        Call::Deregister => Number::Deregister,
        Call::Wait => Number::Wait,
        Call::AttachProvider => Number::AttachProvider,
        Call::DetachComplete => Number::DetachComplete,
        Call::AttachCallback => Number::AttachCallback,
        Call::DetachCallback => Number::DetachCallback,
        Call::CleanupCallback => Number::CleanupCallback,
    }
}
