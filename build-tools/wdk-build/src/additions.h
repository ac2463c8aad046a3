/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Declarations of the WDK's headers that mingw-w64 lacks, or has with another library. Prototypes are those of
 * https://learn.microsoft.com/windows-hardware/drivers/ddi/
 * Functions named here are in additions.def as well.
 */

/* Pool of Windows 10 2004 and later. */
typedef ULONG64 POOL_FLAGS;
NTKERNELAPI PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);

/* Inline in mingw-w64. */
NTKERNELAPI KIRQL KeGetCurrentIrql(VOID);
NTKERNELAPI VOID KeLowerIrql(KIRQL NewIrql);
NTKERNELAPI KIRQL KfRaiseIrql(KIRQL NewIrql);

/* Of Windows 10 2004 and later: mingw-w64 has it in its library of hal.dll. */
NTKERNELAPI LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency);

/* Windows 10. The class is an EVENT_INFO_CLASS, which mingw-w64 has for programs only. */
NTKERNELAPI NTSTATUS NTAPI EtwSetInformation(REGHANDLE RegHandle, ULONG InformationClass,
    PVOID EventInformation, ULONG InformationLength);
