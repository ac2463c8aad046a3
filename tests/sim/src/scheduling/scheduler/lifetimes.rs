// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lifetimes of threads, each with its stack: beginning, resuming and ending them.

use super::{Guard, Scheduler};
use crate::hardware::stack::{self, SimStack, watched};
use crate::hardware::trap::ThreadEnd;
use crate::kernel::with;
use crate::loader::drivers::DriverId;
use crate::scheduling::thread::{Fiber, RunState, Thread, ThreadId, Waitable};

impl Scheduler {
    /// Returns `true` if a driver was refused a thread because a cycle has no more stacks.
    pub(crate) const fn lacked_stacks(&self) -> bool {
        self.stacks.lacked()
    }

    /// Creates a thread that runs `body`; `None` if there is no stack for it.
    pub(crate) fn spawn(
        &mut self,
        name: String,
        driver: Option<DriverId>,
        body: impl FnOnce() + 'static,
    ) -> Option<ThreadId> {
        let stack = self.stacks.take()?;
        Some(self.begin(stack, name, driver, body))
    }

    /// Creates one of the threads without which a cycle does not go on.
    pub(crate) fn spawn_own(&mut self, name: String, body: impl FnOnce() + 'static) -> ThreadId {
        let stack = self.stacks.take_reserved();
        self.begin(stack, name, None, body)
    }

    fn begin(
        &mut self,
        stack: SimStack,
        name: String,
        driver: Option<DriverId>,
        body: impl FnOnce() + 'static,
    ) -> ThreadId {
        let index = self.threads.len();
        let bottom = stack.bottom();
        let fiber = Fiber::with_stack(stack, move |yielder, ()| {
            with(|state| state.scheduling.threads[index].yielder = yielder);
            stack::below_headroom(body);
            ThreadEnd::Returned
        });
        self.threads.push(Thread::new(name, driver, bottom, fiber));
        self.live.push(index);
        let creator = (index > 0).then(|| self.current_id());
        self.clocks.begin(ThreadId(index), creator, bottom);
        ThreadId(index)
    }

    /// Takes the coroutine of a thread out, to resume it.
    pub(crate) fn take_fiber(&mut self, id: ThreadId) -> Fiber {
        let fiber = self.thread_mut(id).fiber.take();
        fiber.expect("a thread that can run has a fiber")
    }

    /// Puts the coroutine of a thread that has yielded back.
    pub(crate) fn put_fiber(&mut self, id: ThreadId, fiber: Fiber) {
        let sums = self.guard == Guard::Sum;
        let thread = self.thread_mut(id);
        thread.fiber = Some(fiber);
        if sums {
            thread.sum_up();
        }
        watched::hide(thread.stack, thread.end_of_frames());
    }

    /// The thread whose stack contains `address`.
    pub(crate) fn owner_of_stack(&self, address: usize) -> Option<&Thread> {
        let bottom = self.stacks.around(address)?.end - stack::SLOT;
        let mut live = self.live().map(|(_, thread)| thread);
        live.find(|thread| thread.stack == bottom)
    }

    /// Ends a thread whose coroutine is gone.
    pub(crate) fn end(&mut self, id: ThreadId, stack: SimStack) {
        watched::hide(stack.bottom(), Some(stack.bottom() + stack::SLOT));
        self.stacks.give_back(stack);
        let thread = self.thread_mut(id);
        thread.run = RunState::Ended;
        thread.frames.clear();
        self.live.retain(|&index| index != id.0);
        let ended = self.thread(id);
        if !ended.is_drivers {
            let before = ended.ends_before;
            self.clocks.release(id, before);
        }
        self.wake_all(Waitable::Thread(id));
    }

    /// Takes back the stack of a thread that an exception stopped.
    pub(crate) fn give_back(&mut self, stack: SimStack) {
        self.stacks.give_back(stack);
    }

    /// Abandons every thread that has not ended.
    pub(crate) fn abandon_all(&mut self) {
        for thread in &mut self.threads {
            if let Some(fiber) = thread.fiber.take() {
                self.stacks.give_back(abandon(fiber));
            }
        }
    }
}

/// Takes the stack of a thread that will not run again.
pub(crate) fn abandon(mut fiber: Fiber) -> SimStack {
    // SAFETY: nothing refers to values on this stack but values on it: what
    // the kernel keeps of a thread lies in its state. Rust values on it, if
    // any, leak.
    unsafe { fiber.force_reset() };
    fiber.into_stack()
}
