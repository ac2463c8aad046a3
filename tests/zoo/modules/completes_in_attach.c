// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes its detach in its attach callback, before there is a binding.

#include "module.h"

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof(BINDING));
    if (binding)
        binding->Handle = handle;
    WRONG(DETACH_COMPLETE(handle);)
    return binding;
}
