// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits whatever NmrDeregisterClient has answered.

#include "module.h"

void Deregister(void) {
    NTSTATUS status = DEREGISTER(Registration);
    RIGHT(if (status == STATUS_PENDING))
        WAIT(Registration);
}
