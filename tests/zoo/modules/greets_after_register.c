// SPDX-License-Identifier: MIT OR Apache-2.0
// Uses the binding of its first attach when Register has returned, by which time it may be gone.

#include "module.h"

static BINDING *First;

void Publish(BINDING *binding) {
    KIRQL irql = Acquire();
    First = binding;
    binding->Next = Bindings;
    Bindings = binding;
    Release(irql);
}

NTSTATUS Register(void) {
    NTSTATUS status = REGISTER(&Characteristics, NULL, &Registration);
    KIRQL irql = Acquire();
    BINDING *binding = WRONG(First) RIGHT(Bindings);
    if (binding)
        binding->InFlight++;
    Release(irql);
    if (binding)
        Call(binding);
    return status;
}
