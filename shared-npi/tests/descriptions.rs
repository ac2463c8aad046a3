// SPDX-License-Identifier: MIT OR Apache-2.0

//! The descriptions for tools, `npi.toml`, say what the Rust types say.

use std::path::Path;

use nmr::ModuleId;
use nmr::abi::{GUID, NPIID};
use nmr::header::Header;
use npi_description::{Npi, NpiId, Side, check_layout, parse};
use shared_npi::{echo, telemetry};

fn read(text: &str) -> Npi {
    parse(Path::new("npi.toml"), text).unwrap()
}

fn id(id: NPIID) -> NpiId {
    NpiId(id.to_u128())
}

fn guid(module: ModuleId) -> Option<NpiId> {
    match module {
        ModuleId::Guid(guid) => Some(NpiId(GUID::to_u128(guid))),
        ModuleId::IfLuid(_) => None,
    }
}

fn names(npi: &Npi, side: Side) -> Vec<&str> {
    npi.functions_of(side).map(|it| it.name.as_str()).collect()
}

#[test]
fn echo() {
    let npi = read(include_str!("../src/echo/npi.toml"));
    assert_eq!(npi.id, id(echo::ECHO_NPI_ID));
    assert_eq!(npi.provider.module_id, guid(echo::ECHO_PROVIDER_MODULE_ID));
    assert_eq!(npi.client.module_id, guid(echo::ECHO_CLIENT_MODULE_ID));
    check_layout!(npi, "Header", Header: size, version, flags);
    check_layout!(npi, "Characteristics", echo::Characteristics:
        header, lowest_version = versions.lowest, highest_version = versions.highest, offered, required);
    check_layout!(npi, "ProviderDispatch", echo::ProviderDispatch:
        header, submit, cancel, query_statistics);
    check_layout!(npi, "ClientDispatch", echo::ClientDispatch: header, complete, notify);
    check_layout!(npi, "Request", echo::Request:
        header, id = body.id, length = body.length, status = body.status, payload = body.payload, reply = body.reply,
        provider_area);
    check_layout!(npi, "Statistics", echo::Statistics:
        header, completed_at_once, pended, completed_later, cancelled, refused);
    assert_eq!(
        names(&npi, Side::Provider),
        ["submit", "cancel", "query_statistics"]
    );
    assert_eq!(names(&npi, Side::Client), ["complete", "notify"]);
    for (function, capability) in [
        ("cancel", echo::Capabilities::CANCEL),
        ("query_statistics", echo::Capabilities::STATISTICS),
        ("notify", echo::Capabilities::NOTIFY),
    ] {
        let described = npi.function(function).unwrap();
        assert_eq!(described.if_offered, capability.bits().into());
        assert!(described.optional);
    }
    let submit = npi.function("submit").unwrap();
    assert_eq!(submit.completed_by.as_deref(), Some("complete"));
}

#[test]
fn telemetry() {
    let npi = read(include_str!("../src/telemetry/npi.toml"));
    assert_eq!(npi.id, id(telemetry::TELEMETRY_NPI_ID));
    assert_eq!(
        npi.provider.module_id,
        guid(telemetry::TELEMETRY_SOURCE_MODULE_ID)
    );
    assert_eq!(
        npi.client.module_id,
        guid(telemetry::TELEMETRY_MONITOR_MODULE_ID)
    );
    check_layout!(npi, "Header", Header: size, version, flags);
    check_layout!(npi, "Characteristics", telemetry::Characteristics:
        header, lowest_version = versions.lowest, highest_version = versions.highest);
    check_layout!(npi, "ProviderDispatch", telemetry::ProviderDispatch: header, subscribe, sample);
    check_layout!(npi, "ClientDispatch", telemetry::ClientDispatch: header, publish);
    check_layout!(npi, "Sample", telemetry::Sample: header, submitted, echoed, unanswered);
    assert_eq!(names(&npi, Side::Provider), ["subscribe", "sample"]);
    assert_eq!(names(&npi, Side::Client), ["publish"]);
}
