// SPDX-License-Identifier: MIT OR Apache-2.0
// Locks, lists, timers and work items of the executive, as far as modules use them.

#pragma once
#include "module.h"
#include <ntddk.h>

typedef LONG EX_SPIN_LOCK;
typedef struct {
    struct {
        PVOID Next;
        KSPIN_LOCK *Lock;
    } LockQueue;
    KIRQL OldIrql;
} KLOCK_QUEUE_HANDLE;

IMPORT KIRQL ExAcquireSpinLockShared(EX_SPIN_LOCK *);
IMPORT void ExReleaseSpinLockShared(EX_SPIN_LOCK *, KIRQL);
IMPORT void ExReleaseSpinLockExclusive(EX_SPIN_LOCK *, KIRQL);
IMPORT void KeAcquireInStackQueuedSpinLock(KSPIN_LOCK *, KLOCK_QUEUE_HANDLE *);
IMPORT void KeReleaseInStackQueuedSpinLock(KLOCK_QUEUE_HANDLE *);
IMPORT LIST_ENTRY *ExInterlockedInsertTailList(LIST_ENTRY *, LIST_ENTRY *, KSPIN_LOCK *);
IMPORT LIST_ENTRY *ExInterlockedRemoveHeadList(LIST_ENTRY *, KSPIN_LOCK *);
IMPORT PVOID ExAllocateFromLookasideListEx(LOOKASIDE_LIST_EX *);
IMPORT void ExFreeToLookasideListEx(LOOKASIDE_LIST_EX *, PVOID entry);
IMPORT PVOID ExAllocateTimer(void (*)(PVOID timer, PVOID context), PVOID context, ULONG attributes);
IMPORT UCHAR ExSetTimer(PVOID, LONGLONG due, LONGLONG period, PVOID);
IMPORT UCHAR ExDeleteTimer(PVOID, UCHAR cancel, UCHAR wait, PVOID);
IMPORT void KeClearEvent(KEVENT *);
IMPORT KIRQL KeRaiseIrqlToDpcLevel(void);
IMPORT ULONG KeGetCurrentProcessorNumberEx(PVOID);

INLINE LONG Increment(volatile LONG *count) { return __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST); }
INLINE LONG Exchange(volatile LONG *word, LONG value) { return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST); }
