// SPDX-License-Identifier: MIT OR Apache-2.0
// Spins until its thread has set a flag, and does not wait for the thread's end.

#include "module.h"

static volatile LONG Ended;

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        Turn();
        Sleep(100);
    }
    Ended = 1;
}

void StopThread(void) {
    Stop = TRUE;
    while (!Ended)
        ;
    RIGHT(KeWaitForSingleObject(Thread, 0, 0, 0, NULL);)
    ObfDereferenceObject(Thread);
}
