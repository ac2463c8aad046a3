// SPDX-License-Identifier: MIT OR Apache-2.0

//! The description for tools, `npi.toml`, says what the Rust types say.

use std::path::Path;

use nmr::header::Header;
use nmr::{ModuleId, Npi};
use npi_description::{NpiId, Side, check_layout, parse};

use super::{
    CLIENT_MODULE_ID, ClientDispatch, KeyValue, PROVIDER_MODULE_ID, ProviderDispatch, Question,
    Request,
};

fn guid(module: ModuleId) -> Option<NpiId> {
    match module {
        ModuleId::Guid(guid) => Some(NpiId(guid.to_u128())),
        ModuleId::IfLuid(_) => None,
    }
}

#[test]
fn the_description_says_what_the_types_say() {
    let npi = parse(Path::new("npi.toml"), include_str!("../npi.toml")).expect("a description");
    assert_eq!(npi.id, NpiId(KeyValue::ID.to_u128()));
    assert_eq!(npi.provider.module_id, guid(PROVIDER_MODULE_ID));
    assert_eq!(npi.client.module_id, guid(CLIENT_MODULE_ID));
    check_layout!(npi, "Header", Header: size, version, flags);
    check_layout!(npi, "ProviderDispatch", ProviderDispatch: header, get);
    check_layout!(npi, "ClientDispatch", ClientDispatch: header, complete);
    check_layout!(npi, "Question", Question: key, value, status);
    check_layout!(npi, "Request", Request: header, question, provider_area = area);
    let [get, complete] = [(Side::Provider, 8), (Side::Client, 8)]
        .map(|(side, offset)| npi.function_at(side, offset).expect("a function"));
    assert_eq!(get.completed_by.as_ref(), Some(&complete.name));
}
