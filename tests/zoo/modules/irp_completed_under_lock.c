// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes requests of programs with a spin lock held.

#define OWN_CONTROL
#include "device.h"

NTSTATUS Control(IRP *irp) {
    NTSTATUS status;
    WRONG(KIRQL irql = Acquire();)
    status = Finish(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    WRONG(Release(irql);)
    return status;
}
