// SPDX-License-Identifier: MIT OR Apache-2.0

//! The layers at which traffic is filtered, and the values that each hands to callouts.

use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform as wfp;
use windows_sys::core::GUID;

use super::layouts::{Value, number};
use crate::objects::wfp::filters::Datum;
use crate::objects::wfp::flows::Connection;
use crate::objects::wfp::pending::Redirects;

/// A place in the network stack, for both versions of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    InboundPacket,
    OutboundPacket,
    Forward,
    InboundTransport,
    OutboundTransport,
    Stream,
    Datagram,
    ResourceAssignment,
    Listen,
    Accept,
    Connect,
    FlowEstablished,
    ResourceRelease,
    EndpointClosure,
    ConnectRedirect,
    BindRedirect,
    StreamPacket,
}

impl Layer {
    /// `FWPS_LAYER_Xxx_V4`: the place in the enumeration that is documented.
    const fn v4(self) -> u16 {
        match self {
            Self::InboundPacket => 0,
            Self::OutboundPacket => 4,
            Self::Forward => 8,
            Self::InboundTransport => 12,
            Self::OutboundTransport => 16,
            Self::Stream => 20,
            Self::Datagram => 24,
            Self::ResourceAssignment => 36,
            Self::Listen => 40,
            Self::Accept => 44,
            Self::Connect => 48,
            Self::FlowEstablished => 52,
            Self::ResourceRelease => 62,
            Self::EndpointClosure => 64,
            Self::ConnectRedirect => 66,
            Self::BindRedirect => 68,
            Self::StreamPacket => 70,
        }
    }

    /// The run-time identifier. Between the versions of the older layers are those for what was
    /// discarded.
    pub(super) const fn id(self, is_v6: bool) -> u16 {
        const FIRST_WITHOUT_DISCARD: u16 = 56;
        let v4 = self.v4();
        match (is_v6, v4 < FIRST_WITHOUT_DISCARD) {
            (false, _) => v4,
            (true, true) => v4 + 2,
            (true, false) => v4 + 1,
        }
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
                | Self::StreamPacket
        )
    }

    /// Returns `true` if a callout may pend what it classifies.
    pub(super) const fn can_pend(self) -> bool {
        matches!(
            self,
            Self::ResourceAssignment | Self::Listen | Self::Accept | Self::Connect
        )
    }

    /// What callouts may change at it.
    pub(super) const fn redirects(self) -> Option<Redirects> {
        match self {
            Self::BindRedirect => Some(Redirects::Bind),
            Self::ConnectRedirect => Some(Redirects::Connect),
            _ => None,
        }
    }

    /// The fields `FWPS_FIELD_Xxx`, in their order; those that are not here are empty.
    const fn fields(self) -> &'static [Field] {
        use Field::{Direction, Local, LocalPort, LocalType, None, Protocol, Remote, RemotePort};
        match self {
            // Source and destination.
            Self::Forward => &[Remote, Local],
            Self::InboundPacket | Self::OutboundPacket => &[Local, Remote, LocalType],
            Self::InboundTransport | Self::OutboundTransport => {
                &[Protocol, Local, Remote, LocalType, LocalPort, RemotePort]
            }
            Self::Stream => &[Local, LocalType, LocalPort, Remote, RemotePort, Direction],
            Self::Datagram => &[Protocol, Local, LocalType, LocalPort, Remote, RemotePort],
            Self::ConnectRedirect => &[
                None, None, Local, LocalType, LocalPort, Protocol, Remote, None, RemotePort,
            ],
            Self::ResourceAssignment | Self::ResourceRelease | Self::BindRedirect => {
                &[None, None, Local, LocalType, LocalPort, Protocol]
            }
            Self::StreamPacket => &[
                Local, Remote, LocalPort, RemotePort, None, None, None, Direction,
            ],
            Self::Listen => &[None, None, Local, LocalType, LocalPort],
            Self::Accept | Self::Connect | Self::FlowEstablished | Self::EndpointClosure => &[
                None, None, Local, LocalType, LocalPort, Protocol, Remote, RemotePort,
            ],
        }
    }
}

/// What a field contains.
#[derive(Clone, Copy, PartialEq, Eq)]
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

impl Field {
    /// Those with a value.
    const ALL: [Self; 7] = [
        Self::Local,
        Self::LocalType,
        Self::LocalPort,
        Self::Remote,
        Self::RemotePort,
        Self::Protocol,
        Self::Direction,
    ];

    /// The key by which conditions name it.
    const fn key(self) -> u128 {
        number(match self {
            Self::None => return 0,
            Self::Local => &wfp::FWPM_CONDITION_IP_LOCAL_ADDRESS,
            Self::LocalType => &wfp::FWPM_CONDITION_IP_LOCAL_ADDRESS_TYPE,
            Self::LocalPort => &wfp::FWPM_CONDITION_IP_LOCAL_PORT,
            Self::Remote => &wfp::FWPM_CONDITION_IP_REMOTE_ADDRESS,
            Self::RemotePort => &wfp::FWPM_CONDITION_IP_REMOTE_PORT,
            Self::Protocol => &wfp::FWPM_CONDITION_IP_PROTOCOL,
            Self::Direction => &wfp::FWPM_CONDITION_DIRECTION,
        })
    }

    /// Its value for a connection; `None` if it is empty.
    fn datum(self, connection: Connection) -> Option<Datum> {
        /// `NlatUnicast`.
        const UNICAST: u64 = 1;
        const TCP: u64 = 6;
        const UDP: u64 = 17;
        let Connection {
            is_v6,
            is_tcp,
            is_outbound,
        } = connection;
        Some(match self {
            Self::None => return None,
            Self::Local if is_v6 => Datum::Bytes(LOCAL),
            Self::Local => Datum::Unsigned(32, LOCAL_V4.into()),
            Self::LocalType => Datum::Unsigned(8, UNICAST),
            Self::LocalPort => Datum::Unsigned(16, if is_outbound { 50_123 } else { 445 }),
            Self::Remote if is_v6 => Datum::Bytes(REMOTE),
            Self::Remote => Datum::Unsigned(32, REMOTE_V4.into()),
            Self::RemotePort => Datum::Unsigned(16, if is_outbound { 443 } else { 50_321 }),
            Self::Protocol => Datum::Unsigned(8, if is_tcp { TCP } else { UDP }),
            Self::Direction => Datum::Unsigned(32, u64::from(!is_outbound)),
        })
    }

    /// The value as callouts get it.
    fn value(self, connection: Connection) -> Value {
        match (self, self.datum(connection)) {
            (Self::Local, Some(Datum::Bytes(_))) => Value::address(&LOCAL),
            (_, Some(Datum::Bytes(_))) => Value::address(&REMOTE),
            (_, Some(Datum::Unsigned(bits, value))) => Value::unsigned(bits, value),
            _ => Value::EMPTY,
        }
    }
}

/// The number of fields that each layer has room for.
pub(super) const FIELDS: usize = 48;

/// Addresses of version 6, in the network's order.
static LOCAL: [u8; 16] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A];
static REMOTE: [u8; 16] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0B];
/// `10.0.0.10` and `10.0.0.11`, in the machine's order.
const LOCAL_V4: u32 = 0x0A00_000A;
const REMOTE_V4: u32 = 0x0A00_000B;

/// The local and the remote address and port of an outbound connection, as `SOCKADDR_IN` or
/// `SOCKADDR_IN6`.
pub(super) fn socket_addresses(is_v6: bool) -> [Vec<u8>; 2] {
    const AF_INET: u16 = 2;
    const AF_INET6: u16 = 23;
    const V6_SIZE: usize = 28;
    let ends = [(50_123_u16, LOCAL_V4, LOCAL), (443, REMOTE_V4, REMOTE)];
    ends.map(|(port, v4, v6)| {
        let family = if is_v6 { AF_INET6 } else { AF_INET };
        let mut bytes = family.to_le_bytes().to_vec();
        bytes.extend(port.to_be_bytes());
        if is_v6 {
            bytes.extend([0; 4]);
            bytes.extend(v6);
            bytes.resize(V6_SIZE, 0);
        } else {
            bytes.extend(v4.to_be_bytes());
            bytes.extend([0; 8]);
        }
        bytes
    })
}

/// The values of a layer.
pub(super) fn values(layer: Layer, connection: Connection, is_again: bool) -> [Value; FIELDS] {
    /// The place of `FWPS_FIELD_ALE_AUTH_CONNECT_V4_FLAGS`.
    const FLAGS: usize = 12;
    let mut values = [Value::EMPTY; FIELDS];
    for (place, field) in values.iter_mut().zip(layer.fields()) {
        *place = field.value(connection);
    }
    if layer == Layer::Connect {
        values[FLAGS] = Value::unsigned(32, flags(is_again));
    }
    values
}

/// `FWP_CONDITION_FLAG_IS_REAUTHORIZE`, if a connection is authorised again.
const fn flags(is_again: bool) -> u64 {
    const IS_REAUTHORIZE: u64 = 0x20;
    if is_again { IS_REAUTHORIZE } else { 0 }
}

/// The value of the field with a key; `None` if traffic of the layer has none.
pub(super) fn value_of(
    layer: Layer,
    connection: Connection,
    is_again: bool,
    key: u128,
) -> Option<Datum> {
    if layer == Layer::Connect && key == number(&wfp::FWPM_CONDITION_FLAGS) {
        return Some(Datum::Unsigned(32, flags(is_again)));
    }
    let field = Field::ALL.into_iter().find(|it| it.key() == key)?;
    let is_there = layer.fields().contains(&field);
    is_there.then(|| field.datum(connection))?
}

/// The layer with an identifier, and whether it is that of version 6.
fn of_id(id: u16) -> Option<(Layer, bool)> {
    let mut layers = KEYS.iter().map(|(layer, _)| *layer);
    layers.find_map(|layer| {
        let mut versions = [false, true].into_iter();
        Some((layer, versions.find(|&is_v6| layer.id(is_v6) == id)?))
    })
}

/// The version of the protocol of the layer with an identifier: `true` for version 6.
pub(super) fn is_v6(id: u16) -> Option<bool> {
    Some(of_id(id)?.1)
}

/// A value that the field with a key can have at the layer with an identifier; `None` if no
/// traffic has any.
pub(super) fn example(id: u16, key: u128) -> Option<Datum> {
    let (layer, is_v6) = of_id(id)?;
    let connection = Connection {
        is_v6,
        is_tcp: true,
        is_outbound: true,
    };
    value_of(layer, connection, false, key)
}

/// The layers at which there is traffic, with their management identifiers.
const KEYS: [(Layer, [GUID; 2]); 17] = [
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
        Layer::Forward,
        [wfp::FWPM_LAYER_IPFORWARD_V4, wfp::FWPM_LAYER_IPFORWARD_V6],
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
    (
        Layer::ResourceRelease,
        [
            wfp::FWPM_LAYER_ALE_RESOURCE_RELEASE_V4,
            wfp::FWPM_LAYER_ALE_RESOURCE_RELEASE_V6,
        ],
    ),
    (
        Layer::EndpointClosure,
        [
            wfp::FWPM_LAYER_ALE_ENDPOINT_CLOSURE_V4,
            wfp::FWPM_LAYER_ALE_ENDPOINT_CLOSURE_V6,
        ],
    ),
    (
        Layer::ConnectRedirect,
        [
            wfp::FWPM_LAYER_ALE_CONNECT_REDIRECT_V4,
            wfp::FWPM_LAYER_ALE_CONNECT_REDIRECT_V6,
        ],
    ),
    (
        Layer::BindRedirect,
        [
            wfp::FWPM_LAYER_ALE_BIND_REDIRECT_V4,
            wfp::FWPM_LAYER_ALE_BIND_REDIRECT_V6,
        ],
    ),
    (
        Layer::StreamPacket,
        [
            wfp::FWPM_LAYER_STREAM_PACKET_V4,
            wfp::FWPM_LAYER_STREAM_PACKET_V6,
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

/// The management identifier of a layer, by its run-time identifier; zero for one without
/// traffic.
pub(super) fn key(id: u16) -> u128 {
    let mut all = KEYS.iter().flat_map(|(layer, keys)| {
        let versions = keys.iter().zip([false, true]);
        versions.map(|(guid, is_v6)| (number(guid), layer.id(is_v6)))
    });
    all.find(|(_, own)| *own == id).map_or(0, |(guid, _)| guid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_an_identifier_of_its_own_in_both_versions() {
        let mut all: Vec<_> = KEYS
            .iter()
            .flat_map(|(layer, _)| [layer.id(false), layer.id(true)])
            .collect();
        for &id in &all {
            let (layer, is_v6) = of_id(id).expect("it is one of them");
            assert_eq!(layer.id(is_v6), id);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * KEYS.len());
        assert_eq!(of_id(1), None);
    }
}
