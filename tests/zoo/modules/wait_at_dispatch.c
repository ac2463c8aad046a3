// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits for its deregistration at DISPATCH_LEVEL.

#include "module.h"

void Deregister(void) {
    WRONG(KIRQL irql = KfRaiseIrql(DISPATCH_LEVEL);)
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    WRONG(KeLowerIrql(irql);)
}
