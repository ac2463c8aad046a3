// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a short list by recursion, with a frame for each entry that leaves no room for
// more than six of them on a kernel stack.

#include "module.h"

typedef struct _ENTRY { struct _ENTRY *Next; } ENTRY;
static ENTRY *List;

void FreeAll(ENTRY *entry) {
    WRONG(volatile UCHAR frame[3500];
          frame[(SIZE_T)entry % sizeof(frame)] = 1;
          if (entry->Next) FreeAll(entry->Next);
          Free(entry);)
    RIGHT(while (entry) { ENTRY *next = entry->Next; Free(entry); entry = next; })
}

void AtUnload(void) {
    int count;
    for (count = 0; count < 8; count++) {
        ENTRY *entry = Allocate(sizeof(ENTRY));
        if (!entry)
            break;
        entry->Next = List;
        List = entry;
    }
    if (List)
        FreeAll(List);
}
