// SPDX-License-Identifier: MIT OR Apache-2.0

//! Winsock Kernel: its registration functions, which `netio.sys` exports, and those of its
//! dispatch tables, which drivers get from there.
//!
//! Each driver gets tables of its own, whose functions lead through thunks as its imports do.

mod client;
mod client_control;
mod connect;
mod control;
mod datagram;
mod listen;
mod name_info;
mod names;
mod registration;
mod socket;
mod stream;

use crate::calls::bind;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::loader::export::Export;
use crate::network::TAG;
use crate::network::registrations::Tables;

pub(super) use registration::EXPORTS as REGISTRATION;

/// The functions of all dispatch tables.
const FUNCTIONS: &[&[Export]] = &[
    client::EXPORTS,
    client_control::EXPORTS,
    connect::EXPORTS,
    control::EXPORTS,
    datagram::EXPORTS,
    listen::EXPORTS,
    name_info::EXPORTS,
    names::EXPORTS,
    stream::EXPORTS,
    socket::EXPORTS,
];

const PROVIDER: &[&str] = &[
    "WskSocket",
    "WskSocketConnect",
    "WskControlClient",
    "WskGetAddressInfo",
    "WskFreeAddressInfo",
    "WskGetNameInfo",
];
const BASIC: &[&str] = &["WskControlSocket", "WskCloseSocket"];
const LISTEN: &[&str] = &[
    "WskBind",
    "WskAccept",
    "WskInspectComplete",
    "WskGetLocalAddress",
];
const DATAGRAM: &[&str] = &[
    "WskBind",
    "WskSendTo",
    "WskReceiveFrom",
    "WskRelease",
    "WskGetLocalAddress",
    "WskSendMessages",
];
const CONNECTION: &[&str] = &[
    "WskBind",
    "WskConnect",
    "WskGetLocalAddress",
    "WskGetRemoteAddress",
    "WskSend",
    "WskReceive",
    "WskDisconnect",
    "WskRelease",
    "WskConnectEx",
    "WskSendEx",
    "WskReceiveEx",
];
const STREAM: &[&str] = &[
    "WskBind",
    "WskAccept",
    "WskConnect",
    "WskListen",
    "WskSend",
    "WskReceive",
    "WskDisconnect",
    "WskRelease",
    "WskGetLocalAddress",
    "WskGetRemoteAddress",
    "WskConnectEx",
    "WskSendEx",
    "WskReceiveEx",
];

/// `MAKE_WSK_VERSION(1, 0)`, the only version.
const VERSION: u16 = 0x0100;

/// Makes the tables of a driver, in memory that is its `PWSK_CLIENT`. Returns both.
fn make_tables(state: &mut State, driver: DriverId) -> (usize, Tables) {
    let word = size_of::<usize>();
    let of_sockets = [LISTEN, DATAGRAM, CONNECTION, STREAM];
    let lengths = of_sockets.map(|names| BASIC.len() + names.len());
    let words = 1 + PROVIDER.len() + BASIC.len() + lengths.iter().sum::<usize>();
    let client = state.memory.pool.reserve(words * word, TAG);
    let mut next = client;
    let mut put = |state: &mut State, names: &[&str]| {
        let start = next;
        for name in names {
            let function = bind(state, driver, function(name));
            // SAFETY: the memory was just allocated for all tables, of which this is a word.
            unsafe { (next as *mut usize).write(function) };
            next += word;
        }
        start
    };
    let basic = put(state, BASIC);
    let mut of_socket = |state: &mut State, names: &[&str]| {
        let start = put(state, BASIC);
        put(state, names);
        start
    };
    let listen = of_socket(state, LISTEN);
    let datagram = of_socket(state, DATAGRAM);
    let connection = of_socket(state, CONNECTION);
    let stream = of_socket(state, STREAM);
    let provider = next;
    // SAFETY: as above; the version is a number of two bytes in a word of its own.
    unsafe { (provider as *mut usize).write(usize::from(VERSION)) };
    next += word;
    for (index, name) in PROVIDER.iter().enumerate() {
        let function = bind(state, driver, function(name));
        // SAFETY: the memory was just allocated for all tables, of which this is a word.
        unsafe { (next as *mut usize).add(index).write(function) };
    }
    let tables = Tables {
        provider,
        basic,
        listen,
        datagram,
        connection,
        stream,
    };
    (client, tables)
}

fn function(name: &str) -> &'static Export {
    let mut all = FUNCTIONS.iter().copied().flatten();
    let found = all.find(|it| it.name == name);
    found.expect("each name of a table is that of a function here")
}

/// The functions of the tables.
#[cfg(test)]
pub(crate) fn functions() -> impl Iterator<Item = &'static Export> {
    FUNCTIONS.iter().copied().flatten()
}
