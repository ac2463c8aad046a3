// SPDX-License-Identifier: MIT OR Apache-2.0

//! Verdicts, which end a cycle early. A finding has a bug check or a rule; the use of a
//! function that this kernel does not have is not a finding. Both name a place in a
//! driver and the call stack.

pub(crate) mod bug_check;
pub(crate) mod call_stack;
pub(crate) mod caller;

use std::collections::BTreeSet;

use registrar::finding::Finding as Breach;
use registrar::knobs::Kernel;
use scenarios::{Finding, Frame, Ignored, NetworkRule, Place, TraceKind, Unsupported, Verdict};

use crate::findings::bug_check::Code;
use crate::findings::caller::caller;
use crate::hardware::host_memory::HostMemory;
use crate::hardware::trap::Exception;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::scheduling::{ThreadId, terminate};

/// The verdict on a cycle, which has at most one, and its notes.
#[derive(Debug)]
pub(crate) struct Findings {
    kernel: Kernel,
    seed: u64,
    cycle: u64,
    ignored: Vec<Ignored>,
    verdict: Option<Verdict>,
    /// A finding that does not end the cycle, and is the verdict if there is no other one.
    deferred: Option<Finding>,
    /// `true` if an ignored finding has ended the cycle.
    cut_short: bool,
    /// What is worth telling but no failure.
    notes: Vec<Finding>,
}

impl Findings {
    pub(crate) const fn new(kernel: Kernel, seed: u64, cycle: u64, ignored: Vec<Ignored>) -> Self {
        Self {
            kernel,
            seed,
            cycle,
            ignored,
            verdict: None,
            deferred: None,
            cut_short: false,
            notes: Vec::new(),
        }
    }

    /// Returns `true` if there is a verdict, or a finding that is ignored: the cycle ends.
    pub(crate) const fn any(&self) -> bool {
        self.verdict.is_some() || self.cut_short
    }

    /// The kernel in which they are found.
    pub(crate) const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The verdict and the notes, when the cycle is over.
    pub(crate) fn into_parts(self) -> (Option<Verdict>, Vec<Finding>) {
        let mut verdict = self.verdict;
        if let Some(deferred) = self.deferred
            && !self.cut_short
        {
            match &mut verdict {
                None => verdict = Some(Verdict::Finding(deferred)),
                Some(Verdict::Finding(finding)) => {
                    finding.history.push(format!("before: {}", deferred.what));
                }
                Some(Verdict::Unsupported(_)) => {}
            }
        }
        (verdict, self.notes)
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

/// Ends the cycle with a finding of the registrar, against `site`; one that is ignored
/// only counts, and the registrar goes on.
pub(crate) fn stop_by_rule(breach: &Breach, site: Option<Site>) {
    let code = Code::rule(breach.rule);
    if with(|state| ignores(state, &code, site)) {
        return;
    }
    with(|state| {
        report(state, code, breach.what.clone(), site);
        if let Some(Verdict::Finding(finding)) = &mut state.findings.verdict {
            finding.history = breach.history.iter().map(ToString::to_string).collect();
        }
    });
    terminate()
}

/// Records a finding with `history` that does not end the cycle: it is the verdict if there
/// is no other one. Only the first is kept. `fault` is the instruction that the current
/// thread is at, if it makes no call.
pub(crate) fn defer(
    state: &mut State,
    fault: Option<&Exception>,
    code: &'static str,
    what: String,
    site: Option<Site>,
    history: Vec<String>,
) {
    let code = Code::from(code);
    if state.findings.any() || state.findings.deferred.is_some() || ignores(state, &code, site) {
        return;
    }
    let thread = state.scheduling.current_id();
    let mut finding = describe(state, thread, fault, code, what, site);
    finding.history = history;
    state.trace(|_| TraceKind::Finding(Box::new(finding.clone())));
    trace_stack(state, &finding.stack);
    state.findings.deferred = Some(finding);
}

/// Counts a finding that is to be ignored. Returns `false` if it is none of these.
fn ignores(state: &mut State, code: &Code, site: Option<Site>) -> bool {
    let place = site.and_then(|site| state.loader.drivers.place(site));
    let ignored = state.findings.ignored.iter();
    let matching: Vec<_> = ignored
        .filter(|it| it.matches(&code.name, place.as_ref()))
        .map(ToString::to_string)
        .collect();
    if matching.is_empty() {
        return false;
    }
    for it in matching {
        *state.counts.ignore_matches.entry(it).or_default() += 1;
    }
    let driver = site.map_or("", |site| state.loader.drivers[site.driver].image.name());
    let function = place.map_or_else(String::new, |place| format!(" {}", place.function));
    let text = format!("{} {driver}{function}", code.name);
    state.trace(|_| format!("ignored: {text}"));
    *state.counts.ignored.entry(text).or_default() += 1;
    true
}

/// Ends the cycle as unsupported: the caller of the innermost call does something that
/// this kernel does not provide. `what` is a verb and its objects, such as `calls NtFoo
/// of ntoskrnl.exe`.
pub(crate) fn unsupported(what: impl Into<String>) -> ! {
    let what = not_provided(&what.into());
    with(|state| report_unsupported(state, None, what, caller(state)));
    terminate()
}

/// What a driver does that needs something which this kernel lacks.
pub(crate) fn not_provided(what: &str) -> String {
    format!("{what}, which the simulated kernel does not provide")
}

/// What the rule says that a finding of this code is a breach of.
fn rule_text(code: &str) -> Option<String> {
    if let Some(rule) = NetworkRule::of(code) {
        return Some(rule.text().to_owned());
    }
    let number = code.strip_prefix('R')?.parse().ok()?;
    Some(registrar::rules::rule(number)?.text.to_owned())
}

/// Records that `site` does something that this kernel does not provide, and what; `fault`
/// is the exception that stopped the current thread, if one did.
pub(crate) fn report_unsupported(
    state: &mut State,
    fault: Option<&Exception>,
    what: String,
    site: Option<Site>,
) {
    if state.findings.any() {
        return;
    }
    let thread = state.scheduling.current_id();
    let Subject {
        driver,
        instance,
        offset,
        place,
    } = Subject::of(state, site);
    let unsupported = Unsupported {
        what,
        driver,
        instance,
        offset,
        place,
        cycle: state.findings.cycle,
        seed: state.findings.seed,
        thread: state.scheduling.thread(thread).name.clone(),
        stack: call_stack::call_stack(state, thread, fault),
        count: 1,
    };
    state.trace(|_| TraceKind::Unsupported(Box::new(unsupported.clone())));
    trace_stack(state, &unsupported.stack);
    state.findings.verdict = Some(Verdict::Unsupported(unsupported));
}

/// Records a finding; a cycle has at most one verdict.
pub(crate) fn report(state: &mut State, code: impl Into<Code>, what: String, site: Option<Site>) {
    let thread = state.scheduling.current_id();
    report_on(state, thread, None, code.into(), what, site);
}

/// Records what is worth telling but no failure: the cycle goes on.
pub(crate) fn note(state: &mut State, code: impl Into<Code>, what: String, site: Option<Site>) {
    // A peer that breaks contracts does so on purpose.
    if site.is_some_and(|site| state.loader.drivers[site.driver].image.is_hostile()) {
        return;
    }
    let thread = state.scheduling.current_id();
    let note = describe(state, thread, None, code.into(), what, site);
    state.trace(|_| TraceKind::Note(Box::new(note.clone())));
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
    if state.findings.any() {
        return;
    }
    if ignores(state, &code, site) {
        state.findings.cut_short = true;
        state.counts.cycles_cut_short += 1;
        return;
    }
    let finding = describe(state, thread, fault, code, what, site);
    state.trace(|_| TraceKind::Finding(Box::new(finding.clone())));
    trace_stack(state, &finding.stack);
    state.findings.verdict = Some(Verdict::Finding(finding));
}

fn describe(
    state: &State,
    thread: ThreadId,
    fault: Option<&Exception>,
    code: Code,
    what: String,
    site: Option<Site>,
) -> Finding {
    let Subject {
        driver,
        instance,
        offset,
        place,
    } = Subject::of(state, site);
    let host = HostMemory::now();
    let parameter = |one: usize| if host.contains(one) { 0 } else { one as u64 };
    Finding {
        rule: rule_text(&code.name).unwrap_or_default(),
        code: code.name.into_owned(),
        parameters: code.parameters.map(|all| all.map(parameter)),
        what: host.hide(what),
        driver,
        instance,
        offset,
        place,
        kernels: [state.findings.kernel.to_string()].into(),
        open_points: Vec::new(),
        cycle: state.findings.cycle,
        seed: state.findings.seed,
        scenarios: BTreeSet::new(),
        thread: state.scheduling.thread(thread).name.clone(),
        stack: call_stack::call_stack(state, thread, fault),
        history: Vec::new(),
        count: 1,
    }
}

fn trace_stack(state: &State, stack: &[Frame]) {
    for frame in stack {
        state.trace(|_| TraceKind::Frame(frame.clone()));
    }
}

/// The driver that a verdict names, and the place in it.
struct Subject {
    driver: String,
    instance: u8,
    offset: Option<u32>,
    place: Option<Place>,
}

impl Subject {
    fn of(state: &State, site: Option<Site>) -> Self {
        let driver = site.map(|site| &state.loader.drivers[site.driver]);
        Self {
            driver: driver.map_or_else(String::new, |driver| driver.image.name().to_owned()),
            instance: driver.map_or(1, |driver| driver.copy),
            offset: site.and_then(|site| site.offset),
            place: site.and_then(|site| state.loader.drivers.place(site)),
        }
    }
}
