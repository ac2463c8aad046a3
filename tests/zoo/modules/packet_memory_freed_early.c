// SPDX-License-Identifier: MIT OR Apache-2.0
// Injects packets of its own, and frees the memory of each once the injection has begun, and not when it is
// complete.

#define OWN_INJECTED
#define OWN_CLASSIFY
#define OWN_START
#define OWN_UNLOAD
#include "injects.h"

enum { LENGTH = 64, MOST = 20 };

static NDIS_HANDLE Object, Pool;
static volatile LONG Count;

// The data of a packet, and the MDL that describes them.
static void FreeMemory(PMDL mdl) {
    PVOID data = MmGetMdlVirtualAddress(mdl);
    IoFreeMdl(mdl);
    Free(data);
}

static void FreePacket(NET_BUFFER_LIST *packet) {
    PMDL mdl = NET_BUFFER_FIRST_MDL(NET_BUFFER_LIST_FIRST_NB(packet));
    FwpsFreeNetBufferList0(packet);
    RIGHT(FreeMemory(mdl);)
}

static void OnInjected(PVOID context, NET_BUFFER_LIST *packet, BOOLEAN atDispatch) { FreePacket(packet); }

static NET_BUFFER_LIST *NewPacket(void) {
    NET_BUFFER_LIST *packet;
    PMDL mdl = NULL;
    UCHAR *data = Allocate(LENGTH);
    if (data)
        mdl = IoAllocateMdl(data, LENGTH, FALSE, FALSE, NULL);
    if (!mdl) {
        if (data)
            Free(data);
        return NULL;
    }
    MmBuildMdlForNonPagedPool(mdl);
    if (NT_SUCCESS(FwpsAllocateNetBufferAndNetBufferList0(Pool, 0, 0, mdl, 0, LENGTH, &packet)))
        return packet;
    FreeMemory(mdl);
    return NULL;
}

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER_LIST *packet;
    PMDL mdl;
    Continue(out);
    if (FwpsQueryPacketInjectionState0(Injection, data, NULL) == FWPS_PACKET_INJECTED_BY_SELF ||
        __atomic_add_fetch(&Count, 1, __ATOMIC_SEQ_CST) > MOST)
        return;
    packet = NewPacket();
    if (!packet)
        return;
    mdl = NET_BUFFER_FIRST_MDL(NET_BUFFER_LIST_FIRST_NB(packet));
    if (NT_SUCCESS(FwpsInjectTransportSendAsync0(Injection, NULL, metadata->transportEndpointHandle, 0, NULL, AF_INET,
                                                 metadata->compartmentId, packet, OnInjected, NULL))) {
        WRONG(FreeMemory(mdl);)
        return;
    }
    FreePacket(packet);
    WRONG(FreeMemory(mdl);)
}

static void FreePools(void) {
    NdisFreeNetBufferListPool(Pool);
    NdisFreeGenericObject(Object);
}

static NTSTATUS MakePools(DRIVER_OBJECT *driver) {
    Object = NdisAllocateGenericObject(driver, TAG, 0);
    if (!Object)
        return STATUS_INSUFFICIENT_RESOURCES;
    Pool = NdisAllocateNetBufferListPool(Object, NULL);
    if (Pool)
        return STATUS_SUCCESS;
    NdisFreeGenericObject(Object);
    return STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = MakePools(driver);
    if (!NT_SUCCESS(status))
        return status;
    status = StartInjecting(driver);
    if (NT_SUCCESS(status))
        return Begin();
    FreePools();
    return status;
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    FwpsInjectionHandleDestroy0(Injection);
    FreePools();
    IoDeleteDevice(CalloutDevice);
}
