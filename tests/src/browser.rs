//! A real browser: Debian's headless Chromium, driven by chromedriver (packages `chromium` and
//! `chromium-driver`) over the WebDriver protocol, <https://www.w3.org/TR/webdriver2/>.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::captured::Captured;
use crate::http::Connection;
use crate::skipped;
use crate::temp_dir::TempDir;
use crate::waiting::{eventually, until, wait_for};

/// How an element is named in what WebDriver answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser with one window and a profile of its own. Dropping it ends all of its processes.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    /// The path of the session's commands.
    session: String,
    /// Home, temporary files and profile of the browser.
    _dir: TempDir,
}

impl Browser {
    /// `None`, with a word on it, where no Chromium is installed.
    pub fn start() -> Option<Self> {
        let (Some(driver), Some(chromium)) = (on_path("chromedriver"), on_path("chromium")) else {
            skipped("the packages chromium and chromium-driver are not installed");
            return None;
        };
        let dir = TempDir::new();
        let mut command = Command::new(driver);
        command.arg("--port=0").env("HOME", dir.path()).env("TMPDIR", dir.path());
        // A group of its own, to be ended with all that it starts.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("chromedriver starts");
        let printed = Captured::of(child.stdout.take().expect("a pipe"));
        let port = eventually("chromedriver tells its port", || port(&printed.text()));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut browser = Self { driver: child, address, session: String::new(), _dir: dir };
        let session = browser.command("POST", "/session", &capabilities(&chromium));
        let id = session["sessionId"].as_str().expect("the id of the session");
        browser.session = format!("/session/{id}");
        Some(browser)
    }

    /// Goes to a page and waits until it has loaded.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Clicks on an element as a user does, once it is there and nothing covers it.
    pub fn click(&self, selector: &str) {
        eventually(&format!("{selector} can be clicked"), || {
            let found = self.find(selector)?;
            self.try_post(&format!("/element/{found}/click"), &json!({})).ok()
        });
    }

    /// The texts of all elements that match by now, as a user sees them.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let texts = self.run(
            "return Array.from(document.querySelectorAll(arguments[0]), it => it.innerText)",
            &json!([selector]),
        );
        serde_json::from_value(texts).expect("a list of texts")
    }

    /// The text of an element, once it is there.
    pub fn text(&self, selector: &str) -> String {
        eventually(&format!("{selector} is shown"), || self.texts(selector).into_iter().next())
    }

    /// Waits until an element's text holds these words.
    pub fn wait_for_text(&self, selector: &str, words: &str) {
        until(&format!("{selector} shows {words:?}"), || {
            self.texts(selector).iter().any(|text| text.contains(words))
        });
    }

    /// Runs the body of a function in the page.
    pub fn run(&self, script: &str, arguments: &Value) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// What the page has complained of so far: failed loads, breaches of its policy, errors.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({"type": "browser"}));
        let complaints = log.as_array().expect("a list").iter();
        complaints.map(|entry| entry["message"].to_string()).collect()
    }

    fn find(&self, selector: &str) -> Option<String> {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.try_post("/element", &body).ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.try_command("POST", &format!("{}{path}", self.session), body)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_command(method, path, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The `value` of the driver's answer, or its error.
    fn try_command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let mut connection = Connection::open(self.address);
        connection.request(method, path, &[], body.to_string().as_bytes());
        let response = connection.try_response().map_err(|error| error.to_string())?;
        match response.status {
            200 => Ok(response.json()["value"].clone()),
            status => Err(format!("{status} {}", response.text())),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // It closes the browser, and waits until that is so.
            let closed = self.try_command("DELETE", &self.session, &json!({}));
            assert!(thread::panicking() || closed.is_ok(), "{closed:?}");
        }
        let group = Pid::from_raw(i32::try_from(self.driver.id()).expect("a process number"));
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.driver.wait();
        // What it started is gone once nobody of the group can be signalled any more.
        let is_gone = wait_for(|| killpg(group, None).err());
        assert!(thread::panicking() || is_gone.is_some(), "processes of the browser are left");
    }
}

fn capabilities(chromium: &Path) -> Value {
    json!({"capabilities": {"alwaysMatch": {
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {
            "binary": chromium,
            "args": [
                "--headless=new",
                // Its sandbox does not start as root, as which containers run tests.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
                "--window-size=1200,1600",
                // Nothing but this machine can be reached.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        },
    }}})
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn port(printed: &str) -> Option<u16> {
    let line = printed.lines().find(|line| line.contains("started successfully on port"))?;
    line.trim_end_matches('.').rsplit(' ').next()?.parse().ok()
}
