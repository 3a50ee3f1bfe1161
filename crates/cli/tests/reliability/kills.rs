//! Rows F3, F4 and F12: kills and signals at moments that nobody chose.

use std::fs;
use std::time::{Duration, Instant};

use crate::place::{Place, Reference, drawn, twenty_four};
use crate::program::{Ended, LIMIT, Running};
use crate::random::Random;
use crate::trial::{Extent, Trial};

/// Runs of which each `durable` says whether it is there.
fn count(durable: &[bool]) -> usize {
    durable.iter().filter(|&&there| there).count()
}

fn start(trial: &Trial, place: &Place, jobs: usize) -> Running {
    let (results, jobs) = (place.results(), jobs.to_string());
    // Runs of milliseconds never get to a checkpoint; long ones get to several.
    let more = ["--jobs", &jobs, "--checkpoint-every", "0.05"];
    let arguments = place.run_arguments(&results, &more);
    Running::start(trial.program.command(&place.path(), &[], &arguments))
}

/// Waits so long, or until the end if that comes before.
fn wait(running: &mut Running, seconds: f64) {
    let started = Instant::now();
    while !running.is_over() && started.elapsed().as_secs_f64() < seconds {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// F3: many short runs, most of which are finished when a kill comes.
pub(crate) fn random(trial: &Trial) {
    kill_again_and_again(trial, &twenty_four(), [(6, 200), (2, 20)]);
}

/// F3: two runs that are longer than the time between two kills.
pub(crate) fn inside_a_run(trial: &Trial) {
    let carried = kill_again_and_again(trial, &long(2), [(4, 40), (0, 0)]);
    // A few kills may all come before the first checkpoint.
    let is_enough = carried > 0 || trial.extent == Extent::Reduced;
    let result = if is_enough { Ok(()) } else { Err("no run was ever carried on".to_string()) };
    trial.case("carrying on inside of a run", result);
}

/// Runs of a second or so, with momentum: the state of a run is more than its weights.
pub(crate) fn long(seeds: usize) -> String {
    format!(
        "// Does it carry on?\n(name: \"long\", data: (source: Digits, split: (validation: 0.2), \
         inputs: Standardize), model: [Dense(64), Relu, Dropout(0.1), Dense(10)], \
         loss: CrossEntropy, optimizer: (chain: [Momentum(0.9)], learning_rate: 0.02, \
         schedule: Cosine(to: 0.0)), train: (epochs: 150, batch: 32), record: [Weights], \
         sweep: (seeds: {seeds}))\n"
    )
}

/// Kills and carries on until there were so many kills, in a sample or in full, and so many of
/// processes that had found finished runs. Returns how many runs were carried on inside.
fn kill_again_and_again(trial: &Trial, text: &str, figures: [(usize, usize); 2]) -> usize {
    let reference = Reference::of(&trial.program, text);
    let [kills, of_resumes] = figures.map(|(sample, full)| trial.figure(sample, full));
    let mut random = Random::new(3);
    let (mut killed, mut killed_resumes, mut sweeps, mut carried) = (0, 0, 0, 0);
    let mut place = Place::new(text);
    while (killed < kills || killed_resumes < of_resumes) && !trial.is_over() {
        let before = match place.durable() {
            Ok(before) => before,
            Err(why) => {
                trial.case("reading the store after a kill", Err(why));
                return carried;
            }
        };
        let mut running = start(trial, &place, 1 + random.below(3));
        wait(&mut running, random.unit() * 0.7 * reference.seconds);
        if running.is_over() {
            let ended = running.finish(LIMIT);
            carried += ended.stderr.matches("carries on").count();
            let result = demand_end(&reference, &place, &before, &ended);
            trial.case("a sweep that came to its end", result);
            (place, sweeps) = (Place::new(text), sweeps + 1);
            continue;
        }
        let ended = running.kill_now();
        carried += ended.stderr.matches("carries on").count();
        killed += 1;
        killed_resumes += usize::from(count(&before) > 0);
        let name = format!("kill {killed} after {:.3} s", ended.seconds);
        trial.case(name, demand_kept(&reference, &place, &before, &ended));
    }
    let last = place.durable().and_then(|before| {
        let trained = reference.demand_resume(&place, &trial.program)?;
        demand_only_missing(&before, trained)
    });
    trial.case("the last sweep carried to its end", last);
    trial.note(format!(
        "{killed} kills, {killed_resumes} of them after finished runs were found, {} sweeps, \
         {carried} runs carried on inside",
        sweeps + 1
    ));
    carried
}

/// Everything that was durable still is, nothing of it was begun again, no file is half there.
fn demand_kept(
    reference: &Reference,
    place: &Place,
    before: &[bool],
    ended: &Ended,
) -> Result<(), String> {
    reference.demand_nothing_partial(&place.own_results())?;
    let after = place.durable()?;
    if before.iter().zip(&after).any(|(before, after)| *before && !after) {
        return Err("a run that was durable is gone".to_string());
    }
    match begun(ended) {
        Some(begun) => demand_only_missing(before, begun),
        None => Ok(()),
    }
}

/// How many runs it said that it would train, if it came so far.
fn begun(ended: &Ended) -> Option<usize> {
    let line = ended.stderr.lines().find_map(|line| line.strip_prefix("training "))?;
    line.split(' ').next()?.parse().ok()
}

fn demand_only_missing(before: &[bool], trained: usize) -> Result<(), String> {
    let missing = before.len() - count(before);
    if trained == missing {
        return Ok(());
    }
    Err(format!("{trained} runs are trained, where {missing} were missing"))
}

fn demand_end(
    reference: &Reference,
    place: &Place,
    before: &[bool],
    ended: &Ended,
) -> Result<(), String> {
    let trained = ended.json()?["trained"].as_u64().ok_or("no count")? as usize;
    demand_only_missing(before, trained)?;
    reference.demand_same(&place.own_results())
}

/// F4.
pub(crate) fn signals(trial: &Trial) {
    // Runs of a quarter of a second or so, so that most signals meet one halfway.
    let text = twenty_four().replace("epochs: 100", "epochs: 600");
    let reference = Reference::of(&trial.program, &text);
    let mut random = Random::new(4);
    let each = trial.figure(1, 50);
    for (signals, code) in
        [(&["INT"][..], 130), (&["TERM"], 143), (&["HUP"], 129), (&["INT", "INT"], 130)]
    {
        for time in 0..each {
            if trial.is_over() {
                return;
            }
            let moment = random.unit() * 0.8 * reference.seconds;
            let name = format!("{} {time} after {moment:.2} s", signals.join(" "));
            trial.case(name, interrupt(trial, &reference, &text, signals, code, moment));
        }
    }
}

fn interrupt(
    trial: &Trial,
    reference: &Reference,
    text: &str,
    signals: &[&str],
    code: i32,
    moment: f64,
) -> Result<(), String> {
    let place = Place::new(text);
    let mut running = start(trial, &place, 2);
    // Before it trains there is nothing to keep.
    while !running.is_over() && !running.said().contains("training") {
        std::thread::sleep(Duration::from_millis(1));
    }
    wait(&mut running, moment);
    let sent = Instant::now();
    for (index, name) in signals.iter().enumerate() {
        if index > 0 {
            // Those that come at once count as one, as `timeout` sends them.
            std::thread::sleep(Duration::from_millis(100));
        }
        running.signal(name);
    }
    let ended = running.finish(LIMIT);
    let seconds = sent.elapsed().as_secs_f64();
    if ended.code == 0 {
        return reference.demand_same(&place.own_results());
    }
    ended.demand_no_panic()?;
    if seconds > 2.0 {
        return Err(format!("{seconds:.1} s until it ended: {ended}"));
    }
    // Once all is trained there is nothing to keep, and drawing ends at once.
    let by_itself = signals.len() == 1 && !ended.stderr.contains("\ntrained ");
    if ended.code != code || (by_itself && ended.died) {
        return Err(format!("exit {code} is demanded, by itself: {ended}"));
    }
    let before = place.durable()?;
    if by_itself {
        let kept = format!("{} of {}", count(&before), before.len());
        if !ended.stderr.contains(&kept) {
            return Err(format!("{kept} runs are there, which it must say: {ended}"));
        }
    }
    demand_only_missing(&before, reference.demand_resume(&place, &trial.program)?)
}

/// Many runs of next to no work.
fn many(runs: usize) -> String {
    format!(
        "// How do many runs go?\n(name: \"many\", data: (source: Line), model: [Dense(2), Tanh, \
         Dense(1)], loss: Mse, optimizer: (learning_rate: 0.1), train: (epochs: 2), \
         sweep: (axes: [LearningRate(Log(from: 0.001, to: 1.0, points: 10))], seeds: {}))\n",
        runs / 10
    )
}

/// What the system says of a process at its largest.
#[derive(Clone, Copy, Debug, Default)]
struct Largest {
    kibibytes: u64,
    descriptors: usize,
    /// Seconds until it began to train.
    start: f64,
}

impl Largest {
    fn look(&mut self, running: &Running, started: Instant) {
        let folder = format!("/proc/{}", running.child.id());
        let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse().ok());
        self.kibibytes = self.kibibytes.max(peak.unwrap_or(0));
        let descriptors = fs::read_dir(format!("{folder}/fd")).map_or(0, Iterator::count);
        self.descriptors = self.descriptors.max(descriptors);
        if self.start == 0.0 && running.said().contains("training") {
            self.start = started.elapsed().as_secs_f64();
        }
    }
}

/// Trains what is missing, to the end or until so many seconds have passed.
fn watch(trial: &Trial, place: &Place, until: Option<f64>) -> (Ended, Largest) {
    let results = place.results();
    let arguments = place.run_arguments(&results, &["--no-report"]);
    let started = Instant::now();
    let mut running = Running::start(trial.program.command(&place.path(), &[], &arguments));
    let mut largest = Largest::default();
    loop {
        largest.look(&running, started);
        if running.is_over() {
            return (running.finish(LIMIT), largest);
        }
        // A kill comes once training has begun, so that all of them together get to the end.
        let over = until.is_some_and(|until| {
            largest.start > 0.0 && started.elapsed().as_secs_f64() > largest.start + until
        });
        if over || started.elapsed() > LIMIT {
            return (running.kill_now(), largest);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// F12.
pub(crate) fn large_sweep(trial: &Trial) {
    let (few, runs, kills) = (1_000, trial.figure(3_000, 10_000), trial.figure(3, 30));
    let (small, place) = (Place::new(&many(few)), Place::new(&many(runs)));
    let (ended, small) = watch(trial, &small, None);
    trial.case(format!("{few} runs"), ended.demand_success());
    let undisturbed = Place::new(&many(runs));
    let (ended, whole) = watch(trial, &undisturbed, None);
    trial.case(format!("{runs} runs, undisturbed"), ended.demand_success());
    // Some attempts go further than their share: the sweep must not end before the last kill.
    let pause = (ended.seconds - whole.start) / (1.5 * kills as f64 + 2.0);
    let mut largest = whole;
    let mut killed = 0;
    while killed < kills && !trial.is_over() {
        let before = count(&place.durable().unwrap_or_default());
        let (ended, seen) = watch(trial, &place, Some(pause));
        if ended.code == 0 {
            break;
        }
        killed += 1;
        largest.kibibytes = largest.kibibytes.max(seen.kibibytes);
        largest.descriptors = largest.descriptors.max(seen.descriptors);
        largest.start = largest.start.max(seen.start);
        let kept = count(&place.durable().unwrap_or_default()) >= before;
        trial.case(
            format!("kill {killed}"),
            if kept { Ok(()) } else { Err("runs are gone".into()) },
        );
    }
    let (ended, seen) = watch(trial, &place, None);
    largest.start = largest.start.max(seen.start);
    trial.case("carried to the end", ended.demand_success());
    let ratio = largest.kibibytes as f64 / small.kibibytes as f64;
    trial.note(format!(
        "{killed} kills; memory {:.1} MB for {few} runs, {:.1} MB for {runs} ({ratio:.2} times); at \
         most {} open files; training again after {:.2} s at most",
        small.kibibytes as f64 / 1024.0,
        largest.kibibytes as f64 / 1024.0,
        largest.descriptors,
        largest.start
    ));
    let bound = |holds: bool, what: String| if holds { Ok(()) } else { Err(what) };
    trial.case("memory", bound(ratio <= 1.2, format!("{ratio:.2} times as much")));
    let all =
        bound(killed == kills, format!("{killed} of {kills} before the sweep came to its end"));
    trial.case("kills", all);
    let files = largest.descriptors;
    trial.case("open files", bound(files < 64, format!("{files} at a time")));
    trial.case("restart", bound(largest.start < 2.0, format!("{:.2} s", largest.start)));
    if trial.extent == Extent::Full {
        let same = [&undisturbed, &place].map(|place| {
            place
                .run(&trial.program, &[], &[])
                .demand_success()
                .map(|()| drawn(&place.own_results()))
        });
        trial.case("the same report", bound(same[0] == same[1], "other bytes".into()));
    }
}
