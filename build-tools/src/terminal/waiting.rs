// SPDX-License-Identifier: MIT OR Apache-2.0

//! Shows that work of unknown length goes on: a spinner on a terminal, otherwise a line
//! every few seconds.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use child::interrupt::interrupted;
use indicatif::{ProgressBar, ProgressStyle};

use super::progress::{PERIOD, print_progress};
use super::{begin_step, can_redraw};

/// The redrawing interval of the spinner.
const TICK: Duration = Duration::from_millis(120);

/// Work that goes on until the value is dropped.
pub(crate) enum Waiting {
    Spinner(ProgressBar),
    Lines {
        /// What is waited for now.
        what: Arc<Mutex<String>>,
        /// The other end prints lines until this one is dropped.
        _end: Sender<()>,
    },
}

impl Waiting {
    /// Begins to wait for the end of `what`: `building the drivers`.
    pub(crate) fn on(what: &str) -> Self {
        begin_step(what);
        if can_redraw() {
            let style = ProgressStyle::with_template("{spinner} {msg}: {elapsed}");
            let spinner = ProgressBar::new_spinner();
            spinner.set_style(style.expect("the template is valid"));
            spinner.set_message(what.to_owned());
            spinner.enable_steady_tick(TICK);
            return Self::Spinner(spinner);
        }
        let what = Arc::new(Mutex::new(what.to_owned()));
        let shown = Arc::clone(&what);
        let (end, receiver) = mpsc::channel();
        thread::spawn(move || {
            let started = Instant::now();
            while receiver.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let what = shown.lock().unwrap_or_else(PoisonError::into_inner);
                print_progress(format!("still {what}: {} s", started.elapsed().as_secs()));
            }
        });
        Self::Lines { what, _end: end }
    }

    /// Waits for something else from now on.
    pub(crate) fn now_on(&self, other: &str) {
        match self {
            Self::Spinner(spinner) => spinner.set_message(other.to_owned()),
            Self::Lines { what, .. } => {
                other.clone_into(&mut what.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Prints a line of a child process's errors.
    pub(crate) fn print_error(&self, line: &[u8]) {
        let write = || {
            // A closed stderr is no reason to stop the work.
            let _ = io::stderr().write_all(&[line, b"\n"].concat());
        };
        match self {
            Self::Spinner(spinner) => spinner.suspend(write),
            Self::Lines { .. } => write(),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // The verdict of a command that is ended names the step.
        if !interrupted() {
            begin_step("");
        }
        if let Self::Spinner(spinner) = self {
            spinner.finish_and_clear();
        }
    }
}
