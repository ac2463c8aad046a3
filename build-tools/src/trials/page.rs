// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of the report's page, in a browser: it renders without an error, a request or a
//! script, it is dark if the reader wants it dark, and the keyboard reaches everything.

mod browser;
mod picture;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use child::program::own_path;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::terminal;
use crate::workspace::Workspace;
use crate::workspace::output_and_errors;
use crate::zoo::{Catalogue, Workshop};
use browser::{Browser, ENTER, TAB};
use picture::Picture;

/// The module of the zoo whose defect the page must name.
const DEFECTIVE: &str = "missing_wait";
/// What the page must say of it: the rule, the image, a line of its source, and a step in
/// the diagram of the cycle.
const FAIL: [&str; 5] = [
    "FAIL",
    "R28",
    "missing_wait.sys",
    "void Unload(DRIVER_OBJECT",
    "NmrDeregisterClient",
];
/// What the page of a run without a finding must say.
const PASS: [&str; 3] = ["PASS", "0 findings", "Injected faults"];
/// The seed of all runs.
const SEED: &str = "4711";
/// The largest page, in bytes.
const LARGEST: u64 = 300 << 10;

/// A page of a run without a finding, and one of a run with one, do what a page must.
pub(crate) fn works_in_a_browser(workspace: &Workspace) -> Result<bool> {
    let directory = TempDir::new_in(workspace.target())?;
    let clean = directory.path().join("clean.html");
    stress(
        workspace,
        &["--cycles", "300", "--faults", "random"],
        &clean,
    )?;
    let catalogue = Catalogue::read(workspace)?;
    let client = Workshop::open(workspace)?.make(&catalogue.recipe(DEFECTIVE)?)?;
    let defective = directory.path().join("defective.html");
    // The page names it as a user in the workspace does.
    let client = client.strip_prefix(workspace.root()).unwrap_or(&client);
    let client = client.to_string_lossy();
    stress(
        workspace,
        &["--cycles", "50", "--client", &client],
        &defective,
    )?;

    let browser = Browser::start()?;
    let mut trial = Trial {
        browser: &browser,
        name: String::new(),
        passed: true,
    };
    trial.page(&clean, &PASS)?;
    trial.page(&defective, &FAIL)?;
    let picture = Picture::of(&browser, &defective)?;
    let wrong = picture.differences(workspace)?;
    trial.expect_none("the picture in the documents", &wrong);
    Ok(trial.passed)
}

/// Runs a stress through the command line, as a user does.
fn stress(workspace: &Workspace, arguments: &[&str], page: &Path) -> Result<()> {
    let mut command = Command::new(own_path());
    command.current_dir(workspace.root());
    command
        .args(["xtask", "stress", "--seed", SEED])
        .args(arguments);
    let (_, printed) = output_and_errors(command.arg("--html").arg(page))?;
    ensure!(
        page.is_file(),
        "no page was written: {}",
        child::last_lines(&printed)
    );
    Ok(())
}

/// Checks pages.
struct Trial<'a> {
    browser: &'a Browser,
    /// The page that is open.
    name: String,
    passed: bool,
}

impl Trial<'_> {
    /// Checks that nothing is wrong with the open page.
    fn expect_none(&mut self, what: &str, wrong: &[String]) {
        for it in wrong {
            terminal::error(format!("{}: {what}: {it}", self.name));
            self.passed = false;
        }
    }

    fn page(&mut self, page: &Path, expected: &[&str]) -> Result<()> {
        self.name = page
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let size = fs::metadata(page)?.len();
        let large = (size > LARGEST).then(|| format!("{size} bytes"));
        self.expect_none("too large", large.as_slice());
        let address = format!("file://{}", page.display());
        self.scheme("light")?;
        self.browser.open(&address)?;
        let text = self.browser.run("return document.body.innerText")?;
        let text = text.as_str().unwrap_or_default();
        let missing = expected.iter().filter(|it| !text.contains(**it));
        let missing: Vec<_> = missing.map(ToString::to_string).collect();
        self.expect_none("not shown", &missing);
        self.script("its structure", include_str!("page/structure.js"))?;
        self.keyboard()?;
        self.colors()?;
        self.narrow()?;
        self.expect_none("the console says", &self.browser.console()?);
        let requests: Vec<_> = self.browser.requests()?;
        ensure!(
            requests.contains(&address),
            "requests of the browser are not seen"
        );
        let is_other = |it: &String| *it != address && !it.starts_with("data:");
        let others: Vec<_> = requests.into_iter().filter(is_other).collect();
        self.expect_none("requested", &others);
        Ok(())
    }

    /// Runs a script that lists what is wrong.
    fn script(&mut self, what: &str, body: &str) -> Result<()> {
        let wrong = strings(&self.browser.run(body)?)?;
        self.expect_none(what, &wrong);
        Ok(())
    }

    /// Says how light the reader wants the page.
    fn scheme(&self, scheme: &str) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        let media = json!({ "features": [feature] });
        let set = self.browser.developer("Emulation.setEmulatedMedia", &media);
        set.map(drop)
    }

    /// Every part that can be opened, and every wide table, is reached by Tab alone.
    fn keyboard(&mut self) -> Result<()> {
        /// A page has fewer places that take the focus.
        const MOST: usize = 500;
        const NUMBER: &str = "window.stops = [...document.querySelectorAll(
                'a[href], summary, [tabindex=\"0\"]'
            )].filter((it) => it.checkVisibility());
            window.name_of = (it) => stops.indexOf(it) + ' ' + it.outerHTML.slice(0, 60);
            return stops.map(name_of);";
        let all: BTreeSet<_> = strings(&self.browser.run(NUMBER)?)?.into_iter().collect();
        let mut reached = BTreeSet::new();
        for _ in 0..MOST {
            self.browser.press(TAB)?;
            let stop = "return document.hasFocus() ? name_of(document.activeElement) : ''";
            let stop = self
                .browser
                .run(stop)?
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if !all.contains(&stop) || !reached.insert(stop) {
                break;
            }
        }
        let missed: Vec<_> = all.difference(&reached).cloned().collect();
        self.expect_none("not reached by keyboard", &missed);

        self.browser
            .run("document.querySelector('.skip').focus()")?;
        self.browser.press(ENTER)?;
        let at = self.browser.run("return document.activeElement.id")?;
        let elsewhere = (at != "content").then(|| at.to_string());
        self.expect_none("the first link skips to", elsewhere.as_slice());

        let closed = "const it = document.querySelector('details:not([open]) > summary'); \
                      it.focus(); window.tried = it.parentElement";
        self.browser.run(closed)?;
        self.browser.press(ENTER)?;
        let is_open = self.browser.run("return window.tried.open")?;
        let stuck = (is_open != true).then(|| "Enter".to_owned());
        self.expect_none("does not open what is closed", stuck.as_slice());
        Ok(())
    }

    /// The page is dark if the reader wants it dark, and all text can be read.
    fn colors(&mut self) -> Result<()> {
        const OPEN: &str = "document.querySelectorAll('details').forEach((it) => it.open = true)";
        const BACKGROUND: &str = "return getComputedStyle(document.body).backgroundColor";
        self.browser.run(OPEN)?;
        let mut backgrounds = Vec::new();
        for scheme in ["light", "dark"] {
            self.scheme(scheme)?;
            let background = self.browser.run(BACKGROUND)?;
            backgrounds.push(background.as_str().unwrap_or_default().to_owned());
            self.script(
                &format!("faint in {scheme} mode"),
                include_str!("page/contrast.js"),
            )?;
        }
        if backgrounds != ["rgb(255, 255, 255)", "rgb(13, 17, 23)"] {
            self.expect_none("light and dark are", &backgrounds);
        }
        Ok(())
    }

    /// The page needs no scrolling sideways on a telephone.
    fn narrow(&mut self) -> Result<()> {
        let telephone = json!({
            "width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": false
        });
        self.browser
            .developer("Emulation.setDeviceMetricsOverride", &telephone)?;
        let width = "const width = document.documentElement.scrollWidth; \
                     return width > innerWidth ? [`${width} pixels`] : []";
        self.script("wider than a telephone", width)?;
        let clear = "Emulation.clearDeviceMetricsOverride";
        self.browser.developer(clear, &json!({})).map(drop)
    }
}

/// The strings of a list.
fn strings(list: &Value) -> Result<Vec<String>> {
    let list = list.as_array().context("a script returns a list")?;
    let text = |it: &Value| it.as_str().map(str::to_owned);
    list.iter()
        .map(|it| text(it).context("of strings"))
        .collect()
}
