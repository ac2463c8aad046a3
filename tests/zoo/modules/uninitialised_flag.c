// SPDX-License-Identifier: MIT OR Apache-2.0
// Decides by a flag in a block that it has asked not to be cleared, and that it does not
// set.

#include "module.h"

#define UNINITIALIZED 2

typedef struct { ULONG Flags; ULONG Length; } ITEM;
enum { OWNED_BY_PEER = 2 };

void AtUnload(void) {
    ITEM *item = ExAllocatePool2(NON_PAGED | UNINITIALIZED, sizeof(ITEM), TAG);
    if (!item)
        return;
    RIGHT(item->Flags = 0;)
    item->Length = 8;
    if (!(item->Flags & OWNED_BY_PEER))
        Free(item);
}
