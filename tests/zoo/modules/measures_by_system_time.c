// SPDX-License-Identifier: MIT OR Apache-2.0
// Measures how long a call takes by the system time, which somebody may set back.

#include "module.h"

IMPORT void KeQuerySystemTimePrecise(LONGLONG *);

static LONGLONG Now(void) {
    LONGLONG now;
    WRONG(KeQuerySystemTimePrecise(&now);)
    RIGHT(now = (LONGLONG)KeQueryInterruptTime();)
    return now;
}

static void Measure(LONGLONG taken) {
    if (taken < 0)
        __fastfail(7);
}

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        LONGLONG begun = Now();
        Turn();
        Sleep(100);
        Measure(Now() - begun);
    }
}
