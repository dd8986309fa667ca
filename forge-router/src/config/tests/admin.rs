use super::*;

#[test]
fn tokens_are_read_from_where_the_config_points() {
    let files = Files::new();
    let tokens = files.write("secrets/today", "one\n");
    std::os::unix::fs::symlink(&tokens, files.path("tokens")).unwrap();
    let text = "[server]\nadmin = \"token\"\nadmin_token_file = \"tokens\"\n\
                [models.m]\npath = \"m.pt\"";
    // The symlink itself: it may point elsewhere tomorrow.
    assert_eq!(files.load(text).unwrap().server.admin, Admin::Token { file: files.path("tokens") });
}

#[test]
fn who_may_change_the_server_is_never_left_open_by_mistake() {
    let files = Files::new();
    let directory = files.directory.display();
    files.write("blank", " \n\n");
    for (lines, told) in [
        (
            "admin = \"Token\"",
            "admin: found \"Token\", allowed is \"loopback\", \"token\" or \"off\"".to_owned(),
        ),
        (
            "admin = true",
            "admin: found true, allowed is \"loopback\", \"token\" or \"off\"".to_owned(),
        ),
        (
            "admin = \"token\"",
            "admin_token_file: missing: admin = \"token\" needs the path of a file with a token"
                .to_owned(),
        ),
        (
            "admin = \"token\"\nadmin_token_file = \"no\"",
            format!(
                "admin_token_file: {directory}/no cannot be read: No such file or directory (os error 2)"
            ),
        ),
        (
            "admin = \"token\"\nadmin_token_file = \"blank\"",
            format!(
                "admin_token_file: {directory}/blank is empty: it needs a token on a line of its own"
            ),
        ),
        (
            "admin_token_file = \"blank\"",
            "admin_token_file: it is only asked for with admin = \"token\"".to_owned(),
        ),
        (
            "admin = \"off\"\nadmin_token_file = \"blank\"",
            "admin_token_file: it is only asked for with admin = \"token\"".to_owned(),
        ),
    ] {
        let text = format!("[server]\n{lines}\n[models.m]\npath = \"m.pt\"");
        assert_eq!(files.problems(&text), [format!("server.{told}")], "{lines}");
    }
}

#[test]
fn a_socket_path_that_the_kernel_does_not_take_is_told() {
    let files = Files::new();
    let path = format!("/{}", "s".repeat(107));
    let text = format!("[server]\nsocket = {path:?}\n[models.m]\npath = \"m.pt\"");
    assert_eq!(
        files.problems(&text),
        [format!("server.socket: {path} has 108 bytes, and the path of a socket at most 107")]
    );
}

#[test]
fn as_many_workers_load_at_once_as_there_are_cpus_up_to_eight() {
    let files = Files::new();
    let path = files.write("forge.toml", "[models.m]\npath = \"m.pt\"");
    for (cpus, loads) in [(1, 1), (6, 6), (64, 8)] {
        let config = load(&path, &Overrides::default(), &machine(cpus)).unwrap();
        assert_eq!(config.server.parallel_loads.get(), loads);
    }
}
