// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a run on a machine ends, and what is left of it.

use std::fs;
use std::thread;
use std::time::Duration;

use super::lab::Lab;
use super::{End, Trouble};
use crate::catalogue::Place;
use crate::sshd::Sshd;

/// How long a guest that hangs may be silent here; it must connect within it.
const SHORT: Duration = Duration::from_secs(5);

/// A lab with commands of the user's.
fn commanded(sshd: &Sshd, begin: &[&str], end: &[&str]) -> Lab {
    let mut lab = Lab::behind(sshd);
    let words = |command: &[&str]| command.iter().map(|&word| word.to_owned()).collect();
    lab.guest.place = Place::Elsewhere {
        ssh: sshd.ssh(),
        begin: Some(words(begin)),
        end: Some(words(end)),
    };
    lab
}

#[test]
fn a_program_is_heard_while_it_runs() {
    let sshd = Sshd::start();
    let lab = Lab::behind(&sshd);
    let go = lab.path("go");
    let script = format!(
        "echo $1; echo two; until test -e {}; do sleep 0.02; done\n\
         echo three; echo beside >&2; exit 7",
        go.display()
    );
    let mut heard = Vec::new();
    let (session, end) = lab.run(&script, |line| {
        heard.push(line.to_owned());
        if line == "two" {
            lab.write("go", "");
        }
    });
    assert_eq!(end, End::Exited(7));
    assert_eq!(heard, ["--word", "two", "three"]);
    assert_eq!(
        Lab::at_home(&session, "session.log").as_deref(),
        Some("beside\n")
    );
    session.close(false).expect("closed");
    assert!(lab.list("run").is_empty(), "nothing is left in the guest");
    assert!(lab.list("home/runs").is_empty(), "nothing is left here");
}

#[test]
fn any_line_can_be_run_and_kept() {
    let sshd = Sshd::start();
    let lab = Lab::behind(&sshd);
    let mut session = lab.open().expect("it answers");
    let mut heard = Vec::new();
    let end = session.shell("echo one; echo two >&2; exit 3", |line| {
        heard.push(line.to_owned());
    });
    assert_eq!(end.expect("started"), End::Exited(3));
    assert_eq!(heard, ["one", "two"]);
    session.close(true).expect("closed");
    let kept = lab.list("home/runs");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(
        lab.list(&format!("home/runs/{}", kept[0])),
        ["out.jsonl"],
        "what it printed is kept"
    );
}

#[test]
fn a_package_arrives_whole_and_the_guest_is_restarted_for_it() {
    let sshd = Sshd::start();
    let lab = Lab::behind(&sshd);
    let kit = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(kit.path().join("a/b")).expect("made");
    fs::write(kit.path().join("a/b/driver.sys"), [0, 1, 2]).expect("written");
    let mut session = lab.open().expect("it answers");
    fs::create_dir(lab.path("run")).expect("made");
    lab.write("run/old", "of another run");
    session.push(kit.path()).expect("copied");
    assert_eq!(lab.list("run"), ["a"]);
    assert_eq!(
        fs::read(lab.path("run/a/b/driver.sys")).expect("there"),
        [0, 1, 2]
    );
    session.prepare().expect("it comes back");
    let facts = session.facts().expect("told");
    assert_eq!(facts, [("start", "restarted".to_owned())]);
    session.close(false).expect("closed");
}

#[test]
fn what_a_crash_left_is_brought_home() {
    let sshd = Sshd::start();
    let lab = Lab::behind(&sshd);
    let script = "echo beside >&2; : > empty; echo begun; {}";
    let mut heard = Vec::new();
    let (session, end) = lab.run(script, |line| {
        heard.push(line.to_owned());
        lab.write("dump", "what it died of");
        lab.write("boot", "second");
        sshd.cut();
    });
    let crashed = Trouble::Crashed {
        words: None,
        restarted: true,
    };
    assert_eq!(end, End::Trouble(crashed));
    assert_eq!(heard, ["begun"]);
    let home = |name| Lab::at_home(&session, name);
    assert_eq!(home("MEMORY.DMP").as_deref(), Some("what it died of"));
    assert_eq!(home("session.log").as_deref(), Some("beside\n"));
    assert_eq!(home("empty"), None, "it would tell nothing");
}

#[test]
fn a_restart_may_take_longer_than_an_answer() {
    let sshd = Sshd::start();
    let mut lab = Lab::behind(&sshd);
    lab.guest.heartbeat = Duration::from_secs(1);
    let end = thread::scope(|restart| {
        let begun = |_: &str| {
            lab.write("boot", "second");
            sshd.cut();
            sshd.freeze();
            restart.spawn(|| {
                thread::sleep(2 * lab.guest.heartbeat);
                sshd.serve();
            });
        };
        lab.run("echo begun; {}", begun).1
    });
    let crashed = Trouble::Crashed {
        words: None,
        restarted: true,
    };
    assert_eq!(end, End::Trouble(crashed));
}

#[test]
fn a_disk_that_went_back_has_nothing_of_this_run() {
    let sshd = Sshd::start();
    let lab = Lab::behind(&sshd);
    let (session, end) = lab.run("echo begun; {}", |_| {
        lab.write("dump", "of another run");
        lab.write("run/marker", "another run's");
        lab.write("boot", "second");
        sshd.cut();
    });
    let crashed = Trouble::Crashed {
        words: None,
        restarted: false,
    };
    assert_eq!(end, End::Trouble(crashed));
    assert_eq!(Lab::at_home(&session, "MEMORY.DMP"), None);
}

#[test]
fn a_connection_that_is_lost_is_not_a_crash() {
    let sshd = Sshd::start();
    let lab = Lab::behind(&sshd);
    let (session, end) = lab.run("echo begun; {}", |_| sshd.cut());
    let End::Trouble(Trouble::AgentLost(why)) = end else {
        panic!("{end:?}");
    };
    assert!(why.contains("lost"), "{why}");
    session.close(false).expect("closed");
}

#[test]
fn a_machine_that_is_gone_hangs() {
    let mut sshd = Sshd::start();
    let mut lab = Lab::behind(&sshd);
    (lab.guest.boot, lab.guest.heartbeat) = (SHORT, Duration::from_secs(1));
    let (session, end) = lab.run("echo begun; {}", |_| sshd.end());
    assert_silent(&end, "no sign of life");
    session.close(false).expect("nobody has to answer for that");
}

#[test]
fn a_machine_that_says_nothing_hangs() {
    let sshd = Sshd::start();
    let mut lab = Lab::behind(&sshd);
    (lab.guest.boot, lab.guest.heartbeat) = (SHORT, Duration::from_secs(1));
    let (_session, end) = lab.run("echo begun; {}", |_| sshd.freeze());
    assert_silent(&end, "no sign of life");
}

#[test]
fn a_program_that_says_nothing_hangs() {
    let sshd = Sshd::start();
    let mut lab = Lab::behind(&sshd);
    lab.guest.stall = Duration::from_secs(1);
    let (_session, end) = lab.run("{}", |_| {});
    assert_silent(&end, "the program says nothing");
}

fn assert_silent(end: &End, of_what: &str) {
    let End::Trouble(trouble @ Trouble::Hung { what, woken, .. }) = end else {
        panic!("{end:?}");
    };
    assert_eq!((*what, *woken), (of_what, None));
    assert!(!trouble.to_string().contains("NMI"), "{trouble}");
}

#[test]
fn commands_of_the_users_begin_and_end_a_session() {
    let sshd = Sshd::start();
    let files = tempfile::tempdir().expect("a directory");
    let file = files.path().join("a file").display().to_string();
    let lab = commanded(&sshd, &["touch", &file], &["rm", &file]);
    let session = lab.open().expect("it answers");
    assert!(fs::exists(&file).expect("known"), "begin was run");
    session.close(false).expect("closed");
    assert!(!fs::exists(&file).expect("known"), "end was run");
}

#[test]
fn a_machine_is_let_go_however_its_session_ends() {
    let mut sshd = Sshd::start();
    let files = tempfile::tempdir().expect("a directory");
    let ended = files.path().join("ended");
    let end = ended.to_str().expect("text");
    let mut lab = commanded(&sshd, &["true"], &["touch", end]);
    drop(lab.open().expect("it answers"));
    assert!(ended.exists(), "as after an error");
    fs::remove_file(&ended).expect("there");
    sshd.end();
    lab.guest.boot = Duration::from_millis(1);
    let told = lab.open().err().expect("nobody answers").to_string();
    assert!(told.contains("does not answer"), "{told}");
    assert!(ended.exists(), "as after one that nobody could use");
}

#[test]
fn a_command_of_the_users_that_fails_is_told() {
    let sshd = Sshd::start();
    let lab = commanded(&sshd, &["false"], &["true"]);
    let told = lab.open().err().expect("begin fails").to_string();
    assert!(told.contains("false ended with"), "{told}");

    let lab = commanded(&sshd, &["no-such-program"], &["true"]);
    let told = lab.open().err().expect("begin fails").to_string();
    assert!(
        told.contains("no-such-program") && told.contains("vm.toml"),
        "{told}"
    );

    let lab = commanded(&sshd, &["true"], &["false"]);
    let session = lab.open().expect("it answers");
    let told = session.close(false).expect_err("end fails").to_string();
    assert!(told.contains("false ended with"), "{told}");
}
