// SPDX-License-Identifier: MIT OR Apache-2.0

//! A headless browser, driven by the `WebDriver` protocol through `ChromeDriver`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::prerequisites::{CHROMEDRIVER, CHROMIUM};
use crate::terminal::PROGRAM;

/// The Tab key, and Enter, in the protocol.
pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";

/// The longest time that a command may take, in seconds.
const PATIENCE: u64 = 60;

/// A browser with one window; it ends on drop.
pub(super) struct Browser {
    driver: Child,
    /// Kept open: `ChromeDriver` prints to it.
    _printed: BufReader<ChildStdout>,
    /// The address of the session, once there is one.
    session: Option<String>,
    /// The user's data, new and empty.
    profile: TempDir,
}

impl Browser {
    /// Starts it without a network.
    pub(super) fn start() -> Result<Self> {
        let mut driver = Command::new(CHROMEDRIVER)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{CHROMEDRIVER} cannot be run: {PROGRAM} setup"))?;
        let mut printed = BufReader::new(driver.stdout.take().expect("it is piped"));
        let port = port_of(&mut printed);
        let mut browser = Self {
            driver,
            _printed: printed,
            session: None,
            profile: TempDir::new()?,
        };
        browser.open_session(&format!("http://127.0.0.1:{}/session", port?))?;
        browser.developer("Network.enable", &json!({}))?;
        let offline = json!({
            "offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0
        });
        browser.developer("Network.emulateNetworkConditions", &offline)?;
        // The page that a new window shows loads much.
        browser.open("about:blank")?;
        browser.run("console.error('heard')")?;
        let heard = browser.console()?;
        ensure!(
            heard.iter().any(|message| message.contains("heard")),
            "the console of the browser cannot be read"
        );
        browser.requests()?;
        Ok(browser)
    }

    fn open_session(&mut self, sessions: &str) -> Result<()> {
        let arguments = arguments(&self.profile);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": which::which(CHROMIUM)?, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let opened = post(sessions, &wanted)?;
        let id = opened["sessionId"]
            .as_str()
            .context("a session has an id")?;
        self.session = Some(format!("{sessions}/{id}"));
        Ok(())
    }

    /// Carries out a command of the protocol.
    fn command(&self, name: &str, arguments: &Value) -> Result<Value> {
        let session = self.session.as_ref().context("no session is open")?;
        post(&format!("{session}/{name}"), arguments)
    }

    /// Carries out a command of the developer tools.
    pub(super) fn developer(&self, name: &str, arguments: &Value) -> Result<Value> {
        let command = json!({ "cmd": name, "params": arguments });
        self.command("goog/cdp/execute", &command)
    }

    /// Opens a page.
    pub(super) fn open(&self, address: &str) -> Result<()> {
        self.command("url", &json!({ "url": address })).map(drop)
    }

    /// Runs the body of a function in the page; returns its result.
    pub(super) fn run(&self, body: &str) -> Result<Value> {
        self.command("execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Presses and releases a key.
    pub(super) fn press(&self, key: &str) -> Result<()> {
        let strokes = ["keyDown", "keyUp"].map(|stroke| json!({ "type": stroke, "value": key }));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.command("actions", &json!({ "actions": [keyboard] }))
            .map(drop)
    }

    /// The messages of the console since the last call.
    pub(super) fn console(&self) -> Result<Vec<String>> {
        let text = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        Ok(self.log("browser")?.iter().map(text).collect())
    }

    /// The addresses that were requested since the last call.
    pub(super) fn requests(&self) -> Result<Vec<String>> {
        let mut addresses = Vec::new();
        for entry in self.log("performance")? {
            let message = entry["message"].as_str().unwrap_or_default();
            let event: Value = serde_json::from_str(message)?;
            let event = &event["message"];
            if event["method"] == "Network.requestWillBeSent" {
                let address = event["params"]["request"]["url"].as_str();
                addresses.push(address.unwrap_or_default().to_owned());
            }
        }
        Ok(addresses)
    }

    fn log(&self, kind: &str) -> Result<Vec<Value>> {
        let entries = self.command("se/log", &json!({ "type": kind }))?;
        Ok(entries.as_array().cloned().unwrap_or_default())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            // Ends the browser. After an error, ChromeDriver's end ends it.
            let _ = minreq::delete(session).with_timeout(PATIENCE).send();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The arguments of a browser that keeps to itself, with a new profile.
fn arguments(profile: &TempDir) -> Vec<String> {
    // Root has no sandbox, and a container none at all.
    const SWITCHES: [&str; 8] = [
        "headless",
        "no-sandbox",
        "no-first-run",
        "disable-gpu",
        "disable-dev-shm-usage",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    ];
    let profile = format!("--user-data-dir={}", profile.path().display());
    let switches = SWITCHES.iter().map(|switch| format!("--{switch}"));
    switches.chain([profile]).collect()
}

/// Writes a picture of a page to a PNG file: of its top, in this size.
pub(super) fn picture(address: &str, width: u64, height: u64, file: &Path) -> Result<()> {
    let profile = TempDir::new()?;
    let mut browser = Command::new(CHROMIUM);
    browser.args(arguments(&profile));
    browser.arg("--hide-scrollbars");
    browser.arg(format!("--window-size={width},{height}"));
    browser.arg(format!("--screenshot={}", file.display()));
    child::run(browser.arg(address))
}

/// The port on which `ChromeDriver` says that it listens.
fn port_of(printed: &mut BufReader<ChildStdout>) -> Result<u16> {
    let lines = printed.lines().map_while(Result::ok);
    let mut ports = lines.filter_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    ports
        .next()
        .with_context(|| format!("{CHROMEDRIVER} has not started"))
}

/// Sends a command; returns the value of the answer.
fn post(address: &str, command: &Value) -> Result<Value> {
    let answer = minreq::post(address)
        .with_header("Content-Type", "application/json")
        .with_body(command.to_string())
        .with_timeout(PATIENCE)
        .send()
        .context("the browser does not answer")?;
    let answer: Value = serde_json::from_slice(answer.as_bytes())?;
    let value = answer
        .get("value")
        .ok_or_else(|| anyhow!("an answer without a value"))?;
    match (value["error"].as_str(), value["message"].as_str()) {
        (Some(error), message) => bail!("{error}: {}", message.unwrap_or_default()),
        (None, _) => Ok(value.clone()),
    }
}
