// SPDX-License-Identifier: MIT OR Apache-2.0
// Has a pageable routine for a shutdown notification that comes after the file systems are
// flushed.

#define NOTIFY IoRegisterLastChanceShutdownNotification
#include "device.h"

WRONG(__attribute__((section("PAGE"))))
NTSTATUS Shutdown(IRP *irp) { return Finish(irp, STATUS_SUCCESS, 0); }
