// SPDX-License-Identifier: MIT OR Apache-2.0

//! The contract between `provider.sys` and `client.sys`: their two Network
//! Programming Interfaces (NPIs).
//!
//! - [`echo`]: a client sends a provider up to 64 bytes, the provider sends them
//!   back, at once or later. Identities, version negotiation, dispatch tables,
//!   requests: either end can be implemented from that page alone.
//! - [`telemetry`]: a smaller one, in the other direction.
//! - [`control`]: the status that either driver returns to a program.
//!
//! Each page is the contract first, in C's terms. `provider`, `client`, `source` and
//! `monitor` keep it for a Rust module: they add contract and policy to what the crate
//! [`nmr`] does for any NPI, and hardly any unsafe code.
//!
//! # What it refuses to be
//!
//! It is no library for other NPIs: that is [`nmr`]. It knows no kernel and depends on
//! no WDK: all of this runs on the host, under its tests.
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
