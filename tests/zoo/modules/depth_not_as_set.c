// SPDX-License-Identifier: MIT OR Apache-2.0
// Has as many requests outstanding as the provider takes, whatever its service's parameter says.

#include "module.h"

#define BURST 64
#define OWN_ADMITS
#include "pair_client.h"

BOOLEAN Admits(BINDING *binding) {
    return CONTROL(binding)->Outstanding < WRONG(64) RIGHT(Depth);
}
