// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not keep the handle that it must complete its detach with.

#include "module.h"

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof(BINDING));
    RIGHT(if (binding) binding->Handle = handle;)
    return binding;
}
