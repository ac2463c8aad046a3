// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits for its deregistration in its cleanup callback.

#include "module.h"

void Cleanup(PVOID binding) {
    WRONG(WAIT(Registration);)
    Free(binding);
}
