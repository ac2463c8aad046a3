// SPDX-License-Identifier: MIT OR Apache-2.0

//! Findings: what ends a cycle, under which bug check or rule, against which
//! place in a driver, and with which call stack.

pub(crate) mod bug_check;
pub(crate) mod call_stack;
pub(crate) mod caller;

use registrar::finding::Finding as Breach;
use registrar::knobs::Kernel;
use scenarios::Finding;

use crate::findings::bug_check::Code;
use crate::findings::caller::caller;
use crate::hardware::trap::Exception;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::scheduling::{ThreadId, terminate};

/// The finding of a cycle, which has at most one, and its notes.
#[derive(Debug)]
pub(crate) struct Findings {
    kernel: Kernel,
    seed: u64,
    cycle: u64,
    finding: Option<Finding>,
    /// What is worth telling but no failure.
    notes: Vec<Finding>,
}

impl Findings {
    pub(crate) const fn new(kernel: Kernel, seed: u64, cycle: u64) -> Self {
        Self {
            kernel,
            seed,
            cycle,
            finding: None,
            notes: Vec::new(),
        }
    }

    /// Returns `true` if there is a finding.
    pub(crate) const fn any(&self) -> bool {
        self.finding.is_some()
    }

    /// The kernel in which they are found.
    pub(crate) const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The finding and the notes, when the cycle is over.
    pub(crate) fn into_parts(self) -> (Option<Finding>, Vec<Finding>) {
        (self.finding, self.notes)
    }
}

/// Ends the cycle with a finding against the caller of the innermost call.
pub(crate) fn stop(code: impl Into<Code>, what: String) -> ! {
    let code = code.into();
    with(|state| report(state, code, what, caller(state)));
    terminate()
}

/// Ends the cycle with a finding against `site`.
pub(crate) fn stop_at(code: impl Into<Code>, what: String, site: Option<Site>) -> ! {
    let code = code.into();
    with(|state| report(state, code, what, site));
    terminate()
}

/// Ends the cycle with a finding of the registrar, against `site`.
pub(crate) fn stop_by_rule(breach: &Breach, site: Option<Site>) -> ! {
    with(|state| {
        report(state, Code::rule(breach.rule), breach.what.clone(), site);
        if let Some(finding) = &mut state.findings.finding {
            finding.history = breach.history.iter().map(ToString::to_string).collect();
        }
    });
    terminate()
}

/// What the rule says that a finding of this code is a breach of.
fn rule_text(code: &str) -> Option<String> {
    let number = code.strip_prefix('R')?.parse().ok()?;
    let rule = registrar::rules::rule(number)?;
    Some(format!("{} ({})", rule.text, rule.source))
}

/// Records a finding; a cycle has at most one.
pub(crate) fn report(state: &mut State, code: impl Into<Code>, what: String, site: Option<Site>) {
    let thread = state.scheduling.current_id();
    report_on(state, thread, None, code.into(), what, site);
}

/// Records what is worth telling but no failure: the cycle goes on.
pub(crate) fn note(state: &mut State, code: impl Into<Code>, what: String, site: Option<Site>) {
    let thread = state.scheduling.current_id();
    let note = describe(state, thread, None, code.into(), what, site);
    state.trace(|_| format!("NOTE {note}"));
    let mut known = state.findings.notes.iter();
    if !known.any(|it| it.is_same_as(&note) && it.what == note.what) {
        state.findings.notes.push(note);
    }
}

/// Records a finding with the call stack of a thread: from the instruction that
/// an exception stopped, or from its innermost call.
pub(crate) fn report_on(
    state: &mut State,
    thread: ThreadId,
    fault: Option<&Exception>,
    code: Code,
    what: String,
    site: Option<Site>,
) {
    if state.findings.finding.is_some() {
        return;
    }
    let finding = describe(state, thread, fault, code, what, site);
    state.trace(|_| format!("FINDING {finding}"));
    for frame in &finding.stack {
        state.trace(|_| format!("  in {frame}"));
    }
    state.findings.finding = Some(finding);
}

fn describe(
    state: &State,
    thread: ThreadId,
    fault: Option<&Exception>,
    code: Code,
    what: String,
    site: Option<Site>,
) -> Finding {
    Finding {
        rule: rule_text(&code.name).unwrap_or_default(),
        code: code.name.into_owned(),
        parameters: code.parameters.map(|all| all.map(|one| one as u64)),
        what,
        driver: site.map_or_else(String::new, |site| {
            state.loader.drivers[site.driver].image.name().to_owned()
        }),
        instance: site.map_or(1, |site| state.loader.drivers[site.driver].instance.number),
        offset: site.and_then(|site| site.offset),
        place: site.and_then(|site| state.loader.drivers.place(site)),
        kernels: [state.findings.kernel.to_string()].into(),
        open_points: Vec::new(),
        cycle: state.findings.cycle,
        seed: state.findings.seed,
        thread: state.scheduling.thread(thread).name.clone(),
        stack: call_stack::call_stack(state, thread, fault),
        history: Vec::new(),
        count: 1,
    }
}
