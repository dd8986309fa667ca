//! What `deploy/` promises of the unit files and of the image, where it can be read off the files.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use forge_tests::{TempDir, checkout, default_seconds, finish, skipped};

fn file(path: &str) -> String {
    fs::read_to_string(checkout().join("deploy").join(path)).unwrap()
}

/// The settings of a unit file; a later one of the same name stands for itself.
fn settings(path: &str) -> BTreeMap<String, String> {
    let text = file(path);
    let lines = text.lines().filter(|line| !line.starts_with(['#', '[']));
    let settings = lines.filter_map(|line| line.split_once('='));
    settings.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_unit_is_told_by_forge_and_watches_it() {
    let unit = settings("systemd/forge.service");
    for (key, value) in [
        ("Type", "notify"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "64 78"),
        ("KillMode", "mixed"),
        ("OOMPolicy", "continue"),
        ("NonBlocking", "yes"),
        ("RuntimeDirectory", "forge"),
        ("RuntimeDirectoryMode", "0700"),
        ("TimeoutStartSec", "infinity"),
    ] {
        assert_eq!(unit.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(unit["WatchdogSec"].parse::<u32>().unwrap() >= 10);
}

#[test]
fn the_unit_waits_longer_than_an_end_takes_by_default() {
    let patience: f64 = settings("systemd/forge.service")["TimeoutStopSec"].parse().unwrap();
    let grace = default_seconds("shutdown_grace_s");
    let longest = default_seconds("request_timeout_s");
    // For sending the answers and for the workers' end.
    assert!(patience >= grace + longest + 20.0, "{patience}");
}

#[test]
fn the_unit_is_hardened_but_for_what_libtorch_and_gpus_need() {
    let unit = settings("systemd/forge.service");
    for (key, value) in [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("SystemCallFilter", "@system-service"),
    ] {
        assert_eq!(unit.get(key).map(String::as_str), Some(value), "{key}");
    }
    for path in ["systemd/forge.service", "systemd/forge-gpu.conf", "systemd/forge-instance.conf"] {
        assert!(!settings(path).contains_key("MemoryDenyWriteExecute"), "{path}");
    }
    assert_eq!(settings("systemd/forge-gpu.conf")["PrivateDevices"], "no");
}

#[test]
fn the_socket_listens_where_forge_does_by_default() {
    assert_eq!(settings("systemd/forge.socket")["ListenStream"], "127.0.0.1:8000");
    assert_eq!(settings("systemd/forge-instance.conf")["Sockets"], "forge.socket");
}

#[test]
fn systemd_takes_every_unit_with_its_drop_ins() {
    if finish(Command::new("sh").args(["-c", "command -v systemd-analyze"])).code() != 0 {
        skipped("there is no systemd-analyze (Debian's package systemd)");
        return;
    }
    let dir = TempDir::new();
    let program = dir.write("forge", "");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    for (from, to) in [
        ("forge.service", "forge.service"),
        ("forge.service", "forge@.service"),
        ("forge.socket", "forge.socket"),
        ("forge-gpu.conf", "forge.service.d/forge-gpu.conf"),
        ("forge-instance.conf", "forge@.service.d/forge-instance.conf"),
    ] {
        let text = file(&format!("systemd/{from}"));
        let text = text.replace("/opt/forge/bin/forge", program);
        let text = text.replace("/opt/forge-%i-linux-x86_64/bin/forge", program);
        fs::create_dir_all(dir.path().join(to).parent().unwrap()).unwrap();
        dir.write(to, text);
    }
    let mut verify = Command::new("systemd-analyze");
    verify.current_dir(dir.path()).args(["verify", "./forge.service", "./forge.socket"]);
    let finished = finish(verify.arg("./forge@0.3.0.service"));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    // What it does not know it only warns of.
    assert!(!finished.stderr.contains(dir.path().to_str().unwrap()), "{}", finished.stderr);
}

/// The instructions of the Dockerfile, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = file("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let instructions = lines.filter_map(|line| line.split_once(' '));
    instructions.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

#[test]
fn the_image_is_built_in_stages_from_bases_with_a_version() {
    let instructions = instructions();
    let bases: Vec<&str> = instructions
        .iter()
        .filter(|(name, _)| name == "FROM")
        .map(|(_, rest)| rest.split(' ').next().unwrap())
        .collect();
    assert_eq!(bases.len(), 2, "{bases:?}");
    for base in &bases {
        let tag = base.split_once(':').unwrap_or_else(|| panic!("{base} has no tag")).1;
        assert!(tag.starts_with(|first: char| first.is_ascii_digit()), "{base}");
    }
    // What the package is made for.
    assert!(bases[1].starts_with("debian:12"), "{bases:?}");
    let manifest = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(
        bases[0].starts_with(&format!("rust:{}-bookworm", rust.trim_matches('"'))),
        "{bases:?}"
    );
}

#[test]
fn the_image_runs_forge_itself_and_not_as_root() {
    let instructions = instructions();
    let last_base = instructions.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let of = |wanted: &str| {
        let image = &instructions[last_base..];
        image.iter().find(|(name, _)| name == wanted).map_or("", |(_, rest)| rest)
    };
    let (user, group) = of("USER").split_once(':').unwrap();
    for number in [user, group] {
        assert!(number.parse::<u32>().is_ok_and(|number| number > 0), "{number}");
    }
    // A shell as process 1 would keep the signals for itself.
    assert_eq!(of("ENTRYPOINT"), r#"["/opt/forge/bin/forge"]"#);
    assert!(of("CMD").starts_with('['), "{}", of("CMD"));
    assert_eq!(of("STOPSIGNAL"), "SIGTERM");
    for instruction in ["RUN", "VOLUME"] {
        assert_eq!(of(instruction), "", "the image is the package and nothing else");
    }
}
