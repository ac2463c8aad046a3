// SPDX-License-Identifier: MIT OR Apache-2.0

//! An SSH server for tests, on the loopback interface.
//!
//! Each connection is an `sshd -i` that this process starts: no free port must be found, no
//! start awaited, and a test can cut or freeze connections.

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

use crate::ssh_server::SshServer;

/// Directories of `sshd`, besides PATH.
const MORE: &str = "/usr/sbin:/sbin:/usr/local/sbin";
/// The directory for privilege separation of root's `sshd`; its name is compiled in.
const CHROOT: &str = "/run/sshd";

/// The server; on drop its connections are closed.
pub(crate) struct Sshd {
    directory: TempDir,
    port: u16,
    state: Arc<Mutex<State>>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    mode: ServerState,
    connections: Vec<Child>,
    /// Connections that are accepted but not served.
    ignored: Vec<TcpStream>,
}

#[derive(Clone, Copy, Default)]
enum ServerState {
    #[default]
    Serving,
    /// Connections are accepted, but get no answer.
    Silent,
    /// Connections are refused.
    Closed,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let sshd = which::which("sshd")
            .or_else(|_| which::which_in("sshd", Some(MORE), "."))
            .expect("OpenSSH's server is not here: `cargo xtask setup` installs it");
        if getuid().is_root() {
            fs::create_dir_all(CHROOT).expect("root makes directories");
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

    /// Its address, with a key that it accepts.
    pub(crate) fn ssh(&self) -> SshServer {
        let here = |name: &str| self.directory.path().join(name);
        SshServer {
            host: "127.0.0.1".to_owned(),
            port: Some(self.port),
            user: None,
            key: Some(here("user")),
            options: vec![
                format!("UserKnownHostsFile={}", here("known_hosts").display()),
                "GlobalKnownHostsFile=/dev/null".to_owned(),
                "StrictHostKeyChecking=yes".to_owned(),
                // Ignore the keys and hosts of the user who runs the test.
                "IdentitiesOnly=yes".to_owned(),
                "IdentityAgent=none".to_owned(),
                "ProxyJump=none".to_owned(),
            ],
        }
    }

    /// A key that it does not accept.
    pub(crate) fn unknown_key(&self) -> PathBuf {
        key(&self.directory.path().join("unknown"))
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.change(|state| {
            for connection in &mut state.connections {
                signal(connection, Signal::KILL);
                let _ = connection.wait();
            }
            state.connections.clear();
        });
    }

    /// Stops answering, on existing connections as well.
    pub(crate) fn freeze(&self) {
        self.change(|state| {
            state.mode = ServerState::Silent;
            for connection in &state.connections {
                signal(connection, Signal::STOP);
            }
        });
    }

    /// Serves new connections again.
    pub(crate) fn serve(&self) {
        self.change(|state| {
            state.mode = ServerState::Serving;
            state.ignored.clear();
        });
    }

    /// Ends all connections and refuses new ones.
    pub(crate) fn end(&mut self) {
        self.change(|state| state.mode = ServerState::Closed);
        self.cut();
        if let Some(listener) = self.listener.take() {
            // Wakes the listener, which then sees the state.
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
        let stream = stream.expect("a connection");
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.mode {
            ServerState::Serving => {
                let connection = serve(stream).expect("sshd was found before");
                state.connections.push(connection);
            }
            ServerState::Silent => state.ignored.push(stream),
            ServerState::Closed => return,
        }
    }
}

/// Signals the processes of a connection: `sshd` forks unless it runs as root.
fn signal(connection: &Child, signal: Signal) {
    // An error means that they have exited already.
    let _ = kill_process_group(Pid::from_child(connection), signal);
}

/// Makes a private key, with the public one beside it.
fn key(path: &Path) -> PathBuf {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status();
    let made = made.expect("OpenSSH's client is not here: `cargo xtask setup` installs it");
    assert!(made.success(), "ssh-keygen exited with {made}");
    path.to_owned()
}

fn public(key: &Path) -> PathBuf {
    key.with_extension("pub")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("just written")
}
