// SPDX-License-Identifier: MIT OR Apache-2.0

//! The contract between `provider.sys` and `client.sys`: their two Network
//! Programming Interfaces (NPIs).
//!
//! - [`echo`]: a client sends a provider up to 64 bytes, and the provider sends them back,
//!   at once or later. Its page has the identities, the version negotiation, the dispatch
//!   tables and the requests, which is all that either end needs.
//! - [`telemetry`]: a smaller NPI with the roles swapped.
//! - [`control`]: the status that either driver returns to a program.
//!
//! Each page states its contract in C's terms. The modules `provider`, `client`, `source`
//! and `monitor` implement it for Rust: they build on what the crate [`nmr`] does for any
//! NPI, and contain hardly any unsafe code.
//!
//! # Non-goals
//!
//! This is not a library for other NPIs: that is [`nmr`]. It calls no kernel function and
//! needs no WDK, so that all of it runs on the host, in its tests.
//!
//! # Example
//!
//! A module that provides Echo, and answers every request at once:
//!
//! ```
//! use nmr::irql::PassiveLevel;
//! use nmr::request::{Answer, RequestLimit, RequestProvider, Submitted};
//! use nmr::{Module, ModuleId, PeerModule, Provider, Result, Table};
//! use shared_npi::echo::provider::{self, ClientBinding, EchoProvider};
//! use shared_npi::echo::{
//!     Capabilities, Characteristics, ClientDispatch, Counters, ECHO_PROVIDER_MODULE_ID, Echo,
//! };
//!
//! struct Simple {
//!     counters: Counters,
//! }
//!
//! impl Module for Simple {
//!     type Role = Provider;
//!     type Npi = Echo;
//!     type Binding = ClientBinding;
//!
//!     const MODULE_ID: ModuleId = ECHO_PROVIDER_MODULE_ID;
//!     const CHARACTERISTICS: &'static Characteristics =
//!         &Characteristics::new(1, 1, Capabilities::STATISTICS, Capabilities::empty());
//!     const TABLE: Table<Self> = provider::dispatch();
//!
//!     fn attach(
//!         &self,
//!         client: &PeerModule<'_, Self>,
//!         _passive: &PassiveLevel<'_>,
//!     ) -> Result<ClientBinding> {
//!         let peer = client.characteristics()?;
//!         Ok(ClientBinding::new(Self::CHARACTERISTICS.negotiate(peer)?))
//!     }
//!
//!     fn accepts_dispatch(binding: &ClientBinding, table: &ClientDispatch) -> bool {
//!         table.serves(binding.agreement())
//!     }
//! }
//!
//! impl RequestProvider for Simple {
//!     fn limit(binding: &ClientBinding) -> &RequestLimit {
//!         binding.limit()
//!     }
//!
//!     fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
//!         provider::echo_now(request)
//!     }
//! }
//!
//! impl EchoProvider for Simple {
//!     fn counters(&self) -> &Counters {
//!         &self.counters
//!     }
//! }
//! ```

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

pub mod control;
pub mod echo;
pub mod telemetry;
