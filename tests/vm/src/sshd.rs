// SPDX-License-Identifier: MIT OR Apache-2.0

//! An SSH server of a test's own, on loopback, that lets its caller in.
//!
//! Each connection is an `sshd -i` that this process starts: no port has to be
//! found free and nothing be waited for, and what happens to a machine can be done
//! to its connections.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, getuid, kill_process_group};
use tempfile::TempDir;

use crate::agent::ssh::Ssh;

/// Where it is, unless on PATH.
const MORE: &str = "/usr/sbin:/sbin:/usr/local/sbin";
/// Where root's `sshd` locks up who is not yet let in; its name is compiled in.
const PRISON: &str = "/run/sshd";

/// A server; with it, its connections go.
pub(crate) struct Sshd {
    directory: TempDir,
    port: u16,
    state: Arc<Mutex<State>>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    mood: Mood,
    connections: Vec<Child>,
    /// Those that nobody serves.
    ignored: Vec<TcpStream>,
}

#[derive(Clone, Copy, Default)]
enum Mood {
    #[default]
    Serves,
    /// Whoever connects hears nothing.
    Ignores,
    /// Nobody can connect.
    Gone,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let sshd = which::which("sshd")
            .or_else(|_| which::which_in("sshd", Some(MORE), "."))
            .expect("OpenSSH's server is not here: `cargo xtask setup` installs it");
        if getuid().is_root() {
            fs::create_dir_all(PRISON).expect("root makes directories");
        }
        let directory = tempfile::tempdir().expect("a directory");
        let [host, user] = ["host", "user"].map(|name| key(&directory.path().join(name)));
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let here = |name: &str| directory.path().join(name);
        let known = format!("[127.0.0.1]:{port} {}", read(&public(&host)));
        fs::write(here("known_hosts"), known).expect("written");
        let configuration = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n",
            host.display(),
            public(&user).display(),
        );
        fs::write(here("sshd_config"), configuration).expect("written");
        let (configuration, log) = (here("sshd_config"), here("log"));
        let serve = move |stream: TcpStream| {
            let output = stream.try_clone()?;
            Command::new(&sshd)
                .arg("-i")
                .arg("-f")
                .arg(&configuration)
                .arg("-E")
                .arg(&log)
                .stdin(OwnedFd::from(stream))
                .stdout(OwnedFd::from(output))
                .process_group(0)
                .spawn()
        };
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let listener = thread::spawn(move || listen(&listener, &shared, serve));
        Self {
            directory,
            port,
            state,
            listener: Some(listener),
        }
    }

    /// How it is reached by those it lets in.
    pub(crate) fn ssh(&self) -> Ssh {
        let here = |name: &str| self.directory.path().join(name);
        Ssh {
            host: "127.0.0.1".to_owned(),
            port: Some(self.port),
            user: None,
            key: Some(here("user")),
            options: vec![
                format!("UserKnownHostsFile={}", here("known_hosts").display()),
                "GlobalKnownHostsFile=/dev/null".to_owned(),
                "StrictHostKeyChecking=yes".to_owned(),
                // Those of whoever runs the test are nobody's business.
                "IdentitiesOnly=yes".to_owned(),
                "IdentityAgent=none".to_owned(),
                "ProxyJump=none".to_owned(),
            ],
        }
    }

    /// A key that it does not know.
    pub(crate) fn stranger(&self) -> PathBuf {
        key(&self.directory.path().join("stranger"))
    }

    /// Ends the connections that there are.
    pub(crate) fn cut(&self) {
        self.change(|state| {
            for connection in &mut state.connections {
                signal(connection, Signal::KILL);
                let _ = connection.wait();
            }
            state.connections.clear();
        });
    }

    /// From now on it says nothing, neither to those that are connected.
    pub(crate) fn freeze(&self) {
        self.change(|state| {
            state.mood = Mood::Ignores;
            for connection in &state.connections {
                signal(connection, Signal::STOP);
            }
        });
    }

    /// From now on whoever connects is served again.
    pub(crate) fn serve(&self) {
        self.change(|state| {
            state.mood = Mood::Serves;
            state.ignored.clear();
        });
    }

    /// Ends its connections and lets nobody connect.
    pub(crate) fn end(&mut self) {
        self.change(|state| state.mood = Mood::Gone);
        self.cut();
        if let Some(listener) = self.listener.take() {
            // It looks at its mood when someone comes.
            let _ = TcpStream::connect(("127.0.0.1", self.port));
            let _ = listener.join();
        }
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(
    listener: &TcpListener,
    state: &Mutex<State>,
    serve: impl Fn(TcpStream) -> io::Result<Child>,
) {
    for stream in listener.incoming() {
        let stream = stream.expect("someone has connected");
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.mood {
            Mood::Serves => {
                let connection = serve(stream).expect("sshd was found before");
                state.connections.push(connection);
            }
            Mood::Ignores => state.ignored.push(stream),
            Mood::Gone => return,
        }
    }
}

/// Signals all that serve a connection: `sshd` divides itself unless it is root's.
fn signal(connection: &Child, signal: Signal) {
    // One that has ended already is as good.
    let _ = kill_process_group(Pid::from_child(connection), signal);
}

/// Makes a private key, and the public one beside it.
fn key(path: &Path) -> PathBuf {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status();
    let made = made.expect("OpenSSH's client is not here: `cargo xtask setup` installs it");
    assert!(made.success(), "ssh-keygen ended with {made}");
    path.to_owned()
}

fn public(key: &Path) -> PathBuf {
    key.with_extension("pub")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("just written")
}
