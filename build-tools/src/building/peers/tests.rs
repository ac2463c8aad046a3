// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is made of descriptions compiles, and says what they say.

use std::path::Path;

use npi_description::{Npi, NpiId, Side};
use tempfile::tempdir;

use super::{Conduct, Module, Peer, build};

/// Names and types that are hard for C.
const ODD: &str = r#"
name = "odd"
id = "00000001-0002-0003-0405-060708090a0b"
[provider]
characteristics = "WAIT"
table = "Calls"
[client]
table = "CLIENT"
[structures.WAIT]
fields = [
    { name = "NULL", type = "guid" },
    { name = "low", type = "i8", value = [-5, 5] },
    { name = "can", type = "u32", is = "offered", value = [0, 7] },
]
[structures.Calls]
fields = [
    { name = "TRUE", type = "function" },
    { name = "ask", type = "function", optional = true },
    { name = "flag", type = "bool", value = [0, 1] },
]
[structures.CLIENT]
fields = [{ name = "STOP", type = "function" }]
[structures.One]
fields = [
    { name = "inner", type = "[Two; 2]" },
    { name = "two", type = "Two" },
    { name = "next", type = "*One" },
    { name = "bytes", type = "[[i8; 3]; 2]", reply = "BACK" },
    { name = "BACK", type = "[[i8; 3]; 2]" },
]
[structures.Two]
fields = [
    { name = "size", type = "u64", is = "size" },
    { name = "x", type = "i64", value = [-9223372036854775808, 9223372036854775807] },
    { name = "status", type = "status", value = 0xC0000001, reply = 0xC0000002 },
]
[functions.TRUE]
irql = "PASSIVE_LEVEL"
parameters = [{ is = "binding" }, { name = "call", type = "u32" }, { name = "table", type = "*const One" }]
completed_by = "STOP"
matched_by = "call"
[functions.ask]
irql = "DISPATCH_LEVEL"
returns = "pointer"
parameters = [{ name = "status", type = "*One" }, { name = "before", type = "pointer" }]
after = "TRUE"
if_offered = 6
[functions.STOP]
irql = "<= APC_LEVEL"
returns = "void"
parameters = [{ is = "binding" }, { name = "own", type = "*Two" }, { name = "call", type = "u32" }]
"#;

/// Calls are completed in their order.
const ORDERED: &str = r#"
name = "ordered"
id = "00000002-0002-0003-0405-060708090a0b"
[provider]
table = "Calls"
[client]
table = "Answers"
[structures.Calls]
fields = [{ name = "go", type = "function" }, { name = "stop", type = "function" }]
[structures.Answers]
fields = [{ name = "gone", type = "function" }]
[functions.go]
irql = "<= DISPATCH_LEVEL"
parameters = [{ is = "binding" }]
completed_by = "gone"
matched_by = "order"
[functions.stop]
irql = "<= DISPATCH_LEVEL"
returns = "void"
parameters = [{ is = "binding" }]
cancels = "go"
[functions.gone]
irql = "<= DISPATCH_LEVEL"
returns = "void"
parameters = [{ is = "binding" }]
"#;

fn all() -> Vec<Npi> {
    let echo = include_str!("../../../../shared-npi/src/echo/npi.toml");
    let telemetry = include_str!("../../../../shared-npi/src/telemetry/npi.toml");
    let parse =
        |text: &str| npi_description::parse(Path::new("npi.toml"), text).expect("it is right");
    [echo, telemetry, ODD, ORDERED].map(parse).into()
}

fn peer(id: NpiId, npi: Option<&Npi>, side: Side, conduct: Conduct) -> Peer<'_> {
    let module = Module {
        id,
        number: 7,
        version: 1,
    };
    Peer {
        id,
        side,
        conduct,
        npi,
        modules: vec![module],
        characteristics: true,
    }
}

#[test]
fn the_peers_of_every_description_are_built_once() {
    let directory = tempdir().expect("a directory");
    let directory = directory.path();
    let all = all();
    let mut peers = vec![peer(NpiId(5), None, Side::Client, Conduct::Auto)];
    for npi in &all {
        for side in [Side::Provider, Side::Client] {
            for conduct in [Conduct::Auto, Conduct::Hostile] {
                peers.push(peer(npi.id, Some(npi), side, conduct));
            }
        }
    }
    for peer in &peers {
        let image = build(peer, directory, directory).expect("it is built");
        let built = || {
            std::fs::metadata(&image)
                .and_then(|it| it.modified())
                .expect("it is there")
        };
        let first = built();
        build(peer, directory, directory).expect("it is built");
        assert_eq!(built(), first, "{peer}");
    }
}

#[test]
fn a_peer_of_echo_is_what_its_description_says() {
    let all = all();
    let source = peer(all[0].id, Some(&all[0]), Side::Client, Conduct::Auto).source();
    for line in [
        "    void (*complete)(PVOID p_binding, struct Request *p_request);",
        "    it->length = (ULONG)Draw(0, 64);",
        "    [F_submit] = {PASSIVE_LEVEL, DISPATCH_LEVEL, F_complete, -1, 0, FALSE},",
        "    mine->complete = On_complete;",
        "    if (OwnCharacteristics.offered & 4)",
        "    if (theirs->lowest_version > OwnCharacteristics.highest_version)",
        "    if (!theirs->submit)",
    ] {
        assert!(source.lines().any(|it| it == line), "{line}\n{source}");
    }
}
