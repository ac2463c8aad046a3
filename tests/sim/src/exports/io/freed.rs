// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks of memory that a driver frees: it must contain no request, locked page or remove lock.

use std::ops::Range;

use scenarios::NetworkRule;

use crate::exports::wfp;
use crate::findings::stop;
use crate::io::packets::Origin;
use crate::kernel::{State, with};
use crate::network::requests;

/// Nothing that the I/O manager knows may lie in `memory`, which is freed.
pub(in crate::exports) fn check(memory: &Range<usize>) {
    check_remove_locks(memory, "a block of pool was freed");
    check_packets(memory);
    check_network(memory);
    check_injected(memory);
    let described = with(|state| {
        let (how, by) = state.io.mdls.within(memory)?;
        Some((how, by.map(|by| state.loader.drivers.show(by))))
    });
    if let Some((how, by)) = described {
        let by = by.map_or_else(String::new, |by| format!(", at {by}"));
        stop("0xC4", format!("a block of pool was freed {how}{by}"));
    }
}

/// Nothing that the network uses may lie in `memory`, which is freed.
fn check_network(memory: &Range<usize>) {
    if let Some(user) = with(|state| requests::user_of(state, memory)) {
        let what = format!("a block of pool was freed while {user}, is pending, which uses it");
        stop(NetworkRule::Buffers, what);
    }
    let registered = with(|state| {
        let by = state.network.registrations.within(memory)?;
        Some(state.loader.drivers.show(by))
    });
    if let Some(by) = registered {
        let what = format!(
            "a block of pool was freed with a WSK_REGISTRATION in it that {by} has registered"
        );
        stop(NetworkRule::Registration, what);
    }
}

/// Checks that `memory`, which is being freed, contains no part of an injected packet.
fn check_injected(memory: &Range<usize>) {
    if let Some(by) = with(|state| wfp::injected_with(state, memory)) {
        let what = format!(
            "a block of pool was freed that has the data of a packet which {by} has injected: it \
             is the stack's until the completion routine is called"
        );
        stop("wfp", what);
    }
}

/// No request may be freed as pool, nor lie in `memory`, which is freed, while a driver has it.
fn check_packets(memory: &Range<usize>) {
    let irp = memory.start;
    let made = |state: &State| {
        let packet = state.io.packets.get(irp)?;
        (packet.is_live && packet.origin != Origin::Own).then_some(())
    };
    if with(|state| made(state)).is_some() {
        let what = "an IRP was freed as pool: IoFreeIrp frees it";
        stop(("0xC4", [0x105, irp, 0, 0]), what.to_owned());
    }
    let holder = with(|state| {
        let holder = state.io.packets.under_way_within(memory);
        if holder.is_none() {
            state.io.packets.forget_within(memory);
        }
        Some(state.loader.drivers.show(holder?))
    });
    if let Some(holder) = holder {
        let what = format!("a block of pool was freed with an IRP in it that {holder} still has");
        stop("0xC4", what);
    }
}

/// No remove lock in `memory` may be held, which is freed.
pub(super) fn check_remove_locks(memory: &Range<usize>, how: &str) {
    let held = with(|state| {
        let held = state.io.remove_locks.within(memory);
        if held.is_none() {
            state.io.remove_locks.forget_within(memory);
        }
        Some(state.loader.drivers.show(held?.by?))
    });
    if let Some(by) = held {
        let what = format!("{how} with a remove lock in it that {by} has acquired");
        stop("0xC4", what);
    }
}
