use proptest::proptest;

use super::*;

const WIDTH: usize = 100;

fn advice_for(text: &str) -> String {
    let advice = advice_on("served.py", text, &crate::system::machine());
    let too_wide = advice.lines().find(|line| line.chars().count() > WIDTH);
    assert_eq!(too_wide, None, "{advice}");
    assert!(advice.ends_with('\n'));
    advice
}

/// The file that the advice says to save.
fn toml_for(text: &str) -> String {
    let advice = advice_for(text);
    let from = advice.find("[server]").expect("a file");
    let to = advice.find("3. Check it").expect("the next step");
    let file = advice[from..to].trim_end().to_owned();
    let parsed = toml::from_str::<toml::Table>(&file);
    assert!(parsed.is_ok(), "{parsed:?}\n{file}");
    file
}

/// `text` within a `setup` as the original wants it.
fn setup(text: &str) -> String {
    format!("async def setup(registry):\n    await registry.register({text})\n")
}

#[test]
fn every_model_gets_its_lines_and_its_table() {
    let program = "async def setup(registry):\n    \
                   await registry.register('a', A(), ModelConfig(max_batch_size=4, num_threads=2))\n    \
                   await registry.register('b', net, ModelConfig(batch_window_ms=5))\n";
    let advice = advice_for(program);
    for line in [
        "torch.jit.script(A().eval()).save(\"a.pt\")",
        "torch.jit.script(net.eval()).save(\"b.pt\")",
        "python3 forge-export.py served.py",
    ] {
        assert!(advice.contains(line), "{line}: {advice}");
    }
    let toml = toml_for(program);
    assert!(toml.contains("[models.a]\npath = \"a.pt\"\n"), "{toml}");
    assert!(toml.contains("max_batch_size = 4\nnum_threads = 2\n"), "{toml}");
    assert!(toml.contains("[models.b]\npath = \"b.pt\"\nbatch_window_ms = 5 "), "{toml}");
}

#[test]
fn the_window_that_nobody_chose_is_told_and_not_kept() {
    let toml = toml_for(&setup("'a', A()"));
    assert!(toml.contains("# batch_window_ms was 50"), "{toml}");
    assert!(!toml.contains("\nbatch_window_ms"), "{toml}");
}

#[test]
fn what_forge_does_not_take_becomes_a_comment() {
    for (config, comment) in [
        ("device='mps'", "# device was 'mps', which Forge refuses"),
        ("num_threads=0", "# num_threads was 0, which Forge refuses"),
        ("max_batch_size=2.5", "# max_batch_size was 2.5, which Forge refuses"),
        ("batch_window_ms=1e9", "# batch_window_ms was 1e9, which Forge refuses"),
        ("workers=2, path='x'", "# path was 'x', which Forge refuses"),
        ("device=pick()", "# device was pick()\n# Only Python knows it"),
        ("**more", "# More is set by ModelConfig(**more)"),
    ] {
        let toml = toml_for(&setup(&format!("'a', A(), ModelConfig({config})")));
        assert!(toml.contains(comment), "{comment}: {toml}");
        let key = config.split_once('=').map_or("*", |(key, _)| key);
        assert!(!toml.contains(&format!("\n{key} =")) || key == "workers", "{toml}");
    }
}

#[test]
fn names_are_quoted_or_mended() {
    for (name, table) in [
        ("'resnet.v2'", "\n[models.\"resnet.v2\"]\npath = \"resnet.v2.pt\""),
        ("'my model'", "\n[models.my-model]\npath = \"my-model.pt\""),
        ("'a/b'", "# It was called 'a/b', which is no name in Forge.\n[models.a-b]"),
    ] {
        let toml = toml_for(&setup(&format!("{name}, A()")));
        assert!(toml.contains(table), "{table}: {toml}");
    }
}

#[test]
fn a_model_that_is_registered_twice_has_one_table() {
    let toml = toml_for(&format!("{}{}", setup("'a', A()"), setup("'a', B()")));
    assert_eq!(toml.matches("[models.a]").count(), 1, "{toml}");
    assert!(toml.contains("# Line 4 registers 'a' once more."), "{toml}");
}

#[test]
fn names_that_only_a_run_tells_are_left_open() {
    let toml = toml_for(&setup("f'{a}', A()"));
    assert!(toml.contains("# Line 2 registers the name f'{a}'"), "{toml}");
    assert!(toml.contains("# [models.NAME]"), "{toml}");
}

#[test]
fn a_program_without_a_registration_gets_the_template() {
    for program in
        ["from elsewhere import setup", "async def setup(registry):\n    fill(registry)\n"]
    {
        assert!(advice_for(program).contains("No registration was found"));
        assert!(toml_for(program).ends_with("[models.NAME]\npath = \"NAME.pt\""));
    }
}

#[test]
fn a_program_that_is_no_configuration_is_told_to_export_its_model() {
    for program in ["class Net: pass", "", "\0\u{1b}[31m'''"] {
        let advice = advice_for(program);
        assert!(advice.contains("no configuration of the Python Forge"), "{advice}");
        assert!(advice.contains("forge serve NAME.pt"), "{advice}");
    }
}

#[test]
fn nothing_of_a_program_reaches_the_terminal_but_text() {
    let advice =
        advice_for(&setup("'a\u{1b}[2J', A('\u{1b}]0;x'), ModelConfig(device=f('\u{7}'))"));
    assert!(!advice.chars().any(|c| c.is_control() && c != '\n'), "{advice:?}");
}

#[test]
fn long_expressions_are_told_within_the_width_of_a_terminal() {
    let long = "x + ".repeat(100);
    let toml = toml_for(&setup(&format!("'a', A({long}1), ModelConfig(device=f({long}1))")));
    assert!(toml.contains("# device was f(x + x"), "{toml}");
}

#[test]
fn the_name_of_the_file_is_one_word_of_the_shell() {
    for (file, word) in [
        ("a/b-c.py", "a/b-c.py"),
        ("my file.py", "'my file.py'"),
        ("it's.py", r"'it'\''s.py'"),
        ("$(x).py", "'$(x).py'"),
    ] {
        assert_eq!(shell_word(file), word);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in r#"([\PC\n]|registry.register\(|ModelConfig\(|= |['"(){}\[\],.*#\\]|setup )*"#) {
        advice_on("served.py", &text, &crate::system::machine());
    }
}
