// SPDX-License-Identifier: MIT OR Apache-2.0
// What the modules need of wdm.h and netioddk.h, for x64.

#pragma once
#pragma clang diagnostic ignored "-Wmultichar"

typedef unsigned char UCHAR;
typedef unsigned short USHORT;
typedef long LONG;
typedef unsigned long ULONG;
typedef long long LONGLONG;
typedef unsigned long long SIZE_T;
typedef unsigned short WCHAR;
typedef unsigned long long ULONGLONG;
typedef unsigned char BOOLEAN;
typedef unsigned char KIRQL;
typedef ULONGLONG KSPIN_LOCK;
typedef LONG NTSTATUS;
typedef void *PVOID;
typedef void *HANDLE;

#define STATUS_SUCCESS 0
#define STATUS_PENDING 0x103
#define STATUS_DEVICE_NOT_READY ((NTSTATUS)0xC00000A3)
#define STATUS_DEVICE_BUSY ((NTSTATUS)0x80000011)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define STATUS_INSUFFICIENT_RESOURCES ((NTSTATUS)0xC000009A)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001)
#define STATUS_NOINTERFACE ((NTSTATUS)0xC00002B9)
#define NT_SUCCESS(s) ((s) >= 0)
#define NULL ((void *)0)
#define VOID void
#define C_ASSERT(it) _Static_assert(it, #it)
#define FORCEINLINE static inline __attribute__((always_inline, nodebug))
#define RtlZeroMemory(block, size) __builtin_memset(block, 0, size)

typedef struct { USHORT Length, MaximumLength; WCHAR *Buffer; } UNICODE_STRING;

typedef struct _DRIVER_OBJECT {
    UCHAR Before[0x68];
    void (*DriverUnload)(struct _DRIVER_OBJECT *);
    PVOID MajorFunction[28];
} DRIVER_OBJECT;
_Static_assert(sizeof(DRIVER_OBJECT) == 0x150, "x64");

typedef struct { LONGLONG Opaque[3]; } KEVENT;

typedef struct { ULONG Data1; USHORT Data2, Data3; UCHAR Data4[8]; } GUID;
enum { MIT_GUID = 1 };
typedef struct { USHORT Length; int Type; union { GUID Guid; LONGLONG IfLuid; }; } NPI_MODULEID;
typedef struct {
    USHORT Version, Size;
    const GUID *NpiId;
    const NPI_MODULEID *ModuleId;
    ULONG Number;
    const void *NpiSpecificCharacteristics;
} NPI_REGISTRATION_INSTANCE;
typedef struct {
    USHORT Version, Length;
    NTSTATUS (*Attach)(HANDLE, PVOID, const NPI_REGISTRATION_INSTANCE *);
    NTSTATUS (*Detach)(PVOID);
    void (*Cleanup)(PVOID);
    NPI_REGISTRATION_INSTANCE Instance;
} NPI_CLIENT_CHARACTERISTICS;
typedef struct {
    USHORT Version, Length;
    NTSTATUS (*Attach)(HANDLE, PVOID, const NPI_REGISTRATION_INSTANCE *, PVOID, const void *,
                       PVOID *, const void **);
    NTSTATUS (*Detach)(PVOID);
    void (*Cleanup)(PVOID);
    NPI_REGISTRATION_INSTANCE Instance;
} NPI_PROVIDER_CHARACTERISTICS;

#define IMPORT __declspec(dllimport)
IMPORT ULONG DbgPrint(const char *, ...);
IMPORT PVOID ExAllocatePool2(SIZE_T flags, SIZE_T size, ULONG tag);
IMPORT void ExFreePoolWithTag(PVOID, ULONG tag);
IMPORT UCHAR KeGetCurrentIrql(void);
IMPORT UCHAR KfRaiseIrql(UCHAR);
IMPORT void KeLowerIrql(UCHAR);
IMPORT void KeInitializeEvent(KEVENT *, int type, UCHAR state);
IMPORT LONG KeSetEvent(KEVENT *, LONG increment, UCHAR wait);
IMPORT NTSTATUS KeWaitForSingleObject(PVOID, int reason, UCHAR mode, UCHAR alertable, LONGLONG *);
IMPORT NTSTATUS KeDelayExecutionThread(UCHAR mode, UCHAR alertable, LONGLONG *);
IMPORT NTSTATUS PsCreateSystemThread(HANDLE *, ULONG, PVOID, HANDLE, PVOID, void (*)(PVOID), PVOID);
IMPORT NTSTATUS PsTerminateSystemThread(NTSTATUS);
IMPORT NTSTATUS ObReferenceObjectByHandle(HANDLE, ULONG, PVOID, UCHAR, PVOID *, PVOID);
IMPORT LONGLONG ObfDereferenceObject(PVOID);
IMPORT LONGLONG ObfReferenceObject(PVOID);
IMPORT NTSTATUS ZwClose(HANDLE);
IMPORT void KeInitializeSpinLock(KSPIN_LOCK *);
IMPORT KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *);
IMPORT void KeReleaseSpinLock(KSPIN_LOCK *, KIRQL);
IMPORT ULONGLONG KeQueryInterruptTime(void);

IMPORT NTSTATUS NmrRegisterProvider(const NPI_PROVIDER_CHARACTERISTICS *, PVOID, HANDLE *);
IMPORT NTSTATUS NmrDeregisterProvider(HANDLE);
IMPORT NTSTATUS NmrWaitForProviderDeregisterComplete(HANDLE);
IMPORT NTSTATUS NmrRegisterClient(const NPI_CLIENT_CHARACTERISTICS *, PVOID, HANDLE *);
IMPORT NTSTATUS NmrDeregisterClient(HANDLE);
IMPORT NTSTATUS NmrWaitForClientDeregisterComplete(HANDLE);
IMPORT void NmrProviderDetachClientComplete(HANDLE);
IMPORT void NmrClientDetachProviderComplete(HANDLE);
IMPORT NTSTATUS NmrClientAttachProvider(HANDLE, PVOID, const void *, PVOID *, const void **);

#define FALSE 0
#define TRUE 1
#define PASSIVE_LEVEL 0
#define APC_LEVEL 1
#define DISPATCH_LEVEL 2
#define TAG 'ooZ '

// Timers, DPCs, work items, run-down protection, other locks, devices.
typedef struct { LONGLONG Opaque[8]; } KDPC, KTIMER;
typedef struct { LONG Count; PVOID Owner; ULONG Contention; KEVENT Event; ULONG OldIrql; } FAST_MUTEX;
typedef struct { LONGLONG Opaque[13]; } ERESOURCE;
typedef struct __attribute__((aligned(16))) { UCHAR Opaque[0x60]; } LOOKASIDE_LIST_EX;
IMPORT void KeInitializeDpc(KDPC *, void (*)(KDPC *, PVOID, PVOID, PVOID), PVOID);
IMPORT UCHAR KeInsertQueueDpc(KDPC *, PVOID, PVOID);
IMPORT void KeFlushQueuedDpcs(void);
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
#define PAGEABLE 0x100
#define NON_PAGED 0x40
