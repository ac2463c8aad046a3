// SPDX-License-Identifier: MIT OR Apache-2.0

//! Findings: what ends a cycle, under which bug check or rule, against which
//! place in a driver, and with which call stack.

pub(crate) mod bug_check;
pub(crate) mod call_stack;
pub(crate) mod report;
