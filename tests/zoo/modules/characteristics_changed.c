// SPDX-License-Identifier: MIT OR Apache-2.0
// Changes what it has registered.

#include "module.h"

void Deregister(void) {
    WRONG(Characteristics.INSTANCE.Number = 7;)
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
}
