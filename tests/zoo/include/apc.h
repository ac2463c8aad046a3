// SPDX-License-Identifier: MIT OR Apache-2.0
// APCs of kernel mode, which the kit's headers do not declare.

#pragma once
#include <ntifs.h>

typedef struct _KAPC {
    UCHAR Type;
    UCHAR SpareByte0;
    UCHAR Size;
    UCHAR SpareByte1;
    ULONG SpareLong0;
    PKTHREAD Thread;
    LIST_ENTRY ApcListEntry;
    PVOID Reserved[3];
    PVOID NormalContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    CHAR ApcStateIndex;
    CHAR ApcMode;
    BOOLEAN Inserted;
} KAPC, *PKAPC;
C_ASSERT(sizeof(KAPC) == 0x58);

typedef VOID KNORMAL_ROUTINE(PVOID context, PVOID first, PVOID second);
typedef VOID KKERNEL_ROUTINE(PKAPC apc, KNORMAL_ROUTINE **normal, PVOID *context, PVOID *first, PVOID *second);
typedef VOID KRUNDOWN_ROUTINE(PKAPC apc);

NTKERNELAPI VOID KeInitializeApc(
    PKAPC apc, PKTHREAD thread, int environment, KKERNEL_ROUTINE *kernel, KRUNDOWN_ROUTINE *rundown,
    KNORMAL_ROUTINE *normal, CHAR mode, PVOID context);
NTKERNELAPI BOOLEAN KeInsertQueueApc(PKAPC apc, PVOID first, PVOID second, LONG increment);
NTKERNELAPI BOOLEAN KeRemoveQueueApc(PKAPC apc);
NTKERNELAPI BOOLEAN KeAreApcsDisabled(VOID);
NTKERNELAPI BOOLEAN KeAreAllApcsDisabled(VOID);
