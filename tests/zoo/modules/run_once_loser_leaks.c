// SPDX-License-Identifier: MIT OR Apache-2.0
// Two threads may prepare a block at once: the thread that completes second keeps its own.

#include "two_threads.h"

static RTL_RUN_ONCE Once;

static void Ensure(void) {
    PVOID block;
    if (RtlRunOnceBeginInitialize(&Once, RTL_RUN_ONCE_ASYNC, &block) != STATUS_PENDING)
        return;
    block = Allocate(64);
    if (!block)
        return;
    if (!NT_SUCCESS(RtlRunOnceComplete(&Once, RTL_RUN_ONCE_ASYNC, block))) {
        RIGHT(Free(block);)
    }
}

void Other(PVOID context) {
    (void)context;
    while (!Stop) {
        Ensure();
        Sleep(50);
    }
}

void Turn(void) {
    Ensure();
    CallNewest();
}

void Prepare(void) { RtlRunOnceInitialize(&Once); }

void Undo(void) {
    PVOID block;
    if (NT_SUCCESS(RtlRunOnceBeginInitialize(&Once, RTL_RUN_ONCE_CHECK_ONLY, &block)))
        Free(block);
}
