// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not free its bindings.

#include "module.h"

void Cleanup(PVOID binding) {
    RIGHT(Free(binding);)
}
