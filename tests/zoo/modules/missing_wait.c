// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes STATUS_PENDING of NmrDeregisterClient for the end.

#include "module.h"

void Deregister(void) {
    NTSTATUS status = DEREGISTER(Registration);
    RIGHT(if (status == STATUS_PENDING) WAIT(Registration);)
}
