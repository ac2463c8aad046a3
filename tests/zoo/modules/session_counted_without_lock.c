// SPDX-License-Identifier: MIT OR Apache-2.0
// Counts the requests of an open file without a lock, as if a program sent one after the other.

#define OWN_CONTROL
#include "device.h"

static void Count(LONG volatile *requests) {
    WRONG((*requests)++;)
    RIGHT(__sync_fetch_and_add(requests, 1);)
}

NTSTATUS Control(IRP *irp) {
    // Another driver's request has no file.
    if (FILE_OF(irp))
        Count(SESSION(irp));
    return Finish(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
}
