// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes a byte beyond the end of one of many blocks.

#include "module.h"

enum { COUNT = 3000, LAST = COUNT - 1 };
static UCHAR *Blocks[COUNT];

void Turn(void) {
    LONG made = 0;
    if (Blocks[0])
        return;
    while (made < COUNT && (Blocks[made] = Allocate(40)))
        ++made;
    if (made == COUNT)
        ((volatile UCHAR *)Blocks[LAST])[WRONG(40) RIGHT(39)] = 1;
}

void AtUnload(void) {
    for (LONG i = 0; i < COUNT && Blocks[i]; ++i)
        Free(Blocks[i]);
}
