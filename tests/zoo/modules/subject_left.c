// SPDX-License-Identifier: MIT OR Apache-2.0
// Captures the security context of its caller and does not release it.

#include "module.h"
#include <ntifs.h>

NTSTATUS Start(DRIVER_OBJECT *driver) {
    SECURITY_SUBJECT_CONTEXT subject;
    SeCaptureSubjectContext(&subject);
    if (!subject.PrimaryToken)
        return STATUS_UNSUCCESSFUL;
    RIGHT(SeReleaseSubjectContext(&subject);)
    driver->DriverUnload = Unload;
    return StartWork();
}
