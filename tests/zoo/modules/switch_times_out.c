// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes a switch with the STATUS_TIMEOUT of a wait, which is no error: the program takes it
// for done.

#include "module.h"

#define OWN_BEGIN_SWITCHING
#include "control.h"

NTSTATUS BeginSwitching(void) {
    LARGE_INTEGER now = {.QuadPart = 0};
    NTSTATUS status = KeWaitForSingleObject(&Switching, 0, 0, 0, &now);
    RIGHT(if (status == STATUS_TIMEOUT) return STATUS_DEVICE_BUSY;)
    return status;
}
