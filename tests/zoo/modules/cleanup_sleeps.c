// SPDX-License-Identifier: MIT OR Apache-2.0
// Sleeps in its cleanup callback.

#include "module.h"

void Cleanup(PVOID binding) {
    WRONG(Sleep(10);)
    Free(binding);
}
