// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters again what has gone.

#include "module.h"

void AtUnload(void) {
    WRONG(DEREGISTER(Registration);)
}
