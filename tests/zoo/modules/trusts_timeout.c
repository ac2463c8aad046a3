// SPDX-License-Identifier: MIT OR Apache-2.0
// Resets its device, which takes 20 ms, and takes a wait of 20 ms for that: it may end a
// tick of the clock early.

#include "module.h"

enum { RESET = 20 * 10000 };

static KEVENT Never;
static ULONGLONG Begun;

static void Touch(void) {
    if (KeQueryInterruptTime() - Begun < RESET)
        __fastfail(7);
}

void AtUnload(void) {
    LARGE_INTEGER interval = {.QuadPart = -RESET};
    KeInitializeEvent(&Never, 0, FALSE);
    Begun = KeQueryInterruptTime();
    do
        KeWaitForSingleObject(&Never, 0, 0, 0, &interval);
    while (RIGHT(KeQueryInterruptTime() - Begun < RESET) WRONG(FALSE));
    Touch();
}
