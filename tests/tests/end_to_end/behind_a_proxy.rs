//! The sample for nginx, as it is shipped, before a real Forge. Runs where nginx is installed.

use std::fs;
use std::process::{Child, Command, Stdio};

use forge_tests::{Finished, Forge, Setup, TempDir, checkout, eventually, finish, json, skipped};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn clients_with_a_key_get_predictions_and_nothing_else() {
    if !["nginx", "openssl", "curl"].into_iter().all(is_installed) {
        skipped("nginx, openssl and curl are needed");
        return;
    }
    let forge = Setup::new().real_model("m", "double.pt").start();
    let proxy = Nginx::before(&forge);
    let key = format!("Authorization: Bearer {KEY}");
    let input = json!({"input": [1, 2]}).to_string();
    for (arguments, status, word) in [
        (vec!["/v1/m/predict", "-H", &key, "-d", &input], "200", "[2.0,4.0]"),
        (vec!["/v1/m/predict", "-H", &key, "-H", "X-Request-ID: mine", "-d", &input], "200", {
            "\"mine\""
        }),
        (vec!["/v1/m/predict", "-d", &input], "401", "API key"),
        (vec!["/v1/m/predict", "-H", "Authorization: Bearer x", "-d", &input], "401", "API key"),
        (vec!["/v1/models", "-H", &key], "404", "not found"),
        (vec!["/metrics", "-H", &key], "404", "not found"),
        (vec!["/health", "-H", &key], "404", "not found"),
        (vec!["/v1/m/predict/../../../metrics", "-H", &key], "404", "not found"),
    ] {
        let answered = proxy.ask(&arguments);
        let (told, seen) = (&answered.stdout, &answered.stderr);
        assert!(told.ends_with(status) && told.contains(word), "{arguments:?}: {told} {seen}");
    }
}

fn is_installed(program: &str) -> bool {
    let version = if program == "openssl" { "version" } else { "-V" };
    Command::new(program).arg(version).output().is_ok()
}

/// A running nginx that listens on a socket in a directory of its own.
struct Nginx {
    child: Child,
    dir: TempDir,
}

impl Nginx {
    fn before(forge: &Forge) -> Self {
        let dir = TempDir::new();
        let place = dir.path().display().to_string();
        let socket = dir.path().join("socket");
        certificate(&dir);
        dir.write("forge-keys.map", format!("\"Bearer {KEY}\" tester;\n"));
        let sample = fs::read_to_string(checkout().join("deploy/proxy/nginx.conf")).unwrap();
        let mut site = sample.clone();
        for (shipped, here) in [
            ("127.0.0.1:8000", forge.address().to_string()),
            ("listen 443 ", format!("listen unix:{} ", socket.display())),
            ("/etc/nginx/", format!("{place}/")),
            ("/var/log/nginx/", format!("{place}/")),
        ] {
            assert!(sample.contains(shipped), "the sample has no {shipped}");
            site = site.replace(shipped, &here);
        }
        let site = dir.write("site.conf", site);
        let scratch: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {place}/{kind};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/error.log;\n\
             events {{}}\nhttp {{\n{scratch}include {};\n}}\n",
            site.display()
        );
        let config = dir.write("nginx.conf", config);
        let nginx = || {
            let mut command = Command::new("nginx");
            command.arg("-c").arg(&config).args(["-p", &place]);
            command
        };
        let checked = finish(nginx().arg("-t"));
        assert_eq!(checked.code(), 0, "{}", checked.stderr);
        let child = nginx().stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let proxy = Self { child, dir };
        eventually("nginx listens", || socket.exists().then_some(()));
        proxy
    }

    /// What curl prints for a path and its further arguments, with the status behind it.
    fn ask(&self, arguments: &[&str]) -> Finished {
        let url = format!("https://forge.example.org{}", arguments[0]);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--path-as-is", "-w", " %{http_code}"]);
        curl.arg("--unix-socket").arg(self.dir.path().join("socket"));
        curl.arg("--cacert").arg(self.dir.path().join("forge.crt")).arg(url);
        finish(curl.args(&arguments[1..]))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn certificate(dir: &TempDir) {
    let made = finish(
        Command::new("openssl")
            .current_dir(dir.path())
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=forge.example.org"])
            .args(["-addext", "subjectAltName=DNS:forge.example.org"])
            .args(["-keyout", "forge.key", "-out", "forge.crt"]),
    );
    assert_eq!(made.code(), 0, "{}", made.stderr);
}
