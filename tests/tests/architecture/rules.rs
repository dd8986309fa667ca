//! The rules about single files. Each returns what is wrong, one sentence per violation.

use super::names::{Name, modules_named, words};
use super::source::Source;

pub(crate) const LONGEST_FILE: usize = 400;

/// Files in which `unsafe` is allowed: shared memory, the heap's bounds, received descriptors, libtorch (in the engine
/// and in what makes the demo's models), and the loom test's model of a frame.
pub(crate) const UNSAFE_FILES: &[&str] = &[
    "forge-ipc/src/heap.rs",
    "forge-ipc/src/packet.rs",
    "forge-ipc/src/region.rs",
    "forge-ipc/src/worker_end.rs",
    "forge-ipc/src/worker_end/response_frame.rs",
    "forge-worker/examples/make_models/define.rs",
    "forge-worker/src/torchscript/",
    "tests/tests/loom_ring.rs",
];

/// Files of `tests/` that may sleep: the engine that plays a slow model.
pub(crate) const SLEEPING_FILES: &[&str] = &["tests/src/engines/"];

/// Code that a compiler wrote: nobody reads it.
pub(crate) const GENERATED_FILES: &[&str] =
    &["forge-proto/src/generated/", "forge-router/src/grpc/generated/"];

/// A folder or file of the project and what it must never name.
pub(crate) struct Ban {
    /// Prefixes of paths.
    pub(crate) who: &'static [&'static str],
    pub(crate) never: &'static [Name],
    pub(crate) why: &'static str,
}

impl Ban {
    pub(crate) fn applies_to(&self, source: &Source) -> bool {
        self.who.iter().any(|prefix| source.path.starts_with(prefix))
    }

    pub(crate) fn violations(&self, source: &Source) -> Vec<String> {
        let code = source.production_code();
        let named = self.never.iter().filter(|name| name.is_named_in(code, source.depth()));
        named.map(|name| format!("{} names {name:?}: {}", source.path, self.why)).collect()
    }
}

/// Configuration is read before anything else exists, so it depends on nothing else.
pub(crate) fn config_is_a_leaf(source: &Source) -> Vec<String> {
    let modules = modules_named(source.production_code(), source.depth());
    let others = modules.into_iter().filter(|module| !["config", "tensor"].contains(&&**module));
    others.map(|module| format!("{} names crate::{module}", source.path)).collect()
}

/// `unsafe` stands only where it is expected, and every one has its argument above it.
pub(crate) fn unsafe_is_contained(source: &Source) -> Vec<String> {
    let is_allowed = UNSAFE_FILES.iter().any(|prefix| source.path.starts_with(prefix));
    let mut violations = Vec::new();
    for (at, _) in words(&source.code).filter(|(_, word)| *word == "unsafe") {
        let line = source.code[..at].matches('\n').count();
        let place = format!("{} line {}", source.path, line + 1);
        if !is_allowed {
            violations.push(format!("{place}: unsafe outside the files that may hold it"));
        } else if !has_safety_comment(&source.text, line) {
            violations.push(format!("{place}: unsafe without a SAFETY comment"));
        }
    }
    violations
}

/// Metric names are an interface; one file owns them.
pub(crate) fn metric_names_have_one_home(source: &Source) -> Vec<String> {
    const CRATES: [&str; 6] = [
        "forge_benches",
        "forge_ipc",
        "forge_proto",
        "forge_router",
        "forge_tests",
        "forge_worker",
    ];
    if source.path == "forge-router/src/metrics/names.rs" {
        return Vec::new();
    }
    let names = source.strings.iter().flat_map(|string| words(string)).map(|(_, word)| word);
    let is_metric = |word: &&str| {
        (word.starts_with("forge_") && !CRATES.contains(word)) || word.starts_with("nv_")
    };
    let metrics = names.filter(is_metric);
    metrics.map(|name| format!("{} spells the metric {name}", source.path)).collect()
}

pub(crate) fn files_are_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let is_generated = GENERATED_FILES.iter().any(|prefix| source.path.starts_with(prefix));
    let is_long = lines > LONGEST_FILE && !is_generated;
    is_long.then(|| format!("{} has {lines} lines", source.path)).into_iter().collect()
}

pub(crate) fn crate_roots_forbid_unsafe(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or_default();
    let is_root = (folder.ends_with("/src") && ["lib.rs", "main.rs"].contains(&file))
        || folder.ends_with("/src/bin");
    let is_exempt = ["forge-ipc/src/lib.rs", "forge-worker/src/main.rs"].contains(&&*source.path);
    let is_missing = is_root && !is_exempt && !source.code.contains("#![forbid(unsafe_code)]");
    let violation = format!("{} lacks #![forbid(unsafe_code)]", source.path);
    is_missing.then_some(violation).into_iter().collect()
}

pub(crate) fn nothing_is_left_unfinished(source: &Source) -> Vec<String> {
    let left: Vec<_> = ["todo!", "unimplemented!", "dbg!"]
        .into_iter()
        .filter(|call| {
            let name = call.trim_end_matches('!');
            words(&source.code)
                .any(|(at, word)| word == name && source.code[at + word.len()..].starts_with('!'))
        })
        .collect();
    left.into_iter().map(|call| format!("{} calls {call}", source.path)).collect()
}

/// A test nobody runs has to say why.
pub(crate) fn ignored_tests_have_a_reason(source: &Source) -> Vec<String> {
    let bare = source.code.matches("#[ignore]").count();
    (bare > 0)
        .then(|| format!("{} ignores a test without a reason", source.path))
        .into_iter()
        .collect()
}

/// A sleep is too short on a slow machine and too long on a fast one; wait until a deadline.
pub(crate) fn tests_do_not_sleep(source: &Source) -> Vec<String> {
    let may_sleep = SLEEPING_FILES.iter().any(|prefix| source.path.starts_with(prefix));
    let sleeps = [Name::Under("thread", "sleep"), Name::Under("time", "sleep")];
    let is_sleeping = sleeps.iter().any(|name| name.is_named_in(&source.code, source.depth()));
    let violation = format!("{} sleeps", source.path);
    (is_sleeping && !may_sleep).then_some(violation).into_iter().collect()
}

/// The argument ends directly above the statement, or stands in the `# Safety` of a function.
fn has_safety_comment(text: &str, line: usize) -> bool {
    const REACH: usize = 12;
    let lines: Vec<_> = text.lines().collect();
    let above = lines[line.saturating_sub(REACH)..=line].iter().rev();
    above
        .take_while(|text| !text.trim().is_empty())
        .any(|text| text.contains("SAFETY:") || text.contains("# Safety"))
}
