// SPDX-License-Identifier: MIT OR Apache-2.0
// Goes without a word to NMR.

#include "module.h"

void Deregister(void) {
    RIGHT(if (DEREGISTER(Registration) == STATUS_PENDING) WAIT(Registration);)
}
