// SPDX-License-Identifier: MIT OR Apache-2.0
// Copies from the buffer of a program outside __try.

#include "module.h"

static volatile SIZE_T Size = 64;

__attribute__((noinline)) static void CopyOut(UCHAR *copy, const UCHAR *buffer) {
    RtlCopyMemory(copy, buffer, Size);
}
static void (*volatile Copy)(UCHAR *, const UCHAR *) = CopyOut;

// The address is as the program gave it.
void AtUnload(void) {
    UCHAR copy[64];
    WRONG(Copy(copy, (const UCHAR *)0x10000);)
    RIGHT(__try {
        Copy(copy, (const UCHAR *)0x10000);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        DbgPrint("the program's buffer has gone\n");
    })
}
