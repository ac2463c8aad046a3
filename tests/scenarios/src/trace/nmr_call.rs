// SPDX-License-Identifier: MIT OR Apache-2.0

//! The names of NMR's functions and callbacks in events.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::CodePlace;
use crate::Role;

/// One of NMR's functions, or of the callbacks of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NmrCall {
    /// `NmrRegisterClient`, `NmrRegisterProvider`.
    Register,
    /// `NmrDeregisterClient`, `NmrDeregisterProvider`.
    Deregister,
    /// `NmrWaitForClientDeregisterComplete`, `NmrWaitForProviderDeregisterComplete`.
    Wait,
    /// `NmrClientAttachProvider`.
    AttachProvider,
    /// `NmrClientDetachProviderComplete`, `NmrProviderDetachClientComplete`.
    DetachComplete,
    /// `ClientAttachProvider`, `ProviderAttachClient`.
    AttachCallback,
    /// `ClientDetachProvider`, `ProviderDetachClient`.
    DetachCallback,
    /// `ClientCleanupBindingContext`, `ProviderCleanupBindingContext`.
    CleanupCallback,
}

impl NmrCall {
    /// Returns `true` if NMR calls a module, and not a module NMR.
    #[must_use]
    pub const fn is_callback(self) -> bool {
        matches!(
            self,
            Self::AttachCallback | Self::DetachCallback | Self::CleanupCallback
        )
    }

    /// The name of the function or callback for a module of this side.
    #[must_use]
    pub const fn function(self, side: Role) -> &'static str {
        match (self, side) {
            (Self::Register, Role::Client) => "NmrRegisterClient",
            (Self::Register, Role::Provider) => "NmrRegisterProvider",
            (Self::Deregister, Role::Client) => "NmrDeregisterClient",
            (Self::Deregister, Role::Provider) => "NmrDeregisterProvider",
            (Self::Wait, Role::Client) => "NmrWaitForClientDeregisterComplete",
            (Self::Wait, Role::Provider) => "NmrWaitForProviderDeregisterComplete",
            (Self::AttachProvider, _) => "NmrClientAttachProvider",
            (Self::DetachComplete, Role::Client) => "NmrClientDetachProviderComplete",
            (Self::DetachComplete, Role::Provider) => "NmrProviderDetachClientComplete",
            (Self::AttachCallback, Role::Client) => "ClientAttachProvider",
            (Self::AttachCallback, Role::Provider) => "ProviderAttachClient",
            (Self::DetachCallback, Role::Client) => "ClientDetachProvider",
            (Self::DetachCallback, Role::Provider) => "ProviderDetachClient",
            (Self::CleanupCallback, Role::Client) => "ClientCleanupBindingContext",
            (Self::CleanupCallback, Role::Provider) => "ProviderCleanupBindingContext",
        }
    }
}

/// The beginning or the end of such a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NmrMoment {
    /// The function or callback.
    pub call: NmrCall,
    /// The side of the module: the caller of a function, the owner of a callback.
    pub side: Role,
    /// The module's registration, where one is known.
    pub registration: Option<u64>,
    /// The binding, where the call concerns one.
    pub binding: Option<u64>,
    /// The status with which the call ended (`STATUS_SUCCESS` if it returns none); `None`
    /// if it begins.
    pub status: Option<i32>,
    /// The module's callback, or the place that calls the function.
    pub place: Option<CodePlace>,
}

impl fmt::Display for NmrMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.side, self.call)?;
        if let Some(id) = self.registration {
            write!(f, " registration {id}")?;
        }
        if let Some(id) = self.binding {
            write!(f, " binding {id}")?;
        }
        match self.status {
            None => write!(f, " begins"),
            Some(status) => write!(f, " -> {status:#010x}"),
        }
    }
}
