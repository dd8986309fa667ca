//! What must never import what, and what no file may contain: the table "What must never import
//! what" of `docs/architecture.md` and the rules of `CONTRIBUTING.md`, as tests.
//!
//! The first half checks the project. The second half checks the checks: every rule has to find a
//! made-up violation, and every path that a rule names has to exist, or the rule guards nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]
#![forbid(unsafe_code)]

mod links;
mod names;
mod rules;
mod source;

use std::fs;

use names::Name::{Under, Word};
use rules::Ban;
use source::Source;

const CRATES: [&str; 6] =
    ["forge-ipc", "forge-proto", "forge-router", "forge-worker", "tests", "benches"];

const BANS: &[Ban] = &[
    Ban {
        who: &["forge-ipc/", "forge-proto/", "forge-router/", "tests/", "benches/"],
        never: &[Word("tch"), Word("torch_sys")],
        why: "libtorch lives in forge-worker alone",
    },
    Ban {
        who: &["forge-ipc/src/"],
        never: &[
            Word("tokio"),
            Word("hyper"),
            Word("serde_json"),
            Word("tracing"),
            Word("Instant"),
            Word("SystemTime"),
        ],
        why: "shared memory is mechanism only",
    },
    Ban {
        who: &["forge-worker/src/"],
        never: &[
            Word("tokio"),
            Word("hyper"),
            Word("prometheus"),
            Word("forge_proto"),
            Word("forge_router"),
        ],
        why: "the worker is one loop and knows no protocol",
    },
    Ban {
        who: &["forge-router/src/"],
        never: &[Word("forge_worker")],
        why: "router and worker know each other by what they send",
    },
    Ban {
        who: &["forge-router/src/http/", "forge-router/src/grpc/"],
        never: &[Under("crate", "supervisor"), Under("crate", "dispatch"), Word("forge_ipc")],
        why: "the front sees models, never the processes that run them",
    },
    Ban {
        who: &["forge-router/src/ctl/", "forge-router/src/cli/ctl/"],
        never: &[
            Under("crate", "http"),
            Under("crate", "dispatch"),
            Under("crate", "supervisor"),
            Word("forge_ipc"),
        ],
        why: "the control socket asks the operator, and the server through its own trait",
    },
    Ban {
        who: &["forge-router/src/batching/", "forge-router/src/supervisor/life_cycle.rs"],
        never: &[
            Word("tokio"),
            Word("SystemTime"),
            Under("Instant", "now"),
            Under("std", "fs"),
            Under("std", "io"),
            Under("std", "net"),
            Under("std", "process"),
        ],
        why: "policy is pure: time is an argument, and nothing is read or written",
    },
];

/// Dependencies that a manifest must not list, whatever the source says.
const MANIFEST_BANS: &[(&str, &[&str])] = &[
    (
        "forge-ipc",
        &[
            "forge-proto",
            "forge-router",
            "forge-worker",
            "tokio",
            "hyper",
            "serde_json",
            "tracing",
            "tch",
        ],
    ),
    ("forge-proto", &["forge-ipc", "forge-router", "forge-worker", "tokio", "hyper", "tch"]),
    ("forge-worker", &["forge-proto", "forge-router", "tokio", "hyper", "prometheus"]),
    ("forge-router", &["forge-worker", "tch", "torch-sys"]),
    ("tests", &["tch", "torch-sys"]),
    ("benches", &["tch", "torch-sys"]),
];

#[test]
fn nobody_imports_what_it_must_not() {
    let files = source::rust_files(&CRATES);
    let violations = BANS.iter().flat_map(|ban| {
        let concerned = files.iter().filter(|source| ban.applies_to(source));
        concerned.flat_map(|source| ban.violations(source))
    });
    assert_none(violations);
}

#[test]
fn no_manifest_lists_what_its_crate_must_not_use() {
    assert_none(MANIFEST_BANS.iter().flat_map(|(folder, banned)| {
        let path = format!("{folder}/Cargo.toml");
        manifest_violations(&path, &fs::read_to_string(source::root().join(&path)).unwrap(), banned)
    }));
}

#[test]
fn the_configuration_imports_no_other_module() {
    assert_holds(&["forge-router/src/config"], rules::config_is_a_leaf);
}

#[test]
fn unsafe_is_where_it_is_expected_and_argued_for() {
    assert_holds(&CRATES, rules::unsafe_is_contained);
}

#[test]
fn every_crate_root_that_can_forbids_unsafe_code() {
    assert_holds(&CRATES, rules::crate_roots_forbid_unsafe);
}

#[test]
fn metric_names_are_spelt_in_one_file() {
    assert_holds(&["forge-router/src"], rules::metric_names_have_one_home);
}

#[test]
fn no_file_is_longer_than_it_should_be() {
    assert_holds(&CRATES, rules::files_are_short);
}

#[test]
fn nothing_unfinished_is_left_behind() {
    assert_holds(&CRATES, rules::nothing_is_left_unfinished);
}

#[test]
fn every_ignored_test_says_why() {
    assert_holds(&CRATES, rules::ignored_tests_have_a_reason);
}

#[test]
fn tests_wait_for_conditions_instead_of_sleeping() {
    assert_holds(&["tests"], rules::tests_do_not_sleep);
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let pages = links::pages();
    assert!(pages.len() > 10, "{pages:?}");
    assert_none(pages.iter().flat_map(|page| {
        links::dead_links(page, &fs::read_to_string(source::root().join(page)).unwrap())
    }));
}

// The checks themselves.

#[test]
fn every_path_a_rule_names_exists() {
    let exempt = [rules::UNSAFE_FILES, rules::SLEEPING_FILES, rules::GENERATED_FILES].concat();
    let named = BANS.iter().flat_map(|ban| ban.who).chain(&exempt);
    assert_none(named.filter(|path| !source::root().join(path).exists()).map(|path| {
        format!("{path} does not exist; the rules in tests/tests/architecture name it")
    }));
}

#[test]
fn every_ban_finds_a_violation() {
    for ban in BANS {
        for name in ban.never {
            let code = match name {
                Word(word) => format!("use {word}::Something;"),
                Under(root, name) => format!("use {root}::{{a::b, {name}}};"),
            };
            let path = format!("{}made_up.rs", ban.who[0]);
            let violation = Source::new(&path, &code);
            assert!(ban.applies_to(&violation));
            assert_eq!(ban.violations(&violation).len(), 1, "{code}");
            let comment = Source::new(&path, &format!("// {code}\nconst A: &str = \"{code}\";"));
            assert!(ban.violations(&comment).is_empty(), "{code}");
        }
    }
}

#[test]
fn every_rule_finds_a_violation_and_passes_what_is_right() {
    type Rule = fn(&Source) -> Vec<String>;
    let long = "\n".repeat(rules::LONGEST_FILE + 1);
    let cases: [(Rule, &str, &str, &str); 9] = [
        (rules::config_is_a_leaf, "forge-router/src/config/a.rs", "use crate::{config, model};", {
            "use crate::tensor::Dtype;"
        }),
        (rules::unsafe_is_contained, "forge-router/src/a.rs", "unsafe { f() }", "// unsafe"),
        (rules::unsafe_is_contained, rules::UNSAFE_FILES[0], "\nunsafe { f() }", {
            "// SAFETY: f has no\n// conditions.\nlet a = unsafe { f() };"
        }),
        (rules::crate_roots_forbid_unsafe, "forge-router/src/lib.rs", "mod a;", {
            "#![forbid(unsafe_code)]\nmod a;"
        }),
        (rules::metric_names_have_one_home, "forge-router/src/a.rs", "f(\"forge_rows_total{\")", {
            "f(\"forge_router=debug\")"
        }),
        (rules::files_are_short, "forge-router/src/a.rs", &long, "\n"),
        (rules::nothing_is_left_unfinished, "forge-router/src/a.rs", "todo!()", "let todo = 1;"),
        (rules::ignored_tests_have_a_reason, "tests/tests/a.rs", "#[ignore]\nfn f() {}", {
            "#[ignore = \"needs a GPU\"]\nfn f() {}"
        }),
        (rules::tests_do_not_sleep, "tests/tests/a.rs", "thread::sleep(SECOND)", "self.sleep()"),
    ];
    for (rule, path, wrong, right) in cases {
        assert_eq!(rule(&Source::new(path, wrong)).len(), 1, "{wrong}");
        assert_eq!(rule(&Source::new(path, right)), [""; 0], "{right}");
    }
}

#[test]
fn a_manifest_that_lists_a_banned_crate_is_found() {
    for (manifest, expected) in [
        ("[dependencies]\ntokio.workspace = true\n", 1),
        ("[dev-dependencies]\ntokio = { version = \"1\" }\n", 1),
        ("[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n", 1),
        ("[dependencies]\ntokio-util = \"1\"\n\n[features]\ntokio = []\n", 0),
    ] {
        let violations = manifest_violations("Cargo.toml", manifest, &["tokio"]);
        assert_eq!(violations.len(), expected, "{manifest}");
    }
}

fn manifest_violations(path: &str, manifest: &str, banned: &[&str]) -> Vec<String> {
    let mut is_in_dependencies = false;
    let mut violations = Vec::new();
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            is_in_dependencies = table.trim_end_matches(']').ends_with("dependencies");
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if is_in_dependencies && banned.contains(&name) {
            violations.push(format!("{path} lists {name}"));
        }
    }
    violations
}

fn assert_holds(folders: &[&str], rule: impl Fn(&Source) -> Vec<String>) {
    let files = source::rust_files(folders);
    assert!(!files.is_empty(), "there is no Rust file in {folders:?}");
    assert_none(files.iter().flat_map(rule));
}

fn assert_none(violations: impl Iterator<Item = String>) {
    let violations: Vec<_> = violations.collect();
    assert!(violations.is_empty(), "\n  {}\n", violations.join("\n  "));
}
