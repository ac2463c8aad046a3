// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a program's run in a machine ended.

use std::time::Duration;

/// How a program's run in a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It came to its end, with this exit status.
    Exited(i32),
    /// The machine did not let it.
    Trouble(Trouble),
}

/// What came between a program and its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The kernel gave up.
    #[error("the guest's kernel crashed{}{}", told(.words.as_deref()), return_of(*.restarted))]
    Crashed {
        /// What it told from outside.
        words: Option<String>,
        /// Whether it came back.
        restarted: bool,
    },
    /// Nothing answers.
    #[error("the guest hangs: {what} for {} s{}", .silent.as_secs(), effect_of(*.woken))]
    Hung {
        /// What did not come.
        what: &'static str,
        /// For how long.
        silent: Duration,
        /// Whether an interrupt made its kernel crash, if one could be sent.
        woken: Option<bool>,
    },
    /// The guest may be well; nobody can tell.
    #[error("the guest's agent is lost: {0}")]
    AgentLost(String),
    /// QEMU is no more, and the machine with it.
    #[error("the machine is gone: {0}")]
    Gone(String),
    /// What the guest writes finds no room here.
    #[error("the host's disk is full: free some space where target is")]
    HostFull,
    /// The user wanted it to end.
    #[error("interrupted")]
    Interrupted,
}

impl Trouble {
    /// A word for machines.
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

fn told(words: Option<&str>) -> String {
    words.map_or(String::new(), |it| format!(": {it}"))
}

const fn return_of(restarted: bool) -> &'static str {
    if restarted {
        "; it has started anew"
    } else {
        "; it did not start anew"
    }
}

const fn effect_of(woken: Option<bool>) -> &'static str {
    match woken {
        Some(true) => "; an NMI made its kernel crash",
        Some(false) => "; an NMI did not wake it",
        None => "",
    }
}
