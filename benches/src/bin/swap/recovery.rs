//! How long a model with one worker is out of service after `kill -9`.

use std::time::Instant;

use forge_benches::Spread;
use forge_tests::{Forge, Signal, until};

use crate::{IMAGE, resnet};

const KILLS: usize = 10;

pub(crate) fn measure() {
    let forge = resnet().start();
    let mut alone = Vec::new();
    let ask = |into: &mut Vec<f64>, since: Instant| {
        let answer = forge.predict_text("m", IMAGE);
        assert_eq!(answer.status, 200, "{}", answer.text());
        into.push(since.elapsed().as_secs_f64() * 1000.0);
    };
    (0..KILLS).for_each(|_| ask(&mut alone, Instant::now()));
    let (mut recovered, mut loads) = (Vec::new(), Vec::new());
    for _ in 0..KILLS {
        ask(&mut alone, Instant::now());
        let loads_before = load_times(&forge).len();
        let [worker] = forge.workers()[..] else { panic!("one worker: {:?}", forge.workers()) };
        let killed = Instant::now();
        worker.signal(Signal::SIGKILL);
        ask(&mut recovered, killed);
        until("the log tells the load", || load_times(&forge).len() > loads_before);
        loads.extend(load_times(&forge).last());
    }
    let answer = Spread::of(&alone).median;
    let beyond: Vec<f64> =
        recovered.iter().zip(&loads).map(|(all, load)| all - load - answer).collect();
    println!("recovery of ResNet-50 after kill -9 (goal: load time + 100 ms), {KILLS} kills");
    println!(
        "  from the kill to the next answer {} ms, an answer alone takes {answer:.0} ms",
        Spread::of(&recovered)
    );
    println!(
        "  of which the load {} ms, the rest {} ms\n",
        Spread::of(&loads),
        Spread::of(&beyond)
    );
}

/// What the log tells of the workers of `m`, in milliseconds: `worker ready after 1.25s`.
fn load_times(forge: &Forge) -> Vec<f64> {
    let log = forge.log();
    let lines = log.lines().filter(|line| line.contains("model=m "));
    let times =
        lines.filter_map(|line| line.split_once("worker ready after ")?.1.split(' ').next());
    times.filter_map(milliseconds).collect()
}

fn milliseconds(text: &str) -> Option<f64> {
    match text.strip_suffix("ms") {
        Some(number) => number.parse().ok(),
        None => text.strip_suffix('s')?.parse::<f64>().ok().map(|seconds| seconds * 1000.0),
    }
}
