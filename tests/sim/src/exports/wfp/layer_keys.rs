// SPDX-License-Identifier: MIT OR Apache-2.0

//! The identifiers of layers: GUIDs for adding filters and callouts, and numbers for `classifyFn`.

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

/// The run-time identifier of all other layers, which have no traffic.
const WITHOUT_TRAFFIC: u16 = 0xFFFF;

/// Returns the run-time identifier of a layer with this management identifier.
pub(super) fn find(key: u128) -> u16 {
    let mut all = KEYS.iter().flat_map(|(layer, keys)| {
        let versions = keys.iter().zip([false, true]);
        versions.map(|(guid, is_v6)| (number(guid), layer.id(is_v6)))
    });
    let found = all.find(|(guid, _)| *guid == key);
    found.map_or(WITHOUT_TRAFFIC, |(_, id)| id)
}

/// Returns the management identifier of a layer with this run-time identifier, or zero for a layer
/// without traffic.
pub(super) fn key(id: u16) -> u128 {
    let mut all = KEYS.iter().flat_map(|(layer, keys)| {
        let versions = keys.iter().zip([false, true]);
        versions.map(|(guid, is_v6)| (number(guid), layer.id(is_v6)))
    });
    all.find(|(_, own)| *own == id).map_or(0, |(guid, _)| guid)
}

/// Returns the layer with this identifier, and `true` if the identifier is that for IPv6.
pub(super) fn of_id(id: u16) -> Option<(Layer, bool)> {
    let mut layers = KEYS.iter().map(|(layer, _)| *layer);
    layers.find_map(|layer| {
        let mut versions = [false, true].into_iter();
        Some((layer, versions.find(|&is_v6| layer.id(is_v6) == id)?))
    })
}

/// Returns `true` if the layer with this identifier is for IPv6.
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
