// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ctrl-C, and the other signals that ask this process to end.
//!
//! # Design
//!
//! There is one handler for the whole process; it runs on a thread of its own. First it
//! passes the signal on to what this process has started, and calls the functions that
//! remove what must not stay behind. If no [`Graceful`] exists, it
//! then ends the process; otherwise the owner of that value polls [`interrupted`] and ends
//! the work. A second signal ends the process in any case. One that follows at once is the
//! same one: `timeout` signals a process and then its group.

#[cfg(unix)]
mod descendants;

use std::process::{self, Child};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status of a program that Ctrl-C has ended, as shells report it.
pub const INTERRUPTED: u8 = 130;

/// A signal within this time after the first is the same one.
const SAME: Duration = Duration::from_secs(1);

/// Enough for a thread to wake up on a busy machine.
const SETTLING: Duration = Duration::from_millis(200);

static FLAG: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<State> = Mutex::new(State {
    graceful: 0,
    first: None,
    cleaning: Vec::new(),
    farewell: None,
});

struct State {
    /// The number of [`Graceful`] values.
    graceful: usize,
    /// The time of the first signal.
    first: Option<Instant>,
    /// Functions that remove what must not stay behind.
    cleaning: Vec<fn()>,
    /// Called before the handler ends the process.
    farewell: Option<fn()>,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns `true` if a signal has asked this process to end.
#[must_use]
pub fn interrupted() -> bool {
    FLAG.load(Ordering::Relaxed)
}

/// Handles signals from now on; `farewell` is called before the handler ends the process.
pub fn listen(farewell: fn()) {
    state().farewell = Some(farewell);
    install();
}

/// Has `clean` called at the first signal. It must not wait for the owner of a
/// [`Graceful`].
pub fn clean_by(clean: fn()) {
    state().cleaning.push(clean);
    install();
}

/// While it exists, a signal does not end the process: its owner polls [`interrupted`].
#[derive(Debug)]
pub struct Graceful(());

impl Graceful {
    /// Begins work that ends by itself after a signal.
    #[must_use]
    pub fn begin() -> Self {
        install();
        state().graceful += 1;
        Self(())
    }
}

impl Drop for Graceful {
    fn drop(&mut self) {
        state().graceful -= 1;
    }
}

/// Gives the handler the time to run before the failure of a child process is reported:
/// Ctrl-C, which a terminal sends to both, may be its reason.
pub fn settle() {
    thread::sleep(SETTLING);
}

/// Sends `child` the signal of Ctrl-C: the handler does not know a process that was started
/// at the same time.
pub fn pass_on(child: &Child) {
    #[cfg(unix)]
    // It may have ended already.
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::INT,
    );
    #[cfg(not(unix))]
    let _ = child;
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only if there is a handler already: nothing else sets one.
        let _ = ctrlc::set_handler(handle);
    });
}

fn handle() {
    FLAG.store(true, Ordering::Relaxed);
    let mut state = state();
    let since = state.first.map(|first| first.elapsed());
    if since.is_some_and(|since| since < SAME) {
        return;
    }
    if since.is_none() {
        state.first = Some(Instant::now());
        let cleaning = std::mem::take(&mut state.cleaning);
        drop(state);
        // A terminal has sent it to all processes in the foreground, `kill` only to this one.
        #[cfg(unix)]
        descendants::interrupt();
        for clean in cleaning {
            clean();
        }
        state = self::state();
    }
    if since.is_some() || state.graceful == 0 {
        if let Some(farewell) = state.farewell {
            farewell();
        }
        process::exit(INTERRUPTED.into());
    }
}
