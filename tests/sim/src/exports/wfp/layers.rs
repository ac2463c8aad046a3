// SPDX-License-Identifier: MIT OR Apache-2.0

//! The layers at which traffic is filtered, and the values that each passes to callouts.

use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform as wfp;

use super::layer_keys::of_id;
use super::layouts::{
    COMPARTMENT, ENDPOINT, IP_HEADER, PROCESS_ID, PROCESS_PATH, TOKEN, TRANSPORT_HEADER, Value,
    number,
};
use super::owner;
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

    /// The request that callouts may change at the layer.
    pub(super) const fn redirects(self) -> Option<Redirects> {
        match self {
            Self::BindRedirect => Some(Redirects::Bind),
            Self::ConnectRedirect => Some(Redirects::Connect),
            _ => None,
        }
    }

    /// The fields `FWPS_FIELD_Xxx`, in the order of the layer's enumeration `FWPS_FIELDS_Xxx`.
    /// [`Field::None`] stands for a field that is empty here.
    #[rustfmt::skip]
    const fn fields(self) -> &'static [Field] {
        use Field::{
            App, Compartment, DestinationType, Direction, Flags, Interface, InterfaceIndex,
            InterfaceType, Local, LocalPort, LocalType, None, Profile, Protocol, Reason, Remote,
            RemotePort, SubInterfaceIndex, TunnelType, User,
        };
        match self {
            // Source and destination.
            Self::Forward => &[
                Remote, Local, LocalType, Interface, Interface, InterfaceIndex, SubInterfaceIndex,
                InterfaceIndex, SubInterfaceIndex, Flags, None, Profile, None, Profile, Compartment,
            ],
            Self::BindRedirect => &[
                App, User, Local, LocalType, LocalPort, Protocol, Flags, None, None, Compartment,
                None,
            ],
            Self::ConnectRedirect => &[
                App, User, Local, LocalType, LocalPort, Protocol, Remote, DestinationType,
                RemotePort, Flags, None, None, None, Compartment, None,
            ],
            Self::InboundPacket => &[
                Local, Remote, LocalType, Interface, InterfaceIndex, SubInterfaceIndex, Flags,
                InterfaceType, TunnelType, Compartment,
            ],
            Self::OutboundPacket => &[
                Local, LocalType, Remote, Interface, InterfaceIndex, SubInterfaceIndex, Flags,
                InterfaceType, TunnelType, Compartment,
            ],
            Self::InboundTransport => &[
                Protocol, Local, Remote, LocalType, LocalPort, RemotePort, Interface,
                InterfaceIndex, SubInterfaceIndex, Flags, InterfaceType, TunnelType, Profile, None,
                Compartment,
            ],
            Self::OutboundTransport => &[
                Protocol, Local, LocalType, Remote, LocalPort, RemotePort, Interface,
                InterfaceIndex, SubInterfaceIndex, DestinationType, Flags, InterfaceType,
                TunnelType, Profile, None, Compartment,
            ],
            Self::Stream => &[
                Local, LocalType, Remote, LocalPort, RemotePort, Direction, Flags, Compartment,
            ],
            Self::Datagram => &[
                Protocol, Local, Remote, LocalType, LocalPort, RemotePort, Interface,
                InterfaceIndex, SubInterfaceIndex, Direction, Flags, InterfaceType, TunnelType,
                Compartment,
            ],
            Self::StreamPacket => &[
                Local, Remote, LocalPort, RemotePort, Interface, InterfaceIndex, SubInterfaceIndex,
                Direction, Flags, InterfaceType, TunnelType, Compartment,
            ],
            Self::ResourceAssignment => &[
                App, User, Local, LocalType, LocalPort, Protocol, None, Interface, Flags,
                InterfaceType, TunnelType, Profile, None, None, None, Compartment, None, None, None,
            ],
            Self::ResourceRelease => &[
                App, User, Local, LocalType, LocalPort, Protocol, Interface, Flags, None, None,
                Compartment, None,
            ],
            Self::EndpointClosure => &[
                App, User, Local, LocalType, LocalPort, Protocol, Remote, RemotePort, Interface,
                Flags, None, None, Compartment, None,
            ],
            Self::Listen => &[
                App, User, Local, LocalType, LocalPort, Interface, Flags, InterfaceType,
                TunnelType, Profile, None, None, None, Compartment, None,
            ],
            // The fields that later versions of Windows have appended are empty.
            Self::Accept => &[
                App, User, Local, LocalType, LocalPort, Protocol, Remote, RemotePort, None, None,
                Interface, Flags, None, None, InterfaceType, TunnelType, InterfaceIndex,
                SubInterfaceIndex, Interface, InterfaceType, TunnelType, InterfaceIndex, None, None,
                None, None, None, Profile, Profile, Reason, None, None, None, None, None, None,
                None, None, None, None,
            ],
            Self::Connect => &[
                App, User, Local, LocalType, LocalPort, Protocol, Remote, RemotePort, None, None,
                DestinationType, Interface, Flags, InterfaceType, TunnelType, InterfaceIndex,
                SubInterfaceIndex, None, None, None, None, SubInterfaceIndex, Interface,
                InterfaceType, TunnelType, InterfaceIndex, Profile, Profile, Reason, None, None,
                None, None, None, None, None, None, None, None, None, None, None,
            ],
            Self::FlowEstablished => &[
                App, User, Local, LocalType, LocalPort, Protocol, Remote, RemotePort, None, None,
                DestinationType, Interface, Direction, InterfaceType, TunnelType, Flags, None,
                None, None, Compartment, None, None, None, None, None,
            ],
        }
    }

    /// The number of header bytes between the start of a packet's net buffer and its data: at some
    /// layers the net buffer begins with one of the headers.
    pub(super) const fn headers_shown(self, of: Indication) -> u32 {
        let transport = of.connection.transport_header();
        match self {
            Self::InboundPacket | Self::OutboundTransport => transport,
            Self::OutboundPacket | Self::Forward => of.connection.ip_header() + transport,
            Self::Accept
            | Self::Connect
            | Self::FlowEstablished
            | Self::Datagram
            | Self::StreamPacket
                if of.is_sent =>
            {
                transport
            }
            _ => 0,
        }
    }

    /// The fields of the metadata that are set at the layer, besides those that depend on the
    /// traffic.
    pub(super) const fn metadata(self) -> u32 {
        const PROCESS: u32 = PROCESS_PATH | TOKEN | PROCESS_ID;
        const OWNED: u32 = TOKEN | PROCESS_ID | COMPARTMENT | ENDPOINT;
        match self {
            Self::InboundPacket | Self::Forward => IP_HEADER | COMPARTMENT,
            Self::BindRedirect | Self::ConnectRedirect => PROCESS,
            Self::OutboundPacket => IP_HEADER | TRANSPORT_HEADER | COMPARTMENT,
            Self::InboundTransport | Self::Datagram | Self::StreamPacket => {
                IP_HEADER | TRANSPORT_HEADER | COMPARTMENT | ENDPOINT
            }
            Self::OutboundTransport => TRANSPORT_HEADER | COMPARTMENT | ENDPOINT,
            Self::Stream => 0,
            Self::ResourceAssignment | Self::Listen | Self::FlowEstablished => PROCESS | ENDPOINT,
            Self::Accept => PROCESS | IP_HEADER | TRANSPORT_HEADER | COMPARTMENT | ENDPOINT,
            Self::Connect => PROCESS | TRANSPORT_HEADER | COMPARTMENT | ENDPOINT,
            Self::ResourceRelease | Self::EndpointClosure => OWNED,
        }
    }
}

/// The properties of traffic on which the values of a layer's fields depend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Indication {
    pub(super) connection: Connection,
    /// `true` if data are sent, not received.
    pub(super) is_sent: bool,
    /// `true` if a connection is authorised again after a callout has pended its authorisation.
    pub(super) is_again: bool,
    /// `true` if the packet has not been authorised at the receive/accept layer yet.
    pub(super) is_unauthorized: bool,
}

impl Indication {
    /// Creates the first indication of a connection.
    pub(super) const fn first(connection: Connection) -> Self {
        Self {
            connection,
            is_sent: connection.is_outbound,
            is_again: false,
            is_unauthorized: false,
        }
    }
}

/// What a field contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    None,
    App,
    User,
    Local,
    LocalType,
    LocalPort,
    Remote,
    RemotePort,
    Protocol,
    Direction,
    DestinationType,
    Interface,
    InterfaceIndex,
    SubInterfaceIndex,
    InterfaceType,
    TunnelType,
    Profile,
    Reason,
    Compartment,
    Flags,
}

impl Field {
    /// The fields whose values conditions of filters compare. A condition on another field matches
    /// at random, so that every filter matches some traffic.
    const KNOWN: [Self; 7] = [
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
            Self::Local => &wfp::FWPM_CONDITION_IP_LOCAL_ADDRESS,
            Self::LocalType => &wfp::FWPM_CONDITION_IP_LOCAL_ADDRESS_TYPE,
            Self::LocalPort => &wfp::FWPM_CONDITION_IP_LOCAL_PORT,
            Self::Remote => &wfp::FWPM_CONDITION_IP_REMOTE_ADDRESS,
            Self::RemotePort => &wfp::FWPM_CONDITION_IP_REMOTE_PORT,
            Self::Protocol => &wfp::FWPM_CONDITION_IP_PROTOCOL,
            Self::Direction => &wfp::FWPM_CONDITION_DIRECTION,
            _ => return 0,
        })
    }

    /// The value of the field at a layer, if it is a number or an address.
    fn datum(self, layer: Layer, of: Indication) -> Option<Datum> {
        /// `NlatUnicast`.
        const UNICAST: u64 = 1;
        const IF_TYPE_ETHERNET_CSMACD: u64 = 6;
        /// The public network category.
        const PUBLIC: u64 = 1;
        let Connection {
            is_v6, is_outbound, ..
        } = of.connection;
        // A stream has the direction of its connection, a packet its own.
        let is_sent = if layer == Layer::Stream {
            is_outbound
        } else {
            of.is_sent
        };
        Some(match self {
            Self::Local if is_v6 => Datum::Bytes(LOCAL),
            Self::Local => Datum::Unsigned(32, LOCAL_V4.into()),
            Self::LocalType | Self::DestinationType => Datum::Unsigned(8, UNICAST),
            Self::LocalPort => Datum::Unsigned(16, of.connection.ports()[0].into()),
            Self::Remote if is_v6 => Datum::Bytes(REMOTE),
            Self::Remote => Datum::Unsigned(32, REMOTE_V4.into()),
            Self::RemotePort => Datum::Unsigned(16, of.connection.ports()[1].into()),
            Self::Protocol => Datum::Unsigned(8, of.connection.protocol().into()),
            Self::Direction => Datum::Unsigned(32, u64::from(!is_sent)),
            Self::InterfaceIndex => Datum::Unsigned(32, INTERFACE_INDEX.into()),
            Self::SubInterfaceIndex | Self::TunnelType => Datum::Unsigned(32, 0),
            Self::InterfaceType => Datum::Unsigned(32, IF_TYPE_ETHERNET_CSMACD),
            Self::Profile => Datum::Unsigned(32, PUBLIC),
            Self::Compartment => Datum::Unsigned(32, COMPARTMENT_ID.into()),
            Self::Flags => Datum::Unsigned(32, flags(layer, of).into()),
            Self::Reason if of.is_again => Datum::Unsigned(
                32,
                wfp::FWP_CONDITION_REAUTHORIZE_REASON_CLASSIFY_COMPLETION.into(),
            ),
            Self::None | Self::App | Self::User | Self::Interface | Self::Reason => return None,
        })
    }

    /// The value as callouts get it.
    fn value(self, layer: Layer, of: Indication) -> Value {
        match (self, self.datum(layer, of)) {
            (Self::Local, Some(Datum::Bytes(_))) => Value::address(&LOCAL),
            (_, Some(Datum::Bytes(_))) => Value::address(&REMOTE),
            (_, Some(Datum::Unsigned(bits, value))) => Value::unsigned(bits, value),
            (Self::App, _) => Value::blob(&owner::PROGRAM),
            (Self::User, _) => Value::access_information(&owner::USER),
            (Self::Interface, _) => Value::long(&INTERFACE_LUID),
            _ => Value::EMPTY,
        }
    }
}

/// Addresses of version 6, in the network's order.
pub(super) static LOCAL: [u8; 16] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A];
pub(super) static REMOTE: [u8; 16] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0B];
/// `10.0.0.10` and `10.0.0.11`, in the machine's order.
pub(super) const LOCAL_V4: u32 = 0x0A00_000A;
pub(super) const REMOTE_V4: u32 = 0x0A00_000B;
/// The `NET_LUID` of the interface: its type, and an index among those of the type.
static INTERFACE_LUID: u64 = 0x0006_0080_0000_0000;
const INTERFACE_INDEX: u32 = 12;
pub(super) const COMPARTMENT_ID: u32 = 1;

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
pub(super) fn values(layer: Layer, of: Indication) -> Vec<Value> {
    let fields = layer.fields().iter();
    fields.map(|field| field.value(layer, of)).collect()
}

/// `FWP_CONDITION_FLAG_Xxx` of traffic at a layer.
const fn flags(layer: Layer, of: Indication) -> u32 {
    match layer {
        Layer::Accept | Layer::Connect if of.is_again => wfp::FWP_CONDITION_FLAG_IS_REAUTHORIZE,
        Layer::InboundTransport if of.is_unauthorized => {
            wfp::FWP_CONDITION_FLAG_REQUIRES_ALE_CLASSIFY
        }
        _ => 0,
    }
}

/// The value of the field with a key; `None` if traffic of the layer has none.
pub(super) fn value_of(layer: Layer, of: Indication, key: u128) -> Option<Datum> {
    let is_flags = key == number(&wfp::FWPM_CONDITION_FLAGS);
    if is_flags && matches!(layer, Layer::Accept | Layer::Connect) {
        return Field::Flags.datum(layer, of);
    }
    let field = Field::KNOWN.into_iter().find(|it| it.key() == key)?;
    let is_there = layer.fields().contains(&field);
    is_there.then(|| field.datum(layer, of))?
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
    value_of(layer, Indication::first(connection), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: Connection = Connection {
        is_v6: false,
        is_tcp: true,
        is_outbound: false,
    };

    /// Where the documents have a field in the enumeration of a layer.
    #[test]
    fn each_field_is_where_the_enumeration_of_its_layer_has_it() {
        for (layer, place, field) in [
            (Layer::InboundPacket, 2, Field::LocalType),
            (Layer::OutboundPacket, 2, Field::Remote),
            (Layer::InboundTransport, 2, Field::Remote),
            (Layer::InboundTransport, 9, Field::Flags),
            (Layer::OutboundTransport, 2, Field::LocalType),
            (Layer::OutboundTransport, 10, Field::Flags),
            (Layer::Stream, 2, Field::Remote),
            (Layer::Stream, 5, Field::Direction),
            (Layer::Datagram, 2, Field::Remote),
            (Layer::Datagram, 9, Field::Direction),
            (Layer::StreamPacket, 7, Field::Direction),
            (Layer::ResourceAssignment, 8, Field::Flags),
            (Layer::Listen, 6, Field::Flags),
            (Layer::Accept, 11, Field::Flags),
            (Layer::Connect, 12, Field::Flags),
            (Layer::FlowEstablished, 12, Field::Direction),
            (Layer::FlowEstablished, 15, Field::Flags),
            (Layer::ResourceRelease, 7, Field::Flags),
            (Layer::EndpointClosure, 9, Field::Flags),
        ] {
            assert_eq!(layer.fields()[place], field, "{layer:?}");
        }
    }

    #[test]
    fn a_connection_that_is_authorised_again_says_so_at_both_layers() {
        let again = Indication {
            is_again: true,
            ..Indication::first(ACCEPTED)
        };
        assert_eq!(wfp::FWP_CONDITION_FLAG_IS_REAUTHORIZE, 4);
        for layer in [Layer::Accept, Layer::Connect] {
            assert_eq!(flags(layer, again), 4);
            assert_eq!(flags(layer, Indication::first(ACCEPTED)), 0);
        }
        assert_eq!(flags(Layer::FlowEstablished, again), 0);
    }

    #[test]
    fn a_packet_begins_where_the_documents_say() {
        let received = Indication::first(ACCEPTED);
        let sent = Indication {
            is_sent: true,
            ..received
        };
        for (layer, of, expected) in [
            (Layer::InboundPacket, received, 20),
            (Layer::InboundTransport, received, 0),
            (Layer::Accept, received, 0),
            (Layer::Accept, sent, 20),
            (Layer::Datagram, received, 0),
            (Layer::OutboundTransport, sent, 20),
            (Layer::OutboundPacket, sent, 40),
        ] {
            assert_eq!(layer.headers_shown(of), expected, "{layer:?}");
        }
    }
}
