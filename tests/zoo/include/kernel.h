// SPDX-License-Identifier: MIT OR Apache-2.0
// What the modules need beyond the headers that stand in for the Windows Driver Kit's.

#pragma once
#pragma clang diagnostic ignored "-Wmultichar"
#include <wdm.h>
#include <netioddk.h>

#define IMPORT __declspec(dllimport)
#define TAG 'ooZ '
#define PAGEABLE 0x100
#define NON_PAGED POOL_FLAG_NON_PAGED

IMPORT ULONG DbgPrint(const char *, ...);
IMPORT LONGLONG ObfReferenceObject(PVOID);

// Timers, work items, run-down protection, other locks, devices.
typedef struct { LONGLONG Opaque[8]; } KTIMER;
typedef struct { LONG Count; PVOID Owner; ULONG Contention; KEVENT Event; ULONG OldIrql; } FAST_MUTEX;
typedef struct { LONGLONG Opaque[13]; } ERESOURCE;
typedef struct __attribute__((aligned(16))) { UCHAR Opaque[0x60]; } LOOKASIDE_LIST_EX;
IMPORT void KeInitializeTimer(KTIMER *);
IMPORT UCHAR KeSetTimerEx(KTIMER *, LONGLONG due, LONG period, KDPC *);
IMPORT UCHAR KeCancelTimer(KTIMER *);
IMPORT PVOID IoAllocateWorkItem(PVOID object);
IMPORT void IoFreeWorkItem(PVOID);
IMPORT void IoQueueWorkItem(PVOID, void (*)(PVOID, PVOID), int queue, PVOID);
IMPORT void ExInitializeRundownProtection(SIZE_T *);
IMPORT UCHAR ExAcquireRundownProtection(SIZE_T *);
IMPORT void ExReleaseRundownProtection(SIZE_T *);
IMPORT void ExWaitForRundownProtectionRelease(SIZE_T *);
IMPORT void ExAcquireFastMutex(FAST_MUTEX *);
IMPORT void ExReleaseFastMutex(FAST_MUTEX *);
IMPORT NTSTATUS ExInitializeResourceLite(ERESOURCE *);
IMPORT NTSTATUS ExDeleteResourceLite(ERESOURCE *);
IMPORT UCHAR ExAcquireResourceExclusiveLite(ERESOURCE *, UCHAR wait);
IMPORT void ExReleaseResourceLite(ERESOURCE *);
IMPORT NTSTATUS ExInitializeLookasideListEx(LOOKASIDE_LIST_EX *, PVOID, PVOID, int, ULONG, SIZE_T,
                                            ULONG, USHORT);
IMPORT void ExDeleteLookasideListEx(LOOKASIDE_LIST_EX *);
IMPORT NTSTATUS IoCreateDevice(DRIVER_OBJECT *, ULONG, UNICODE_STRING *, ULONG, ULONG, UCHAR, PVOID *);
IMPORT void IoDeleteDevice(PVOID);
IMPORT NTSTATUS EtwRegister(const GUID *, PVOID, PVOID, LONGLONG *);
IMPORT NTSTATUS EtwUnregister(LONGLONG);
typedef struct { USHORT Id; UCHAR Version, Channel, Level, Opcode; USHORT Task; ULONGLONG Keyword; } EVENT_DESCRIPTOR;
IMPORT NTSTATUS EtwWrite(LONGLONG, const EVENT_DESCRIPTOR *, const GUID *, ULONG, PVOID);
typedef struct { LONGLONG Opaque[7]; } KMUTEX;
IMPORT void KeInitializeMutex(KMUTEX *, ULONG);
IMPORT LONG KeReleaseMutex(KMUTEX *, UCHAR);
IMPORT void KeEnterCriticalRegion(void);
IMPORT void KeLeaveCriticalRegion(void);
IMPORT NTSTATUS IoCreateSymbolicLink(UNICODE_STRING *, UNICODE_STRING *);
IMPORT NTSTATUS IoDeleteSymbolicLink(UNICODE_STRING *);
