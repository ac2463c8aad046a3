// SPDX-License-Identifier: MIT OR Apache-2.0
// A module of the zoo: base/client.c or base/provider.c, which are right, with
// the functions replaced that modules/<name>.c defines. What a replaced
// function does wrong stands in WRONG(), what it does instead in RIGHT(), so
// that the corrected twin is the same source.

#pragma once
#include "echo.h"

#ifdef DEFECT
#define WRONG(...) __VA_ARGS__
#define RIGHT(...)
#else
#define WRONG(...)
#define RIGHT(...) __VA_ARGS__
#endif

// One peer that is attached, as the design guide's "programming
// considerations" keep it: the lock, the calls under way, and whether the
// binding is being detached.
typedef struct _BINDING {
    struct _BINDING *Next;
    HANDLE Handle;
    PVOID Peer;
    const void *Table;
    LONG InFlight;
    BOOLEAN Detaching;
} BINDING;

extern HANDLE Registration;
extern BINDING *Bindings;
extern KSPIN_LOCK Lock;
extern volatile BOOLEAN Stop;
extern PVOID Thread;
extern REQUEST *Queue;

#ifdef PROVIDER
typedef NPI_PROVIDER_CHARACTERISTICS CHARACTERISTICS;
typedef CLIENT_DISPATCH PEER_DISPATCH;
#define REGISTER NmrRegisterProvider
#define DEREGISTER NmrDeregisterProvider
#define WAIT NmrWaitForProviderDeregisterComplete
#define DETACH_COMPLETE NmrProviderDetachClientComplete
#define ATTACH_CALLBACK ProviderAttachClient
#define DETACH_CALLBACK ProviderDetachClient
#define INSTANCE ProviderRegistrationInstance
#else
typedef NPI_CLIENT_CHARACTERISTICS CHARACTERISTICS;
typedef PROVIDER_DISPATCH PEER_DISPATCH;
#define REGISTER NmrRegisterClient
#define DEREGISTER NmrDeregisterClient
#define WAIT NmrWaitForClientDeregisterComplete
#define DETACH_COMPLETE NmrClientDetachProviderComplete
#define ATTACH_CALLBACK ClientAttachProvider
#define DETACH_CALLBACK ClientDetachProvider
#define INSTANCE ClientRegistrationInstance
#endif
extern CHARACTERISTICS Characteristics;
extern const PROVIDER_DISPATCH ProviderDispatch;
extern const CLIENT_DISPATCH ClientDispatch;

// Life.
NTSTATUS DriverEntry(DRIVER_OBJECT *, UNICODE_STRING *path);
NTSTATUS Start(DRIVER_OBJECT *);
NTSTATUS StartWork(void);
NTSTATUS Register(void);
void Deregister(void);
void AtUnload(void);
void Unload(DRIVER_OBJECT *);

// The thread that works until Stop.
NTSTATUS StartThread(void);
void StopThread(void);
void Work(PVOID);
void Turn(void);

// Bindings.
BINDING *NewBinding(HANDLE);
BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer);
void Publish(BINDING *);
BOOLEAN Withdraw(BINDING *);
BOOLEAN Enter(BINDING *);
void Leave(BINDING *);
NTSTATUS Detach(PVOID binding);
void Cleanup(PVOID binding);
#ifdef PROVIDER
NTSTATUS Attach(HANDLE, PVOID context, const NPI_REGISTRATION_INSTANCE *, PVOID client,
                const void *dispatch, PVOID *mine, const void **table);
NTSTATUS Received(PVOID binding, REQUEST *);
void Reply(REQUEST *);
NTSTATUS Submit(PVOID binding, REQUEST *);
REQUEST *TakeQueue(void);
void Answer(REQUEST *);
// The provider's own words in a request that it keeps.
#define NEXT(request) (*(REQUEST **)&(request)->ProviderArea[0])
#define OF(request) (*(BINDING **)&(request)->ProviderArea[1])
#else
NTSTATUS Attach(HANDLE, PVOID context, const NPI_REGISTRATION_INSTANCE *);
void Call(BINDING *);
void CallNewest(void);
void Complete(PVOID binding, REQUEST *);
#endif

// Of what is inlined, findings name the caller.
#define INLINE static inline __attribute__((always_inline, nodebug))

INLINE PVOID Allocate(SIZE_T size) { return ExAllocatePool2(NON_PAGED, size, TAG); }
INLINE void Free(PVOID block) { ExFreePoolWithTag(block, TAG); }
INLINE void Sleep(LONGLONG microseconds) {
    LARGE_INTEGER relative = {.QuadPart = -10 * microseconds};
    KeDelayExecutionThread(0, 0, &relative);
}
INLINE KIRQL Acquire(void) { return KeAcquireSpinLockRaiseToDpc(&Lock); }
INLINE void Release(KIRQL irql) { KeReleaseSpinLock(&Lock, irql); }
// Splits a call that is in flight in two, each with its own Leave.
INLINE void Again(BINDING *binding) {
    KIRQL irql = Acquire();
    binding->InFlight++;
    Release(irql);
}
