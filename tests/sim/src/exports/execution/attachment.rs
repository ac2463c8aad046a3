// SPDX-License-Identifier: MIT OR Apache-2.0

//! Threads in the address spaces of other processes.
//!
//! All processes have the same memory here: what counts is that each attachment ends on the
//! thread on which it began, the last one first, before the routine returns.

use crate::exports::execution::processes;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::APC_LEVEL;
use crate::kernel::with;
use crate::scheduling::Attachment;

exports! {
    "KeStackAttachProcess" <= APC_LEVEL => attach: ();
    "KeUnstackDetachProcess" <= APC_LEVEL => detach: ();
}

/// The offset of `KAPC_STATE::Process`.
const PROCESS: usize = 0x20;

unsafe extern "win64" fn attach(process: usize, saved: usize) {
    processes::check(process);
    let before = with(processes::current);
    set(saved + PROCESS, before);
    with(|state| {
        let by = caller(state);
        let current = state.scheduling.current_mut();
        current.attached.push(Attachment { process, saved, by });
    });
}

unsafe extern "win64" fn detach(saved: usize) {
    let last = with(|state| state.scheduling.current_mut().attached.pop());
    let what = match last {
        Some(last) if last.saved == saved => return,
        Some(_) => {
            "KeUnstackDetachProcess was given another state than the last \
                    KeStackAttachProcess of the thread"
        }
        None => "KeUnstackDetachProcess was called on a thread that is not attached to a process",
    };
    stop("0x6", what.to_owned());
}
