// SPDX-License-Identifier: MIT OR Apache-2.0

//! Traffic: flows are established, carry data and end, on several threads.
//!
//! It begins when a filter is added that names a callout, and once more with the unload of a driver that has
//! one, when it matters most.

use rand::RngExt;

use super::classify::{Traffic, permits};
use super::flows;
use super::layers::Layer;
use crate::hardware::irql::{DISPATCH_LEVEL, Irql, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::objects::wfp::flows::Connection;
use crate::scheduling::{MICROSECOND, point, sleep};

/// The longest time between two events of a thread, in microseconds.
const LONGEST: u64 = 100;
/// The most events of a thread.
const MOST: u64 = 8;
/// The threads that carry traffic at a time.
const THREADS: usize = 3;

/// A filter with a callout is added.
pub(super) fn start(state: &mut State) {
    while state.objects.wfp.traffic < THREADS - 1 && spawn(state) {}
}

/// A driver is about to be unloaded: there may be traffic just now.
pub(crate) fn driver_unloads(state: &mut State, driver: DriverId) {
    let mut callouts = state.objects.wfp.callouts.iter();
    if callouts.any(|it| it.by.is_some_and(|by| by.driver == driver)) {
        while state.objects.wfp.traffic < THREADS && spawn(state) {}
    }
}

/// Starts a thread; a machine without another stack has enough to do.
fn spawn(state: &mut State) -> bool {
    let name = format!("network {}", state.scheduling.threads().len());
    let thread = state.scheduling.spawn(name, None, || {
        for _ in 0..=draw(MOST) {
            sleep(draw(LONGEST) * MICROSECOND);
            happen();
        }
        with(|state| state.objects.wfp.traffic -= 1);
    });
    if thread.is_some() {
        state.objects.wfp.traffic += 1;
    }
    thread.is_some()
}

/// Lets others run while a classification is under way, for a time if it may be preempted.
pub(super) fn linger(level: Irql) {
    if level < DISPATCH_LEVEL && draw(3) == 0 {
        sleep(draw(LONGEST) * MICROSECOND);
    } else {
        point();
    }
}

fn draw(most: u64) -> u64 {
    with(|state| state.choices.activity.random_range(0..=most))
}

fn flip() -> bool {
    draw(1) == 1
}

/// A flow is established, carries data or ends.
fn happen() {
    let flow = with(|state| {
        let flows = &state.objects.wfp.flows.all;
        let open: Vec<_> = flows
            .iter()
            .filter(|it| !it.has_ended)
            .map(|it| it.id)
            .collect();
        open
    });
    let last = flow.len() as u64;
    // One place is that of a new flow.
    let drawn = usize::try_from(draw(last)).expect("it is small");
    match flow.get(drawn) {
        None => establish(),
        Some(&flow) if draw(3) == 0 => {
            flows::end(flow);
        }
        Some(&flow) => carry(flow),
    }
}

/// What is common to the traffic of one connection.
fn traffic(layer: Layer, of: &Traffic) -> Traffic {
    Traffic {
        layer,
        level: if flip() {
            DISPATCH_LEVEL
        } else {
            PASSIVE_LEVEL
        },
        ..*of
    }
}

fn establish() {
    let new = Traffic {
        layer: Layer::ResourceAssignment,
        connection: Connection {
            is_v6: prefers_v6(),
            is_tcp: flip(),
            is_outbound: flip(),
        },
        flow: None,
        level: PASSIVE_LEVEL,
    };
    let steps: &[Layer] = if new.connection.is_outbound {
        &[Layer::ResourceAssignment, Layer::Connect]
    } else {
        &[Layer::ResourceAssignment, Layer::Listen, Layer::Accept]
    };
    for &layer in steps {
        if !permits(&traffic(layer, &new), 0) {
            return;
        }
    }
    let flow = with(|state| {
        let flows = &mut state.objects.wfp.flows;
        flows.establish(new.connection)
    });
    let established = Traffic {
        flow: Some(flow),
        ..traffic(Layer::FlowEstablished, &new)
    };
    if !permits(&established, 0) {
        flows::end(flow);
    }
}

/// Returns `true` if the next flow is of version 6 of the protocol: of the version for which
/// there are filters.
fn prefers_v6() -> bool {
    let [v4, v6] = with(|state| {
        let objects = &state.objects.wfp.engine.objects;
        // The identifiers of layers of version 6 are 2 more than those of version 4, which
        // are multiples of 4.
        [0, 2].map(|rest| objects.iter().any(|it| it.layer % 4 == rest))
    });
    if v4 == v6 { flip() } else { v6 }
}

/// A flow carries a segment or datagram, in either direction.
fn carry(flow: u64) {
    let found = with(|state| {
        let found = state.objects.wfp.flows.get(flow)?;
        Some(Traffic {
            layer: Layer::Stream,
            connection: found.connection,
            flow: Some(flow),
            level: PASSIVE_LEVEL,
        })
    });
    let Some(of) = found else {
        return;
    };
    let data = if of.connection.is_tcp {
        Layer::Stream
    } else {
        Layer::Datagram
    };
    let steps = if flip() {
        [data, Layer::OutboundTransport, Layer::OutboundPacket]
    } else {
        [Layer::InboundPacket, Layer::InboundTransport, data]
    };
    for layer in steps {
        let mut one = traffic(layer, &of);
        if !layer.has_flow() {
            one.flow = None;
        }
        if !permits(&one, 0) {
            return;
        }
    }
}
