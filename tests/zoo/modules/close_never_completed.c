// SPDX-License-Identifier: MIT OR Apache-2.0
// Answers the close of a file with STATUS_PENDING, and nothing more.

#define OWN_CLOSE
#include "device.h"

NTSTATUS Close(IRP *irp) {
    Free(SESSION(irp));
    WRONG(MARK_PENDING(irp); return STATUS_PENDING;)
    return Finish(irp, STATUS_SUCCESS, 0);
}
