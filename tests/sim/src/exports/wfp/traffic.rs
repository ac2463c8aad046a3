// SPDX-License-Identifier: MIT OR Apache-2.0

//! Traffic: flows are established, carry data and end, on several threads.
//!
//! It begins when a filter that names a callout is added, and once more when a driver with a
//! callout is being unloaded, which is when it matters most.

use rand::RngExt;

use super::classify::{Traffic, permits};
use super::layers::{Indication, Layer};
use super::{flows, layer_keys, packets, redirection};
use crate::hardware::irql::{DISPATCH_LEVEL, Irql, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::objects::wfp::engine::Kind;
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

pub(super) fn draw(most: u64) -> u64 {
    with(|state| state.choices.activity.random_range(0..=most))
}

/// Returns `true` once in two times.
pub(super) fn flip() -> bool {
    draw(1) == 1
}

/// A flow is established, carries data or ends.
fn happen() {
    if flip() {
        with(redirection::free_contexts);
    }
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
        Some(&flow) if draw(3) == 0 => close(flow),
        Some(&flow) => carry(flow),
    }
}

/// The IRQL of the next traffic.
pub(super) fn level() -> Irql {
    if flip() {
        DISPATCH_LEVEL
    } else {
        PASSIVE_LEVEL
    }
}

/// The same traffic at another layer.
fn at(layer: Layer, of: &Traffic) -> Traffic {
    Traffic {
        layer,
        level: level(),
        ..*of
    }
}

/// Creates traffic without a flow and a packet.
const fn new(of: Indication) -> Traffic {
    Traffic {
        layer: Layer::ResourceAssignment,
        of,
        flow: None,
        packet: 0,
        level: PASSIVE_LEVEL,
    }
}

fn establish() {
    let connection = Connection {
        is_v6: prefers_v6(),
        is_tcp: flip(),
        is_outbound: flip(),
    };
    let mut steps = vec![Layer::BindRedirect, Layer::ResourceAssignment];
    if !connection.is_outbound && connection.is_tcp {
        steps.push(Layer::Listen);
    }
    if connection.is_outbound {
        steps.push(Layer::ConnectRedirect);
    }
    let new = new(Indication::first(connection));
    if steps.iter().all(|&layer| permits(&at(layer, &new))) {
        begin(Indication::first(connection));
    }
}

/// Begins a connection, with a packet unless it is an outbound one whose handshake comes later.
fn begin(of: Indication) {
    let of = Indication {
        is_unauthorized: !of.connection.is_outbound,
        ..of
    };
    if of.connection.is_outbound && of.connection.is_tcp {
        authorize(&new(of));
        return;
    }
    let packet = with(|state| packets::receive(state, of));
    if packet == 0 {
        return;
    }
    let first = Traffic { packet, ..new(of) };
    let arrives = |layer| permits(&at(layer, &first));
    if of.connection.is_outbound
        || arrives(Layer::InboundPacket) && arrives(Layer::InboundTransport)
    {
        authorize(&first);
    }
    with(|state| packets::release(state, packet));
}

/// A connection is authorised, and established if it is permitted.
fn authorize(new: &Traffic) {
    let connection = new.of.connection;
    let layer = if connection.is_outbound {
        Layer::Connect
    } else {
        Layer::Accept
    };
    if !permits(&at(layer, new)) {
        return;
    }
    let flow = with(|state| state.objects.wfp.flows.establish(connection));
    let established = Traffic {
        flow: Some(flow),
        // A handshake has no packet.
        packet: if connection.is_tcp { 0 } else { new.packet },
        ..at(Layer::FlowEstablished, new)
    };
    if !permits(&established) {
        close(flow);
    }
}

/// A flow ends, and with it the endpoint and what it has assigned.
fn close(flow: u64) {
    let connection = with(|state| Some(state.objects.wfp.flows.get(flow)?.connection));
    if let Some(connection) = connection
        && flows::end(flow)
    {
        for layer in [Layer::EndpointClosure, Layer::ResourceRelease] {
            permits(&at(layer, &new(Indication::first(connection))));
        }
    }
}

/// A callout has completed what it has pended: the connection is authorised again.
pub(super) fn authorize_again(state: &mut State, connection: Connection) {
    let name = format!("network {}", state.scheduling.threads().len());
    let of = Indication {
        is_again: true,
        ..Indication::first(connection)
    };
    let _ = state.scheduling.spawn(name, None, move || {
        if connection.is_outbound {
            authorize(&new(of));
        } else {
            begin(of);
        }
    });
}

/// Lets an injected packet pass the filters of a layer. It completes the connection that a callout
/// has pended, if the packet was injected for that.
pub(super) fn reinject(layer: Layer, is_v6: bool, packet: usize) {
    if matches!(layer, Layer::Stream | Layer::Forward) {
        return;
    }
    let is_received = matches!(layer, Layer::InboundPacket | Layer::InboundTransport);
    let of = Indication::first(Connection {
        is_v6,
        is_tcp: false,
        is_outbound: !is_received,
    });
    let traffic = Traffic {
        packet,
        ..at(layer, &new(of))
    };
    if !permits(&traffic) || !is_received {
        return;
    }
    let completes = with(|state| state.objects.wfp.packets.get(packet)?.completes.take());
    if let Some(connection) = completes {
        let of = Indication {
            is_again: true,
            ..Indication::first(connection)
        };
        authorize(&Traffic { packet, ..new(of) });
    }
}

/// Returns `true` if the next flow is of version 6 of the protocol: of the version for which
/// there are filters.
fn prefers_v6() -> bool {
    let [v4, v6] = with(|state| {
        let objects = &state.objects.wfp.engine.objects;
        let filters = || objects.iter().filter(|it| it.kind == Kind::Filter);
        [false, true].map(|is_v6| filters().any(|it| layer_keys::is_v6(it.layer) == Some(is_v6)))
    });
    if v4 == v6 { flip() } else { v6 }
}

/// A flow carries a segment or datagram, in either direction.
fn carry(flow: u64) {
    let connection = with(|state| Some(state.objects.wfp.flows.get(flow)?.connection));
    let Some(connection) = connection else {
        return;
    };
    let data: &[Layer] = if connection.is_tcp {
        &[Layer::Stream, Layer::StreamPacket]
    } else {
        &[Layer::Datagram]
    };
    let is_sent = flip();
    let mut steps = data.to_vec();
    if is_sent {
        steps.extend([Layer::OutboundTransport, Layer::OutboundPacket]);
    } else {
        steps.extend([Layer::InboundTransport, Layer::InboundPacket]);
        steps.reverse();
    }
    let of = Indication {
        is_sent,
        ..Indication::first(connection)
    };
    let packet = with(|state| packets::receive(state, of));
    if packet == 0 {
        return;
    }
    for layer in steps {
        let one = Traffic {
            flow: layer.has_flow().then_some(flow),
            packet,
            ..at(layer, &new(of))
        };
        if !permits(&one) {
            break;
        }
    }
    with(|state| packets::release(state, packet));
}
