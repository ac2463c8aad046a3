// SPDX-License-Identifier: MIT OR Apache-2.0
// Stands in for the Windows Driver Kit's ndis.h where that is not installed: net buffer lists as
// callout drivers see them.

#pragma once
#include <ntddk.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef PVOID NDIS_HANDLE;
typedef int NDIS_STATUS;
#define NDIS_STATUS_SUCCESS ((NDIS_STATUS)STATUS_SUCCESS)

typedef struct _NET_BUFFER {
    struct _NET_BUFFER *Next;
    MDL *CurrentMdl;
    ULONG CurrentMdlOffset;
    union {
        ULONG DataLength;
        SIZE_T stDataLength;
    };
    MDL *MdlChain;
    ULONG DataOffset;
} NET_BUFFER;
typedef struct _NET_BUFFER_LIST {
    struct _NET_BUFFER_LIST *Next;
    NET_BUFFER *FirstNetBuffer;
    PVOID Context;
    struct _NET_BUFFER_LIST *ParentNetBufferList;
} NET_BUFFER_LIST;
#define NET_BUFFER_LIST_FIRST_NB(Nbl) ((Nbl)->FirstNetBuffer)
#define NET_BUFFER_FIRST_MDL(_NB) ((_NB)->MdlChain)
#define NET_BUFFER_DATA_LENGTH(Nb) ((Nb)->DataLength)

NTKERNELAPI PVOID NdisGetDataBuffer(
    NET_BUFFER *NetBuffer, ULONG BytesNeeded, PVOID Storage, ULONG AlignMultiple, ULONG AlignOffset);
NTKERNELAPI VOID NdisAdvanceNetBufferDataStart(
    NET_BUFFER *NetBuffer, ULONG DataOffsetDelta, BOOLEAN FreeMdl, PVOID FreeMdlHandler);
NTKERNELAPI NDIS_STATUS NdisRetreatNetBufferDataStart(
    NET_BUFFER *NetBuffer, ULONG DataOffsetDelta, ULONG DataBackFill, PVOID AllocateMdlHandler);
NTKERNELAPI NDIS_HANDLE NdisAllocateGenericObject(PVOID DriverObject, ULONG Tag, USHORT Size);
NTKERNELAPI VOID NdisFreeGenericObject(NDIS_HANDLE NdisObject);
NTKERNELAPI NDIS_HANDLE NdisAllocateNetBufferListPool(NDIS_HANDLE NdisHandle, PVOID Parameters);
NTKERNELAPI VOID NdisFreeNetBufferListPool(NDIS_HANDLE PoolHandle);

#ifdef __cplusplus
}
#endif
