// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Echo NPI: a client sends a provider up to 64 bytes, and the provider sends them
//! back, at once or later.
//!
//! This page is the contract. A module in any language can implement either end; the
//! `repr(C)` types and `extern "system"` functions define the binary interface.
//! [`provider`] and [`client`] implement it for Rust modules.
//!
//! # Identity and negotiation
//!
//! Both modules register with [`ECHO_NPI_ID`] and set `NpiSpecificCharacteristics`
//! to a [`Characteristics`]: the range of versions that they support, the
//! [`Capabilities`] that they offer, and those that they require of the peer. In its attach
//! callback each side reads the peer's characteristics and
//! [negotiates](Characteristics::negotiate) the highest common version and the
//! capabilities that both offer. It refuses the attach with `STATUS_NOINTERFACE` if there is
//! no common version or the peer does not offer a required capability. It ignores offered
//! bits that it does not know. Both sides reach the same result.
//!
//! A provider can have any number of clients, and a client any number of providers. NMR
//! pairs modules by the NPI alone; a module that wants a particular peer compares module ids
//! as well.
//!
//! # Calls
//!
//! | table | function | meaning | IRQL |
//! |---|---|---|---|
//! | [`ProviderDispatch`] | `submit` | echoes a request | <= `DISPATCH_LEVEL` |
//! | | `cancel` | cancels a pending request | <= `DISPATCH_LEVEL` |
//! | | `query_statistics` | fills in [`Statistics`] | <= `DISPATCH_LEVEL` |
//! | [`ClientDispatch`] | `complete` | completes a pending request | <= `DISPATCH_LEVEL` |
//! | | `notify` | notifies the client of an event | <= `DISPATCH_LEVEL` |
//!
//! The first argument of every function is the callee's binding context. No function
//! blocks. A caller holds no lock, because the callee may call back before it returns.
//! Functions may run concurrently with each other and with themselves. A client should not
//! submit from inside `complete`, but from a thread: a provider may complete the request
//! before `submit` returns, and the recursion has no limit.
//!
//! # A request
//!
//! `submit` takes a [`Request`] and returns
//!
//! - `STATUS_PENDING`: the provider keeps the request, and calls `complete` with it exactly
//!   once, perhaps before `submit` has returned. Until then the client does not touch the
//!   request, but may pass it to `cancel`.
//! - any other status: the provider is done with the request, and does not call `complete`.
//!   The return value is the request's only status. `STATUS_DEVICE_BUSY` means that
//!   [`MAX_PENDING`] requests of this binding are pending; `STATUS_DEVICE_NOT_READY`, that
//!   the provider is detaching; `STATUS_INVALID_PARAMETER`, that the request is malformed.
//!
//! In `complete`, a client looks up the request among those that are pending in the binding,
//! and ignores any other.
//!
//! `cancel` takes a request for which `submit` has returned `STATUS_PENDING`. The request
//! may have been completed in the meantime, but the client does not reuse its memory until
//! `cancel` has returned; until then the provider may write to the request's
//! `provider_area`. A cancelled request is completed with `STATUS_CANCELLED` or as if it had
//! not been cancelled, in either case once, and before more than [`MAX_PENDING`] of the
//! requests that were submitted after its cancellation. While the binding does not detach,
//! no other request is completed with `STATUS_CANCELLED`.
//!
//! # Progress
//!
//! If both sides offer [`Capabilities::NOTIFY`], a provider notifies a client of its progress
//! at least once in 32 completions, until the binding detaches.
//!
//! # Detach
//!
//! An accepted request is in flight on both sides from `submit` to the return of `complete`:
//! the client's detach is pending until the request has been completed, and the provider's
//! until `complete` has returned. So `complete` ends a call that began before the detach,
//! and is still due after the detach callback. All other calls are new: after its own detach
//! callback a client does not call `submit`, `cancel` or `query_statistics`, and a provider
//! does not call `notify`.
//!
//! Each side can be called until its cleanup callback. A provider completes accepted
//! requests within a bounded time and without waiting for the client; a client likewise
//! returns from its functions. So every detach ends.

mod capabilities;
mod characteristics;
mod dispatch;
mod ids;
mod request;
mod statistics;

pub mod client;
pub mod provider;

pub use capabilities::Capabilities;
pub use characteristics::{Agreement, Characteristics};
pub use dispatch::{ClientDispatch, Notification, ProviderDispatch};
pub use ids::{ECHO_CLIENT_MODULE_ID, ECHO_NPI_ID, ECHO_PROVIDER_MODULE_ID};
pub use request::{Body, MAX_PAYLOAD, MAX_PENDING, Request};
pub use statistics::{Counters, Statistics};

use core::mem::offset_of;

use nmr::abi::NPIID;
use nmr::layout::Required;
use nmr::request::{Cancel, Complete, Requests, Submit};
use nmr::{Npi, NtStatus, Result};

/// The version of Echo that this crate defines, which is the first.
pub const VERSION: u16 = 1;

/// The type that stands for the Echo NPI.
#[derive(Debug)]
pub enum Echo {}

// SAFETY: this page is the contract that modules with this identity keep.
unsafe impl Npi for Echo {
    const ID: NPIID = ECHO_NPI_ID;
    type ClientCharacteristics = Required<Characteristics>;
    type ProviderCharacteristics = Required<Characteristics>;
    type ClientDispatch = Required<ClientDispatch>;
    type ProviderDispatch = Required<ProviderDispatch>;
}

// SAFETY: the offsets are those of the fields, and the contract above gives `submit`,
// `cancel` and `complete` the meaning that `Requests` demands.
unsafe impl Requests for Echo {
    type Request = Request;
    type Body = Body;

    const BODY: usize = offset_of!(Request, body);
    const AREA: usize = offset_of!(Request, provider_area);

    fn request(body: Body) -> Request {
        Request::new(body)
    }

    fn status(body: &Body) -> NtStatus {
        NtStatus(body.status)
    }

    fn set_status(body: &mut Body, status: NtStatus) {
        body.status = status.0;
    }

    fn check(body: &Body) -> Result {
        body.payload().map(drop).ok_or(NtStatus::INVALID_PARAMETER)
    }

    fn submit_of(provider: &ProviderDispatch) -> Option<Submit<Request>> {
        provider.submit
    }

    fn cancel_of(provider: &ProviderDispatch) -> Option<Cancel<Request>> {
        provider.cancel
    }

    fn complete_of(client: &ClientDispatch) -> Option<Complete<Request>> {
        client.complete
    }
}
