//! The models that a program registers, as far as its text tells.

use toml::Value;

use super::literal::literal;
use super::program::{Program, Span};

/// The parameters of the original's `ModelRegistry.register`.
const REGISTER: [&str; 3] = ["name", "model", "config"];

/// The fields of the original's `ModelConfig`, in its order; Forge's keys are named the same.
const MODEL_CONFIG: [&str; 6] = [
    "batch_window_ms",
    "max_batch_size",
    "max_queue_depth",
    "request_timeout_s",
    "device",
    "num_threads",
];

/// One `registry.register(…)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Registration {
    pub(super) line: usize,
    pub(super) name: Written,
    /// The expression that makes the model.
    pub(super) model: String,
    /// What the program says of `ModelConfig`'s fields, each once.
    pub(super) settings: Vec<(String, Written)>,
    /// A config, or a part of one, of which the text does not tell the fields.
    pub(super) unknown: Option<String>,
}

/// A value as the program has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    pub(super) source: String,
    /// `None` where only a run could tell.
    pub(super) value: Option<Value>,
}

/// Every registration, in the order of the text.
pub(super) fn registrations(program: &Program<'_>) -> Vec<Registration> {
    let registry = registry(program);
    let Span { from, to } = program.all();
    let calls = (from..to).filter(|&at| {
        program.is_name(at, registry)
            && program.is_sign(at + 1, ".")
            && program.is_name(at + 2, "register")
            && program.is_sign(at + 3, "(")
    });
    calls.map(|at| registration(program, at)).collect()
}

/// What `setup` calls the registry it is given.
fn registry<'p>(program: &'p Program<'_>) -> &'p str {
    let Span { from, to } = program.all();
    let mut places = from..to;
    let setup = places.find(|&at| program.is_name(at, "def") && program.is_name(at + 1, "setup"));
    setup.and_then(|at| program.name(at + 3)).unwrap_or("registry")
}

fn registration(program: &Program<'_>, at: usize) -> Registration {
    let call = Call::read(program, at + 3, &REGISTER);
    let name = call.argument("name").map(|span| written(program, span));
    let unknown_name = || Written { source: call.source(program), value: None };
    let model = call.argument("model").map_or_else(String::new, |span| operand(program, span));
    let mut registration = Registration {
        line: program.line(at),
        name: name.unwrap_or_else(unknown_name),
        model,
        settings: Vec::new(),
        unknown: (!call.rest.is_empty()).then(|| call.source(program)),
    };
    if let Some(config) = call.argument("config") {
        read_config(program, config, &mut registration);
    }
    registration
}

fn read_config(program: &Program<'_>, config: Span, into: &mut Registration) {
    let unknown = || Some(program.source(config));
    let Some((expression, _)) = program.resolve(config, config.from) else {
        into.unknown = unknown();
        return;
    };
    if expression.to == expression.from + 1 && program.is_name(expression.from, "None") {
        return;
    }
    let Some(opening) = model_config(program, expression) else {
        into.unknown = unknown();
        return;
    };
    let call = Call::read(program, opening, &MODEL_CONFIG);
    for (field, span) in &call.bound {
        into.settings.push((field.clone(), written(program, *span)));
    }
    if !call.rest.is_empty() {
        into.unknown = Some(program.source(expression));
    }
    let Some(name) = program.name(config.from).filter(|_| expression != config) else { return };
    let between = Span { from: expression.to, to: config.from };
    for (field, span) in program.attributes(name, between) {
        let value = match span {
            Some(span) => written(program, span),
            None => Written { source: format!("{name}.{field}"), value: None },
        };
        into.settings.retain(|(known, _)| *known != field);
        into.settings.push((field, value));
    }
}

/// Where the bracket of `ModelConfig(…)` stands, if the expression is that call and no more.
fn model_config(program: &Program<'_>, expression: Span) -> Option<usize> {
    let opening = (expression.from..expression.to).find(|&at| program.is_sign(at, "("))?;
    let class = program.name(opening.checked_sub(1)?)?;
    let imported_as = (program.all().from..program.all().to)
        .find(|&at| program.is_name(at, "ModelConfig") && program.is_name(at + 1, "as"))
        .and_then(|at| program.name(at + 2));
    let is_config = class == "ModelConfig" || Some(class) == imported_as;
    (is_config && is_path_or_call(program, expression)).then_some(opening)
}

/// The text of an expression, in brackets where `.eval()` would bind to its end only.
fn operand(program: &Program<'_>, expression: Span) -> String {
    let source = program.source(expression);
    if is_path_or_call(program, expression) { source } else { format!("({source})") }
}

/// Whether the expression is `a.b`, or one call of that.
fn is_path_or_call(program: &Program<'_>, expression: Span) -> bool {
    let Span { from, to } = expression;
    let opening = (from..to).find(|&at| program.is_sign(at, "("));
    let path_ends = opening.unwrap_or(to);
    let is_path = (from..path_ends).all(|at| program.name(at).is_some() == ((at - from) % 2 == 0))
        && (from + 1..path_ends).step_by(2).all(|at| program.is_sign(at, "."));
    is_path && opening.is_none_or(|opening| program.arguments(opening).1 == to)
}

fn written(program: &Program<'_>, span: Span) -> Written {
    let value = literal(program, span, span.from);
    Written { source: program.source(span), value }
}

/// The arguments of a call by the names of its parameters.
struct Call {
    all: Span,
    bound: Vec<(String, Span)>,
    /// `*these`, `**those` and what is one too many.
    rest: Vec<Span>,
}

impl Call {
    fn read(program: &Program<'_>, opening: usize, parameters: &[&str]) -> Self {
        let (arguments, end) = program.arguments(opening);
        let mut call =
            Self { all: Span { from: opening, to: end }, bound: Vec::new(), rest: Vec::new() };
        let mut positions = parameters.iter();
        for argument in arguments {
            let keyword = program.name(argument.from);
            if let Some(name) = keyword.filter(|_| program.is_sign(argument.from + 1, "=")) {
                let value = Span { from: argument.from + 2, to: argument.to };
                call.bound.push((name.to_owned(), value));
                continue;
            }
            let position = if program.is_sign(argument.from, "*") {
                // How many arguments it stands for, nobody knows.
                positions.by_ref().for_each(drop);
                None
            } else {
                positions.next()
            };
            match position {
                Some(name) => call.bound.push(((*name).to_owned(), argument)),
                None => call.rest.push(argument),
            }
        }
        call
    }

    fn argument(&self, name: &str) -> Option<Span> {
        self.bound.iter().find(|(bound, _)| bound == name).map(|(_, span)| *span)
    }

    fn source(&self, program: &Program<'_>) -> String {
        program.source(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Registration> {
        registrations(&Program::read(text))
    }

    /// Each setting as `key=value`, with a `?` where the value is not known.
    fn settings(text: &str) -> String {
        let [registration] = &read(text)[..] else { panic!("not one registration in {text}") };
        let show = |(key, written): &(String, Written)| match &written.value {
            Some(Value::String(text)) => format!("{key}={text}"),
            Some(Value::Integer(number)) => format!("{key}={number}"),
            Some(Value::Float(number)) => format!("{key}={number:?}"),
            _ => format!("{key}=?{}", written.source),
        };
        let settings: Vec<_> = registration.settings.iter().map(show).collect();
        let unknown = registration.unknown.as_ref().map(|unknown| format!(" unknown: {unknown}"));
        settings.join(" ") + &unknown.unwrap_or_default()
    }

    #[test]
    fn a_registration_is_found_however_it_is_written() {
        for text in [
            "await registry.register('m', Model(1, 2), None)",
            "await registry.register(\n  'm',  # its name\n  Model(1, 2),\n)",
            "registry . register(model=Model(1, 2), name='m')",
            "x = registry.register(name = \"m\", model = Model(1, 2), config = None)",
            "NAME = 'm'\nasync def setup(registry):\n  await registry.register(NAME, Model(1, 2))",
            "async def setup(r: Registry) -> None:\n  await r.register('m', Model(1, 2))",
        ] {
            let [found] = &read(text)[..] else { panic!("not one registration in {text}") };
            assert_eq!(found.name.value, Some(Value::String("m".to_owned())), "{text}");
            assert_eq!(found.model, "Model(1, 2)", "{text}");
            assert_eq!(found.settings, [], "{text}");
            assert_eq!(found.unknown, None, "{text}");
        }
    }

    #[test]
    fn the_model_is_an_expression_of_which_eval_can_be_called() {
        for (model, expected) in [
            ("net", "net"),
            ("nets.first", "nets.first"),
            ("Net(1, a = 2)", "Net(1, a = 2)"),
            ("a if b else c", "(a if b else c)"),
            ("a + b", "(a + b)"),
            ("load('a')['b']", "(load('a')['b'])"),
        ] {
            assert_eq!(read(&format!("registry.register('m', {model})"))[0].model, expected);
        }
    }

    #[test]
    fn what_only_looks_like_a_registration_is_none() {
        for text in [
            "# await registry.register('m', M())",
            "'''registry.register('m', M())'''",
            "atexit.register('m', M())",
            "registry.registered('m')",
        ] {
            assert_eq!(read(text), [], "{text}");
        }
    }

    #[test]
    fn the_config_is_read_wherever_it_stands() {
        let all = "batch_window_ms=5.0 max_batch_size=8 max_queue_depth=9 request_timeout_s=2 \
                   device=cuda num_threads=3";
        for text in [
            "registry.register('m', M(), ModelConfig(5.0, 8, 9, 2, 'cuda', 3))",
            "registry.register('m', M(), config=forge.ModelConfig(5.0, 8, 9, 2, 'cuda', \
             num_threads=3))",
            "c = ModelConfig(5.0, 8, 9, 2, 'cuda', 3)\nregistry.register('m', M(), c)",
            "from forge import ModelConfig as C\nc: C = C(5.0, 8, 9, 2, 'cuda', 3)\n\
             async def setup(registry):\n  await registry.register('m', M(), c)",
            "T = 2\nc = ModelConfig(5.0, 8, 9, T, 'cuda')\nc.num_threads = 3\n\
             registry.register('m', M(), c)",
        ] {
            assert_eq!(settings(text), all, "{text}");
        }
    }

    #[test]
    fn what_only_a_run_could_tell_is_shown_as_it_is_written() {
        for (text, expected) in [
            ("registry.register('m', M(), ModelConfig(device=pick( 1 )))", "device=?pick( 1 )"),
            ("registry.register('m', M(), make())", " unknown: make()"),
            ("registry.register('m', M(), ModelConfig(**those))", " unknown: ModelConfig(**those)"),
            (
                "if a:\n  c = ModelConfig(1)\nelse:\n  c = ModelConfig(2)\nregistry.register('m', M(), c)",
                { " unknown: c" },
            ),
            ("c = ModelConfig(1)\nif a:\n  c.device = 'cuda'\nregistry.register('m', M(), c)", {
                "batch_window_ms=1 device=?c.device"
            }),
            ("registry.register('m', M(), ModelConfig(1) if a else None)", {
                " unknown: ModelConfig(1) if a else None"
            }),
        ] {
            assert_eq!(settings(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_a_loop_makes_is_not_known() {
        let found = read("for name in names:\n  await registry.register(name, load(name))");
        assert_eq!((found[0].line, &found[0].name.value), (2, &None));
        assert_eq!(found[0].name.source, "name");
        let found = read("registry.register(*those)");
        assert_eq!(found[0].name, Written { source: "(*those)".to_owned(), value: None });
    }
}
