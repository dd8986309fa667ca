use super::*;

const EVERY_KEY: &str = r#"
    [server]
    host = "::1"
    port = 0
    model_root = "models"
    max_body_bytes = 1000
    max_inflight_bytes = 2000
    cors_origins = ["https://example.org"]
    access_log = true
    triton_metrics = true
    admin = "token"
    admin_token_file = "token"
    socket = "forge.sock"
    parallel_loads = 3
    header_timeout_s = 1
    body_timeout_s = 2.5
    shutdown_grace_s = 0
    [models."m.v2"]
    path = "models/m.pt"
    batch_window_ms = 0.5
    max_batch_size = 8
    max_queue_depth = 9
    priority_levels = 4
    default_priority_level = 3
    priority_max_wait_ms = 250.5
    request_timeout_s = 3
    batch_timeout_s = 4
    load_timeout_s = 5
    required = true
    retry_on_crash = false
    poison_ttl_s = 0
    restart_limit = 6
    restart_window_s = 7
    max_worker_rss = 1048576
    max_worker_age_s = 1.5
    sticky_header = "x-user"
    frame_bytes = 4096
    check_batching = false
    optimize = "off"
    labels = "classes.txt"
    softmax = true
    pad = { dim = 0, value = -1.5, multiple = 8, max_length = 12, mask_input = "mask", outputs_dim = 1 }
    preprocess = { input = "ids", resize = [8, 9], center_crop = 3, scale = 1, mean = [0.1, 0, 1], std = [1, 2, 3.5], layout = "HWC", color = "BGR", max_pixels = 1000 }
    devices = ["cpu", "cuda:1"]
    workers = 2
    num_threads = 3
    cpus = "1-2"
    [[models."m.v2".inputs]]
    name = "ids"
    dtype = "torch.half"
    shape = [-1, 3, 3]
    "#;

/// What `EVERY_KEY` names is there.
fn files() -> Files {
    let files = Files::new();
    files.write("models/m.pt", "");
    files.write("classes.txt", "cat\ndog\n");
    files.write("token", "a-token-that-is-long-enough-to-be-one\n");
    files
}

/// Shown, written to a file and read again.
fn read_again(files: &Files, config: &Config) -> Config {
    let mut again = files.load(&toml::to_string(&table(config)).unwrap()).unwrap();
    // Threads that were nobody's choice have become one.
    for (model, shown) in again.models.iter_mut().zip(&config.models) {
        model.workers_plan = shown.workers_plan.clone();
    }
    again
}

#[test]
fn what_is_shown_can_be_served_again_and_says_the_same() {
    let files = files();
    for text in [
        EVERY_KEY,
        "[models.m]\npath = \"m.pt\"",
        "[models.m]\npath = \"m.pt\"\nbatching = false",
        // 2 threads for one worker, 1 for the other.
        "[models.m]\npath = \"m.pt\"\nworkers = 2\ncpus = \"0-2\"",
    ] {
        let config = files.load(text).unwrap();
        assert_eq!(read_again(&files, &config), config, "{text}");
    }
}

/// `device` is left out where there are `devices`, and only then.
#[test]
fn every_key_is_shown() {
    let files = files();
    let mut shown = files.load(EVERY_KEY).map(|config| table(&config)).unwrap();
    let text = "[server]\n\"?\" = 1\n[models.m]\npath = \"m.pt\"\n\"?\" = 1";
    let Err(ConfigErrors::Invalid { problems, .. }) = files.load(text) else { panic!() };
    let mut known = problems.iter().map(|problem| match problem {
        Problem::UnknownKey { allowed, .. } => allowed,
        other => panic!("{other}"),
    });
    let server = shown.remove("server").unwrap();
    let model = shown["models"]["m.v2"].as_table().unwrap().clone();
    for table in [server.as_table().unwrap(), &model] {
        let known = known.next().unwrap().iter();
        let missing: Vec<_> = known.filter(|&key| !table.contains_key(key)).collect();
        assert!(missing.is_empty() || missing == ["device"], "{missing:?} in {table:?}");
    }
}
