// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that a provider may complete later.
//!
//! The hardest part of an NPI is a call that returns `STATUS_PENDING`: it stays in flight on
//! both sides until the provider has called the client's completion function, it returns and
//! completes on two threads, it can be cancelled, and it must be completed exactly once. This
//! module implements such calls for any NPI that implements [`Requests`].
//!
//! | side | the module implements | it gets |
//! |---|---|---|
//! | provider | [`RequestProvider`] | [`Submitted`], to be answered at once or turned into a [`Pended`], which any thread completes |
//! | client | [`RequestClient`] | [`Slots`] in each binding, [`submit`] to submit a request, and [`Completed`] for a completed one |
//!
//! # In flight
//!
//! - A request that the provider has accepted keeps both ends of the binding attached from
//!   the submission to the return of the completion function: each side's detach pends until
//!   then.
//! - An idle slot does not.
//! - After the detach callback no request is submitted or cancelled. The completion of an
//!   accepted request is still due.
//!
//! # The two ends of a pended request
//!
//! On two threads and in any order, the submission returns and the request is completed. The
//! slot becomes idle only after both. The second one, as the slot's state shows, reports the
//! completion.

mod client;
mod provider;

pub use client::{
    Completed, PendingCall, RequestClient, Slots, Submission, dispatch_complete, submit,
};
pub use provider::{
    Answer, Pended, RequestLimit, RequestProvider, Submitted, dispatch_cancel, dispatch_submit,
};

use core::ffi::c_void;
use core::fmt;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize};

use crate::abi::NTSTATUS;
use crate::inbox::Link;
use crate::layout::{AnyBits, Handed, Layout};
use crate::module::Npi;
use crate::{NtStatus, Result};

/// The provider's function to which a client submits a request.
///
/// It returns `STATUS_PENDING` if the provider keeps the request and completes it exactly
/// once, perhaps before this has returned. With any other status, which is the answer, the
/// provider is done with the request. IRQL <= `DISPATCH_LEVEL`.
pub type Submit<R> =
    unsafe extern "system" fn(provider_context: *mut c_void, request: *mut R) -> NTSTATUS;

/// The provider's function that cancels a request.
/// IRQL <= `DISPATCH_LEVEL`.
pub type Cancel<R> = unsafe extern "system" fn(provider_context: *mut c_void, request: *mut R);

/// The client's function that completes a request. IRQL <= `DISPATCH_LEVEL`.
pub type Complete<R> = unsafe extern "system" fn(client_context: *mut c_void, request: *mut R);

/// A provider's dispatch table in the NPI `N`, as a client sees it.
type ProviderTable<'a, N> = <<N as Npi>::ProviderDispatch as Handed>::Seen<'a>;

/// A client's dispatch table in the NPI `N`, as a provider sees it.
type ClientTable<'a, N> = <<N as Npi>::ClientDispatch as Handed>::Seen<'a>;

/// An NPI whose clients submit requests that a provider may complete later.
///
/// The client owns the memory of a request. The request belongs to the provider from the
/// submission until it is answered or completed.
///
/// # Safety
///
/// - [`BODY`](Self::BODY) and [`AREA`](Self::AREA) are the offsets of a
///   [`Body`](Self::Body) and of a [`ProviderArea`] in [`Request`](Self::Request).
/// - The functions that [`submit_of`](Self::submit_of), [`cancel_of`](Self::cancel_of)
///   and [`complete_of`](Self::complete_of) return keep the contracts of [`Submit`],
///   [`Cancel`] and [`Complete`] in every implementation, as part of the NPI.
/// - A client does not touch a pending request, except to cancel it, and does not reuse its
///   memory before the cancellation has returned.
pub unsafe trait Requests: Npi {
    /// A request, as the client passes it to the provider.
    type Request: Layout;

    /// The part of the request that has its input and its output.
    type Body: AnyBits + Send + Sync;

    /// The offset of the body in the request.
    const BODY: usize;

    /// The offset of the provider's area in the request.
    const AREA: usize;

    /// Creates a request with this body, for a client to submit.
    fn request(body: Self::Body) -> Self::Request;

    /// The status with which the request was completed or answered.
    fn status(body: &Self::Body) -> NtStatus;

    /// Sets the status of the completion or answer.
    fn set_status(body: &mut Self::Body, status: NtStatus);

    /// Checks a body that a client has submitted. Any IRQL.
    ///
    /// # Errors
    ///
    /// The status with which the request is refused. A success counts as
    /// `STATUS_UNSUCCESSFUL`.
    fn check(body: &Self::Body) -> Result {
        let _ = body;
        Ok(())
    }

    /// Returns the provider's function that takes a request.
    fn submit_of(provider: ProviderTable<'_, Self>) -> Option<Submit<Self::Request>>;

    /// Returns the provider's function that cancels a request, if there is one.
    fn cancel_of(provider: ProviderTable<'_, Self>) -> Option<Cancel<Self::Request>> {
        let _ = provider;
        None
    }

    /// Returns the client's function that completes a request.
    fn complete_of(client: ClientTable<'_, Self>) -> Option<Complete<Self::Request>>;
}

/// Declares a request that consists of a [`Header`](crate::header::Header), a body and a
/// [`ProviderArea`], and implements [`Requests`] for it. Its arguments name the field of the
/// body that has the status, an `NTSTATUS`, and the fields of the dispatch tables that have
/// the functions.
///
/// `unsafe` asserts that these functions keep the contracts that [`Requests`] demands.
///
/// ```
/// use core::ffi::c_void;
///
/// use nmr::abi::{GUID, NPIID, NTSTATUS};
/// use nmr::layout::{Absent, Check, Required};
/// use nmr::request::{Cancel, Complete, Submit};
///
/// nmr::c_struct! {
///     /// A number and its square.
///     pub struct Square {
///         /// The input.
///         pub number: u32,
///         /// The status of the completion.
///         pub status: NTSTATUS,
///         /// The output.
///         pub square: u64,
///     }
/// }
///
/// nmr::c_struct! {
///     /// The functions of a provider.
///     pub struct ProviderDispatch: Check::NONE {
///         /// Takes a request.
///         pub submit: Option<Submit<Request>>,
///         /// Cancels a request.
///         pub cancel: Option<Cancel<Request>>,
///     }
/// }
///
/// nmr::c_struct! {
///     /// The functions of a client.
///     pub struct ClientDispatch: Check::NONE {
///         /// Completes a request.
///         pub complete: Option<Complete<Request>>,
///     }
/// }
///
/// /// The NPI.
/// pub enum Squares {}
///
/// // SAFETY: modules with this identity keep the contract on this page.
/// unsafe impl nmr::Npi for Squares {
///     const ID: NPIID = GUID::from_u128(1);
///     type ClientCharacteristics = Absent;
///     type ProviderCharacteristics = Absent;
///     type ClientDispatch = Required<ClientDispatch>;
///     type ProviderDispatch = Required<ProviderDispatch>;
/// }
///
/// nmr::requests! {
///     // SAFETY: the functions are `Submit`, `Cancel` and `Complete` by the contract.
///     unsafe impl Requests for Squares {
///         /// A request of version 1.
///         pub struct Request: 1 { square: Square }
///         status: status, submit: submit, complete: complete, cancel: cancel
///     }
/// }
/// ```
#[macro_export]
macro_rules! requests {
    (
        unsafe impl Requests for $npi:ident {
            $(#[$meta:meta])*
            $vis:vis struct $request:ident: $version:tt { $body:ident: $type:ty }
            status: $status:ident,
            submit: $submit:ident,
            complete: $complete:ident
            $(, cancel: $cancel:ident)? $(,)?
        }
    ) => {
        $crate::c_struct! {
            $(#[$meta])*
            $vis struct $request: $crate::layout::Check::SIZE_FIRST {
                header: $crate::header::Header,
                $body: $type,
                area: $crate::request::ProviderArea,
            }
        }

        const _: () = assert!($version != 0, "versions are from 1");

        // SAFETY: the offsets are those of the fields; the `unsafe` of the macro's caller
        // asserts the rest.
        unsafe impl $crate::request::Requests for $npi {
            type Request = $request;
            type Body = $type;
            const BODY: usize = ::core::mem::offset_of!($request, $body);
            const AREA: usize = ::core::mem::offset_of!($request, area);

            fn request($body: $type) -> $request {
                $request {
                    header: $crate::header::Header::of::<$request>($version),
                    $body,
                    area: $crate::request::ProviderArea::new(),
                }
            }

            fn status(body: &$type) -> $crate::NtStatus {
                $crate::NtStatus(body.$status)
            }

            fn set_status(body: &mut $type, status: $crate::NtStatus) {
                body.$status = status.0;
            }

            fn submit_of(
                provider: <<$npi as $crate::Npi>::ProviderDispatch as $crate::layout::Handed>::Seen<'_>,
            ) -> Option<$crate::request::Submit<$request>> {
                provider.$submit
            }

            $(fn cancel_of(
                provider: <<$npi as $crate::Npi>::ProviderDispatch as $crate::layout::Handed>::Seen<'_>,
            ) -> Option<$crate::request::Cancel<$request>> {
                provider.$cancel
            })?

            fn complete_of(
                client: <<$npi as $crate::Npi>::ClientDispatch as $crate::layout::Handed>::Seen<'_>,
            ) -> Option<$crate::request::Complete<$request>> {
                client.$complete
            }
        }
    };
}

/// Four words in a request for the provider's use while the request pends. The client sets
/// them to zero before it submits, and does not read them.
#[repr(C)]
pub struct ProviderArea {
    /// The request's link in an [`Inbox`](crate::inbox::Inbox). Must be the first field.
    link: Link,
    /// The binding, as [`Hold::into_raw`](crate::Hold::into_raw) returned it.
    binding: AtomicPtr<c_void>,
    /// Non-zero once the client has cancelled the request.
    cancelled: AtomicUsize,
    reserved: AtomicUsize,
}

const _: () = assert!(size_of::<ProviderArea>() == size_of::<[usize; 4]>());

// SAFETY: it consists of raw pointers and integers, of which any bits are valid.
unsafe impl AnyBits for ProviderArea {}

impl ProviderArea {
    /// Creates an area of zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            link: Link::new(),
            binding: AtomicPtr::new(ptr::null_mut()),
            cancelled: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
        }
    }
}

impl Default for ProviderArea {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ProviderArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderArea").finish_non_exhaustive()
    }
}

/// Fails to compile if the offsets of `N` are not inside its request, or its body and
/// area overlap.
const fn assert_offsets<N: Requests>() {
    let body = N::BODY + size_of::<N::Body>();
    let area = N::AREA + size_of::<ProviderArea>();
    assert!(
        body <= size_of::<N::Request>(),
        "the body is in the request"
    );
    assert!(
        area <= size_of::<N::Request>(),
        "the area is in the request"
    );
    assert!(
        body <= N::AREA || area <= N::BODY,
        "body and area are apart"
    );
    assert!(N::BODY.is_multiple_of(align_of::<N::Body>()));
    assert!(N::AREA.is_multiple_of(align_of::<ProviderArea>()));
    assert!(align_of::<N::Body>() <= align_of::<N::Request>());
    assert!(align_of::<ProviderArea>() <= align_of::<N::Request>());
}

/// The body of a request.
///
/// # Safety
///
/// `request` is valid.
const unsafe fn body<N: Requests>(request: *mut N::Request) -> *mut N::Body {
    const { assert_offsets::<N>() };
    // SAFETY: the offset is inside the request.
    unsafe { request.byte_add(N::BODY) }.cast()
}

/// The area of a request.
///
/// # Safety
///
/// `request` is valid.
const unsafe fn area<N: Requests>(request: *mut N::Request) -> *mut ProviderArea {
    const { assert_offsets::<N>() };
    // SAFETY: the offset is inside the request.
    unsafe { request.byte_add(N::AREA) }.cast()
}
