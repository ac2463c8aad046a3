// SPDX-License-Identifier: MIT OR Apache-2.0
// Keeps what it has allocated for a file when that is closed.

#define OWN_CLOSE
#include "device.h"

NTSTATUS Close(IRP *irp) {
    RIGHT(Free(SESSION(irp));)
    return Finish(irp, STATUS_SUCCESS, 0);
}
