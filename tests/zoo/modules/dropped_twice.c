// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks whether a block is free and marks it then, each atomic, but not both together.

#include "module.h"

static PVOID Block, Other;
static volatile LONG Dropped;

static void Drop(PVOID context) {
    (void)context;
    WRONG(if (__sync_val_compare_and_swap(&Dropped, 0, 0) == 0) {
        // The race is here, and there is no call in it.
        __sync_lock_test_and_set(&Dropped, 1);
        Free(Block);
    })
    RIGHT(if (__sync_val_compare_and_swap(&Dropped, 0, 1) == 0) Free(Block);)
}

void AtUnload(void) {
    HANDLE handle;
    Block = Allocate(100);
    if (!Block)
        return;
    if (!NT_SUCCESS(PsCreateSystemThread(&handle, 0x1FFFFF, NULL, NULL, NULL, Drop, NULL))) {
        Drop(NULL);
        return;
    }
    ObReferenceObjectByHandle(handle, 0x1FFFFF, NULL, 0, &Other, NULL);
    ZwClose(handle);
    Drop(NULL);
    KeWaitForSingleObject(Other, 0, 0, 0, NULL);
    ObfDereferenceObject(Other);
}
