// SPDX-License-Identifier: MIT OR Apache-2.0
// Leaves its detach callback with a spin lock held.

#include "module.h"

NTSTATUS Detach(PVOID context) {
    BINDING *binding = context;
    KIRQL irql = Acquire();
    BOOLEAN busy = binding->InFlight > 0;
    binding->Detaching = TRUE;
    if (!busy) {
        RIGHT(Release(irql);)
        return STATUS_SUCCESS;
    }
    Release(irql);
    return STATUS_PENDING;
}
