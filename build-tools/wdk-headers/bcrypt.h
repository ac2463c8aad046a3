// SPDX-License-Identifier: MIT OR Apache-2.0
// Stands in for the Windows Driver Kit's bcrypt.h where that is not installed: random
// numbers.

#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef PVOID BCRYPT_ALG_HANDLE;
#define BCRYPT_USE_SYSTEM_PREFERRED_RNG 0x00000002
DECLSPEC_IMPORT NTSTATUS BCryptGenRandom(
    BCRYPT_ALG_HANDLE hAlgorithm, PUCHAR pbBuffer, ULONG cbBuffer, ULONG dwFlags);

#ifdef __cplusplus
}
#endif
