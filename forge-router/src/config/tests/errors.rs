use super::*;

#[test]
fn a_wrong_server_setting_is_told_with_its_key_and_what_is_allowed() {
    for (line, told) in [
        (
            "host = \"example.org\"",
            "server.host: found \"example.org\", allowed is an IP address or \"localhost\"",
        ),
        ("host = 1", "server.host: found 1, allowed is an IP address or \"localhost\""),
        ("port = 65536", "server.port: found 65536, allowed is a whole number from 0 to 65535"),
        ("port = -1", "server.port: found -1, allowed is a whole number from 0 to 65535"),
        ("port = \"80\"", "server.port: found \"80\", allowed is a whole number from 0 to 65535"),
        ("prot = 80", "server.prot: unknown key; did you mean port?"),
        (
            "max_body_bytes = 0",
            "server.max_body_bytes: found 0, allowed is a whole number of bytes from 1 to 1099511627776",
        ),
        (
            "max_inflight_bytes = 1.5",
            "server.max_inflight_bytes: found 1.5, allowed is a whole number of bytes from 1 to 1099511627776",
        ),
        (
            "max_inflight_bytes = 1000",
            "server.max_inflight_bytes: 1000 is less than max_body_bytes (67108864), so that the largest bodies could never be read",
        ),
        (
            "cors_origins = \"*\"",
            "server.cors_origins: found \"*\", allowed is a list of \"*\" or origins such as \"https://example.org\"",
        ),
        (
            "cors_origins = [\"https://a.org\", \"https://a.org/x\"]",
            "server.cors_origins[1]: found \"https://a.org/x\", allowed is \"*\" or scheme://host[:port] without a path",
        ),
        (
            "cors_origins = [\"a.org\"]",
            "server.cors_origins[0]: found \"a.org\", allowed is \"*\" or scheme://host[:port] without a path",
        ),
        ("triton_metrics = 1", "server.triton_metrics: found 1, allowed is true or false"),
        ("access_log = \"yes\"", "server.access_log: found \"yes\", allowed is true or false"),
        (
            "header_timeout_s = 0",
            "server.header_timeout_s: found 0, allowed is a number of seconds from 0.001 to 3600",
        ),
        (
            "body_timeout_s = nan",
            "server.body_timeout_s: found nan, allowed is a number of seconds from 0.001 to 3600",
        ),
        (
            "shutdown_grace_s = inf",
            "server.shutdown_grace_s: found inf, allowed is a number of seconds from 0 to 3600",
        ),
        ("model_root = \"\"", "server.model_root: found \"\", allowed is the path of a directory"),
        (
            "tls = {}",
            "server.tls: unknown key; allowed here: host, port, model_root, admin, admin_token_file, socket, parallel_loads, max_body_bytes, max_inflight_bytes, cors_origins, access_log, triton_metrics, header_timeout_s, body_timeout_s, shutdown_grace_s",
        ),
    ] {
        let text = format!("[server]\n{line}\n[models.m]\npath = \"m.pt\"");
        assert_eq!(Files::new().problems(&text), [told], "{line}");
    }
}

#[test]
fn a_wrong_model_setting_is_told_with_its_key_and_what_is_allowed() {
    for (line, told) in [
        ("max_batch_sze = 4", "models.m.max_batch_sze: unknown key; did you mean max_batch_size?"),
        (
            "request_timeout = 4",
            "models.m.request_timeout: unknown key; did you mean request_timeout_s?",
        ),
        (
            "max_batch_size = 0",
            "models.m.max_batch_size: found 0, allowed is a whole number of rows from 1 to 65536",
        ),
        (
            "max_queue_depth = 1048577",
            "models.m.max_queue_depth: found 1048577, allowed is a whole number of requests from 1 to 1048576",
        ),
        (
            "priority_levels = 256",
            "models.m.priority_levels: found 256, allowed is a whole number from 1 to 255",
        ),
        (
            "priority_levels = 3\ndefault_priority_level = 4",
            "models.m.default_priority_level: found 4, allowed is a whole number from 1 to 3",
        ),
        (
            "priority_max_wait_ms = -1",
            "models.m.priority_max_wait_ms: found -1, allowed is a number of milliseconds from 0 to 3600000",
        ),
        (
            "batch_window_ms = -1",
            "models.m.batch_window_ms: found -1, allowed is a number of milliseconds from 0 to 60000",
        ),
        (
            "batch_window_ms = 30_000",
            "models.m.batch_window_ms: 30s is not shorter than request_timeout_s (30s): a lone request would expire before it runs",
        ),
        (
            "request_timeout_s = 0",
            "models.m.request_timeout_s: found 0, allowed is a number of seconds from 0.001 to 86400",
        ),
        (
            "batch_timeout_s = \"1\"",
            "models.m.batch_timeout_s: found \"1\", allowed is a number of seconds from 0.001 to 86400",
        ),
        (
            "load_timeout_s = 86401",
            "models.m.load_timeout_s: found 86401, allowed is a number of seconds from 0.001 to 86400",
        ),
        ("required = 1", "models.m.required: found 1, allowed is true or false"),
        (
            "frame_bytes = 0",
            "models.m.frame_bytes: found 0, allowed is a whole number of bytes from 1 to 1099511627776",
        ),
        (
            "max_worker_rss = 1_000_000",
            "models.m.max_worker_rss: found 1000000, allowed is a whole number of bytes from 1048576 to 1099511627776",
        ),
        (
            "max_worker_age_s = 0",
            "models.m.max_worker_age_s: found 0, allowed is a number of seconds from 1 to 31536000",
        ),
        (
            "sticky_header = \"X User\"",
            "models.m.sticky_header: found \"X User\", allowed is the name of a header",
        ),
        ("workers = 0", "models.m.workers: found 0, allowed is a whole number from 1 to 256"),
        (
            "num_threads = 0",
            "models.m.num_threads: found 0, allowed is a whole number from 1 to 1024",
        ),
        (
            "device = \"gpu\"",
            "models.m.device: found \"gpu\", allowed is \"cpu\", \"cuda\" or \"cuda:N\" with N from 0 to 127; did you mean \"cuda\"?",
        ),
        (
            "device = 0",
            "models.m.device: found 0, allowed is \"cpu\", \"cuda\" or \"cuda:N\" with N from 0 to 127",
        ),
        (
            "device = \"mps\"",
            "models.m.device: mps is a device of Apple's; on Linux it is \"cpu\" or \"cuda\"",
        ),
        (
            "devices = []",
            "models.m.devices: found [], allowed is a list of devices, each \"cpu\", \"cuda\" or \"cuda:N\" with N from 0 to 127",
        ),
        (
            "devices = [\"cuda:0\", \"mps\"]",
            "models.m.devices[1]: mps is a device of Apple's; on Linux it is \"cpu\" or \"cuda\"",
        ),
        (
            "device = \"cpu\"\ndevices = [\"cpu\"]",
            "models.m.devices: device and devices exclude each other: device is for all workers, devices are given to them in turn",
        ),
        (
            "cpus = \"3-1\"",
            "models.m.cpus: found \"3-1\", allowed is a list of CPUs such as \"0-3\" or \"0,2-3\"",
        ),
        (
            "cpus = 2",
            "models.m.cpus: found 2, allowed is a list of CPUs such as \"0-3\" or \"0,2-3\"",
        ),
        ("cpus = \"2-5\"", "models.m.cpus: this process may not run on 4-5; allowed are 0-3"),
        ("cpus = \"0-1\"\nworkers = 3", "models.m.cpus: 2 CPUs cannot be split among 3 workers"),
        (
            "inputs = []\nframe_bytes = true",
            "models.m.frame_bytes: found true, allowed is a whole number of bytes from 1 to 1099511627776",
        ),
    ] {
        let text = format!("[models.m]\npath = \"m.pt\"\n{line}");
        assert_eq!(Files::new().problems(&text), [told], "{line}");
    }
}

#[test]
fn a_wrong_input_is_told_with_its_place() {
    let good = "name = \"x\"\ndtype = \"float32\"\nshape = [2]";
    for (lines, told) in [
        (
            "dtype = \"float32\"\nshape = [2]",
            "models.m.inputs[0].name: missing: the name of one of the model's arguments",
        ),
        ("name = \"x\"\nshape = [2]", "models.m.inputs[0].dtype: missing: a dtype by torch's name"),
        (
            "name = \"x\"\ndtype = \"float\"",
            "models.m.inputs[0].shape: missing: a list of at most 7 dimensions, each at least 1 or -1 where it is free",
        ),
        (
            "name = \"\"\ndtype = \"float\"\nshape = []",
            "models.m.inputs[0].name: found \"\", allowed is the name of one of the model's arguments",
        ),
        (
            "name = \"x\"\ndtype = \"flaot32\"\nshape = []",
            "models.m.inputs[0].dtype: found \"flaot32\", allowed is a dtype by torch's name; did you mean \"float32\"?",
        ),
        (
            "name = \"x\"\ndtype = \"torch.Int64\"\nshape = []",
            "models.m.inputs[0].dtype: found \"torch.Int64\", allowed is a dtype by torch's name; did you mean \"int64\"?",
        ),
        (
            "name = \"x\"\ndtype = \"float\"\nshape = [0]",
            "models.m.inputs[0].shape: found [0], allowed is a list of at most 7 dimensions, each at least 1 or -1 where it is free",
        ),
        (
            "name = \"x\"\ndtype = \"float\"\nshape = [-2]",
            "models.m.inputs[0].shape: found [-2], allowed is a list of at most 7 dimensions, each at least 1 or -1 where it is free",
        ),
        (
            "name = \"x\"\ndtype = \"float\"\nshape = [1, 1, 1, 1, 1, 1, 1, 1]",
            "models.m.inputs[0].shape: found [1, 1, 1, 1, 1, 1, 1, 1], allowed is a list of at most 7 dimensions, each at least 1 or -1 where it is free",
        ),
        (
            "name = \"x\"\ndtype = \"float\"\nshape = 3",
            "models.m.inputs[0].shape: found 3, allowed is a list of at most 7 dimensions, each at least 1 or -1 where it is free",
        ),
        (
            &format!("{good}\nshap = [2]"),
            "models.m.inputs[0].shap: unknown key; did you mean shape?",
        ),
        (
            &format!("{good}\n[[models.m.inputs]]\n{good}"),
            "models.m.inputs[1].name: \"x\" is declared twice",
        ),
        (
            "name = \"x\"\ndtype = \"float\"\nshape = [1_000_000, 1_000_000]",
            "models.m.inputs: a batch of 32 rows takes more than the 1099511627776 bytes a frame can have",
        ),
        (
            "name = \"x\"\ndtype = \"float\"\nshape = [-1, 3_000_000]",
            "models.m.inputs: one row takes at least 12000000 bytes, more than frame_bytes (8388608)",
        ),
    ] {
        let text = format!("[models.m]\npath = \"m.pt\"\n[[models.m.inputs]]\n{lines}");
        assert_eq!(Files::new().problems(&text), [told], "{lines}");
    }
    let single = "[models.m]\npath = \"m.pt\"\n[models.m.inputs]\nname = \"x\"";
    let told = "models.m.inputs: found a table, allowed is tables headed [[models.m.inputs]], one per input";
    assert_eq!(Files::new().problems(single), [told]);
}

#[test]
fn tables_and_names_are_judged_like_settings() {
    for (text, told) in [
        ("", "models: missing: no [models.NAME] table; each model needs one"),
        ("[server]", "models: missing: no [models.NAME] table; each model needs one"),
        ("[models]", "models: missing: no [models.NAME] table; each model needs one"),
        ("[model.x]\npath = \"m.pt\"", "model: unknown key; did you mean models?"),
        (
            "[models.m]\npath = \"m.pt\"\n[sever]\nport = 1",
            "sever: unknown key; did you mean server?",
        ),
        (
            "port = 1\n[models.m]\npath = \"m.pt\"",
            "port: unknown key; allowed here: server, models",
        ),
        (
            "server = 1\n[models.m]\npath = \"m.pt\"",
            "server: found 1, allowed is a table: [server]",
        ),
        ("[models]\nm = \"m.pt\"", "models.m: found \"m.pt\", allowed is a table: [models.m]"),
        (
            "[models.\"a b\"]\npath = \"m.pt\"",
            "models.\"a b\": \"a b\" is no model name: 1 to 128 of A-Z a-z 0-9 . _ - are allowed",
        ),
        (
            "[models.\"v1.0\"]\npaht = \"m.pt\"\npath = \"m.pt\"",
            "models.\"v1.0\".paht: unknown key; did you mean path?",
        ),
    ] {
        assert_eq!(Files::new().problems(text), [told], "{text}");
    }
}

#[test]
fn a_model_file_must_be_there_and_below_the_root() {
    let files = Files::new();
    let directory = files.directory.display();
    files.write("models/a.pt", "");
    for (path, told) in [
        (
            "\"no.pt\"",
            format!("{directory}/no.pt cannot be read: No such file or directory (os error 2)"),
        ),
        (
            "\"a.pt\"",
            format!(
                "{directory}/a.pt cannot be read: No such file or directory (os error 2); did you mean \"models/a.pt\"?"
            ),
        ),
        ("\"models\"", format!("{directory}/models is no regular file")),
        ("7", "found 7, allowed is the path of a TorchScript file".to_owned()),
    ] {
        let text = format!("[server]\nmodel_root = \"models\"\n[models.m]\npath = {path}");
        assert_eq!(files.problems(&text), [format!("models.m.path: {told}")], "{path}");
    }
    assert_eq!(
        files.problems("[models.m]"),
        ["models.m.path: missing: the path of a TorchScript file"]
    );
    assert_eq!(
        files.problems("[server]\nmodel_root = \"no\"\n[models.m]\npath = \"m.pt\""),
        [format!(
            "server.model_root: {directory}/no cannot be used: No such file or directory (os error 2)"
        )]
    );
}

#[test]
fn every_error_is_told_at_once() {
    let files = Files::new();
    let text = r#"
        prot = 1
        [server]
        port = 70000
        [models.a]
        path = "no.pt"
        max_batch_sze = 4
        device = "gpu"
        [models.b]
        path = "m.pt"
        batch_window_ms = "5"
        [[models.b.inputs]]
        name = "x"
        dtype = "int"
        shape = [0]
    "#;
    let Err(ConfigErrors::Invalid { problems, .. }) = files.load(text) else { panic!() };
    let keys: Vec<&str> = problems.iter().map(Problem::key).collect();
    assert_eq!(
        keys,
        [
            "server.port",
            "models.a.path",
            "models.a.device",
            "models.a.max_batch_sze",
            "models.b.batch_window_ms",
            "models.b.inputs[0].shape",
            "prot",
        ]
    );
    let told = files.load(text).unwrap_err().to_string();
    assert!(told.contains("forge.toml: 7 errors\n  server.port: found 70000"), "{told}");
}

#[test]
fn a_syntax_error_shows_its_line() {
    let told = Files::new().load("[server]\nport = = 1\n").unwrap_err().to_string();
    for part in ["forge.toml: ", "line 2, column 8", "port = = 1"] {
        assert!(told.contains(part), "{told}");
    }
    let told = Files::new().load("[models.a]\n[models.a]\n").unwrap_err().to_string();
    assert!(told.contains("line 2"), "{told}");
}

#[test]
fn a_config_that_is_not_there_is_told() {
    let files = Files::new();
    let told = load(&files.path("no.toml"), &Overrides::default(), &machine(1)).unwrap_err();
    assert!(
        told.to_string()
            .ends_with("no.toml: cannot be read: No such file or directory (os error 2)")
    );
}
