// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs a program in a machine: follows its output, and observes the machine.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use child::interrupt::interrupted;

use super::{Failure, PERIOD, PING, ProgramEnd, Session};
use crate::agent::Task;
use crate::profile::{LOG, OUTPUT, Profile};

/// Timeout of a crash after an NMI.
const CRASH: Duration = Duration::from_secs(30);

/// The lines of a growing file.
struct Lines {
    file: BufReader<File>,
    /// The beginning of an incomplete line.
    begun: Vec<u8>,
}

impl Lines {
    fn of(path: &Path) -> Result<Self> {
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        Ok(Self {
            file: BufReader::new(file),
            begun: Vec::new(),
        })
    }

    /// Calls `on_line` for each new complete line. Returns `true` if the file has grown.
    fn read_new(&mut self, on_line: &mut impl FnMut(&str)) -> Result<bool> {
        let mut grown = false;
        while self.file.read_until(b'\n', &mut self.begun)? > 0 {
            grown = true;
            if self.begun.ends_with(b"\n") {
                on_line(String::from_utf8_lossy(&self.begun).trim_end());
                self.begun.clear();
            }
        }
        Ok(grown)
    }
}

impl Session<'_> {
    /// Runs `line`, which prints to [`OUTPUT`], until it exits or the machine fails.
    pub(super) fn run_program(
        &mut self,
        line: &str,
        mut on_line: impl FnMut(&str),
    ) -> Result<ProgramEnd> {
        let mark = format!(
            "echo {} > {}",
            self.marker,
            self.guest.profile.path("marker")
        );
        for line in [&*mark, self.guest.profile.flush] {
            self.run_line(line)?;
        }
        let here = self.home().join(OUTPUT);
        let mut lines = Lines::of(&here)?;
        let mut agent_is_there = true;
        let mut patience = self.guest.heartbeat;
        if !self.machine.is_here() {
            // A restart of a remote machine is only noticed when it answers again.
            patience = patience.max(self.guest.boot);
        }
        // Discards earlier events, such as the intended restart.
        self.machine.poll_events();
        let task = self.agent.start(line)?;
        let (mut answered, mut printed) = (Instant::now(), Instant::now());
        let failure = loop {
            if interrupted() {
                break Failure::Interrupted;
            }
            let events = self.machine.poll_events();
            if events.no_space {
                break Failure::HostFull;
            }
            if let Some(how) = self.machine.gone() {
                break Failure::Gone(how);
            }
            if events.crashed {
                break self.crashed(events.message);
            }
            if events.powered_off {
                break Failure::Gone("the guest was shut down".to_owned());
            }
            agent_is_there = events.agent.unwrap_or(agent_is_there);
            match self.agent.ended(task) {
                Ok(ended) => {
                    answered = Instant::now();
                    let followed = self.follow_output(&here);
                    if lines.read_new(&mut on_line)? {
                        printed = Instant::now();
                    }
                    if let Some(status) = ended {
                        if let Err(error) = followed {
                            break Failure::AgentLost(format!("{error:#}"));
                        }
                        if status != 0 {
                            self.collect();
                        }
                        let log = self.guest.profile.path(LOG);
                        // Not every program writes one.
                        let _ = self.agent.follow(&log, &self.home().join(LOG));
                        return Ok(ProgramEnd::Exited(status));
                    }
                }
                Err(why) => {
                    if let Some(failure) = self.cause_of_no_answer(task, &why) {
                        break failure;
                    }
                }
            }
            if answered.elapsed() >= patience {
                break self.hang("no sign of life", answered.elapsed(), agent_is_there);
            }
            if printed.elapsed() >= self.guest.stall {
                break self.hang("the program prints nothing", printed.elapsed(), true);
            }
            thread::sleep(PERIOD);
        };
        // Lines printed before the failure are used.
        lines.read_new(&mut on_line)?;
        Ok(ProgramEnd::Failed(failure))
    }

    /// Copies new output of the program; before it exits, there may be none.
    fn follow_output(&mut self, here: &Path) -> Result<()> {
        let profile = self.guest.profile;
        let mut there = profile.path(OUTPUT);
        if let Some((line, copy)) = profile.copy_output {
            self.run_line(line)?;
            there = profile.path(copy);
        }
        self.agent.follow(&there, here)
    }

    /// The failure because of which the agent did not report on the program. `None` if it
    /// was only late; otherwise the machine or the agent has restarted.
    fn cause_of_no_answer(&mut self, task: Task, why: &anyhow::Error) -> Option<Failure> {
        if !self.agent.answers(PING) {
            return None;
        }
        let boot = self.run_line(self.guest.profile.boot).ok()?;
        if boot == self.boot && self.agent.ended(task).is_ok() {
            return None;
        }
        if boot == self.boot {
            return Some(Failure::AgentLost(format!("{why:#}")));
        }
        Some(self.crashed(None))
    }

    /// Handles a crash: collects its dump and logs.
    fn crashed(&mut self, message: Option<String>) -> Failure {
        let restarted = self.collect_after_restart();
        if !restarted {
            self.dump();
        }
        Failure::Crashed { message, restarted }
    }

    /// Handles a hang: sends an NMI, and collects the dump.
    fn hang(&mut self, what: &'static str, silent: Duration, agent_is_there: bool) -> Failure {
        let crashed_by_nmi = self.machine.interrupt().then(|| self.crashes());
        if crashed_by_nmi != Some(true) || !self.collect_after_restart() {
            self.dump();
        }
        if !agent_is_there {
            let seconds = silent.as_secs();
            return Failure::AgentLost(format!(
                "it has closed its channel, and has not answered for {seconds} s"
            ));
        }
        Failure::Hung {
            what,
            silent,
            crashed_by_nmi,
        }
    }

    /// Makes QEMU write the machine's memory, if the machine is local.
    fn dump(&mut self) {
        let dump = self.home().join("memory.dump");
        self.machine.dump(&dump, self.guest.profile.hardware.dump);
    }

    /// Returns `true` if the kernel crashes within the timeout.
    fn crashes(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < CRASH && !interrupted() {
            if self.machine.poll_events().crashed {
                return true;
            }
            thread::sleep(PERIOD);
        }
        false
    }

    /// Waits for the restart after a crash, and collects its dump and logs. Returns `true`
    /// if the machine restarted with the same disk.
    fn collect_after_restart(&mut self) -> bool {
        let before = self.boot.clone();
        if self.await_start(|boot| boot != before).is_err() {
            return false;
        }
        let profile = self.guest.profile;
        if self.run_line(profile.marker).ok().as_ref() != Some(&self.marker) {
            return false;
        }
        self.collect();
        true
    }

    /// Copies dumps and logs from the guest.
    fn collect(&mut self) {
        let profile = self.guest.profile;
        for line in profile.gather {
            // A command fails if it has nothing to gather.
            let _ = self.run_line(line);
        }
        let listed = self.agent.run(profile.evidence, super::COMMAND);
        // The command fails if a file does not exist.
        let listed = listed.map(|listed| listed.out).unwrap_or_default();
        for path in listed
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let to = self.home().join(Profile::name_of(path));
            // The other files are useful without this one; an empty one is not.
            let _ = self.agent.follow(path, &to);
            if fs::metadata(&to).is_ok_and(|file| file.len() == 0) {
                let _ = fs::remove_file(&to);
            }
        }
    }
}
