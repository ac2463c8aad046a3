// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits first and deregisters then.

#include "module.h"

void Deregister(void) {
    WRONG(WAIT(Registration);)
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
}
