// SPDX-License-Identifier: MIT OR Apache-2.0

//! Findings: what ends a cycle, under which bug check or rule, against which
//! place in a driver, and with which call stack.

pub(crate) mod bug_check;
pub(crate) mod call_stack;
pub(crate) mod caller;

use registrar::finding::Finding as Breach;
use scenarios::{Finding, Ignored};

use crate::findings::bug_check::Code;
use crate::findings::caller::caller;
use crate::hardware::trap::Exception;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::scheduling::{ThreadId, terminate};

/// The finding of a cycle, which has at most one.
#[derive(Debug)]
pub(crate) struct Findings {
    seed: u64,
    cycle: u64,
    ignored: Vec<Ignored>,
    finding: Option<Finding>,
    /// Whether an ignored finding has ended the cycle.
    cut_short: bool,
}

impl Findings {
    pub(crate) const fn new(seed: u64, cycle: u64, ignored: Vec<Ignored>) -> Self {
        Self {
            seed,
            cycle,
            ignored,
            finding: None,
            cut_short: false,
        }
    }

    /// Returns `true` if a finding has ended the cycle.
    pub(crate) const fn any(&self) -> bool {
        self.finding.is_some() || self.cut_short
    }

    /// The finding, when the cycle is over.
    pub(crate) fn into_finding(self) -> Option<Finding> {
        self.finding
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
        if let Some(finding) = &mut state.findings.finding {
            finding.history = breach.history.iter().map(ToString::to_string).collect();
        }
    });
    terminate()
}

/// Counts a finding that is to be ignored. Returns `false` if it is none of these.
fn ignores(state: &mut State, code: &Code, site: Option<Site>) -> bool {
    let place = site.and_then(|site| state.loader.drivers.place(site));
    let mut ignored = state.findings.ignored.iter();
    if !ignored.any(|it| it.matches(&code.name, place.as_ref())) {
        return false;
    }
    let driver = site.map_or("", |site| state.loader.drivers[site.driver].image.name());
    let function = place.map_or_else(String::new, |place| format!(" {}", place.function));
    let text = format!("{} {driver}{function}", code.name);
    state.trace(|_| format!("ignored: {text}"));
    *state.counts.ignored.entry(text).or_default() += 1;
    true
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
    let finding = Finding {
        rule: rule_text(&code.name).unwrap_or_default(),
        code: code.name.into_owned(),
        parameters: code.parameters.map(|all| all.map(|one| one as u64)),
        what,
        driver: site.map_or_else(String::new, |site| {
            state.loader.drivers[site.driver].image.name().to_owned()
        }),
        instance: site.map_or(1, |site| state.loader.drivers[site.driver].copy),
        offset: site.and_then(|site| site.offset),
        place: site.and_then(|site| state.loader.drivers.place(site)),
        cycle: state.findings.cycle,
        seed: state.findings.seed,
        thread: state.scheduling.thread(thread).name.clone(),
        stack: call_stack::call_stack(state, thread, fault),
        history: Vec::new(),
        count: 1,
    };
    state.trace(|_| format!("FINDING {finding}"));
    for frame in &finding.stack {
        state.trace(|_| format!("  in {frame}"));
    }
    state.findings.finding = Some(finding);
}
