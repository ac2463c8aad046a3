// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that inject packets, one for each path into the network stack.

use windows_sys::Win32::Foundation::STATUS_FWP_INVALID_PARAMETER;

use super::injection::{Request, check, inject};
use super::layout::{RECEIVE, SEND};
use crate::exports::exports;
use crate::exports::wfp::layers::Layer;
use crate::hardware::irql::DISPATCH_LEVEL;

/// Makes the functions for packets: each has a handle and a context, then parameters of its own,
/// whose types stand here, and last the net buffer list and a completion routine with its context.
macro_rules! injections {
    ($($name:literal => $function:ident($($between:ty),*) at $layer:ident;)*) => {
        exports! {
            of "fwpkclnt.sys":
            $($name <= DISPATCH_LEVEL => $function: i32;)*
            "FwpsStreamInjectAsync0" <= DISPATCH_LEVEL => stream: i32;
        }

        $(unsafe extern "win64" fn $function(
            handle: usize,
            context: usize,
            $(_: $between,)*
            list: usize,
            routine: usize,
            routine_context: usize,
        ) -> i32 {
            inject(Request {
                function: $name,
                handle,
                context,
                list,
                layer: Layer::$layer,
                completion: [routine, routine_context],
            })
        })*
    };
}

injections! {
    // The endpoint, flags, parameters, family and compartment.
    "FwpsInjectTransportSendAsync0" =>
        transport_send0(u64, u32, usize, u16, u32) at OutboundTransport;
    "FwpsInjectTransportSendAsync1" =>
        transport_send1(u64, u32, usize, u16, u32) at OutboundTransport;
    // A reserved pointer, flags, family, compartment, interface and subinterface.
    "FwpsInjectTransportReceiveAsync0" =>
        transport_receive(usize, u32, u16, u32, u32, u32) at InboundTransport;
    // Flags, family, compartment and interface.
    "FwpsInjectForwardAsync0" => forward(u32, u16, u32, u32) at Forward;
    // Flags and the compartment.
    "FwpsInjectNetworkSendAsync0" => network_send(u32, u32) at OutboundPacket;
    // Flags, compartment, interface and subinterface.
    "FwpsInjectNetworkReceiveAsync0" => network_receive(u32, u32, u32, u32) at InboundPacket;
}

/// Injects data into a stream, whose callouts do not see them again. Without a net buffer list it
/// only ends the stream.
unsafe extern "win64" fn stream(
    handle: usize,
    context: usize,
    _flags: u32,
    _flow: u64,
    _callout: u32,
    _layer: u16,
    flags: u32,
    list: usize,
    _length: usize,
    routine: usize,
    routine_context: usize,
) -> i32 {
    /// `FWPS_STREAM_FLAG_RECEIVE_DISCONNECT` and `FWPS_STREAM_FLAG_SEND_DISCONNECT`.
    const RECEIVE_DISCONNECT: u32 = 0x4;
    const SEND_DISCONNECT: u32 = 0x8_0000;
    let ends = |disconnect| flags & disconnect != 0;
    let goes = |direction| flags & direction != 0;
    if ends(RECEIVE_DISCONNECT) && !goes(RECEIVE) || ends(SEND_DISCONNECT) && !goes(SEND) {
        return STATUS_FWP_INVALID_PARAMETER;
    }
    let request = Request {
        function: "FwpsStreamInjectAsync0",
        handle,
        context,
        list,
        layer: Layer::Stream,
        completion: [routine, routine_context],
    };
    if list == 0 && routine != 0 && ends(RECEIVE_DISCONNECT | SEND_DISCONNECT) {
        return check(&request);
    }
    inject(request)
}
