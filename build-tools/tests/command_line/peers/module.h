// SPDX-License-Identifier: MIT OR Apache-2.0
// A client or (with PROVIDER) a provider with one thread. The file that includes this one has
// `NpiId`, `Characteristics`, `Table`, `Fits`, and `Turn`, which the thread calls.

#pragma once
#include <wdm.h>
#include <netioddk.h>

typedef struct _BINDING {
    struct _BINDING *Next;
    HANDLE Handle;
    PVOID Peer;
    const void *Table;
    LONG InFlight;
    BOOLEAN Detaching;
} BINDING;

static const GUID NpiId;
static const void *const Characteristics;
static const void *const Table;
static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer);
static void Turn(void);

#ifndef NUMBER
#define NUMBER 0
#define INSTANCE_VERSION 0
#endif

#ifdef PROVIDER
typedef NPI_PROVIDER_CHARACTERISTICS CHARACTERISTICS;
#define REGISTER NmrRegisterProvider
#define DEREGISTER NmrDeregisterProvider
#define WAIT NmrWaitForProviderDeregisterComplete
#define DETACH_COMPLETE NmrProviderDetachClientComplete
#else
typedef NPI_CLIENT_CHARACTERISTICS CHARACTERISTICS;
#define REGISTER NmrRegisterClient
#define DEREGISTER NmrDeregisterClient
#define WAIT NmrWaitForClientDeregisterComplete
#define DETACH_COMPLETE NmrClientDetachProviderComplete
#endif

static KSPIN_LOCK Lock;
static BINDING *Bindings;
static volatile BOOLEAN Stop;
static PVOID Thread;
static HANDLE Registration;
static CHARACTERISTICS Registered;

#define TAG 'tseT'
static PVOID Allocate(SIZE_T size) { return ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG); }
static void Free(PVOID memory) { ExFreePoolWithTag(memory, TAG); }

// Counts a call; FALSE if none may begin.
static BOOLEAN Enter(BINDING *binding) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    BOOLEAN open = !binding->Detaching;
    if (open)
        binding->InFlight++;
    KeReleaseSpinLock(&Lock, irql);
    return open;
}

// The first binding, with a call counted.
static BINDING *EnterAny(void) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    BINDING *binding = Bindings;
    if (binding)
        binding->InFlight++;
    KeReleaseSpinLock(&Lock, irql);
    return binding;
}

// The binding that has this context, with a call counted; NULL if none has.
static BINDING *Find(PVOID context) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    BINDING *binding = Bindings;
    while (binding && binding != context)
        binding = binding->Next;
    if (binding)
        binding->InFlight++;
    KeReleaseSpinLock(&Lock, irql);
    return binding;
}

static void Leave(BINDING *binding) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    KeReleaseSpinLock(&Lock, irql);
    if (last)
        DETACH_COMPLETE(handle);
}

static BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof(BINDING));
    if (binding)
        binding->Handle = handle;
    return binding;
}

static void Publish(BINDING *binding) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    binding->Next = Bindings;
    Bindings = binding;
    KeReleaseSpinLock(&Lock, irql);
}

static NTSTATUS Detach(PVOID context) {
    BINDING *binding = context, **link = &Bindings;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    NTSTATUS status = binding->InFlight ? STATUS_PENDING : STATUS_SUCCESS;
    while (*link && *link != binding)
        link = &(*link)->Next;
    if (*link)
        *link = binding->Next;
    binding->Detaching = TRUE;
    KeReleaseSpinLock(&Lock, irql);
    return status;
}

static void Cleanup(PVOID context) { Free(context); }

#ifdef PROVIDER
static NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer,
                       PVOID client, const void *dispatch, PVOID *mine, const void **table) {
    BINDING *binding;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    binding->Peer = client;
    binding->Table = dispatch;
    *mine = binding;
    *table = Table;
    Publish(binding);
    return STATUS_SUCCESS;
}
#else
static NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    BINDING *binding;
    NTSTATUS status;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = NmrClientAttachProvider(handle, binding, Table, &binding->Peer, &binding->Table);
    if (NT_SUCCESS(status))
        Publish(binding);
    else
        Free(binding);
    return status;
}
#endif

static void Work(PVOID context) {
    while (!Stop) {
        LARGE_INTEGER interval = {.QuadPart = -1000};
        Turn();
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
    }
}

static void StopThread(void) {
    Stop = TRUE;
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

static void Unload(DRIVER_OBJECT *driver) {
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    StopThread();
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    static const NPI_MODULEID module = {sizeof(NPI_MODULEID), MIT_GUID, {{0x11, 2, 3, {NUMBER}}}};
    HANDLE handle;
    NTSTATUS status;
    KeInitializeSpinLock(&Lock);
    driver->DriverUnload = Unload;
    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Work, NULL);
    if (!NT_SUCCESS(status))
        return status;
    ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, &Thread, NULL);
    ZwClose(handle);
    Registered = (CHARACTERISTICS){
        0, sizeof(CHARACTERISTICS), Attach, Detach, Cleanup,
        {INSTANCE_VERSION, sizeof(NPI_REGISTRATION_INSTANCE), &NpiId, &module, NUMBER,
         Characteristics}};
    status = REGISTER(&Registered, NULL, &Registration);
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}
