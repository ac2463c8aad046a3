// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads and writes as much of a request's buffer as it expects to be there.

#define OWN_CONTROL
#include "device.h"

NTSTATUS Control(IRP *irp) {
    if (CODE(irp) != INVERT)
        return Finish(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    RIGHT(if (INPUT_LENGTH(irp) < 16 || OUTPUT_LENGTH(irp) < 16)
              return Finish(irp, STATUS_INVALID_PARAMETER, 0);)
    Invert(irp);
    return Finish(irp, STATUS_SUCCESS, 16);
}
