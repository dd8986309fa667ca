//! How a function of a program is run: which Forge it finds, and what is told where it fails.

use std::fs;

use forge_tests::{Forge, Setup, checkout, run_python};

/// The tests of one program, by the Forge that its functions want.
macro_rules! client {
    ($name:ident, $program:literal, $($scene:ident: [$($function:ident),* $(,)?]),* $(,)?) => {
        mod $name {
            use crate::run;

            $($(
                #[test]
                fn $function() {
                    run::function($program, stringify!($function), &run::$scene());
                }
            )*)*

            #[test]
            fn no_function_is_left_out() {
                let here = [$($(stringify!($function)),*),*];
                assert_eq!(run::functions_of($program), here);
            }
        }
    };
}

pub(crate) use client;

/// Test models: one that multiplies, one that returns its two inputs, one that takes its time.
pub(crate) fn multiplying() -> Forge {
    let setup = Setup::new().test_model("triple", "multiply 3");
    setup.test_model("pair", "echo\nargs a b").test_model("slow", "sleep 2000").start()
}

/// A TorchScript model of several inputs and outputs, with free dimensions, a dict, a list and strings.
pub(crate) fn measuring() -> Forge {
    Setup::new().real_model("measures", "measures.pt").start()
}

/// A model that tells how red, green and blue an image is.
pub(crate) fn seeing() -> Forge {
    Setup::of_config("configs/images.toml").start()
}

pub(crate) fn function(program: &str, function: &str, forge: &Forge) {
    let url = format!("http://{}", forge.address());
    let finished = run_python(program, &[function, &url]);
    let told = &finished.stderr;
    assert!(finished.status.success(), "{program} {function}:\n{told}\nforge:\n{}", forge.log());
}

/// The functions of a program that take the server's URL, in their order.
pub(crate) fn functions_of(program: &str) -> Vec<String> {
    let source = fs::read_to_string(checkout().join("tests/clients").join(program)).unwrap();
    let name = |line: &str| {
        let definition = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ")?;
        definition.strip_suffix("(url):").map(str::to_owned)
    };
    source.lines().filter_map(name).collect()
}
