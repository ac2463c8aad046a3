// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end of Echo: its dispatch table, its context for a provider, and
//! the query of statistics.

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
    /// A provider has sent a notification. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn notified(&self, what: Notification, value: u64) {
        let _ = (what, value);
    }
}

/// The context of a client for one provider.
#[derive(Debug)]
pub struct ProviderBinding {
    agreement: Agreement,
    slots: Slots<Echo>,
}

impl ProviderBinding {
    /// A binding under `agreement` with `depth` requests.
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub fn new(agreement: Agreement, depth: u32) -> Result<Self> {
        let slots = Slots::new(depth as usize)?;
        Ok(Self { agreement, slots })
    }

    /// The common version and capabilities.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// The slots of its requests.
    #[must_use]
    pub const fn slots(&self) -> &Slots<Echo> {
        &self.slots
    }
}

/// The dispatch table of `M`.
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

/// Asks a provider to hurry a request, unless it does not offer that or the binding
/// detaches. IRQL <= `DISPATCH_LEVEL`, no lock held: the provider runs.
pub fn cancel<M: EchoClient>(request: &PendingCall<'_, M>) {
    let agreement = request.binding().context().agreement;
    if agreement.has(Capabilities::CANCEL) {
        request.cancel();
    }
}

/// Asks a provider for its statistics. IRQL <= `DISPATCH_LEVEL`, no lock held: the
/// provider runs.
///
/// # Errors
///
/// `STATUS_NOINTERFACE` if the provider has none, or what it returns.
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
        // SAFETY: the provider is attached; the structure is lent for the call.
        NtStatus(unsafe { query(provider.context(), &raw mut statistics) }).ok()?;
        Ok(statistics)
    })
}
