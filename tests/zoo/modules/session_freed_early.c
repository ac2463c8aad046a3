// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees what belongs to a file in a request, and again when the file is closed.

#define OWN_CONTROL
#include "device.h"

NTSTATUS Control(IRP *irp) {
    WRONG(Free(SESSION(irp));)
    return Finish(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
}
