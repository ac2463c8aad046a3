// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of the questions: their answers, the documents, Windows, and the evidence.

use crate::knob::Knob;

/// What is known of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The question.
    pub question: &'static str,
    /// Its answers, by number.
    pub answers: &'static [&'static str],
    /// The answer of a kernel that keeps to the documents; `None` if it draws one.
    pub documents: Option<u32>,
    /// What the documents say.
    pub documented: &'static str,
    /// Windows' answer; `None` if it is unknown, and drawn.
    pub windows: Option<u32>,
    /// How Windows' answer is known.
    pub evidence: &'static str,
}

/// No evidence.
const UNKNOWN: &str = "unknown";

impl Knob {
    /// What is known of it.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    pub const fn about(self) -> &'static About {
        match self {
            Self::DetachOrder => &About {
                question: "which detach callback of a binding is called first",
                answers: &["ClientDetachProvider", "ProviderDetachClient"],
                documents: None,
                documented: "the reference lists the initiator's first, the design guide says \
                             only that both are called",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::CleanupOrder => &About {
                question: "which cleanup callback of a binding is called first",
                answers: &["the client's", "the provider's"],
                documents: None,
                documented: "only that both sides have detached before",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::HandleWritten => &About {
                question: "when NmrRegister... writes the handle variable",
                answers: &["before any callback", "after all attach callbacks"],
                documents: None,
                documented: "attach callbacks run inside the call; the variable is said to be set \
                             when it returns",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::CallbackIrql => &About {
                question: "the IRQL of detach and cleanup callbacks",
                answers: &[
                    "that of the thread that deregisters or completes",
                    "DISPATCH_LEVEL",
                ],
                documents: None,
                documented: "the callbacks must stand IRQL <= DISPATCH_LEVEL",
                windows: Some(0),
                evidence: "the stack in microsoft/ebpf-for-windows issue 1186: the callback runs \
                           inside NmrDeregister..., on its thread and at its IRQL",
            },
            Self::DeregisterWhenIdle => &About {
                question: "what NmrDeregister... returns if nothing is left to be done",
                answers: &["STATUS_PENDING", "STATUS_SUCCESS, which ends the handle"],
                documents: None,
                documented: "STATUS_PENDING is described; that no other success exists is not",
                windows: Some(0),
                evidence: "microsoft/msquic pull request 3961: \"strictly only returns \
                           STATUS_PENDING\"; microsoft/usersim pull request 319: \"always\"; \
                           release builds of msquic and xdp-for-windows assert it",
            },
            Self::DetachOverlap => &About {
                question: "when the second detach callback of a binding is called",
                answers: &[
                    "when the first has returned",
                    "when the first side has completed its detach",
                ],
                documents: None,
                documented: "nothing; known implementations do either",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::EarlyComplete => &About {
                question: "when a ...DetachComplete counts that is called while the detach \
                           callback runs",
                answers: &[
                    "when the callback returns",
                    "at once: cleanup may run inside the call",
                ],
                documents: None,
                documented: "nothing; drivers call it there",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::AttachOrder => &About {
                question: "which of several peers is offered first",
                answers: &[
                    "the one that registered first",
                    "the one that registered last",
                ],
                documents: None,
                documented: "no order is given",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::OddCharacteristics => &About {
                question: "whether characteristics with a wrong Version, Length or Size are \
                           registered",
                answers: &["they are", "STATUS_INVALID_PARAMETER"],
                documents: None,
                documented: "the fields have required values, but no status for others",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::HandleOnFailure => &About {
                question: "what a failed NmrRegister... leaves in the handle variable",
                answers: &["what was there", "NULL", "a value that is no handle"],
                documents: None,
                documented: "nothing; drivers set it themselves",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::NullModuleId => &About {
                question: "whether a module without ModuleId is registered",
                answers: &["it is", "STATUS_INVALID_PARAMETER"],
                documents: None,
                documented: "the reference wants an id; no status is given for NULL",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::AttachThread => &About {
                question: "whether NmrClientAttachProvider is served outside the \
                           ClientAttachProvider that it belongs to",
                answers: &["it is refused", "it is served"],
                documents: None,
                documented: "it is to be called there; what it does elsewhere is not said",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::OddDetachStatus => &About {
                question: "what another status than STATUS_SUCCESS and STATUS_PENDING means that \
                           a detach callback returns",
                answers: &["STATUS_SUCCESS", "STATUS_PENDING"],
                documents: None,
                documented: "only the two are described",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::DeregisterTwice => &About {
                question: "what a second NmrDeregister... of a module returns",
                answers: &["STATUS_INVALID_PARAMETER", "STATUS_PENDING"],
                documents: None,
                documented: "nothing",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::InstanceVersion => &About {
                question: "whether the Version of the registration instance may differ from 0",
                answers: &["it may: a note", "it may not: a breach of R1"],
                documents: Some(1),
                documented: "it must be 0",
                windows: Some(0),
                evidence: "the netevent provider of microsoft/ntosebpfext has 1 there, and loads \
                           and binds in its tests on Windows",
            },
            Self::CompleteBeforeDetach => &About {
                question: "whether ...DetachComplete may be called before the detach callback",
                answers: &["it may: a note", "it may not: a breach of R21"],
                documents: Some(1),
                documented: "it is called after the callback has returned STATUS_PENDING",
                windows: Some(0),
                evidence: "the native providers that microsoft/xdp-for-windows ships call it",
            },
            Self::RegistryPathEnd => &About {
                question: "what follows the string of the RegistryPath in memory",
                answers: &["nothing that may be read", "a NUL"],
                documents: Some(0),
                documented: "a counted string: Length says where it ends",
                windows: Some(1),
                evidence: "drivers that microsoft/ebpf-for-windows generates pass its Buffer to \
                           RtlQueryRegistryValues, which takes a string that ends with a NUL",
            },
            Self::DpcsAtUnload => &About {
                question: "what becomes of DPCs that are queued or run when DriverUnload returns",
                answers: &[
                    "they may run in an unmapped image",
                    "they finish before the image is unmapped",
                ],
                documents: Some(0),
                documented: "a driver calls KeFlushQueuedDpcs before it unloads",
                windows: Some(1),
                evidence: "a comment in general/cancel of microsoft/Windows-driver-samples, of \
                           Windows XP and later",
            },
            Self::RequestFile => &About {
                question: "who sends a request to a control device",
                answers: &[
                    "a program: the request has a file object",
                    "another driver: it has none",
                ],
                documents: None,
                documented: "the I/O manager makes a file object for each handle; drivers may \
                             send requests without one",
                windows: Some(0),
                evidence: "the I/O manager: a program opens the device before it sends anything",
            },
            Self::UnloadRoutineRead => &About {
                question: "when the I/O manager reads DriverUnload",
                answers: &[
                    "when it grants the unload",
                    "again when it calls the routine",
                ],
                documents: None,
                documented: "only that a driver without the routine is not unloaded",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::RefusedStop => &About {
                question: "the error with which the service control manager refuses to stop a \
                           driver that has no DriverUnload at the time",
                answers: &["1052", "1"],
                documents: None,
                documented: "that NtUnloadDriver returns STATUS_INVALID_DEVICE_REQUEST, not which \
                             error the manager makes of it",
                windows: None,
                evidence: UNKNOWN,
            },
            Self::DpcTimeLimit => &About {
                question: "how long a DPC may run, and how long other code may stay at \
                           DISPATCH_LEVEL, before the bug check 0x133",
                answers: &["20 seconds and 2 minutes", "one second and 6 seconds"],
                documents: None,
                documented: "100 microseconds for a DPC; that the timeouts are set much higher, \
                             not how much",
                windows: Some(0),
                evidence: "dumps of 0x133: an allotment of 500h ticks of 15.625 ms, as in \
                           Microsoft's page on it, and a watchdog period of 1E00h",
            },
            Self::NotificationAtDelete => &About {
                question: "what IoDeleteDevice does with a device that is registered for \
                           shutdown notification",
                answers: &["it unregisters the device", "nothing"],
                documents: None,
                documented: "only that a driver calls IoUnregisterShutdownNotification, usually \
                             in its DriverUnload",
                windows: Some(0),
                evidence: "the I/O manager's flag DO_SHUTDOWN_REGISTERED of a device: ReactOS' \
                           IoDeleteDevice looks at it for this",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_its_answers_and_its_evidence() {
        for knob in Knob::ALL {
            let about = knob.about();
            assert_eq!(about.answers.len(), knob.answers() as usize, "{knob}");
            let texts = [about.question, about.documented, about.evidence];
            let texts = texts.iter().chain(about.answers);
            assert!(texts.copied().all(|text| !text.is_empty()), "{knob}");
            let known = about.evidence != UNKNOWN;
            assert_eq!(about.windows.is_some(), known, "{knob}");
            let answers = [about.documents, about.windows];
            let mut fixed = answers.into_iter().flatten();
            assert!(fixed.all(|answer| answer < knob.answers()), "{knob}");
            // One that both kernels answer alike is no question.
            assert!(
                about.documents.is_none() || about.documents != about.windows,
                "{knob}"
            );
        }
    }
}
