// SPDX-License-Identifier: MIT OR Apache-2.0
// Copies statistics of several words without the lock under which they are changed.

#include "module.h"

typedef struct {
    ULONGLONG Calls, Bytes;
} STATISTICS;

static STATISTICS Statistics;
// What was reported last: one thread writes it.
STATISTICS Reported;

static void Report(void) {
    RIGHT(KIRQL irql = Acquire();)
    Reported = Statistics;
    RIGHT(Release(irql);)
}

void Turn(void) {
    CallNewest();
    Report();
}

void Complete(PVOID binding, REQUEST *request) {
    KIRQL irql = Acquire();
    Statistics.Calls++;
    Statistics.Bytes += request->Length;
    Release(irql);
    Free(request);
    Leave(binding);
}
