//! An engine whose model files are a line of text that says how to behave; see [`Behaviour`] for
//! all of them.

#![expect(
    clippy::disallowed_methods,
    reason = "to take its time and to exit is what this engine is for"
)]

mod acts;
mod behaviour;
mod chaos;
mod lie;
mod rows;
mod words;

use std::time::Duration;
use std::{fs, process, thread};

use forge_ipc::{
    Argument, ArgumentKind, BatchView, Dtype, InputView, LoadModel, OutputSink, Shape, Signature,
    Structure, TensorMeta,
};
use forge_tests::until;
use forge_worker::{Description, Engine, EngineError, ModelFile, Stopwatch};

use acts::{burn, die, hang, slow_load};
use behaviour::{Behaviour, Script};
use nix::sys::signal::Signal;
use words::{How, When};

pub(crate) struct TestEngine {
    behaviour: Behaviour,
    signature: Signature,
    leaked: Vec<Vec<u8>>,
}

impl Engine for TestEngine {
    fn describe() -> Description {
        Description { engine: "test engine".to_owned(), capability: "none".to_owned() }
    }

    fn load(model: &ModelFile, _settings: &LoadModel) -> Result<Self, EngineError> {
        let unreadable = |error| EngineError::Load(format!("cannot read the model file: {error}"));
        let text = fs::read_to_string(&model.path).map_err(unreadable)?;
        let Script { behaviour, arguments } = text.parse().map_err(EngineError::Load)?;
        match &behaviour {
            Behaviour::SlowLoad(time, told) => slow_load(*time, told.as_deref())?,
            Behaviour::BurnLoad(time) => burn(*time),
            Behaviour::HangLoad => hang(),
            Behaviour::CrashLoad(signal) => die(*signal),
            Behaviour::LoadAfter(file) => until("there is the file to wait for", || file.exists()),
            Behaviour::FailLoad(message) => return Err(EngineError::Load(message.clone())),
            Behaviour::Print => print("load"),
            _ => {}
        }
        let tensor =
            |name| Argument { name, kind: ArgumentKind::Tensor, optional: false, default: None };
        let signature =
            Signature { arguments: arguments.into_iter().map(tensor).collect(), likely_row: None };
        Ok(Self { behaviour, signature, leaked: Vec::new() })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(
        &mut self,
        batch: &BatchView<'_>,
        out: &mut dyn OutputSink,
        watch: &mut Stopwatch,
    ) -> Result<(), EngineError> {
        let BatchView { rows, inputs, .. } = *batch;
        let asked = |when, trigger: fn(f32) -> bool| rows::asked(when, trigger, inputs, rows);
        if let Behaviour::Phases(times) = &self.behaviour {
            return phases(*times, inputs, out, watch);
        }
        // It reads its inputs where they lie.
        watch.has_inputs();
        match &self.behaviour {
            Behaviour::Echo
            | Behaviour::Phases(_)
            | Behaviour::SlowLoad(..)
            | Behaviour::BurnLoad(_)
            | Behaviour::HangLoad
            | Behaviour::CrashLoad(_)
            | Behaviour::LoadAfter(_)
            | Behaviour::FailLoad(_) => {}
            Behaviour::Multiply(factor) => {
                let multiplied = multiply(*factor, inputs, out);
                watch.has_returned();
                return multiplied;
            }
            Behaviour::Chaos(factor) => return chaos::run(*factor, inputs, rows, out),
            Behaviour::Sleep(time) => thread::sleep(*time),
            Behaviour::RunAfter(file) => until("there is the file to wait for", || file.exists()),
            Behaviour::Throw(when) if asked(*when, |first| first < 0.0) => {
                return Err(EngineError::Threw("a negative row".to_owned()));
            }
            Behaviour::Die(signal, when) if asked(*when, |first| first == 666.0) => die(*signal),
            Behaviour::Hang(when) if asked(*when, |first| first == 777.0) => hang(),
            Behaviour::Lie(how, when) if asked(*when, |first| first == 555.0) => {
                return lie(*how, inputs, out);
            }
            Behaviour::LoseDevice(when) if asked(*when, |first| first == 888.0) => {
                return Err(EngineError::DeviceLost("the device is lost\nsays the engine".into()));
            }
            Behaviour::Exit(code, when) if asked(*when, |first| first == 444.0) => {
                process::exit(*code)
            }
            Behaviour::Throw(_)
            | Behaviour::Die(..)
            | Behaviour::Hang(_)
            | Behaviour::Lie(..)
            | Behaviour::LoseDevice(_)
            | Behaviour::Exit(..) => {}
            Behaviour::OutOfMemory { above } if rows > *above => {
                return Err(EngineError::OutOfMemory(format!("no memory for {rows} rows")));
            }
            Behaviour::OutOfMemory { .. } => {}
            Behaviour::Shape => return bytes(&[u64::from(rows) + 1], out),
            Behaviour::Big(size) => return bytes(&[u64::from(rows), *size], out),
            Behaviour::Leak { megabytes } => self.leaked.push(vec![1; megabytes << 20]),
            Behaviour::Print => {
                print("run");
                for InputView { meta, .. } in inputs {
                    println!("ran {}{}", meta.dtype, meta.shape);
                }
                if asked(When::Row, |first| first == 666.0) {
                    die(Signal::SIGABRT);
                }
            }
        }
        watch.has_returned();
        echo(inputs, out)
    }
}

fn echo(inputs: &[InputView<'_>], out: &mut dyn OutputSink) -> Result<(), EngineError> {
    for input in inputs {
        out.tensor(input.meta)?.copy_from_slice(input.bytes);
    }
    let structure = match inputs {
        [_] => Structure::Tensor,
        _ => Structure::Tuple(vec![Structure::Tensor; inputs.len()]),
    };
    Ok(out.structure(&structure)?)
}

fn phases(
    [input, infer, output]: [Duration; 3],
    inputs: &[InputView<'_>],
    out: &mut dyn OutputSink,
    watch: &mut Stopwatch,
) -> Result<(), EngineError> {
    thread::sleep(input);
    watch.has_inputs();
    thread::sleep(infer);
    watch.has_returned();
    thread::sleep(output);
    echo(inputs, out)
}

fn lie(how: How, inputs: &[InputView<'_>], out: &mut dyn OutputSink) -> Result<(), EngineError> {
    echo(inputs, out)?;
    lie::tell(how).map_err(|error| EngineError::Engine(format!("cannot lie: {error}")))
}

fn multiply(
    factor: i16,
    inputs: &[InputView<'_>],
    out: &mut dyn OutputSink,
) -> Result<(), EngineError> {
    let [input] = inputs else {
        return Err(EngineError::Threw("multiply takes one tensor".to_owned()));
    };
    if input.meta.dtype != Dtype::Float32 {
        return Err(EngineError::Threw(format!(
            "multiply takes float32, not {}",
            input.meta.dtype
        )));
    }
    let products = out.tensor(input.meta)?;
    for (from, to) in std::iter::zip(rows::floats(input.bytes), products.chunks_exact_mut(4)) {
        to.copy_from_slice(&(from * f32::from(factor)).to_le_bytes());
    }
    Ok(out.structure(&Structure::Tensor)?)
}

/// One uint8 output of this shape, all ones.
fn bytes(dims: &[u64], out: &mut dyn OutputSink) -> Result<(), EngineError> {
    let shape = Shape::new(dims).ok_or_else(|| EngineError::Engine("too many dims".to_owned()))?;
    out.tensor(TensorMeta { dtype: Dtype::Uint8, shape })?.fill(1);
    Ok(out.structure(&Structure::Tensor)?)
}

fn print(event: &str) {
    println!("{event} says this on stdout");
    eprintln!("{event} says this on stderr");
}
