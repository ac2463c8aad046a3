// SPDX-License-Identifier: MIT OR Apache-2.0
// The provider of the KeyValue NPI in C: answers one question in four at once and the
// others in a system thread, with three times their key.

#include <wdm.h>
#include <netioddk.h>
#include "keyvalue_npi.h"

#define POOL_TAG 'pVyK'
#define MAX_PENDING 64
#define GATHER_MILLISECONDS 1

// A binding to a client. Lock protects all members but the first three.
typedef struct _CLIENT_BINDING {
    HANDLE NmrBindingHandle;
    PVOID ClientBindingContext;
    const KEYVALUE_CLIENT_DISPATCH *ClientDispatch;
    ULONG InFlight;     // calls in progress; a request counts until Complete has returned
    ULONG Pending;      // requests in Queue
    BOOLEAN Detaching;
} CLIENT_BINDING, *PCLIENT_BINDING;

// The words of a pending request that the provider uses.
typedef struct _PENDED_REQUEST {
    LIST_ENTRY Link;
    PCLIENT_BINDING Binding;
} PENDED_REQUEST, *PPENDED_REQUEST;
C_ASSERT(sizeof(PENDED_REQUEST) <= sizeof(((KEYVALUE_REQUEST *)0)->ProviderArea));

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD DriverUnload;
static NPI_PROVIDER_ATTACH_CLIENT_FN AttachClient;
static NPI_PROVIDER_DETACH_CLIENT_FN DetachClient;
static NPI_PROVIDER_CLEANUP_BINDING_CONTEXT_FN CleanupBindingContext;
static KEYVALUE_GET_FN Get;
static KEYVALUE_STATISTICS_FN GetStatistics;
static KSTART_ROUTINE CompletionThread;

static const KEYVALUE_CHARACTERISTICS Characteristics = KEYVALUE_CHARACTERISTICS_INIT;
static const KEYVALUE_PROVIDER_DISPATCH ProviderDispatch = KEYVALUE_PROVIDER_DISPATCH_INIT(Get, GetStatistics);
static const NPI_PROVIDER_CHARACTERISTICS ProviderCharacteristics = {
    0,
    sizeof(NPI_PROVIDER_CHARACTERISTICS),
    AttachClient,
    DetachClient,
    CleanupBindingContext,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &KEYVALUE_NPI_ID, &KEYVALUE_PROVIDER_MODULE_ID, 0, &Characteristics}};

static HANDLE ProviderHandle;
static KSPIN_LOCK Lock;
static LIST_ENTRY Queue;            // of PENDED_REQUEST, the oldest first; protected by Lock
static ULONGLONG Answered;          // protected by Lock
static KEVENT WakeEvent;
static BOOLEAN Stopping;            // protected by Lock
static PVOID Thread;

// Ends a call. The last call of a detaching binding completes the detach, after which the
// binding may be freed at any time.
static VOID LeaveBinding(PCLIENT_BINDING Binding)
{
    HANDLE NmrBindingHandle = Binding->NmrBindingHandle;
    BOOLEAN IsLast;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->InFlight -= 1;
    IsLast = Binding->InFlight == 0 && Binding->Detaching;
    KeReleaseSpinLock(&Lock, OldIrql);
    if (IsLast) {
        NmrProviderDetachClientComplete(NmrBindingHandle);
    }
}

static PPENDED_REQUEST PendedRequest(KEYVALUE_REQUEST *Request)
{
    return (PPENDED_REQUEST)Request->ProviderArea;
}

static VOID Answer(KEYVALUE_REQUEST *Request)
{
    Request->Value = 3 * Request->Key;
    Request->Status = STATUS_SUCCESS;
}

// Completes a request that has been removed from the queue. This ends the call that began
// with Get: the request belongs to the client again.
static VOID CompleteRequest(KEYVALUE_REQUEST *Request)
{
    PCLIENT_BINDING Binding = PendedRequest(Request)->Binding;
    KIRQL OldIrql;

    Answer(Request);
    KeAcquireSpinLock(&Lock, &OldIrql);
    Answered += 1;
    KeReleaseSpinLock(&Lock, OldIrql);
    Binding->ClientDispatch->Complete(Binding->ClientBindingContext, Request);
    LeaveBinding(Binding);
}

_Use_decl_annotations_
static NTSTATUS Get(PVOID ProviderBindingContext, KEYVALUE_REQUEST *Request)
{
    PCLIENT_BINDING Binding = (PCLIENT_BINDING)ProviderBindingContext;
    PPENDED_REQUEST Pended;
    NTSTATUS Status = STATUS_PENDING;
    KIRQL OldIrql;

    if (Request == NULL || Request->Header.Size < sizeof(*Request)) {
        return STATUS_INVALID_PARAMETER;
    }
    Pended = PendedRequest(Request);
    if (Request->Key % 4 == 0) {
        Answer(Request);
        Status = STATUS_SUCCESS;
    }

    KeAcquireSpinLock(&Lock, &OldIrql);
    if (Binding->Detaching) {
        Status = STATUS_DEVICE_NOT_READY;
    } else if (Status == STATUS_PENDING && Binding->Pending >= MAX_PENDING) {
        Status = STATUS_DEVICE_BUSY;
    }
    if (Status == STATUS_PENDING) {
        Pended->Binding = Binding;
        InsertTailList(&Queue, &Pended->Link);
        Binding->Pending += 1;
        Binding->InFlight += 1;
    } else if (NT_SUCCESS(Status)) {
        Answered += 1;
    }
    // Once the lock is released, the request may be complete and belong to the client.
    KeReleaseSpinLock(&Lock, OldIrql);
    if (Status == STATUS_PENDING) {
        KeSetEvent(&WakeEvent, IO_NO_INCREMENT, FALSE);
    }
    return Status;
}

_Use_decl_annotations_
static NTSTATUS GetStatistics(PVOID ProviderBindingContext, KEYVALUE_STATISTICS *Statistics)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(ProviderBindingContext);
    if (Statistics == NULL || Statistics->Header.Size < sizeof(*Statistics)) {
        return STATUS_INVALID_PARAMETER;
    }
    KeAcquireSpinLock(&Lock, &OldIrql);
    Statistics->Answered = Answered;
    KeReleaseSpinLock(&Lock, OldIrql);
    return STATUS_SUCCESS;
}

// Removes the oldest request from the queue. Returns NULL if the queue is empty.
static KEYVALUE_REQUEST *TakeRequest(VOID)
{
    PPENDED_REQUEST Pended = NULL;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    if (!IsListEmpty(&Queue)) {
        Pended = CONTAINING_RECORD(Queue.Flink, PENDED_REQUEST, Link);
        RemoveEntryList(&Pended->Link);
        Pended->Binding->Pending -= 1;
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Pended ? CONTAINING_RECORD(Pended, KEYVALUE_REQUEST, ProviderArea) : NULL;
}

static BOOLEAN IsStopping(VOID)
{
    BOOLEAN Result;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Result = Stopping;
    KeReleaseSpinLock(&Lock, OldIrql);
    return Result;
}

_Use_decl_annotations_
static VOID CompletionThread(PVOID StartContext)
{
    LARGE_INTEGER Gather;
    KEYVALUE_REQUEST *Request;

    UNREFERENCED_PARAMETER(StartContext);
    Gather.QuadPart = -10000LL * GATHER_MILLISECONDS;
    while (!IsStopping()) {
        KeWaitForSingleObject(&WakeEvent, Executive, KernelMode, FALSE, NULL);
        // Requests gather meanwhile, so that several are in flight.
        KeDelayExecutionThread(KernelMode, FALSE, &Gather);
        while ((Request = TakeRequest()) != NULL) {
            CompleteRequest(Request);
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS StartThread(VOID)
{
    HANDLE ThreadHandle;
    NTSTATUS Status;

    Status = PsCreateSystemThread(&ThreadHandle, THREAD_ALL_ACCESS, NULL, NULL, NULL, CompletionThread, NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    // Succeeds: it is a kernel handle of this process that grants all access.
    ObReferenceObjectByHandle(ThreadHandle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    ZwClose(ThreadHandle);
    return STATUS_SUCCESS;
}

static VOID StopThread(VOID)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Stopping = TRUE;
    KeReleaseSpinLock(&Lock, OldIrql);
    KeSetEvent(&WakeEvent, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

_Use_decl_annotations_
static NTSTATUS AttachClient(
    HANDLE NmrBindingHandle,
    PVOID ProviderContext,
    PNPI_REGISTRATION_INSTANCE ClientRegistrationInstance,
    PVOID ClientBindingContext,
    CONST VOID *ClientDispatch,
    PVOID *ProviderBindingContext,
    CONST VOID **Dispatch)
{
    const KEYVALUE_CHARACTERISTICS *Client =
        (const KEYVALUE_CHARACTERISTICS *)ClientRegistrationInstance->NpiSpecificCharacteristics;
    const KEYVALUE_CLIENT_DISPATCH *Table = (const KEYVALUE_CLIENT_DISPATCH *)ClientDispatch;
    PCLIENT_BINDING Binding;

    UNREFERENCED_PARAMETER(ProviderContext);
    if (Client == NULL || Client->Header.Size < sizeof(*Client) || Client->LowestVersion > KEYVALUE_VERSION ||
        Client->HighestVersion < KEYVALUE_VERSION) {
        return STATUS_NOINTERFACE;
    }
    if (Table == NULL || Table->Header.Size < sizeof(*Table) || Table->Complete == NULL) {
        return STATUS_NOINTERFACE;
    }
    Binding = (PCLIENT_BINDING)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), POOL_TAG);
    if (Binding == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Binding->NmrBindingHandle = NmrBindingHandle;
    Binding->ClientBindingContext = ClientBindingContext;
    Binding->ClientDispatch = Table;
    *ProviderBindingContext = Binding;
    *Dispatch = &ProviderDispatch;
    return STATUS_SUCCESS;
}

// From here on no call begins. If calls are in flight, the last one completes the detach.
_Use_decl_annotations_
static NTSTATUS DetachClient(PVOID ProviderBindingContext)
{
    PCLIENT_BINDING Binding = (PCLIENT_BINDING)ProviderBindingContext;
    BOOLEAN IsBusy;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->Detaching = TRUE;
    IsBusy = Binding->InFlight != 0;
    KeReleaseSpinLock(&Lock, OldIrql);
    return IsBusy ? STATUS_PENDING : STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID CleanupBindingContext(PVOID ProviderBindingContext)
{
    ExFreePoolWithTag(ProviderBindingContext, POOL_TAG);
}

// The thread runs until all bindings have been cleaned up: it completes their requests.
_Use_decl_annotations_
static VOID DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    if (NmrDeregisterProvider(ProviderHandle) == STATUS_PENDING) {
        NmrWaitForProviderDeregisterComplete(ProviderHandle);
    }
    StopThread();
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Queue);
    KeInitializeEvent(&WakeEvent, SynchronizationEvent, FALSE);
    Status = StartThread();
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    // Last, because clients may attach before this returns.
    Status = NmrRegisterProvider(&ProviderCharacteristics, NULL, &ProviderHandle);
    if (!NT_SUCCESS(Status)) {
        StopThread();
    }
    return Status;
}
