// SPDX-License-Identifier: MIT OR Apache-2.0
// What a provider and a client have in common: the driver's life, its thread,
// and the calls in flight of its bindings. All of it may be replaced.

#include "module.h"
#pragma clang attribute push(__attribute__((weak)), apply_to = function)

HANDLE Registration;
BINDING *Bindings;
KSPIN_LOCK Lock;
volatile BOOLEAN Stop;
PVOID Thread;

// Last of all: callbacks may run before it returns.
NTSTATUS Register(void) { return REGISTER(&Characteristics, NULL, &Registration); }

NTSTATUS StartWork(void) {
    NTSTATUS status = StartThread();
    if (NT_SUCCESS(status) && !NT_SUCCESS(status = Register()))
        StopThread();
    return status;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    return StartWork();
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    KeInitializeSpinLock(&Lock);
    return Start(driver);
}

void Deregister(void) {
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
}

void AtUnload(void) {}

void Unload(DRIVER_OBJECT *driver) {
    (void)driver;
    Deregister();
    StopThread();
    AtUnload();
}

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        Turn();
        Sleep(100);
    }
}

NTSTATUS StartThread(void) {
    HANDLE handle;
    NTSTATUS status = PsCreateSystemThread(&handle, 0x1FFFFF, NULL, NULL, NULL, Work, NULL);
    if (!NT_SUCCESS(status))
        return status;
    ObReferenceObjectByHandle(handle, 0x1FFFFF, NULL, 0, &Thread, NULL);
    return ZwClose(handle);
}

void StopThread(void) {
    Stop = TRUE;
    KeWaitForSingleObject(Thread, 0, 0, 0, NULL);
    ObfDereferenceObject(Thread);
}

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof(BINDING));
    if (binding)
        binding->Handle = handle;
    return binding;
}

BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer) {
    const ECHO_CHARACTERISTICS *theirs = peer->NpiSpecificCharacteristics;
    return theirs && theirs->Header.Size >= sizeof(*theirs) && !theirs->Required &&
           theirs->LowestVersion <= ECHO_VERSION && ECHO_VERSION <= theirs->HighestVersion;
}

void Publish(BINDING *binding) {
    KIRQL irql = Acquire();
    binding->Next = Bindings;
    Bindings = binding;
    Release(irql);
}

// No call begins from here on; whether some are under way.
BOOLEAN Withdraw(BINDING *binding) {
    KIRQL irql = Acquire();
    BINDING **link = &Bindings;
    BOOLEAN busy;
    while (*link && *link != binding)
        link = &(*link)->Next;
    if (*link)
        *link = binding->Next;
    binding->Detaching = TRUE;
    busy = binding->InFlight > 0;
    Release(irql);
    return busy;
}

// Whether a call may begin.
BOOLEAN Enter(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN open = !binding->Detaching;
    if (open)
        binding->InFlight++;
    Release(irql);
    return open;
}

// A call has ended; the last one of a binding that is being detached completes
// that, and touches the binding no more.
void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    Release(irql);
    if (last)
        DETACH_COMPLETE(handle);
}

NTSTATUS Detach(PVOID binding) { return Withdraw(binding) ? STATUS_PENDING : STATUS_SUCCESS; }

void Cleanup(PVOID binding) { Free(binding); }

#pragma clang attribute pop
