// SPDX-License-Identifier: MIT OR Apache-2.0

//! The description for tools, `npi.toml`, says what the Rust types say.

use std::mem::{offset_of, size_of};

use keyvalue::{
    CLIENT_MODULE_ID, Characteristics, ClientDispatch, KeyValue, PROVIDER_MODULE_ID,
    ProviderDispatch, Question, Request, Statistics,
};
use nmr::header::Header;
use nmr::{ModuleId, Npi};
use npi_description::{NpiId, read};

fn guid(module: ModuleId) -> Option<NpiId> {
    match module {
        ModuleId::Guid(guid) => Some(NpiId(guid.to_u128())),
        ModuleId::IfLuid(_) => None,
    }
}

#[test]
fn identifiers_sizes_and_functions_agree() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/npi.toml");
    let npi = read(&[file]).unwrap().remove(0);
    assert_eq!(npi.id, NpiId(KeyValue::ID.to_u128()));
    assert_eq!(npi.provider.module_id, guid(PROVIDER_MODULE_ID));
    assert_eq!(npi.client.module_id, guid(CLIENT_MODULE_ID));
    for (name, size) in [
        ("StructureHeader", size_of::<Header>()),
        ("Characteristics", size_of::<Characteristics>()),
        ("ProviderDispatch", size_of::<ProviderDispatch>()),
        ("ClientDispatch", size_of::<ClientDispatch>()),
        ("Request", size_of::<Request>()),
        ("Statistics", size_of::<Statistics>()),
    ] {
        assert_eq!(npi.structure(name).expect(name).size, size, "{name}");
    }
    for (function, offset) in [
        ("get", offset_of!(ProviderDispatch, get)),
        ("statistics", offset_of!(ProviderDispatch, statistics)),
        ("complete", offset_of!(ClientDispatch, complete)),
    ] {
        assert_eq!(npi.function(function).expect(function).offset, offset);
    }
    let request = npi.structure("Request").unwrap();
    let question = size_of::<Header>();
    for (field, offset) in [
        ("key", offset_of!(Question, key)),
        ("value", offset_of!(Question, value)),
        ("status", offset_of!(Question, status)),
    ] {
        assert_eq!(request.field(field).expect(field).offset, question + offset);
    }
}
