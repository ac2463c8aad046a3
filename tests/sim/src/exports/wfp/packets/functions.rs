// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that inject packets, one for each way into the network stack.

use super::injection::{Request, inject};
use crate::exports::exports;
use crate::exports::wfp::layers::Layer;
use crate::hardware::irql::DISPATCH_LEVEL;

exports! {
    of "fwpkclnt.sys":
    "FwpsInjectTransportSendAsync0" <= DISPATCH_LEVEL => transport_send0: i32;
    "FwpsInjectTransportSendAsync1" <= DISPATCH_LEVEL => transport_send1: i32;
    "FwpsInjectTransportReceiveAsync0" <= DISPATCH_LEVEL => transport_receive: i32;
    "FwpsInjectNetworkSendAsync0" <= DISPATCH_LEVEL => network_send: i32;
    "FwpsInjectNetworkReceiveAsync0" <= DISPATCH_LEVEL => network_receive: i32;
    "FwpsStreamInjectAsync0" <= DISPATCH_LEVEL => stream: i32;
}

unsafe extern "win64" fn transport_send0(
    handle: usize,
    context: usize,
    _endpoint: u64,
    _flags: u32,
    _parameters: usize,
    _family: u16,
    _compartment: u32,
    list: usize,
    routine: usize,
    routine_context: usize,
) -> i32 {
    inject(Request {
        function: "FwpsInjectTransportSendAsync0",
        handle,
        context,
        list,
        layer: Layer::OutboundTransport,
        completion: [routine, routine_context],
    })
}

unsafe extern "win64" fn transport_send1(
    handle: usize,
    context: usize,
    _endpoint: u64,
    _flags: u32,
    _parameters: usize,
    _family: u16,
    _compartment: u32,
    list: usize,
    routine: usize,
    routine_context: usize,
) -> i32 {
    inject(Request {
        function: "FwpsInjectTransportSendAsync1",
        handle,
        context,
        list,
        layer: Layer::OutboundTransport,
        completion: [routine, routine_context],
    })
}

unsafe extern "win64" fn transport_receive(
    handle: usize,
    context: usize,
    _reserved: usize,
    _flags: u32,
    _family: u16,
    _compartment: u32,
    _interface: u32,
    _sub_interface: u32,
    list: usize,
    routine: usize,
    routine_context: usize,
) -> i32 {
    inject(Request {
        function: "FwpsInjectTransportReceiveAsync0",
        handle,
        context,
        list,
        layer: Layer::InboundTransport,
        completion: [routine, routine_context],
    })
}

unsafe extern "win64" fn network_send(
    handle: usize,
    context: usize,
    _flags: u32,
    _compartment: u32,
    list: usize,
    routine: usize,
    routine_context: usize,
) -> i32 {
    inject(Request {
        function: "FwpsInjectNetworkSendAsync0",
        handle,
        context,
        list,
        layer: Layer::OutboundPacket,
        completion: [routine, routine_context],
    })
}

unsafe extern "win64" fn network_receive(
    handle: usize,
    context: usize,
    _flags: u32,
    _compartment: u32,
    _interface: u32,
    _sub_interface: u32,
    list: usize,
    routine: usize,
    routine_context: usize,
) -> i32 {
    inject(Request {
        function: "FwpsInjectNetworkReceiveAsync0",
        handle,
        context,
        list,
        layer: Layer::InboundPacket,
        completion: [routine, routine_context],
    })
}

/// Callouts of the stream layer do not see what they inject.
unsafe extern "win64" fn stream(
    handle: usize,
    context: usize,
    _flags: u32,
    _flow: u64,
    _callout: u32,
    _layer: u16,
    _stream_flags: u32,
    list: usize,
    _length: usize,
    routine: usize,
    routine_context: usize,
) -> i32 {
    inject(Request {
        function: "FwpsStreamInjectAsync0",
        handle,
        context,
        list,
        layer: Layer::Stream,
        completion: [routine, routine_context],
    })
}
