// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a program in a machine ended.

use std::time::Duration;

/// How a program in a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramEnd {
    /// It exited with this status.
    Exited(i32),
    /// The machine failed.
    Failed(Failure),
}

/// A failure of a machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The kernel crashed.
    #[error("the guest's kernel crashed{}{}", with_message(.message.as_deref()), return_of(*.restarted))]
    Crashed {
        /// The message to the hypervisor, such as the bug check.
        message: Option<String>,
        /// Whether the guest restarted.
        restarted: bool,
    },
    /// The guest hangs.
    #[error("the guest hangs: {what} for {} s{}", .silent.as_secs(), effect_of(*.crashed_by_nmi))]
    Hung {
        /// The missing event.
        what: &'static str,
        /// The time without it.
        silent: Duration,
        /// Whether an NMI made its kernel crash; `None` if none could be sent.
        crashed_by_nmi: Option<bool>,
    },
    /// The agent does not answer; the state of the guest is unknown.
    #[error("the guest's agent is lost: {0}")]
    AgentLost(String),
    /// QEMU has exited.
    #[error("the machine is gone: {0}")]
    Gone(String),
    /// The host's disk is full.
    #[error("the host's disk is full: free space on the disk of target")]
    HostFull,
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// The code in reports.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Crashed { .. } => "crash",
            Self::Hung { .. } => "hang",
            Self::AgentLost(_) => "agent-lost",
            Self::Gone(_) => "machine-gone",
            Self::HostFull => "disk-full",
            Self::Interrupted => "interrupted",
        }
    }
}

fn with_message(message: Option<&str>) -> String {
    message.map_or(String::new(), |it| format!(": {it}"))
}

const fn return_of(restarted: bool) -> &'static str {
    if restarted {
        "; it has restarted"
    } else {
        "; it did not restart"
    }
}

const fn effect_of(crashed_by_nmi: Option<bool>) -> &'static str {
    match crashed_by_nmi {
        Some(true) => "; an NMI made its kernel crash",
        Some(false) => "; an NMI did not make its kernel crash",
        None => "",
    }
}
