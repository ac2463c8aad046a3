// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a block in one path, and when it unloads once more: another driver may have it then.

#include "module.h"

static PVOID Block;
static ULONG Turns;

void Turn(void) {
    if (!Block)
        Block = Allocate(32);
    else if (++Turns == 3) {
        PVOID block = Block;
        RIGHT(Block = NULL;)
        Free(block);
    }
}

void AtUnload(void) {
    if (Block)
        Free(Block);
}
