// SPDX-License-Identifier: MIT OR Apache-2.0
// What a peer needs of wdm.h, netioddk.h and bcrypt.h, for x64.

typedef signed char CHAR;
typedef unsigned char UCHAR, BOOLEAN, KIRQL;
typedef short SHORT;
typedef unsigned short USHORT, WCHAR;
typedef long LONG, NTSTATUS;
typedef unsigned long ULONG;
typedef long long LONGLONG;
typedef unsigned long long ULONGLONG, SIZE_T, KSPIN_LOCK;
typedef void *PVOID, *HANDLE;

#define NULL ((void *)0)
#define FALSE 0
#define TRUE 1
#define NT_SUCCESS(status) ((status) >= 0)
#define STATUS_SUCCESS 0
#define STATUS_PENDING 0x103
#define STATUS_DEVICE_BUSY ((NTSTATUS)0x80000011)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define STATUS_INSUFFICIENT_RESOURCES ((NTSTATUS)0xC000009A)
#define STATUS_DEVICE_NOT_READY ((NTSTATUS)0xC00000A3)
#define STATUS_NOT_SUPPORTED ((NTSTATUS)0xC00000BB)
#define STATUS_NOINTERFACE ((NTSTATUS)0xC00002B9)
#define PASSIVE_LEVEL 0
#define APC_LEVEL 1
#define DISPATCH_LEVEL 2
#define POOL_FLAG_NON_PAGED 0x40
#define BCRYPT_USE_SYSTEM_PREFERRED_RNG 2

typedef struct { ULONG Data1; USHORT Data2, Data3; UCHAR Data4[8]; } GUID;
typedef struct { USHORT Length, MaximumLength; WCHAR *Buffer; } UNICODE_STRING;
typedef struct { LONGLONG Opaque[8]; } KDPC;
typedef struct _DRIVER_OBJECT {
    UCHAR Before[0x68];
    void (*DriverUnload)(struct _DRIVER_OBJECT *);
    PVOID MajorFunction[28];
} DRIVER_OBJECT;

// With its padding by name.
typedef struct { USHORT Length, Padding; LONG Type; GUID Guid; } NPI_MODULEID;
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
IMPORT PVOID ExAllocatePool2(SIZE_T flags, SIZE_T size, ULONG tag);
IMPORT void ExFreePoolWithTag(PVOID, ULONG tag);
IMPORT KIRQL KeGetCurrentIrql(void);
IMPORT KIRQL KfRaiseIrql(KIRQL);
IMPORT void KeLowerIrql(KIRQL);
IMPORT void KeInitializeSpinLock(KSPIN_LOCK *);
IMPORT KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *);
IMPORT void KeReleaseSpinLock(KSPIN_LOCK *, KIRQL);
IMPORT void KeInitializeDpc(KDPC *, void (*)(KDPC *, PVOID, PVOID, PVOID), PVOID);
IMPORT BOOLEAN KeInsertQueueDpc(KDPC *, PVOID, PVOID);
IMPORT void KeFlushQueuedDpcs(void);
IMPORT NTSTATUS KeDelayExecutionThread(CHAR mode, BOOLEAN alertable, LONGLONG *interval);
IMPORT NTSTATUS KeWaitForSingleObject(PVOID, LONG reason, CHAR mode, BOOLEAN alertable, LONGLONG *);
IMPORT ULONGLONG KeQueryInterruptTime(void);
IMPORT NTSTATUS PsCreateSystemThread(HANDLE *, ULONG, PVOID, HANDLE, PVOID, void (*)(PVOID), PVOID);
IMPORT NTSTATUS ObReferenceObjectByHandle(HANDLE, ULONG, PVOID, CHAR, PVOID *, PVOID);
IMPORT LONGLONG ObfDereferenceObject(PVOID);
IMPORT NTSTATUS ZwClose(HANDLE);
IMPORT NTSTATUS BCryptGenRandom(PVOID algorithm, UCHAR *buffer, ULONG length, ULONG flags);
IMPORT NTSTATUS NmrRegisterProvider(const NPI_PROVIDER_CHARACTERISTICS *, PVOID, HANDLE *);
IMPORT NTSTATUS NmrDeregisterProvider(HANDLE);
IMPORT NTSTATUS NmrWaitForProviderDeregisterComplete(HANDLE);
IMPORT void NmrProviderDetachClientComplete(HANDLE);
IMPORT NTSTATUS NmrRegisterClient(const NPI_CLIENT_CHARACTERISTICS *, PVOID, HANDLE *);
IMPORT NTSTATUS NmrClientAttachProvider(HANDLE, PVOID, const void *, PVOID *, const void **);
IMPORT NTSTATUS NmrDeregisterClient(HANDLE);
IMPORT NTSTATUS NmrWaitForClientDeregisterComplete(HANDLE);
IMPORT void NmrClientDetachProviderComplete(HANDLE);
