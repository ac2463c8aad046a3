// SPDX-License-Identifier: MIT OR Apache-2.0
// Has room for one binding, which a second provider takes over.

#include "module.h"

static BINDING Only;

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = WRONG(&Only) RIGHT(Allocate(sizeof(BINDING)));
    if (binding) {
        binding->Handle = handle;
        binding->Detaching = FALSE;
    }
    return binding;
}

void Publish(BINDING *binding) {
    KIRQL irql = Acquire();
    RIGHT(binding->Next = Bindings;)
    Bindings = binding;
    Release(irql);
}

void Cleanup(PVOID binding) {
    RIGHT(Free(binding);)
}
