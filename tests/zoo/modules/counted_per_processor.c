// SPDX-License-Identifier: MIT OR Apache-2.0
// Counts for each processor on its own, and may be moved to another processor meanwhile.

#include "two_threads.h"

static struct {
    ULONG Calls, Rest[15];
} Counts[64];

void Prepare(void) {}
void Undo(void) {}

static void Count(void) {
    RIGHT(KIRQL irql = KeRaiseIrqlToDpcLevel();)
    Counts[KeGetCurrentProcessorNumberEx(NULL)].Calls++;
    RIGHT(KeLowerIrql(irql);)
}

void Turn(void) { Count(); }

void Other(PVOID context) {
    (void)context;
    while (!Stop) {
        Count();
        Sleep(90);
    }
}
