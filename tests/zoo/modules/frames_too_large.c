// SPDX-License-Identifier: MIT OR Apache-2.0
// Has larger frames than its stack has room for, and calls nobody from the innermost one.

#include "module.h"

static ULONG Search(ULONG left) {
    UCHAR found[RIGHT(64) WRONG(5000)];
    UCHAR *volatile last = &found[sizeof(found) - 1];
    *last = (UCHAR)left;
    return (left ? Search(left - 1) : 0) + *last;
}

void Turn(void) { Search(5); }
