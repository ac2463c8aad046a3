// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider of Echo: its dispatch table, its binding context for a client, and the
//! completion of requests.

use core::sync::atomic::{AtomicU64, Ordering};

use nmr::abi::NTSTATUS;
use nmr::dispatch::Out;
use nmr::header::Header;
use nmr::request::{
    Answer, Pended, RequestLimit, RequestProvider, Submitted, dispatch_cancel, dispatch_submit,
};
use nmr::{Binding, Hold, NtStatus, Table};

use super::characteristics::Agreement;
use super::dispatch::{Notification, ProviderDispatch};
use super::request::MAX_PENDING;
use super::statistics::{Counters, Fate, Statistics};
use super::{Capabilities, Echo, VERSION};

/// A module that provides Echo.
pub trait EchoProvider: RequestProvider<Npi = Echo, Binding = ClientBinding> {
    /// The module's counters.
    fn counters(&self) -> &Counters;
}

/// A provider's binding context for one client.
#[derive(Debug)]
pub struct ClientBinding {
    agreement: Agreement,
    limit: RequestLimit,
    completed: AtomicU64,
}

impl ClientBinding {
    /// Creates the context of a binding with this agreement.
    #[must_use]
    pub const fn new(agreement: Agreement) -> Self {
        Self {
            agreement,
            limit: RequestLimit::new(MAX_PENDING),
            completed: AtomicU64::new(0),
        }
    }

    /// The version and capabilities that both sides have.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// The limit on pending requests.
    #[must_use]
    pub const fn limit(&self) -> &RequestLimit {
        &self.limit
    }
}

/// Returns the dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: EchoProvider>() -> Table<M> {
    let table = const {
        &ProviderDispatch {
            header: Header::of::<ProviderDispatch>(VERSION),
            submit: Some(dispatch_submit::<M>),
            cancel: Some(dispatch_cancel::<Echo>),
            query_statistics: Some(query_statistics::<M>),
        }
    };
    // SAFETY: the functions are those of `M`.
    unsafe { Table::new(table) }
}

nmr::dispatch_fn! {
    /// `query_statistics` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
    fn query_statistics[M: EchoProvider](
        binding: &Binding<M>,
        statistics: Out<'call, Statistics>,
    ) -> NTSTATUS {
        statistics.write(binding.module().counters().snapshot());
        NtStatus::SUCCESS.0
    }
}

/// Echoes a request at once. IRQL <= `DISPATCH_LEVEL`.
pub fn echo_now<M: EchoProvider>(mut request: Submitted<'_, M>) -> Answer<'_> {
    request.echo();
    request
        .binding()
        .module()
        .counters()
        .count(Fate::CompletedAtOnce);
    request.answer(NtStatus::SUCCESS)
}

/// Pends a request. Another thread may complete it before `submit` has returned.
/// IRQL <= `DISPATCH_LEVEL`.
pub fn pend<M: EchoProvider>(request: Submitted<'_, M>) -> (Pended<M>, Answer<'_>) {
    request.binding().module().counters().count(Fate::Pended);
    request.pend()
}

/// Completes a pended request: echoes it, or completes it as cancelled if the client has
/// called `cancel`. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock, because this calls
/// the client.
pub fn complete<M: EchoProvider>(mut request: Pended<M>) -> Completion<M> {
    let (status, fate) = if request.is_cancelled() {
        (NtStatus::CANCELLED, Fate::Cancelled)
    } else {
        request.echo();
        (NtStatus::SUCCESS, Fate::CompletedLater)
    };
    let hold = request.hold();
    let binding = hold.binding();
    binding.module().counters().count(fate);
    let completed = &binding.context().completed;
    let count = completed.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    request.complete(status);
    Completion { hold, count }
}

/// The record of a completion. It keeps the binding from completing its detach.
#[must_use = "dropping it lets the binding detach"]
pub struct Completion<M: EchoProvider> {
    hold: Hold<M>,
    count: u64,
}

impl<M: EchoProvider> Completion<M> {
    /// The number of pended requests of this client that have been completed.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Notifies the client of the provider's progress, unless the binding is detaching or
    /// notifications were not agreed on. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock,
    /// because this calls the client.
    pub fn notify_progress(self) {
        let binding = self.hold.binding();
        if !binding.context().agreement.has(Capabilities::NOTIFY) {
            return;
        }
        // A notification is a new call: it passes the gate.
        let Some(call) = binding.enter() else { return };
        call.make(|client| {
            if let Some(notify) = client.table().notify {
                // SAFETY: the client is attached.
                unsafe { notify(client.context(), Notification::PROGRESS, self.count) };
            }
        });
    }
}
