// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `KeyValue` NPI: a client asks for the value of a key, and the provider answers, at
//! once or later. An example of an NPI on the crate `nmr`, beside Echo.
//!
//! Both sides speak version 1. A client calls `get` with a [`Request`], which is the
//! provider's until `get` has returned another status than `STATUS_PENDING`, or the
//! provider has called `complete` with it, once. IRQL <= `DISPATCH_LEVEL`.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

#[cfg(test)]
extern crate std;

#[cfg(test)]
mod description;

use nmr::abi::{GUID, NPIID, NTSTATUS};
use nmr::header::Header;
use nmr::layout::{Absent, Check, Required};
use nmr::request::{Complete, RequestClient, RequestProvider, Submit};
use nmr::request::{dispatch_complete, dispatch_submit};
use nmr::{ModuleId, Npi, Table, c_struct, requests};

/// The module of `keyvalue_provider.sys`: {0d3e8f12-1f6c-4d5e-8a9b-1a2b3c4d5e6f}.
pub const PROVIDER_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x0d3e_8f12_1f6c_4d5e_8a9b_1a2b_3c4d_5e6f));

/// The module of `keyvalue_client.sys`: {6f5e4d3c-2b1a-4b9a-9e8d-5c6b7a899807}.
pub const CLIENT_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x6f5e_4d3c_2b1a_4b9a_9e8d_5c6b_7a89_9807));

c_struct! {
    /// A question and its answer.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Question {
        /// The key.
        pub key: u64,
        /// Its value, once the question has been answered.
        pub value: u64,
        /// How it has been answered.
        pub status: NTSTATUS,
    }
}

c_struct! {
    /// The functions of a provider.
    #[derive(Debug)]
    pub struct ProviderDispatch: Check::SIZE_FIRST {
        header: Header,
        /// Takes a question.
        pub get: Option<Submit<Request>>,
    }
}

c_struct! {
    /// The functions of a client.
    #[derive(Debug)]
    pub struct ClientDispatch: Check::SIZE_FIRST {
        header: Header,
        /// Gets a question back that was pended.
        pub complete: Option<Complete<Request>>,
    }
}

/// `KeyValue`, to be named in types: {5b1c2f0e-7a64-4b7b-9b53-0c1d7f3a9e11}.
#[derive(Debug)]
pub enum KeyValue {}

// SAFETY: this page is the contract that modules with this identity keep.
unsafe impl Npi for KeyValue {
    const ID: NPIID = GUID::from_u128(0x5b1c_2f0e_7a64_4b7b_9b53_0c1d_7f3a_9e11);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<ClientDispatch>;
    type ProviderDispatch = Required<ProviderDispatch>;
}

requests! {
    // SAFETY: `get` and `complete` are `Submit` and `Complete` by the contract.
    unsafe impl Requests for KeyValue {
        /// A question as it crosses the border.
        #[derive(Debug)]
        pub struct Request: 1 { question: Question }
        status: status, submit: get, complete: complete
    }
}

/// The dispatch table of the provider `M`.
#[must_use]
pub const fn provider_table<M: RequestProvider<Npi = KeyValue>>() -> Table<M> {
    let table = const {
        &ProviderDispatch {
            header: Header::of::<ProviderDispatch>(1),
            get: Some(dispatch_submit::<M>),
        }
    };
    // SAFETY: the function is that of `M`.
    unsafe { Table::new(table) }
}

/// The dispatch table of the client `M`.
#[must_use]
pub const fn client_table<M: RequestClient<Npi = KeyValue>>() -> Table<M> {
    let table = const {
        &ClientDispatch {
            header: Header::of::<ClientDispatch>(1),
            complete: Some(dispatch_complete::<M>),
        }
    };
    // SAFETY: the function is that of `M`.
    unsafe { Table::new(table) }
}
