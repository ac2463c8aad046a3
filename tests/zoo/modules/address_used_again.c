// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes a block for one that it knows, because its address is the same: the first was freed.

#include "module.h"

typedef struct { LONG Uses; const LONG *Limit; } ITEM;

static const LONG Limit = 3;
static ITEM *Known;

static void Use(ITEM *item) { item->Uses = *item->Limit; }

void AtUnload(void) {
    int turn;
    for (turn = 0; turn < 8; turn++) {
        ITEM *item = Allocate(sizeof(ITEM));
        if (!item)
            return;
        if (RIGHT(TRUE) WRONG(item != Known))
            item->Limit = &Limit;
        Known = item;
        Use(item);
        Free(item);
    }
}
