// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider keeps the request itself, and not what `pend` returns: nothing would
//! count it, and there is no answer to return.

mod support;

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use keyvalue::Question;
use nmr::NtStatus;
use nmr::request::{Answer, Submitted};
use support::Store;

static KEPT: AtomicPtr<Question> = AtomicPtr::new(ptr::null_mut());

fn submit<'call>(mut request: Submitted<'call, Store>) -> Answer<'call> {
    KEPT.store(&raw mut *request, Ordering::Release);
    NtStatus::PENDING
}

fn main() {}
