// SPDX-License-Identifier: MIT OR Apache-2.0

//! A thread for a system thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// A thread that works each time it is woken.
pub(crate) struct Worker {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

/// What a worker, its thread and a test share.
#[derive(Default)]
pub(crate) struct Control {
    stop: AtomicBool,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    woken: bool,
    paused: bool,
}

impl Control {
    /// Keeps the worker from work, or lets it go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.state.lock().expect("no panic").paused = paused;
        self.wake.notify_one();
    }

    fn wake(&self) {
        self.state.lock().expect("no panic").woken = true;
        self.wake.notify_one();
    }

    /// Waits until the worker is woken, and not paused.
    fn wait(&self) {
        let state = self.state.lock().expect("no panic");
        let idle = |state: &mut State| !state.woken || state.paused;
        self.wake.wait_while(state, idle).expect("no panic").woken = false;
    }
}

impl Worker {
    pub(crate) fn start(mut work: impl FnMut() + Send + 'static) -> Self {
        let control = Arc::new(Control::default());
        let thread = std::thread::spawn({
            let control = Arc::clone(&control);
            move || {
                while !control.stop.load(Ordering::Acquire) {
                    control.wait();
                    work();
                }
            }
        });
        Self {
            control,
            thread: Some(thread),
        }
    }

    pub(crate) fn wake(&self) {
        self.control.wake();
    }

    /// What outlives the registration.
    pub(crate) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.control.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}
