// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls the provider from its cleanup callback.

#include "module.h"

void Cleanup(PVOID context) {
    BINDING *binding = context;
    WRONG(const PROVIDER_DISPATCH *table = binding->Table;
          table->QueryStatistics(binding->Peer, NULL);)
    Free(binding);
}
