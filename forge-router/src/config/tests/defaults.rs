use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_left_out_has_its_default() {
    let files = Files::new();
    let config = files.load("[models.m]\npath = \"m.pt\"").unwrap();

    let server = &config.server;
    assert_eq!(server.address.to_string(), "127.0.0.1:8000");
    assert_eq!(server.model_root, files.directory);
    assert_eq!((&server.admin, &server.socket), (&Admin::Loopback, &None));
    assert_eq!(server.parallel_loads.get(), 4);
    assert_eq!(server.max_body_bytes.get(), 67_108_864);
    assert_eq!(server.max_inflight_bytes.get(), 1_073_741_824);
    assert_eq!(server.cors_origins, ["*"]);
    assert!(!server.access_log);
    assert!(!server.triton_metrics);
    assert_eq!(server.header_timeout, 30 * SECOND);
    assert_eq!(server.body_timeout, 30 * SECOND);
    assert_eq!(server.shutdown_grace, 3 * SECOND);

    let model = &config.models[0];
    assert_eq!(model.name.as_str(), "m");
    assert_eq!(model.path, files.path("m.pt"));
    assert_eq!(model.batch_window, Duration::ZERO);
    assert_eq!(model.max_batch_size.get(), 32);
    assert_eq!(model.max_queue_depth.get(), 256);
    assert_eq!((model.priority.levels.get(), model.priority.default_level.get()), (10, 5));
    assert_eq!(model.priority.max_wait, SECOND);
    assert_eq!(model.request_timeout, 30 * SECOND);
    assert_eq!(model.batch_timeout, 10 * SECOND);
    assert_eq!(model.load_timeout, 300 * SECOND);
    assert_eq!((model.frame_bytes, model.batching, model.check_batching), (None, true, true));
    assert!(model.optimize);
    assert!(!model.required);
    assert!(model.inputs.is_empty());
    assert_eq!((model.retry_on_crash, model.poison_ttl), (true, 600 * SECOND));
    assert_eq!((model.restart_limit.get(), model.restart_window), (5, 60 * SECOND));
    assert_eq!((model.max_worker_rss, model.max_worker_age), (None, None));
    assert_eq!(model.sticky_header, None);
    assert_eq!((&model.preprocess, &model.labels, model.softmax), (&None, &None, false));
    let [worker] = model.workers.as_slice() else { panic!("{:?}", model.workers) };
    assert_eq!((worker.device, worker.threads.get()), (Device::Cpu, 4));
    assert!(worker.cpus.is_empty());
}

#[test]
fn every_key_is_read() {
    let files = Files::new();
    files.write("models/deep/m.pt", "");
    let config = files
        .load(
            r#"
            [server]
            host = "::1"
            port = 0
            model_root = "models"
            admin = "off"
            socket = "run/forge.sock"
            parallel_loads = 3
            max_body_bytes = 1000
            max_inflight_bytes = 2000
            cors_origins = ["https://example.org", "http://localhost:3000"]
            access_log = true
            triton_metrics = true
            header_timeout_s = 1
            body_timeout_s = 2.5
            shutdown_grace_s = 0

            [models."m.v2"]
            path = "models/deep/m.pt"
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
            frame_bytes = 4096
            device = "cuda:1"
            workers = 2
            num_threads = 3
            cpus = "1-2"
            retry_on_crash = false
            poison_ttl_s = 0
            restart_limit = 6
            restart_window_s = 7
            max_worker_rss = 1_048_576
            max_worker_age_s = 1.5
            sticky_header = "X-User"
            [[models."m.v2".inputs]]
            name = "ids"
            dtype = "torch.long"
            shape = [-1, 3]
            "#,
        )
        .unwrap();

    let server = &config.server;
    assert_eq!(server.address.to_string(), "[::1]:0");
    assert_eq!(server.model_root, files.path("models"));
    assert_eq!(server.admin, Admin::Off);
    assert_eq!(server.socket, Some(files.path("run/forge.sock")));
    assert_eq!(server.parallel_loads.get(), 3);
    assert_eq!((server.max_body_bytes.get(), server.max_inflight_bytes.get()), (1000, 2000));
    assert_eq!(server.cors_origins, ["https://example.org", "http://localhost:3000"]);
    assert!(server.access_log);
    assert!(server.triton_metrics);
    assert_eq!((server.header_timeout, server.body_timeout), (SECOND, SECOND * 5 / 2));
    assert_eq!(server.shutdown_grace, Duration::ZERO);

    let model = &config.models[0];
    assert_eq!(model.name.as_str(), "m.v2");
    assert_eq!(model.path, files.path("models/deep/m.pt"));
    assert_eq!(model.batch_window, Duration::from_micros(500));
    assert_eq!((model.max_batch_size.get(), model.max_queue_depth.get()), (8, 9));
    assert_eq!((model.priority.levels.get(), model.priority.default_level.get()), (4, 3));
    assert_eq!(model.priority.max_wait, Duration::from_micros(250_500));
    assert_eq!((model.request_timeout, model.batch_timeout), (3 * SECOND, 4 * SECOND));
    assert_eq!((model.load_timeout, model.frame_bytes.unwrap().get()), (5 * SECOND, 4096));
    assert!(model.required);
    assert_eq!((model.retry_on_crash, model.poison_ttl), (false, Duration::ZERO));
    assert_eq!((model.restart_limit.get(), model.restart_window), (6, 7 * SECOND));
    assert_eq!(model.max_worker_rss.map(|bytes| bytes.get()), Some(1 << 20));
    assert_eq!(model.max_worker_age, Some(SECOND * 3 / 2));
    assert_eq!(model.sticky_header.as_deref(), Some("x-user"));
    let workers: Vec<_> =
        model.workers.iter().map(|it| (it.device, it.threads.get(), it.cpus.clone())).collect();
    assert_eq!(workers, [(Device::Cuda(1), 3, vec![1]), (Device::Cuda(1), 3, vec![2])]);
    let input = &model.inputs[0];
    assert_eq!((input.name.as_str(), input.dtype.name()), ("ids", "int64"));
    assert_eq!(input.shape, [None, Some(3)]);
}

#[test]
fn the_default_priority_is_the_middle_one() {
    let files = Files::new();
    for (levels, expected) in [(1, 1), (2, 1), (3, 2), (10, 5), (255, 128)] {
        let text = format!("[models.m]\npath = \"m.pt\"\npriority_levels = {levels}");
        let config = files.load(&text).unwrap();
        assert_eq!(config.models[0].priority.default_level.get(), expected, "{levels}");
    }
}

#[test]
fn the_command_line_comes_before_the_file() {
    let files = Files::new();
    let text = "[server]\nhost = \"127.0.0.2\"\nport = 9\n[models.m]\npath = \"m.pt\"";
    let path = files.write("forge.toml", text);
    for (host, port, address) in [
        (None, None, "127.0.0.2:9"),
        (Some("localhost"), None, "127.0.0.1:9"),
        (None, Some(0), "127.0.0.2:0"),
        (Some("::"), Some(80), "[::]:80"),
    ] {
        let overrides = Overrides { host: host.map(str::to_owned), port, ..Overrides::default() };
        let config = load(&path, &overrides, &machine(1)).unwrap();
        assert_eq!(config.server.address.to_string(), address);
    }
    let overrides = Overrides { host: Some("example.org".to_owned()), ..Overrides::default() };
    assert_eq!(
        problems(load(&path, &overrides, &machine(1))),
        ["--host: found \"example.org\", allowed is an IP address or \"localhost\""]
    );
}

#[test]
fn the_command_lines_grace_comes_before_the_files() {
    let files = Files::new();
    let path =
        files.write("forge.toml", "[server]\nshutdown_grace_s = 9\n[models.m]\npath = \"m.pt\"");
    for (shutdown_grace, expected) in [(None, 9 * SECOND), (Some(SECOND), SECOND)] {
        let overrides = Overrides { shutdown_grace, ..Overrides::default() };
        let config = load(&path, &overrides, &machine(1)).unwrap();
        assert_eq!(config.server.shutdown_grace, expected);
    }
}

#[test]
fn model_files_alone_are_named_by_their_stems() {
    let files = Files::new();
    let paths = [files.write("b/second.v2.pt", ""), files.path("m.pt")];
    let config = for_models(&paths, &Overrides::default(), &machine(2)).unwrap();
    let names: Vec<&str> = config.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["m", "second.v2"]);
    assert_eq!(config.models[0], ModelConfig { path: files.path("m.pt"), ..model_on(2) });
    assert_eq!(config.server.model_root, files.path("b"));
    assert_eq!(config.server.address.port(), 8000);
}

#[test]
fn model_files_that_cannot_be_served_by_their_names_are_told() {
    let files = Files::new();
    let paths = [
        files.path("m.pt"),
        files.write("a/m.pt", ""),
        files.write("my model.pt", ""),
        files.path("no.pt"),
        files.path("forge.toml"),
    ];
    let told = problems(for_models(&paths, &Overrides::default(), &machine(2)));
    let [twice, unnamed, missing, config] = told.as_slice() else { panic!("{told:?}") };
    assert!(twice.ends_with("a/m.pt: another model file is named m, too"), "{twice}");
    assert!(unnamed.contains("\"my model\" is no model name"), "{unnamed}");
    assert!(unnamed.ends_with("rename the file or name the model in a config file"), "{unnamed}");
    assert!(missing.contains("no.pt cannot be read: No such file"), "{missing}");
    assert!(config.ends_with("a config file stands alone, without other files"), "{config}");
}

/// The model `m` with nothing but defaults, on a machine of so many CPUs.
fn model_on(cpus: usize) -> ModelConfig {
    let files = Files::new();
    let path = files.write("forge.toml", "[models.m]\npath = \"m.pt\"");
    load(&path, &Overrides::default(), &machine(cpus)).unwrap().models.remove(0)
}
