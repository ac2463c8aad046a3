// SPDX-License-Identifier: MIT OR Apache-2.0

//! The last line of a command that a signal ends at once, because what it was doing has no
//! partial result: it names the step.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use child::interrupt;

use super::{Verdict, Word, print};

/// The step that the command is doing, as `building the drivers`.
static STEP: Mutex<String> = Mutex::new(String::new());

/// Has signals end the command with that line from now on.
pub(crate) fn listen() {
    interrupt::listen(|| {
        // Ctrl-C has left the cursor behind a spinner, or behind its echo.
        if io::stderr().is_terminal() {
            let _ = writeln!(io::stderr());
        }
        print(interrupted());
    });
}

/// Names the step that begins now.
pub(crate) fn begin_step(what: &str) {
    what.clone_into(&mut STEP.lock().unwrap_or_else(PoisonError::into_inner));
}

/// The verdict of a command that a signal has ended.
pub(crate) fn interrupted() -> Verdict {
    let step = STEP.lock().unwrap_or_else(PoisonError::into_inner);
    let sentence = match &**step {
        "" => "before the end".to_owned(),
        step => format!("while {step}"),
    };
    Verdict::new(Word::Interrupted, sentence)
}
