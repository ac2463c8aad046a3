// SPDX-License-Identifier: MIT OR Apache-2.0
// The client of the KeyValue NPI in C: a system thread keeps questions in flight to every
// attached provider.

#include <wdm.h>
#include <netioddk.h>
#include "keyvalue_npi.h"

#define POOL_TAG 'cVyK'
#define DEPTH 4
#define PAUSE_MILLISECONDS 1
#define QUERY_INTERVAL 32

// A request with the number of its users: the thread until Get has returned, and the
// provider until it has completed the request.
typedef struct _SLOT {
    KEYVALUE_REQUEST Request;
    ULONG Users;        // protected by Lock
} SLOT, *PSLOT;

// A binding to a provider. Lock protects the members from Link on.
typedef struct _PROVIDER_BINDING {
    HANDLE NmrBindingHandle;
    PVOID ProviderBindingContext;
    const KEYVALUE_PROVIDER_DISPATCH *ProviderDispatch;
    SLOT Slots[DEPTH];
    LIST_ENTRY Link;
    ULONG InFlight;     // calls in progress; a request counts until Complete has returned
    BOOLEAN IsUsable;   // attached, with a dispatch table that has all functions
    BOOLEAN Detaching;
} PROVIDER_BINDING, *PPROVIDER_BINDING;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD DriverUnload;
static NPI_CLIENT_ATTACH_PROVIDER_FN AttachProvider;
static NPI_CLIENT_DETACH_PROVIDER_FN DetachProvider;
static NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN CleanupBindingContext;
static KEYVALUE_COMPLETE_FN Complete;
static KSTART_ROUTINE QuestionThread;

static const KEYVALUE_CHARACTERISTICS Characteristics = KEYVALUE_CHARACTERISTICS_INIT;
static const KEYVALUE_CLIENT_DISPATCH ClientDispatch = KEYVALUE_CLIENT_DISPATCH_INIT(Complete);
static const NPI_CLIENT_CHARACTERISTICS ClientCharacteristics = {
    0,
    sizeof(NPI_CLIENT_CHARACTERISTICS),
    AttachProvider,
    DetachProvider,
    CleanupBindingContext,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &KEYVALUE_NPI_ID, &KEYVALUE_CLIENT_MODULE_ID, 0, &Characteristics}};

static HANDLE ClientHandle;
static KSPIN_LOCK Lock;
static LIST_ENTRY Bindings;     // of PROVIDER_BINDING; protected by Lock
static BOOLEAN Stopping;        // protected by Lock
static ULONGLONG Right;         // values that were three times their key; protected by Lock
static KEVENT WakeEvent;
static PVOID Thread;

// Begins a call in a binding, unless the binding is detaching.
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

// Ends a call. The last call of a detaching binding completes the detach, after which the
// binding may be freed at any time.
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

// Begins a call in the binding that follows Binding in the list, or in the first one. A
// binding stays in the list until its cleanup, which comes after all calls in flight.
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

// Begins a request, which is a call in flight. Returns NULL if no slot is idle or the
// binding is detaching.
static PSLOT TakeSlot(PPROVIDER_BINDING Binding)
{
    PSLOT Slot = NULL;
    ULONG Index;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    for (Index = 0; Index < DEPTH && Slot == NULL && !Binding->Detaching; Index += 1) {
        if (Binding->Slots[Index].Users == 0) {
            Slot = &Binding->Slots[Index];
            Slot->Users = 2;
            Binding->InFlight += 1;
        }
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Slot;
}

static VOID ReleaseSlot(PSLOT Slot, ULONG Users)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Slot->Users -= Users;
    KeReleaseSpinLock(&Lock, OldIrql);
}

static VOID QueryProvider(PPROVIDER_BINDING Binding)
{
    KEYVALUE_STATISTICS Statistics;

    if (EnterBinding(Binding)) {
        KeyvalueInitializeStatistics(&Statistics);
        Binding->ProviderDispatch->Statistics(Binding->ProviderBindingContext, &Statistics);
        LeaveBinding(Binding);
    }
}

static VOID CheckValue(const KEYVALUE_REQUEST *Request)
{
    KIRQL OldIrql;

    if (NT_SUCCESS(Request->Status) && Request->Value == 3 * Request->Key) {
        KeAcquireSpinLock(&Lock, &OldIrql);
        Right += 1;
        KeReleaseSpinLock(&Lock, OldIrql);
    }
}

// Asks for the value of a key. Returns FALSE if no question can be asked now.
static BOOLEAN Ask(PPROVIDER_BINDING Binding, ULONGLONG Key)
{
    PSLOT Slot = TakeSlot(Binding);
    KEYVALUE_REQUEST *Request;
    NTSTATUS Status;

    if (Slot == NULL) {
        return FALSE;
    }
    Request = &Slot->Request;
    KeyvalueInitializeRequest(Request);
    Request->Key = Key;

    Status = Binding->ProviderDispatch->Get(Binding->ProviderBindingContext, Request);

    if (Status == STATUS_PENDING) {
        // It may be complete already, but is not reused before this thread releases it.
        ReleaseSlot(Slot, 1);
        return TRUE;
    }
    // The provider is done with the request, and does not complete it.
    if (NT_SUCCESS(Status)) {
        CheckValue(Request);
    }
    ReleaseSlot(Slot, 2);
    LeaveBinding(Binding);
    return NT_SUCCESS(Status);
}

// Returns the slot of a request, or NULL if it is not a request of this binding.
static PSLOT FindSlot(PPROVIDER_BINDING Binding, const KEYVALUE_REQUEST *Request)
{
    ULONG Index;

    for (Index = 0; Index < DEPTH; Index += 1) {
        if (&Binding->Slots[Index].Request == Request) {
            return &Binding->Slots[Index];
        }
    }
    return NULL;
}

_Use_decl_annotations_
static VOID Complete(PVOID ClientBindingContext, KEYVALUE_REQUEST *Request)
{
    PPROVIDER_BINDING Binding = (PPROVIDER_BINDING)ClientBindingContext;
    PSLOT Slot = FindSlot(Binding, Request);

    // The provider completes a question that was not asked.
    if (Slot == NULL) {
        return;
    }
    CheckValue(Request);
    ReleaseSlot(Slot, 1);
    KeSetEvent(&WakeEvent, IO_NO_INCREMENT, FALSE);
    LeaveBinding(Binding);
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
static VOID QuestionThread(PVOID StartContext)
{
    PPROVIDER_BINDING Binding;
    PPROVIDER_BINDING Next;
    LARGE_INTEGER Pause;
    ULONGLONG Key = 0;
    ULONG Count;

    UNREFERENCED_PARAMETER(StartContext);
    Pause.QuadPart = -10000LL * PAUSE_MILLISECONDS;
    while (!IsStopping()) {
        for (Binding = EnterNextBinding(NULL); Binding != NULL; Binding = Next) {
            for (Count = 0; Count < DEPTH; Count += 1) {
                if (Key % QUERY_INTERVAL == 0) {
                    QueryProvider(Binding);
                }
                if (!Ask(Binding, Key)) {
                    break;
                }
                Key += 1;
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

    Status = PsCreateSystemThread(&ThreadHandle, THREAD_ALL_ACCESS, NULL, NULL, NULL, QuestionThread, NULL);
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

static BOOLEAN HasFunctions(const KEYVALUE_PROVIDER_DISPATCH *Dispatch)
{
    return Dispatch != NULL && Dispatch->Header.Size >= sizeof(*Dispatch) && Dispatch->Get != NULL &&
           Dispatch->Statistics != NULL;
}

// The attach counts as a call in flight: a detach that overtakes it pends until its end.
_Use_decl_annotations_
static NTSTATUS AttachProvider(
    HANDLE NmrBindingHandle,
    PVOID ClientContext,
    PNPI_REGISTRATION_INSTANCE ProviderRegistrationInstance)
{
    const KEYVALUE_CHARACTERISTICS *Provider =
        (const KEYVALUE_CHARACTERISTICS *)ProviderRegistrationInstance->NpiSpecificCharacteristics;
    CONST VOID *Dispatch;
    PPROVIDER_BINDING Binding;
    NTSTATUS Status;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(ClientContext);
    if (Provider == NULL || Provider->Header.Size < sizeof(*Provider) || Provider->LowestVersion > KEYVALUE_VERSION ||
        Provider->HighestVersion < KEYVALUE_VERSION) {
        return STATUS_NOINTERFACE;
    }
    Binding = (PPROVIDER_BINDING)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), POOL_TAG);
    if (Binding == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Binding->NmrBindingHandle = NmrBindingHandle;
    Binding->InFlight = 1;
    InitializeListHead(&Binding->Link);

    Status = NmrClientAttachProvider(
        NmrBindingHandle, Binding, &ClientDispatch, &Binding->ProviderBindingContext, &Dispatch);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Binding, POOL_TAG);
        return Status;
    }

    Binding->ProviderDispatch = (const KEYVALUE_PROVIDER_DISPATCH *)Dispatch;
    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding->IsUsable = HasFunctions(Binding->ProviderDispatch);
    InsertTailList(&Bindings, &Binding->Link);
    KeReleaseSpinLock(&Lock, OldIrql);
    KeSetEvent(&WakeEvent, IO_NO_INCREMENT, FALSE);
    LeaveBinding(Binding);
    return Status;
}

// From here on no call begins. If calls are in flight, the last one completes the detach.
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

// The thread runs until all bindings have been cleaned up, when no call is in flight.
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
    // Last, because NMR may offer providers before this returns.
    Status = NmrRegisterClient(&ClientCharacteristics, NULL, &ClientHandle);
    if (!NT_SUCCESS(Status)) {
        StopThread();
    }
    return Status;
}
