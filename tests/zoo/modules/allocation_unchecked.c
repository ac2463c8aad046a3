// SPDX-License-Identifier: MIT OR Apache-2.0
// Uses a block that it may not have got.

#include "module.h"

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof(BINDING));
    RIGHT(if (binding))
        binding->Handle = handle;
    return binding;
}
