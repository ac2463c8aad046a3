// SPDX-License-Identifier: MIT OR Apache-2.0
// Relies on __except for a pointer into freed memory, which no handler can catch.

#include "module.h"

typedef struct {
    LONG Value;
} ITEM;

static LONG Load(const ITEM *item) { return *(volatile const LONG *)&item->Value; }
static LONG (*volatile Loads)(const ITEM *) = Load;

// Whether the item is still there.
static LONG ValueOf(const ITEM *item) {
    __try {
        return Loads(item);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return 0;
    }
}

void AtUnload(void) {
    ITEM *item = ExAllocatePool2(NON_PAGED, sizeof(ITEM), TAG);
    if (!item)
        return;
    RIGHT(ValueOf(item);)
    ExFreePoolWithTag(item, TAG);
    WRONG(ValueOf(item);)
}
