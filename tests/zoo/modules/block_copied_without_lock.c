// SPDX-License-Identifier: MIT OR Apache-2.0
// Copies a request's payload with RtlCopyMemory into a buffer that completions share, without
// the lock under which it is read.

#include "module.h"

#define LENGTH 16
static UCHAR Latest[LENGTH], Seen[LENGTH];

void Complete(PVOID binding, REQUEST *request) {
    RIGHT(KIRQL irql = Acquire();)
    RtlCopyMemory(Latest, request->Reply, LENGTH);
    RIGHT(Release(irql);)
    Free(request);
    Leave(binding);
}

static void Look(void) {
    KIRQL irql = Acquire();
    RtlCopyMemory(Seen, Latest, LENGTH);
    Release(irql);
}

void Turn(void) {
    CallNewest();
    Look();
}
