// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Echo NPI: a client sends a provider up to 64 bytes, the provider sends
//! them back, at once or later.
//!
//! This page is the contract. A module in any language that keeps it can be either
//! end; `repr(C)` types and `extern "system"` functions are its letter.
//! [`provider`] and [`client`] keep it for a Rust module.
//!
//! # Identity and negotiation
//!
//! Both modules register with [`ECHO_NPI_ID`] and set `NpiSpecificCharacteristics`
//! to a [`Characteristics`]: the range of versions they speak, the
//! [`Capabilities`] they offer and those they require of the peer. At an attach
//! each side looks at the other's and [negotiates](Characteristics::negotiate):
//! the highest common version, the capabilities that both offer. It refuses
//! with `STATUS_NOINTERFACE` where there is no common version or a required
//! capability is missing; bits it does not know it ignores. Both sides reach
//! the same result.
//!
//! Any number of clients attach to a provider and the other way round. NMR
//! pairs by the NPI alone; a module that means one particular peer compares
//! module ids as well.
//!
//! # Calls
//!
//! | table | function | meaning | IRQL |
//! |---|---|---|---|
//! | [`ProviderDispatch`] | `submit` | echo this request | <= `DISPATCH_LEVEL` |
//! | | `cancel` | hurry a pending request | <= `DISPATCH_LEVEL` |
//! | | `query_statistics` | fill in [`Statistics`] | <= `DISPATCH_LEVEL` |
//! | [`ClientDispatch`] | `complete` | a pending request is done | <= `DISPATCH_LEVEL` |
//! | | `notify` | something to know, nothing to answer | <= `DISPATCH_LEVEL` |
//!
//! The first argument of every function is the callee's binding context. No
//! function blocks, and no caller holds a lock: the other module runs, and may
//! call back before it returns. Functions run concurrently with each other. A
//! client that submits from inside `complete` may recurse as deep as its
//! provider answers at once; better to leave it to a thread.
//!
//! # A request
//!
//! `submit` takes a [`Request`] and answers
//!
//! - `STATUS_PENDING`: the provider keeps the request and will call `complete`
//!   with it exactly once, perhaps before `submit` has returned. Until then the
//!   client leaves the request alone but for `cancel`.
//! - anything else: the provider is done with the request, and will not call
//!   `complete`; the status is in the answer alone. `STATUS_DEVICE_BUSY` means that [`MAX_PENDING`] requests of
//!   this binding are pending; `STATUS_DEVICE_NOT_READY`, that the provider is
//!   detaching; `STATUS_INVALID_PARAMETER`, that the request is malformed.
//!
//! A client looks the request of a `complete` up among those that are pending in the
//! binding, and ignores one that is not there.
//!
//! `cancel` names a request whose `submit` answered `STATUS_PENDING`. It may
//! have been completed meanwhile, but the client does not reuse its memory
//! before `cancel` has returned; till then the provider may write to the
//! request's `provider_area`. A cancelled request is completed with
//! `STATUS_CANCELLED`, or as if nothing had been said; it is completed once in
//! any case, and before more than [`MAX_PENDING`] of those that were submitted
//! after its cancellation. No other request is completed with `STATUS_CANCELLED`,
//! as long as its binding does not detach.
//!
//! # Progress
//!
//! Where both sides offer [`Capabilities::NOTIFY`], a provider notifies a client
//! of its progress at least once in 32 completions, as long as the binding does
//! not detach.
//!
//! # Detach
//!
//! A request that was accepted is one call from `submit` to the return of
//! `complete`. It is in flight on both sides: the client's detach waits for the
//! completion, and the provider's waits until it has returned. So `complete` of
//! an accepted request is the end of a call that began before the detach, not
//! a new one, and is due after the detach callback as well. All else is new:
//! after its own detach callback a client calls neither `submit` nor `cancel`
//! nor `query_statistics`, a provider does not call `notify`.
//!
//! Each side stays callable until its cleanup callback. A provider completes
//! what it has accepted within a bounded time, without waiting for anything of
//! the client's, and a client finishes its functions likewise: so every detach
//! ends.

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

/// The version of Echo that this crate defines; there is no older one.
pub const VERSION: u16 = 1;

/// The Echo NPI, to be named in types.
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

// SAFETY: the offsets are those of the fields; `submit`, `cancel` and `complete` are
// what the contract above says.
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
