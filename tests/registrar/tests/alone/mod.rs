// SPDX-License-Identifier: MIT OR Apache-2.0

//! The process's registrar, for one test at a time.
//!
//! NMR pairs whatever is registered, so each test begins with [`Nmr::alone`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use registrar::knobs::Knob;
use registrar::process;

/// The process's registrar, for one test at a time.
pub(crate) struct Nmr {
    turn: MutexGuard<'static, ()>,
}

impl Nmr {
    /// Waits for its turn, and answers open questions from `seed`.
    pub(crate) fn alone(seed: u64) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let host = process::registrar().host();
        host.set_seed(seed);
        // Shipped modules have another Version than 0 there, which Windows accepts.
        host.fix(Knob::InstanceVersion, Some(0));
        host.take_findings();
        process::registrar().take_events();
        Self { turn }
    }

    /// Fails unless every rule was kept and nothing is left.
    pub(crate) fn finish(self) {
        let registrar = process::registrar();
        assert_eq!(registrar.host().take_findings(), []);
        assert_eq!(registrar.live_registrations().len(), 0);
        drop(self.turn);
    }
}
