// SPDX-License-Identifier: MIT OR Apache-2.0
// Refuses switches from the fourth on as if the driver were about to unload.

#include "module.h"

#define OWN_BEGIN_SWITCHING
#include "control.h"

#define STATUS_DELETE_PENDING ((NTSTATUS)0xC0000056)
enum { MOST = 3 };
static LONG Switches WRONG() RIGHT(__attribute__((unused)));

NTSTATUS BeginSwitching(void) {
    LARGE_INTEGER now = {.QuadPart = 0};
    NTSTATUS status;
    WRONG(if (__atomic_add_fetch(&Switches, 1, __ATOMIC_SEQ_CST) > MOST) return STATUS_DELETE_PENDING;)
    status = KeWaitForSingleObject(&Switching, 0, 0, 0, &now);
    return status == STATUS_TIMEOUT ? STATUS_DEVICE_BUSY : status;
}
