// SPDX-License-Identifier: MIT OR Apache-2.0
// A provider of the Echo NPI in C: answers one request in four at once and completes the
// others in a system thread.

#include <wdm.h>
#include <netioddk.h>
#include "echo_npi.h"

#define POOL_TAG 'pohE'
#define CAPABILITIES (ECHO_OFFERS_CANCEL | ECHO_OFFERS_QUERY_STATISTICS | ECHO_OFFERS_NOTIFY)
#define MAX_PENDING 64
#define GATHER_MILLISECONDS 1
#define PROGRESS_INTERVAL 16

// A client that is attached. All but the first four members are protected by Lock.
typedef struct _CLIENT_BINDING {
    HANDLE NmrBindingHandle;
    PVOID ClientBindingContext;
    const ECHO_CLIENT_DISPATCH *ClientDispatch;
    ULONG Agreed;       // the capabilities that both sides offer
    ULONG InFlight;     // calls that have begun; a request is one until Complete has returned
    ULONG Pending;      // requests in Queue
    ULONGLONG Completed;
    BOOLEAN Detaching;
} CLIENT_BINDING, *PCLIENT_BINDING;

// The provider's own words in a request that pends.
typedef struct _PENDED_REQUEST {
    LIST_ENTRY Link;
    PCLIENT_BINDING Binding;
} PENDED_REQUEST, *PPENDED_REQUEST;
C_ASSERT(sizeof(PENDED_REQUEST) <= sizeof(((ECHO_REQUEST *)0)->ProviderArea));

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD DriverUnload;
static NPI_PROVIDER_ATTACH_CLIENT_FN AttachClient;
static NPI_PROVIDER_DETACH_CLIENT_FN DetachClient;
static NPI_PROVIDER_CLEANUP_BINDING_CONTEXT_FN CleanupBindingContext;
static ECHO_SUBMIT_FN Submit;
static ECHO_CANCEL_FN Cancel;
static ECHO_QUERY_STATISTICS_FN QueryStatistics;
static KSTART_ROUTINE CompletionThread;

// This module: another implementation of Echo has an identifier of its own.
static const NPI_MODULEID ModuleId = {
    sizeof(NPI_MODULEID), MIT_GUID, {{0x3c1e9d52, 0x0b7f, 0x4d0a, {0x8e, 0x61, 0x5f, 0x2a, 0x90, 0x14, 0xc7, 0x3b}}}};
static const ECHO_CHARACTERISTICS EchoCharacteristics = ECHO_CHARACTERISTICS_INIT(CAPABILITIES, 0);
static const ECHO_PROVIDER_DISPATCH ProviderDispatch = ECHO_PROVIDER_DISPATCH_INIT(Submit, Cancel, QueryStatistics);
static const NPI_PROVIDER_CHARACTERISTICS ProviderCharacteristics = {
    0,
    sizeof(NPI_PROVIDER_CHARACTERISTICS),
    AttachClient,
    DetachClient,
    CleanupBindingContext,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &ECHO_NPI_ID, &ModuleId, 0, &EchoCharacteristics}};

static HANDLE ProviderHandle;
static KSPIN_LOCK Lock;
static LIST_ENTRY Queue;            // of PENDED_REQUEST, the oldest first; protected by Lock
static ECHO_STATISTICS Statistics;  // protected by Lock
static KEVENT WakeEvent;
static BOOLEAN Stopping;            // protected by Lock
static PVOID Thread;

// Begins a call of a binding, unless it is being detached.
static BOOLEAN EnterBinding(PCLIENT_BINDING Binding)
{
    KIRQL OldIrql;
    BOOLEAN Entered;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Entered = !Binding->Detaching;
    if (Entered) {
        Binding->InFlight += 1;
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Entered;
}

// Ends a call. The last one of a binding that is being detached completes the detach,
// after which the binding may be freed at any time.
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

static PPENDED_REQUEST PendedRequest(ECHO_REQUEST *Request)
{
    return (PPENDED_REQUEST)Request->ProviderArea;
}

static VOID EchoPayload(ECHO_REQUEST *Request)
{
    RtlCopyMemory(Request->Reply, Request->Payload, Request->Length);
}

// The lock is held.
static VOID Dequeue(PPENDED_REQUEST Pended)
{
    RemoveEntryList(&Pended->Link);
    Pended->Binding->Pending -= 1;
}

// Completes a request that is in the queue no more. This ends the call that began with
// Submit: the request is the client's again, and so is the time to notify it.
static VOID CompleteRequest(ECHO_REQUEST *Request, NTSTATUS Status)
{
    PCLIENT_BINDING Binding = PendedRequest(Request)->Binding;
    ULONGLONG Completed;
    KIRQL OldIrql;

    if (NT_SUCCESS(Status)) {
        EchoPayload(Request);
    }
    Request->Status = Status;

    KeAcquireSpinLock(&Lock, &OldIrql);
    if (NT_SUCCESS(Status)) {
        Statistics.CompletedLater += 1;
    } else {
        Statistics.Cancelled += 1;
    }
    Completed = ++Binding->Completed;
    KeReleaseSpinLock(&Lock, OldIrql);

    Binding->ClientDispatch->Complete(Binding->ClientBindingContext, Request);

    // A notification is a call of its own, which may not begin during a detach.
    if ((Binding->Agreed & ECHO_OFFERS_NOTIFY) && Completed % PROGRESS_INTERVAL == 0 && EnterBinding(Binding)) {
        Binding->ClientDispatch->Notify(Binding->ClientBindingContext, 1, Completed);
        LeaveBinding(Binding);
    }
    LeaveBinding(Binding);
}

_Use_decl_annotations_
static NTSTATUS Submit(PVOID ProviderBindingContext, ECHO_REQUEST *Request)
{
    PCLIENT_BINDING Binding = (PCLIENT_BINDING)ProviderBindingContext;
    PPENDED_REQUEST Pended;
    NTSTATUS Status;
    KIRQL OldIrql;

    if (Request == NULL || Request->Header.Size < sizeof(*Request) || Request->Length > sizeof(Request->Payload)) {
        Status = STATUS_INVALID_PARAMETER;
    } else if (Request->Id % 4 == 0) {
        EchoPayload(Request);
        Status = STATUS_SUCCESS;
    } else {
        Status = STATUS_PENDING;
    }

    KeAcquireSpinLock(&Lock, &OldIrql);
    if (Binding->Detaching) {
        Status = STATUS_DEVICE_NOT_READY;
    } else if (Status == STATUS_PENDING && Binding->Pending >= MAX_PENDING) {
        Status = STATUS_DEVICE_BUSY;
    }
    if (Status == STATUS_PENDING) {
        Pended = PendedRequest(Request);
        Pended->Binding = Binding;
        InsertTailList(&Queue, &Pended->Link);
        Binding->Pending += 1;
        Binding->InFlight += 1;
        Statistics.Pended += 1;
    } else if (NT_SUCCESS(Status)) {
        Statistics.CompletedAtOnce += 1;
    } else {
        Statistics.Refused += 1;
    }
    // Once the lock is released the request may be complete, and the client's.
    KeReleaseSpinLock(&Lock, OldIrql);
    if (Status == STATUS_PENDING) {
        KeSetEvent(&WakeEvent, IO_NO_INCREMENT, FALSE);
    }
    return Status;
}

_Use_decl_annotations_
static VOID Cancel(PVOID ProviderBindingContext, ECHO_REQUEST *Request)
{
    PCLIENT_BINDING Binding = (PCLIENT_BINDING)ProviderBindingContext;
    PPENDED_REQUEST Pended;
    PLIST_ENTRY Link;
    BOOLEAN WasQueued = FALSE;
    KIRQL OldIrql;

    // The request may be complete, or none of this binding: only the queue tells.
    KeAcquireSpinLock(&Lock, &OldIrql);
    for (Link = Queue.Flink; Link != &Queue && !WasQueued; Link = Link->Flink) {
        Pended = CONTAINING_RECORD(Link, PENDED_REQUEST, Link);
        WasQueued = Pended->Binding == Binding && Pended == PendedRequest(Request);
        if (WasQueued) {
            Dequeue(Pended);
        }
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    if (WasQueued) {
        CompleteRequest(Request, STATUS_CANCELLED);
    }
}

_Use_decl_annotations_
static NTSTATUS QueryStatistics(PVOID ProviderBindingContext, ECHO_STATISTICS *Result)
{
    ECHO_HEADER Header;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(ProviderBindingContext);
    if (Result == NULL || Result->Header.Size < sizeof(*Result)) {
        return STATUS_INVALID_PARAMETER;
    }
    Header = Result->Header;
    KeAcquireSpinLock(&Lock, &OldIrql);
    *Result = Statistics;
    KeReleaseSpinLock(&Lock, OldIrql);
    Result->Header = Header;
    return STATUS_SUCCESS;
}

// Takes the oldest request out of the queue. Returns NULL if it is empty.
static ECHO_REQUEST *TakeRequest(VOID)
{
    PPENDED_REQUEST Pended = NULL;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    if (!IsListEmpty(&Queue)) {
        Pended = CONTAINING_RECORD(Queue.Flink, PENDED_REQUEST, Link);
        Dequeue(Pended);
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Pended ? CONTAINING_RECORD(Pended, ECHO_REQUEST, ProviderArea) : NULL;
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
    ECHO_REQUEST *Request;

    UNREFERENCED_PARAMETER(StartContext);
    Gather.QuadPart = -10000LL * GATHER_MILLISECONDS;
    while (!IsStopping()) {
        KeWaitForSingleObject(&WakeEvent, Executive, KernelMode, FALSE, NULL);
        // Several requests are in flight by then.
        KeDelayExecutionThread(KernelMode, FALSE, &Gather);
        while ((Request = TakeRequest()) != NULL) {
            CompleteRequest(Request, STATUS_SUCCESS);
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
    // The handle is a kernel handle of this process and grants all access: this succeeds.
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
    const ECHO_CHARACTERISTICS *Client =
        (const ECHO_CHARACTERISTICS *)ClientRegistrationInstance->NpiSpecificCharacteristics;
    const ECHO_CLIENT_DISPATCH *Table = (const ECHO_CLIENT_DISPATCH *)ClientDispatch;
    PCLIENT_BINDING Binding;

    UNREFERENCED_PARAMETER(ProviderContext);
    if (Client == NULL || Client->Header.Size < sizeof(*Client) || Client->LowestVersion > ECHO_VERSION ||
        Client->HighestVersion < ECHO_VERSION || (Client->Required & ~CAPABILITIES) != 0) {
        return STATUS_NOINTERFACE;
    }
    if (Table == NULL || Table->Header.Size < sizeof(*Table) || Table->Complete == NULL ||
        ((Client->Offered & ECHO_OFFERS_NOTIFY) && Table->Notify == NULL)) {
        return STATUS_NOINTERFACE;
    }
    Binding = (PCLIENT_BINDING)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), POOL_TAG);
    if (Binding == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Binding->NmrBindingHandle = NmrBindingHandle;
    Binding->ClientBindingContext = ClientBindingContext;
    Binding->ClientDispatch = Table;
    Binding->Agreed = Client->Offered & CAPABILITIES;
    *ProviderBindingContext = Binding;
    *Dispatch = &ProviderDispatch;
    return STATUS_SUCCESS;
}

// No call begins from here on. If one is in flight, the last of them completes the detach.
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

// The thread runs until all bindings are gone: it completes what they wait for.
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
    // Last: clients may attach before it returns.
    Status = NmrRegisterProvider(&ProviderCharacteristics, NULL, &ProviderHandle);
    if (!NT_SUCCESS(Status)) {
        StopThread();
    }
    return Status;
}
