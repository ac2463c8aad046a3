// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes its detach with the provider's function.

#include "module.h"

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    Release(irql);
    if (!last)
        return;
    WRONG(NmrProviderDetachClientComplete(handle);)
    RIGHT(NmrClientDetachProviderComplete(handle);)
}
