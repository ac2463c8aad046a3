// SPDX-License-Identifier: MIT OR Apache-2.0
// A second module, which a request switches off and on again. A module defines
// how it waits for the end of a deregistration, and how it keeps other requests
// away meanwhile.

#define OWN_CONTROL
#include "device.h"

// Another NPI, which nobody asks for.
static const GUID Other = {0x7d5a91c0, 1, 2, {3, 4, 5, 6, 7, 8, 9, 12}};
static HANDLE Second;
static NPI_CLIENT_CHARACTERISTICS *Block;
static KMUTEX Switching;

void AwaitSecond(void);
void BeginSwitching(void);
void EndSwitching(void);

static NTSTATUS Refuse(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    return STATUS_NOINTERFACE;
}

static NTSTATUS On(void) {
    NTSTATUS status;
    NPI_CLIENT_CHARACTERISTICS *block = Allocate(sizeof(*block));
    if (!block)
        return STATUS_INSUFFICIENT_RESOURCES;
    *block = (NPI_CLIENT_CHARACTERISTICS){
        0, sizeof(*block), Refuse, Detach, Cleanup,
        {0, sizeof(NPI_REGISTRATION_INSTANCE), &Other, Characteristics.INSTANCE.ModuleId, 0, NULL}};
    status = NmrRegisterClient(block, NULL, &Second);
    if (NT_SUCCESS(status))
        Block = block;
    else
        Free(block);
    return status;
}

static void Off(void) {
    NPI_CLIENT_CHARACTERISTICS *block = Block;
    if (!block)
        return;
    if (NmrDeregisterClient(Second) == STATUS_PENDING)
        AwaitSecond();
    // Whatever else there is to put away.
    Sleep(2000);
    Block = NULL;
    Free(block);
}

NTSTATUS Control(IRP *irp) {
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    if (CODE(irp) == INVERT) {
        BeginSwitching();
        Off();
        status = On();
        EndSwitching();
    }
    return Finish(irp, status, 0);
}

NTSTATUS Register(void) {
    KeInitializeMutex(&Switching, 0);
    return REGISTER(&Characteristics, NULL, &Registration);
}

void Deregister(void) {
    Off();
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
}
