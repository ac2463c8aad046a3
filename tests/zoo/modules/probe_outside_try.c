// SPDX-License-Identifier: MIT OR Apache-2.0
// Probes the buffer of a program outside __try.

#include "module.h"

static NTSTATUS Check(volatile ULONG *buffer, SIZE_T length) {
    NTSTATUS status = STATUS_SUCCESS;
    WRONG(ProbeForRead(buffer, length, sizeof(*buffer));)
    RIGHT(__try {
        ProbeForRead(buffer, length, sizeof(*buffer));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    })
    return status;
}

// The address is as the program gave it.
void AtUnload(void) { Check((volatile ULONG *)0x10002, 64); }
