// SPDX-License-Identifier: MIT OR Apache-2.0
// A client of the Echo NPI in C: a system thread keeps requests in flight for every
// provider that is attached.

#include <wdm.h>
#include <netioddk.h>
#include "echo_npi.h"

#define POOL_TAG 'cohE'
#define CAPABILITIES (ECHO_OFFERS_CANCEL | ECHO_OFFERS_QUERY_STATISTICS | ECHO_OFFERS_NOTIFY)
#define DEPTH 4
#define PAUSE_MILLISECONDS 1
#define CANCEL_INTERVAL 7
#define QUERY_INTERVAL 32

// A request, and who still uses it. The slot is idle if nobody does.
typedef struct _SLOT {
    ECHO_REQUEST Request;
    BOOLEAN IsSubmitting;   // the thread, until Submit and Cancel have returned; protected by Lock
    BOOLEAN IsPending;      // the provider, until it has completed it; protected by Lock
} SLOT, *PSLOT;

// A provider that is attached. The members from Link on are protected by Lock.
typedef struct _PROVIDER_BINDING {
    HANDLE NmrBindingHandle;
    PVOID ProviderBindingContext;
    const ECHO_PROVIDER_DISPATCH *ProviderDispatch;
    ULONG Agreed;       // the capabilities that both sides offer
    SLOT Slots[DEPTH];
    LIST_ENTRY Link;
    ULONG InFlight;     // calls that have begun; a request is one until Complete has returned
    BOOLEAN IsUsable;   // attached, with a dispatch table that has all functions
    BOOLEAN Detaching;
} PROVIDER_BINDING, *PPROVIDER_BINDING;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD DriverUnload;
static NPI_CLIENT_ATTACH_PROVIDER_FN AttachProvider;
static NPI_CLIENT_DETACH_PROVIDER_FN DetachProvider;
static NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN CleanupBindingContext;
static ECHO_COMPLETE_FN Complete;
static ECHO_NOTIFY_FN Notify;
static KSTART_ROUTINE SubmissionThread;

// This module: another implementation of Echo has an identifier of its own.
static const NPI_MODULEID ModuleId = {
    sizeof(NPI_MODULEID), MIT_GUID, {{0x9a40c6e1, 0x77d2, 0x4be5, {0xa1, 0x0c, 0x3d, 0x58, 0xe6, 0x2b, 0x41, 0x9f}}}};
static const ECHO_CHARACTERISTICS EchoCharacteristics = ECHO_CHARACTERISTICS_INIT(CAPABILITIES, 0);
static const ECHO_CLIENT_DISPATCH ClientDispatch = ECHO_CLIENT_DISPATCH_INIT(Complete, Notify);
static const NPI_CLIENT_CHARACTERISTICS ClientCharacteristics = {
    0,
    sizeof(NPI_CLIENT_CHARACTERISTICS),
    AttachProvider,
    DetachProvider,
    CleanupBindingContext,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &ECHO_NPI_ID, &ModuleId, 0, &EchoCharacteristics}};

static HANDLE ClientHandle;
static KSPIN_LOCK Lock;
static LIST_ENTRY Bindings;     // of PROVIDER_BINDING; protected by Lock
static BOOLEAN Stopping;        // protected by Lock
static ULONGLONG Progress;      // what providers notify; protected by Lock
static KEVENT WakeEvent;
static PVOID Thread;

// Begins a call of a binding, unless it is being detached.
static BOOLEAN EnterBinding(PPROVIDER_BINDING Binding)
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
static VOID LeaveBinding(PPROVIDER_BINDING Binding)
{
    HANDLE NmrBindingHandle = Binding->NmrBindingHandle;
    BOOLEAN IsLast;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->InFlight -= 1;
    IsLast = Binding->InFlight == 0 && Binding->Detaching;
    KeReleaseSpinLock(&Lock, OldIrql);
    if (IsLast) {
        NmrClientDetachProviderComplete(NmrBindingHandle);
    }
}

// Begins a call of the binding that follows Binding in the list, or of the first one.
// The list keeps a binding until its cleanup, which waits for the calls in flight.
static PPROVIDER_BINDING EnterNextBinding(PPROVIDER_BINDING Binding)
{
    PPROVIDER_BINDING Next = NULL;
    PLIST_ENTRY Link;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Link = Binding != NULL ? Binding->Link.Flink : Bindings.Flink;
    for (; Link != &Bindings && Next == NULL; Link = Link->Flink) {
        Next = CONTAINING_RECORD(Link, PROVIDER_BINDING, Link);
        if (!Next->IsUsable || Next->Detaching) {
            Next = NULL;
        }
    }
    if (Next != NULL) {
        Next->InFlight += 1;
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Next;
}

// Begins a request: one more call in flight. Returns NULL if there is no idle slot, or the
// binding is being detached.
static PSLOT TakeSlot(PPROVIDER_BINDING Binding)
{
    PSLOT Slot = NULL;
    ULONG Index;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    for (Index = 0; Index < DEPTH && Slot == NULL && !Binding->Detaching; Index += 1) {
        if (!Binding->Slots[Index].IsSubmitting && !Binding->Slots[Index].IsPending) {
            Slot = &Binding->Slots[Index];
            Slot->IsSubmitting = TRUE;
            Slot->IsPending = TRUE;
            Binding->InFlight += 1;
        }
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Slot;
}

// Ends the thread's use of a slot.
static VOID ReleaseSlot(PSLOT Slot)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Slot->IsSubmitting = FALSE;
    KeReleaseSpinLock(&Lock, OldIrql);
}

// Ends the provider's use of a slot. Returns FALSE if Request, which may be any pointer, is
// not pending in the binding.
static BOOLEAN TakeBack(PPROVIDER_BINDING Binding, CONST ECHO_REQUEST *Request)
{
    BOOLEAN WasPending = FALSE;
    ULONG Index;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    for (Index = 0; Index < DEPTH; Index += 1) {
        if (&Binding->Slots[Index].Request == Request) {
            WasPending = Binding->Slots[Index].IsPending;
            Binding->Slots[Index].IsPending = FALSE;
        }
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return WasPending;
}

static VOID CancelRequest(PPROVIDER_BINDING Binding, PSLOT Slot)
{
    if ((Binding->Agreed & ECHO_OFFERS_CANCEL) && EnterBinding(Binding)) {
        Binding->ProviderDispatch->Cancel(Binding->ProviderBindingContext, &Slot->Request);
        LeaveBinding(Binding);
    }
}

static VOID QueryProvider(PPROVIDER_BINDING Binding)
{
    ECHO_STATISTICS Statistics;

    if ((Binding->Agreed & ECHO_OFFERS_QUERY_STATISTICS) && EnterBinding(Binding)) {
        EchoInitializeStatistics(&Statistics);
        Binding->ProviderDispatch->QueryStatistics(Binding->ProviderBindingContext, &Statistics);
        LeaveBinding(Binding);
    }
}

// Submits a request. Returns FALSE if none can be submitted now.
static BOOLEAN SubmitRequest(PPROVIDER_BINDING Binding, ULONGLONG Id)
{
    PSLOT Slot = TakeSlot(Binding);
    ECHO_REQUEST *Request;
    NTSTATUS Status;

    if (Slot == NULL) {
        return FALSE;
    }
    Request = &Slot->Request;
    EchoInitializeRequest(Request);
    Request->Id = Id;
    Request->Length = sizeof(Id);
    RtlCopyMemory(Request->Payload, &Id, sizeof(Id));

    Status = Binding->ProviderDispatch->Submit(Binding->ProviderBindingContext, Request);

    if (Status == STATUS_PENDING) {
        // It may be complete already, but not used again before the thread releases it.
        if (Id % CANCEL_INTERVAL == 0) {
            CancelRequest(Binding, Slot);
        }
        ReleaseSlot(Slot);
        return TRUE;
    }
    // The provider is done with it, and will not complete it.
    if (TakeBack(Binding, Request)) {
        LeaveBinding(Binding);
    }
    ReleaseSlot(Slot);
    return NT_SUCCESS(Status);
}

_Use_decl_annotations_
static VOID Complete(PVOID ClientBindingContext, ECHO_REQUEST *Request)
{
    PPROVIDER_BINDING Binding = (PPROVIDER_BINDING)ClientBindingContext;

    if (TakeBack(Binding, Request)) {
        KeSetEvent(&WakeEvent, IO_NO_INCREMENT, FALSE);
        LeaveBinding(Binding);
    }
}

_Use_decl_annotations_
static VOID Notify(PVOID ClientBindingContext, ULONG What, ULONGLONG Value)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(ClientBindingContext);
    UNREFERENCED_PARAMETER(What);
    KeAcquireSpinLock(&Lock, &OldIrql);
    Progress = Value;
    KeReleaseSpinLock(&Lock, OldIrql);
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
static VOID SubmissionThread(PVOID StartContext)
{
    PPROVIDER_BINDING Binding;
    PPROVIDER_BINDING Next;
    LARGE_INTEGER Pause;
    ULONGLONG Id = 0;
    ULONG Count;

    UNREFERENCED_PARAMETER(StartContext);
    Pause.QuadPart = -10000LL * PAUSE_MILLISECONDS;
    while (!IsStopping()) {
        for (Binding = EnterNextBinding(NULL); Binding != NULL; Binding = Next) {
            for (Count = 0; Count < DEPTH; Count += 1) {
                if (Id % QUERY_INTERVAL == 0) {
                    QueryProvider(Binding);
                }
                if (!SubmitRequest(Binding, Id)) {
                    break;
                }
                Id += 1;
            }
            Next = EnterNextBinding(Binding);
            LeaveBinding(Binding);
        }
        KeWaitForSingleObject(&WakeEvent, Executive, KernelMode, FALSE, &Pause);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS StartThread(VOID)
{
    HANDLE ThreadHandle;
    NTSTATUS Status;

    Status = PsCreateSystemThread(&ThreadHandle, THREAD_ALL_ACCESS, NULL, NULL, NULL, SubmissionThread, NULL);
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

static BOOLEAN HasFunctions(const ECHO_PROVIDER_DISPATCH *Dispatch, ULONG Agreed)
{
    return Dispatch != NULL && Dispatch->Header.Size >= sizeof(*Dispatch) && Dispatch->Submit != NULL &&
           (!(Agreed & ECHO_OFFERS_CANCEL) || Dispatch->Cancel != NULL) &&
           (!(Agreed & ECHO_OFFERS_QUERY_STATISTICS) || Dispatch->QueryStatistics != NULL);
}

// The attach is a call in flight: a detach that overtakes it waits for it.
_Use_decl_annotations_
static NTSTATUS AttachProvider(
    HANDLE NmrBindingHandle,
    PVOID ClientContext,
    PNPI_REGISTRATION_INSTANCE ProviderRegistrationInstance)
{
    const ECHO_CHARACTERISTICS *Provider =
        (const ECHO_CHARACTERISTICS *)ProviderRegistrationInstance->NpiSpecificCharacteristics;
    CONST VOID *Dispatch;
    PPROVIDER_BINDING Binding;
    NTSTATUS Status;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(ClientContext);
    if (Provider == NULL || Provider->Header.Size < sizeof(*Provider) || Provider->LowestVersion > ECHO_VERSION ||
        Provider->HighestVersion < ECHO_VERSION || (Provider->Required & ~CAPABILITIES) != 0) {
        return STATUS_NOINTERFACE;
    }
    Binding = (PPROVIDER_BINDING)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), POOL_TAG);
    if (Binding == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Binding->NmrBindingHandle = NmrBindingHandle;
    Binding->Agreed = Provider->Offered & CAPABILITIES;
    Binding->InFlight = 1;
    InitializeListHead(&Binding->Link);

    Status = NmrClientAttachProvider(
        NmrBindingHandle, Binding, &ClientDispatch, &Binding->ProviderBindingContext, &Dispatch);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Binding, POOL_TAG);
        return Status;
    }

    Binding->ProviderDispatch = (const ECHO_PROVIDER_DISPATCH *)Dispatch;
    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->IsUsable = HasFunctions(Binding->ProviderDispatch, Binding->Agreed);
    InsertTailList(&Bindings, &Binding->Link);
    KeReleaseSpinLock(&Lock, OldIrql);
    KeSetEvent(&WakeEvent, IO_NO_INCREMENT, FALSE);
    LeaveBinding(Binding);
    return Status;
}

// No call begins from here on. If one is in flight, the last of them completes the detach.
_Use_decl_annotations_
static NTSTATUS DetachProvider(PVOID ClientBindingContext)
{
    PPROVIDER_BINDING Binding = (PPROVIDER_BINDING)ClientBindingContext;
    BOOLEAN IsBusy;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->Detaching = TRUE;
    IsBusy = Binding->InFlight != 0;
    KeReleaseSpinLock(&Lock, OldIrql);
    return IsBusy ? STATUS_PENDING : STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID CleanupBindingContext(PVOID ClientBindingContext)
{
    PPROVIDER_BINDING Binding = (PPROVIDER_BINDING)ClientBindingContext;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    RemoveEntryList(&Binding->Link);
    KeReleaseSpinLock(&Lock, OldIrql);
    ExFreePoolWithTag(Binding, POOL_TAG);
}

// The thread runs until all bindings are gone: no call is in flight then.
_Use_decl_annotations_
static VOID DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    if (NmrDeregisterClient(ClientHandle) == STATUS_PENDING) {
        NmrWaitForClientDeregisterComplete(ClientHandle);
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
    InitializeListHead(&Bindings);
    KeInitializeEvent(&WakeEvent, SynchronizationEvent, FALSE);
    Status = StartThread();
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    // Last: providers may be offered before it returns.
    Status = NmrRegisterClient(&ClientCharacteristics, NULL, &ClientHandle);
    if (!NT_SUCCESS(Status)) {
        StopThread();
    }
    return Status;
}
