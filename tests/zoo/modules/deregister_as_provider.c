// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters its client with the provider's function.

#include "module.h"

void Deregister(void) {
    WRONG(if (NmrDeregisterProvider(Registration) == STATUS_PENDING))
    RIGHT(if (NmrDeregisterClient(Registration) == STATUS_PENDING))
        WAIT(Registration);
}
