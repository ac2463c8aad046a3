// SPDX-License-Identifier: MIT OR Apache-2.0
// Keeps its bindings in paged pool and walks them with a spin lock held.

#include "module.h"

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = ExAllocatePool2(WRONG(PAGEABLE) RIGHT(NON_PAGED), sizeof(BINDING), TAG);
    if (binding)
        binding->Handle = handle;
    return binding;
}
