// SPDX-License-Identifier: MIT OR Apache-2.0

//! The layers at which traffic is filtered, and the values that each hands to callouts.

use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform as wfp;
use windows_sys::core::GUID;

use super::layouts::{Value, number};
use crate::objects::wfp::flows::Connection;

/// A place in the network stack, for both versions of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    InboundPacket,
    OutboundPacket,
    InboundTransport,
    OutboundTransport,
    Stream,
    Datagram,
    ResourceAssignment,
    Listen,
    Accept,
    Connect,
    FlowEstablished,
}

impl Layer {
    /// `FWPS_LAYER_Xxx_V4`; that of version 6 is 2 more.
    const fn v4(self) -> u16 {
        match self {
            Self::InboundPacket => 0,
            Self::OutboundPacket => 4,
            Self::InboundTransport => 12,
            Self::OutboundTransport => 16,
            Self::Stream => 20,
            Self::Datagram => 24,
            Self::ResourceAssignment => 36,
            Self::Listen => 40,
            Self::Accept => 44,
            Self::Connect => 48,
            Self::FlowEstablished => 52,
        }
    }

    /// The run-time identifier.
    pub(super) const fn id(self, is_v6: bool) -> u16 {
        self.v4() + if is_v6 { 2 } else { 0 }
    }

    /// Returns `true` if it knows which flow a packet belongs to.
    pub(super) const fn has_flow(self) -> bool {
        matches!(
            self,
            Self::InboundTransport
                | Self::OutboundTransport
                | Self::Stream
                | Self::Datagram
                | Self::FlowEstablished
        )
    }

    /// Returns `true` if a callout may pend what it classifies.
    pub(super) const fn can_pend(self) -> bool {
        matches!(
            self,
            Self::ResourceAssignment | Self::Listen | Self::Accept | Self::Connect
        )
    }

    /// The fields `FWPS_FIELD_Xxx`, in their order; those that are not here are empty.
    const fn fields(self) -> &'static [Field] {
        use Field::{Direction, Local, LocalPort, LocalType, None, Protocol, Remote, RemotePort};
        match self {
            Self::InboundPacket | Self::OutboundPacket => &[Local, Remote, LocalType],
            Self::InboundTransport | Self::OutboundTransport => {
                &[Protocol, Local, Remote, LocalType, LocalPort, RemotePort]
            }
            Self::Stream => &[Local, LocalType, LocalPort, Remote, RemotePort, Direction],
            Self::Datagram => &[Protocol, Local, LocalType, LocalPort, Remote, RemotePort],
            Self::ResourceAssignment => &[None, None, Local, LocalType, LocalPort, Protocol],
            Self::Listen => &[None, None, Local, LocalType, LocalPort],
            Self::Accept | Self::Connect | Self::FlowEstablished => &[
                None, None, Local, LocalType, LocalPort, Protocol, Remote, RemotePort,
            ],
        }
    }
}

/// What a field contains.
#[derive(Clone, Copy)]
enum Field {
    None,
    Local,
    LocalType,
    LocalPort,
    Remote,
    RemotePort,
    Protocol,
    Direction,
}

/// The number of fields that each layer has room for.
pub(super) const FIELDS: usize = 48;

/// Addresses of version 6, in the network's order.
static LOCAL: [u8; 16] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A];
static REMOTE: [u8; 16] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0B];
/// `10.0.0.10` and `10.0.0.11`, in the machine's order.
const LOCAL_V4: u32 = 0x0A00_000A;
const REMOTE_V4: u32 = 0x0A00_000B;

/// The values of a layer.
pub(super) fn values(layer: Layer, connection: Connection, is_again: bool) -> [Value; FIELDS] {
    /// The place of `FWPS_FIELD_ALE_AUTH_CONNECT_V4_FLAGS`.
    const FLAGS: usize = 12;
    const IS_REAUTHORIZE: u32 = 0x20;
    /// `NlatUnicast`.
    const UNICAST: u8 = 1;
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    let Connection {
        is_v6,
        is_tcp,
        is_outbound,
    } = connection;
    let mut values = [Value::EMPTY; FIELDS];
    for (place, field) in values.iter_mut().zip(layer.fields()) {
        *place = match field {
            Field::None => Value::EMPTY,
            Field::Local if is_v6 => Value::address(&LOCAL),
            Field::Local => Value::long(LOCAL_V4),
            Field::LocalType => Value::byte(UNICAST),
            Field::LocalPort => Value::short(if is_outbound { 50_123 } else { 445 }),
            Field::Remote if is_v6 => Value::address(&REMOTE),
            Field::Remote => Value::long(REMOTE_V4),
            Field::RemotePort => Value::short(if is_outbound { 443 } else { 50_321 }),
            Field::Protocol => Value::byte(if is_tcp { TCP } else { UDP }),
            Field::Direction => Value::long(u32::from(!is_outbound)),
        };
    }
    if layer == Layer::Connect {
        values[FLAGS] = Value::long(if is_again { IS_REAUTHORIZE } else { 0 });
    }
    values
}

/// The layers at which there is traffic, with their management identifiers.
const KEYS: [(Layer, [GUID; 2]); 11] = [
    (
        Layer::InboundPacket,
        [
            wfp::FWPM_LAYER_INBOUND_IPPACKET_V4,
            wfp::FWPM_LAYER_INBOUND_IPPACKET_V6,
        ],
    ),
    (
        Layer::OutboundPacket,
        [
            wfp::FWPM_LAYER_OUTBOUND_IPPACKET_V4,
            wfp::FWPM_LAYER_OUTBOUND_IPPACKET_V6,
        ],
    ),
    (
        Layer::InboundTransport,
        [
            wfp::FWPM_LAYER_INBOUND_TRANSPORT_V4,
            wfp::FWPM_LAYER_INBOUND_TRANSPORT_V6,
        ],
    ),
    (
        Layer::OutboundTransport,
        [
            wfp::FWPM_LAYER_OUTBOUND_TRANSPORT_V4,
            wfp::FWPM_LAYER_OUTBOUND_TRANSPORT_V6,
        ],
    ),
    (
        Layer::Stream,
        [wfp::FWPM_LAYER_STREAM_V4, wfp::FWPM_LAYER_STREAM_V6],
    ),
    (
        Layer::Datagram,
        [
            wfp::FWPM_LAYER_DATAGRAM_DATA_V4,
            wfp::FWPM_LAYER_DATAGRAM_DATA_V6,
        ],
    ),
    (
        Layer::ResourceAssignment,
        [
            wfp::FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT_V4,
            wfp::FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT_V6,
        ],
    ),
    (
        Layer::Listen,
        [
            wfp::FWPM_LAYER_ALE_AUTH_LISTEN_V4,
            wfp::FWPM_LAYER_ALE_AUTH_LISTEN_V6,
        ],
    ),
    (
        Layer::Accept,
        [
            wfp::FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4,
            wfp::FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V6,
        ],
    ),
    (
        Layer::Connect,
        [
            wfp::FWPM_LAYER_ALE_AUTH_CONNECT_V4,
            wfp::FWPM_LAYER_ALE_AUTH_CONNECT_V6,
        ],
    ),
    (
        Layer::FlowEstablished,
        [
            wfp::FWPM_LAYER_ALE_FLOW_ESTABLISHED_V4,
            wfp::FWPM_LAYER_ALE_FLOW_ESTABLISHED_V6,
        ],
    ),
];

/// What filters of other layers have as theirs: there is no traffic.
const WITHOUT_TRAFFIC: u16 = 0xFFFF;

/// The run-time identifier of a layer, by its management identifier.
pub(super) fn find(key: u128) -> u16 {
    let mut all = KEYS.iter().flat_map(|(layer, keys)| {
        let versions = keys.iter().zip([false, true]);
        versions.map(|(guid, is_v6)| (number(guid), layer.id(is_v6)))
    });
    let found = all.find(|(guid, _)| *guid == key);
    found.map_or(WITHOUT_TRAFFIC, |(_, id)| id)
}
