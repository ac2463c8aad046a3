// SPDX-License-Identifier: MIT OR Apache-2.0

//! How layers are named: by a GUID for those who add filters and callouts, by a number for those
//! who are called.

use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform as wfp;
use windows_sys::core::GUID;

use super::layers::Layer;
use super::layouts::number;

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

/// The layer with an identifier, and whether it is that of version 6.
pub(super) fn of_id(id: u16) -> Option<(Layer, bool)> {
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
