// SPDX-License-Identifier: MIT OR Apache-2.0

//! `nmr` and the Echo NPI against the registrar, on real threads:
//! what the drivers do, without the drivers.
//!
//! NMR pairs whatever is registered, so one test at a time uses the process's
//! registrar: each begins with [`Nmr::alone`].

// On Windows the layer binds to the system's own NETIO.SYS.
#![cfg(not(windows))]

mod contract;
mod driver;
mod hostile;
mod modules;
mod peers;
mod registering;
mod requests;
mod small;
mod telemetry;
mod unload;

use std::sync::{Mutex, MutexGuard, PoisonError};

use registrar::process;

/// The process's registrar, for one test at a time.
struct Nmr {
    turn: MutexGuard<'static, ()>,
}

impl Nmr {
    /// Waits for its turn, and answers open questions from `seed`.
    fn alone(seed: u64) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let host = process::registrar().host();
        host.set_seed(seed);
        host.take_findings();
        process::registrar().take_events();
        Self { turn }
    }

    /// Fails unless every rule was kept and nothing is left.
    fn finish(self) {
        let registrar = process::registrar();
        assert_eq!(registrar.host().take_findings(), []);
        assert_eq!(registrar.live_registrations().len(), 0);
        drop(self.turn);
    }
}
