// SPDX-License-Identifier: MIT OR Apache-2.0

//! A program's run: what it prints, and what becomes of the machine meanwhile.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{End, PERIOD, QUESTION, Session, Trouble};
use crate::agent::Task;
use crate::interrupt::interrupted;
use crate::profile::{LOG, OUTPUT, Profile};

/// How long a kernel may take to crash that was told to.
const CRASH: Duration = Duration::from_secs(30);

/// The lines of a file that grows.
struct Lines {
    file: BufReader<File>,
    /// The beginning of a line that is not yet whole.
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

    /// Passes on the lines that have become whole; whether there was anything new.
    fn pass_on(&mut self, hear: &mut impl FnMut(&str)) -> Result<bool> {
        let mut anything = false;
        while self.file.read_until(b'\n', &mut self.begun)? > 0 {
            anything = true;
            if self.begun.ends_with(b"\n") {
                hear(String::from_utf8_lossy(&self.begun).trim_end());
                self.begun.clear();
            }
        }
        Ok(anything)
    }
}

impl Session<'_> {
    /// Runs `line`, which prints to [`OUTPUT`], to its end or the machine's.
    pub(super) fn watch(&mut self, line: &str, mut hear: impl FnMut(&str)) -> Result<End> {
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
        if !self.machinery.is_here() {
            // Nobody tells of one that starts anew before it answers.
            patience = patience.max(self.guest.boot);
        }
        // What has happened until now was meant to.
        self.machinery.look();
        let task = self.agent.start(line)?;
        let (mut answered, mut printed) = (Instant::now(), Instant::now());
        let trouble = loop {
            if interrupted() {
                break Trouble::Interrupted;
            }
            let seen = self.machinery.look();
            if seen.no_space {
                break Trouble::HostFull;
            }
            if let Some(how) = self.machinery.gone() {
                break Trouble::Gone(how);
            }
            if seen.crashed {
                break self.crashed(seen.words);
            }
            if seen.powered_off {
                break Trouble::Gone("it was shut down from within".to_owned());
            }
            agent_is_there = seen.agent.unwrap_or(agent_is_there);
            match self.agent.ended(task) {
                Ok(ended) => {
                    answered = Instant::now();
                    let followed = self.follow_output(&here);
                    if lines.pass_on(&mut hear)? {
                        printed = Instant::now();
                    }
                    if let Some(status) = ended {
                        if let Err(error) = followed {
                            break Trouble::AgentLost(format!("{error:#}"));
                        }
                        if status != 0 {
                            self.collect();
                        }
                        let log = self.guest.profile.path(LOG);
                        // Not every line has one.
                        let _ = self.agent.follow(&log, &self.home().join(LOG));
                        return Ok(End::Exited(status));
                    }
                }
                Err(why) => {
                    if let Some(trouble) = self.answers_otherwise(task, &why) {
                        break trouble;
                    }
                }
            }
            if answered.elapsed() >= patience {
                break self.silent("no sign of life", answered.elapsed(), agent_is_there);
            }
            if printed.elapsed() >= self.guest.stall {
                break self.silent("the program says nothing", printed.elapsed(), true);
            }
            thread::sleep(PERIOD);
        };
        // What it has printed before is as good as ever.
        lines.pass_on(&mut hear)?;
        Ok(End::Trouble(trouble))
    }

    /// Brings what the program prints up to date; before its end it may not have
    /// begun.
    fn follow_output(&mut self, here: &Path) -> Result<()> {
        let profile = self.guest.profile;
        let mut there = profile.path(OUTPUT);
        if let Some((line, copy)) = profile.copy_output {
            self.run_line(line)?;
            there = profile.path(copy);
        }
        self.agent.follow(&there, here)
    }

    /// The agent did not tell of the program. If it answers at all, it was late, or
    /// either the machine or it has started anew.
    fn answers_otherwise(&mut self, task: Task, why: &anyhow::Error) -> Option<Trouble> {
        if !self.agent.answers(QUESTION) {
            return None;
        }
        let boot = self.run_line(self.guest.profile.boot).ok()?;
        if boot == self.boot && self.agent.ended(task).is_ok() {
            return None;
        }
        if boot == self.boot {
            return Some(Trouble::AgentLost(format!("{why:#}")));
        }
        Some(self.crashed(None))
    }

    /// The kernel gave up: what it left is brought home.
    fn crashed(&mut self, words: Option<String>) -> Trouble {
        let restarted = self.bring_home();
        if !restarted {
            self.dump();
        }
        Trouble::Crashed { words, restarted }
    }

    /// Nothing is heard any more.
    fn silent(&mut self, what: &'static str, silent: Duration, agent_is_there: bool) -> Trouble {
        let woken = self.machinery.interrupt().then(|| self.crashes());
        if woken != Some(true) || !self.bring_home() {
            self.dump();
        }
        if !agent_is_there {
            let seconds = silent.as_secs();
            return Trouble::AgentLost(format!(
                "it left its channel, and was not seen for {seconds} s"
            ));
        }
        Trouble::Hung {
            what,
            silent,
            woken,
        }
    }

    /// Has the machine's memory written from outside, where that can be done.
    fn dump(&mut self) {
        let dump = self.home().join("memory.dump");
        self.machinery.dump(&dump, self.guest.profile.hardware.dump);
    }

    /// Whether the kernel gives up now.
    fn crashes(&mut self) -> bool {
        let told = Instant::now();
        while told.elapsed() < CRASH && !interrupted() {
            if self.machinery.look().crashed {
                return true;
            }
            thread::sleep(PERIOD);
        }
        false
    }

    /// Brings home what a crash has left, once the machine is back; whether it
    /// came back, as the same machine.
    fn bring_home(&mut self) -> bool {
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

    /// Brings home what the guest has that tells of trouble.
    fn collect(&mut self) {
        let profile = self.guest.profile;
        for line in profile.gather {
            // One that fails had nothing to gather.
            let _ = self.run_line(line);
        }
        let listed = self.agent.run(profile.evidence, super::COMMAND);
        // Some of what it looks for is not there.
        let listed = listed.map(|listed| listed.out).unwrap_or_default();
        for path in listed
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let to = self.home().join(Profile::name_of(path));
            // The rest is worth having without it; nothing of one that is empty.
            let _ = self.agent.follow(path, &to);
            if fs::metadata(&to).is_ok_and(|file| file.len() == 0) {
                let _ = fs::remove_file(&to);
            }
        }
    }
}
