// SPDX-License-Identifier: MIT OR Apache-2.0
// Many clients of Echo in one driver, the peers of a provider whose unload is measured. A
// provider that completes requests by one thread has all of them in flight until the first
// completion has returned: that waits until the provider detaches, and then for a given time.

#include "peer.h"

#define POOL_TAG 'cynM'

typedef struct _PROVIDER_BINDING {
    ULONG Module;
    HANDLE NmrBindingHandle;
    PVOID ProviderBindingContext;
    const ECHO_PROVIDER_DISPATCH *ProviderDispatch;
    ULONG InFlight;     // calls that have begun; a request is one until Complete has returned
    BOOLEAN Detaching;  // both protected by Lock
    ECHO_REQUEST Slots[MAX_REQUESTS];
} PROVIDER_BINDING, *PPROVIDER_BINDING;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD DriverUnload;
static NPI_CLIENT_ATTACH_PROVIDER_FN AttachProvider;
static NPI_CLIENT_DETACH_PROVIDER_FN DetachProvider;
static NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN CleanupBindingContext;
static ECHO_COMPLETE_FN Complete;
static KSTART_ROUTINE SubmissionThread;

static const NPI_MODULEID ModuleId = {
    sizeof(NPI_MODULEID), MIT_GUID, {{0x5b7a91e3, 0xd06f, 0x42c8, {0x9c, 0x14, 0xf7, 0x38, 0x6d, 0xb2, 0x05, 0xea}}}};
static const ECHO_CHARACTERISTICS EchoCharacteristics = ECHO_CHARACTERISTICS_INIT(0, 0);
static const ECHO_CLIENT_DISPATCH ClientDispatch = ECHO_CLIENT_DISPATCH_INIT(Complete, NULL);
static const NPI_CLIENT_CHARACTERISTICS ClientCharacteristics = {
    0,
    sizeof(NPI_CLIENT_CHARACTERISTICS),
    AttachProvider,
    DetachProvider,
    CleanupBindingContext,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &ECHO_NPI_ID, &ModuleId, 0, &EchoCharacteristics}};

static HANDLE ClientHandles[MAX_MODULES];
static ULONG Registered;
static PPROVIDER_BINDING Bindings[MAX_MODULES];    // those that are attached; protected by Lock
static ULONG Attached;          // their number
static KEVENT AttachedEvent;    // every module is attached
static KEVENT CompletionEvent;  // the provider is in the first completion
static BOOLEAN HasCompleted;    // protected by Lock

// Begins a call of a module's binding. Returns NULL if it has none, or is being detached.
static PPROVIDER_BINDING EnterBinding(ULONG Module)
{
    PPROVIDER_BINDING Binding;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    Binding = Bindings[Module];
    if (Binding != NULL && Binding->Detaching) {
        Binding = NULL;
    }
    if (Binding != NULL) {
        Binding->InFlight += 1;
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    return Binding;
}

// Ends a call. The last one of a binding that is being detached completes the detach.
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

// Submits a request. The identifiers are those that the measured provider keeps.
static VOID SubmitRequest(ULONG Module, ULONG Slot)
{
    PPROVIDER_BINDING Binding = EnterBinding(Module);
    ECHO_REQUEST *Request;

    if (Binding == NULL) {
        return;
    }
    Request = &Binding->Slots[Slot];
    EchoInitializeRequest(Request);
    Request->Id = 1;
    Request->Length = 1;
    if (Binding->ProviderDispatch->Submit(Binding->ProviderBindingContext, Request) != STATUS_PENDING) {
        LeaveBinding(Binding);
    }
}

_Use_decl_annotations_
static VOID Complete(PVOID ClientBindingContext, ECHO_REQUEST *Request)
{
    BOOLEAN IsFirst;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Request);
    KeAcquireSpinLock(&Lock, &OldIrql);
    IsFirst = !HasCompleted;
    HasCompleted = TRUE;
    KeReleaseSpinLock(&Lock, OldIrql);
    if (IsFirst) {
        KeSetEvent(&CompletionEvent, IO_NO_INCREMENT, FALSE);
        WaitForDetach();
        WaitSlowest();
    }
    LeaveBinding((PPROVIDER_BINDING)ClientBindingContext);
}

// Submits one request, and the others once the provider's thread is held up by it.
_Use_decl_annotations_
static VOID SubmissionThread(PVOID StartContext)
{
    ULONG Module;
    ULONG Slot;

    UNREFERENCED_PARAMETER(StartContext);
    if (Requests != 0) {
        WaitFor(&AttachedEvent);
        SubmitRequest(0, 0);
        WaitFor(&CompletionEvent);
        for (Module = 0; Module < Modules; Module += 1) {
            for (Slot = Module == 0; Slot < Requests; Slot += 1) {
                SubmitRequest(Module, Slot);
            }
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

// The context of a module is its number.
_Use_decl_annotations_
static NTSTATUS AttachProvider(
    HANDLE NmrBindingHandle,
    PVOID ClientContext,
    PNPI_REGISTRATION_INSTANCE ProviderRegistrationInstance)
{
    CONST VOID *Dispatch;
    PPROVIDER_BINDING Binding;
    BOOLEAN AreAll;
    NTSTATUS Status;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(ProviderRegistrationInstance);
    Binding = (PPROVIDER_BINDING)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), POOL_TAG);
    if (Binding == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Binding->Module = (ULONG)(ULONG_PTR)ClientContext;
    Binding->NmrBindingHandle = NmrBindingHandle;
    // The attach is a call in flight: a detach that overtakes it waits for it.
    Binding->InFlight = 1;
    Status = NmrClientAttachProvider(
        NmrBindingHandle, Binding, &ClientDispatch, &Binding->ProviderBindingContext, &Dispatch);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Binding, POOL_TAG);
        return Status;
    }
    Binding->ProviderDispatch = (const ECHO_PROVIDER_DISPATCH *)Dispatch;
    KeAcquireSpinLock(&Lock, &OldIrql);
    Bindings[Binding->Module] = Binding;
    Attached += 1;
    AreAll = Attached == Modules;
    KeReleaseSpinLock(&Lock, OldIrql);
    if (AreAll) {
        KeSetEvent(&AttachedEvent, IO_NO_INCREMENT, FALSE);
    }
    LeaveBinding(Binding);
    return STATUS_SUCCESS;
}

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
    KeSetEvent(&DetachEvent, IO_NO_INCREMENT, FALSE);
    return IsBusy ? STATUS_PENDING : STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID CleanupBindingContext(PVOID ClientBindingContext)
{
    PPROVIDER_BINDING Binding = (PPROVIDER_BINDING)ClientBindingContext;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Lock, &OldIrql);
    if (Bindings[Binding->Module] == Binding) {
        Bindings[Binding->Module] = NULL;
    }
    KeReleaseSpinLock(&Lock, OldIrql);
    ExFreePoolWithTag(Binding, POOL_TAG);
}

_Use_decl_annotations_
static VOID DriverUnload(PDRIVER_OBJECT DriverObject)
{
    ULONG Index;

    UNREFERENCED_PARAMETER(DriverObject);
    for (Index = 0; Index < Registered; Index += 1) {
        if (NmrDeregisterClient(ClientHandles[Index]) == STATUS_PENDING) {
            NmrWaitForClientDeregisterComplete(ClientHandles[Index]);
        }
    }
    KeSetEvent(&AttachedEvent, IO_NO_INCREMENT, FALSE);
    KeSetEvent(&CompletionEvent, IO_NO_INCREMENT, FALSE);
    StopThread();
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = QueryParameters(RegistryPath);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeInitializeEvent(&AttachedEvent, NotificationEvent, FALSE);
    KeInitializeEvent(&CompletionEvent, NotificationEvent, FALSE);
    Status = StartThread(SubmissionThread);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    DriverObject->DriverUnload = DriverUnload;
    while (Registered < Modules) {
        Status = NmrRegisterClient(
            (PNPI_CLIENT_CHARACTERISTICS)&ClientCharacteristics, (PVOID)(ULONG_PTR)Registered, &ClientHandles[Registered]);
        if (!NT_SUCCESS(Status)) {
            DriverUnload(DriverObject);
            return Status;
        }
        Registered += 1;
    }
    return STATUS_SUCCESS;
}
