// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads and clears a count in two steps, while another thread increments it.

#include "two_threads.h"

static volatile LONG Pending;
static LONG Total;

void Prepare(void) {}
void Undo(void) {}

void Turn(void) {
    WRONG(Total += Pending; Pending = 0;)
    RIGHT(Total += Exchange(&Pending, 0);)
}

void Other(PVOID context) {
    (void)context;
    while (!Stop) {
        Increment(&Pending);
        Sleep(70);
    }
}
