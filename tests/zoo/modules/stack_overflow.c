// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a list by recursion, with a large frame for each entry.

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
    for (int i = 0; i < 160; i++) {
        ENTRY *entry = Allocate(sizeof(ENTRY));
        if (!entry)
            break;
        entry->Next = List;
        List = entry;
    }
    if (List)
        FreeAll(List);
}
