// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client of Echo: its dispatch table, its binding context for a provider,
//! cancellation, and the query of statistics.

use nmr::dispatch::Value;
use nmr::header::Header;
use nmr::request::{PendingCall, RequestClient, Slots, dispatch_complete};
use nmr::{Binding, Call, NtStatus, Result, Table};

use super::characteristics::Agreement;
use super::dispatch::{ClientDispatch, Notification};
use super::statistics::Statistics;
use super::{Capabilities, Echo, VERSION};

/// A module that consumes Echo.
pub trait EchoClient: RequestClient<Npi = Echo, Binding = ProviderBinding> {
    /// Receives a provider's notification. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn notified(&self, what: Notification, value: u64) {
        let _ = (what, value);
    }
}

/// A client's binding context for one provider.
#[derive(Debug)]
pub struct ProviderBinding {
    agreement: Agreement,
    slots: Slots<Echo>,
}

impl ProviderBinding {
    /// Creates the context of a binding with this agreement, with slots for `depth`
    /// requests. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES` if the slots cannot be allocated.
    pub fn new(agreement: Agreement, depth: u32) -> Result<Self> {
        let slots = Slots::new(depth as usize)?;
        Ok(Self { agreement, slots })
    }

    /// The version and capabilities that both sides have.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// The slots of the binding's requests.
    #[must_use]
    pub const fn slots(&self) -> &Slots<Echo> {
        &self.slots
    }
}

/// Returns the dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: EchoClient>() -> Table<M> {
    let table = const {
        &ClientDispatch {
            header: Header::of::<ClientDispatch>(VERSION),
            complete: Some(dispatch_complete::<M>),
            notify: Some(notify::<M>),
        }
    };
    // SAFETY: the functions are those of `M`.
    unsafe { Table::new(table) }
}

nmr::dispatch_fn! {
    /// `notify` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
    fn notify[M: EchoClient](
        binding: &Binding<M>,
        what: Value<Notification>,
        value: Value<u64>,
    ) {
        binding.module().notified(what.0, value.0);
    }
}

/// Cancels a pending request, if cancellation was agreed on and the binding is not
/// detaching. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock, because this calls the
/// provider.
pub fn cancel<M: EchoClient>(request: &PendingCall<'_, M>) {
    let agreement = request.binding().context().agreement;
    if agreement.has(Capabilities::CANCEL) {
        request.cancel();
    }
}

/// Queries a provider's statistics. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock,
/// because this calls the provider.
///
/// # Errors
///
/// `STATUS_NOINTERFACE` if statistics were not agreed on, or the provider's status.
pub fn query_statistics<M: EchoClient>(call: Call<'_, M>) -> Result<Statistics> {
    if !call
        .binding()
        .context()
        .agreement
        .has(Capabilities::STATISTICS)
    {
        return Err(NtStatus::NOINTERFACE);
    }
    call.make(|provider| {
        let query = provider.table().query_statistics;
        let query = query.ok_or(NtStatus::NOINTERFACE)?;
        let mut statistics = Statistics::new();
        // SAFETY: the provider is attached, and the structure outlives the call.
        NtStatus(unsafe { query(provider.context(), &raw mut statistics) }).ok()?;
        Ok(statistics)
    })
}
