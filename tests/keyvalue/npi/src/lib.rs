// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `KeyValue` NPI: a client asks for the value of a key, and the provider answers, at
//! once or later.
//!
//! This page is the contract, which `npi.toml` describes to the tools.
//!
//! Each side registers [`Characteristics`] with the versions that it supports, and refuses a
//! peer with which it has no version in common. All functions: IRQL <= `DISPATCH_LEVEL`.
//!
//! | table | function | meaning |
//! |---|---|---|
//! | [`ProviderDispatch`] | `get` | asks a question, which is answered at once or later |
//! | | `statistics` | fills in [`Statistics`], at once |
//! | [`ClientDispatch`] | `complete` | answers a pended question |
//!
//! A [`Request`] belongs to the provider until `get` has returned a status other than
//! `STATUS_PENDING`, or the provider has called `complete` with it, which it does once. A
//! detach pends until then. After its own detach callback a client calls neither `get` nor
//! `statistics`.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

use core::ffi::c_void;

use nmr::abi::{GUID, NPIID, NTSTATUS};
use nmr::dispatch::Out;
use nmr::header::Header;
use nmr::layout::{Check, Required};
use nmr::request::{Complete, RequestClient, RequestProvider, Submit};
use nmr::request::{dispatch_complete, dispatch_submit};
use nmr::versions::Versions;
use nmr::{Binding, Call, ModuleId, Npi, NtStatus, Result, Table, c_struct, dispatch_fn, requests};

/// The version that this page defines, which is the first.
pub const VERSION: u16 = 1;

/// The module of `keyvalue_provider.sys`: {0d3e8f12-1f6c-4d5e-8a9b-1a2b3c4d5e6f}.
pub const PROVIDER_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x0d3e_8f12_1f6c_4d5e_8a9b_1a2b_3c4d_5e6f));

/// The module of `keyvalue_client.sys`: {6f5e4d3c-2b1a-4b9a-9e8d-5c6b7a899807}.
pub const CLIENT_MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x6f5e_4d3c_2b1a_4b9a_9e8d_5c6b_7a89_9807));

c_struct! {
    /// The `NpiSpecificCharacteristics` of either side.
    #[derive(Clone, Copy, Debug)]
    pub struct Characteristics: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The versions that the module supports.
        pub versions: Versions,
    }
}

impl Characteristics {
    /// The characteristics of a module that supports [`VERSION`].
    pub const OWN: &'static Self = &Self {
        header: Header::of::<Self>(VERSION),
        versions: Versions::new(VERSION, VERSION),
    };
}

c_struct! {
    /// A question and its answer.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Question {
        /// The key.
        pub key: u64,
        /// Its value, once the question has been answered.
        pub value: u64,
        /// The status of the answer.
        pub status: NTSTATUS,
    }
}

c_struct! {
    /// The functions of a provider.
    #[derive(Debug)]
    pub struct ProviderDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// Asks a question.
        pub get: Option<Submit<Request>>,
        /// Fills in the structure.
        pub statistics: Option<
            unsafe extern "system" fn(binding: *mut c_void, statistics: *mut Statistics) -> NTSTATUS,
        >,
    }
}

c_struct! {
    /// The functions of a client.
    #[derive(Debug)]
    pub struct ClientDispatch: Check::SIZE_FIRST {
        /// Size and version of the table.
        pub header: Header,
        /// Completes a pended question.
        pub complete: Option<Complete<Request>>,
    }
}

c_struct! {
    /// The statistics of a provider since it was loaded.
    #[derive(Clone, Copy, Debug)]
    pub struct Statistics: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The number of questions that the provider has answered.
        pub answered: u64,
    }
}

impl Statistics {
    /// Creates statistics with this count.
    #[must_use]
    pub const fn new(answered: u64) -> Self {
        Self {
            header: Header::of::<Self>(VERSION),
            answered,
        }
    }
}

/// The type that stands for the `KeyValue` NPI: {5b1c2f0e-7a64-4b7b-9b53-0c1d7f3a9e11}.
#[derive(Debug)]
pub enum KeyValue {}

// SAFETY: this page is the contract that modules with this identity keep.
unsafe impl Npi for KeyValue {
    const ID: NPIID = GUID::from_u128(0x5b1c_2f0e_7a64_4b7b_9b53_0c1d_7f3a_9e11);
    type ClientCharacteristics = Required<Characteristics>;
    type ProviderCharacteristics = Required<Characteristics>;
    type ClientDispatch = Required<ClientDispatch>;
    type ProviderDispatch = Required<ProviderDispatch>;
}

requests! {
    // SAFETY: `get` and `complete` are `Submit` and `Complete` by the contract.
    unsafe impl Requests for KeyValue {
        /// A question, as the client passes it to the provider.
        #[derive(Debug)]
        pub struct Request: 1 { question: Question }
        status: status, submit: get, complete: complete
    }
}

/// A module that provides `KeyValue`.
pub trait KeyValueProvider: RequestProvider<Npi = KeyValue> {
    /// Returns the statistics since the driver was loaded. IRQL <= `DISPATCH_LEVEL`.
    fn statistics(&self) -> Statistics;
}

/// Returns the dispatch table of the provider `M`.
#[must_use]
pub const fn provider_table<M: KeyValueProvider>() -> Table<M> {
    let table = const {
        &ProviderDispatch {
            header: Header::of::<ProviderDispatch>(VERSION),
            get: Some(dispatch_submit::<M>),
            statistics: Some(dispatch_statistics::<M>),
        }
    };
    // SAFETY: the functions are those of `M`.
    unsafe { Table::new(table) }
}

dispatch_fn! {
    /// `statistics` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
    fn dispatch_statistics[M: KeyValueProvider](
        binding: &Binding<M>,
        statistics: Out<'call, Statistics>,
    ) -> NTSTATUS {
        statistics.write(binding.module().statistics());
        NtStatus::SUCCESS.0
    }
}

/// Queries a provider's statistics. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock, because
/// this calls the provider.
///
/// # Errors
///
/// The status that the provider returns.
pub fn statistics<M: RequestClient<Npi = KeyValue>>(call: Call<'_, M>) -> Result<Statistics> {
    call.make(|provider| {
        let mut statistics = Statistics::new(0);
        let ask = provider.table().statistics.ok_or(NtStatus::NOINTERFACE)?;
        // SAFETY: the provider is attached, and the structure outlives the call.
        NtStatus(unsafe { ask(provider.context(), &raw mut statistics) }).ok()?;
        Ok(statistics)
    })
}

/// Returns the dispatch table of the client `M`.
#[must_use]
pub const fn client_table<M: RequestClient<Npi = KeyValue>>() -> Table<M> {
    let table = const {
        &ClientDispatch {
            header: Header::of::<ClientDispatch>(VERSION),
            complete: Some(dispatch_complete::<M>),
        }
    };
    // SAFETY: the function is that of `M`.
    unsafe { Table::new(table) }
}
