//! The report on results made by hand: what it must say, what it must never say, and every corner
//! that must not break it.

use std::fs;

use gradus_report::{verdict, write_report};
use gradus_runner::{Curve, File, Outcome, PlannedRun, Results, RunRecord, Timing};

const RATES: usize = 5;

/// A sweep of five rates from 0.01 to 100 and `seeds` seeds, with nothing trained yet.
fn empty(seeds: usize) -> Results {
    planned(&format!("LearningRate(Log(from: 0.01, to: 100.0, points: {RATES}))"), seeds)
}

/// A sweep of these axes and `seeds` seeds, with nothing trained yet.
fn planned(axes: &str, seeds: usize) -> Results {
    let text = format!(
        "// Which rate is best?\n(name: \"made\", data: (source: Iris, split: (validation: 0.2)),
         model: [Dense(3)], loss: CrossEntropy,
         optimizer: (chain: [Momentum(0.5)], learning_rate: 1.0),
         train: (epochs: 3, batch: 10), sweep: (axes: [{axes}], seeds: {seeds}))"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("made.ron");
    fs::write(&path, text).expect("it is written");
    let plan = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text)).plan;
    let runs = (0..plan.len())
        .map(|position| PlannedRun {
            position,
            cell: plan.cell(position),
            coordinates: plan.coordinates(plan.cell(position)).into(),
            seed: plan.seed(position),
            key: plan.keys[position].clone(),
            record: None,
            timing: None,
        })
        .collect();
    Results {
        experiment: plan.experiment.clone(),
        question: plan.question.clone(),
        data: plan.data.clone(),
        runs,
        digest: "made by hand".to_string(),
    }
}

fn record(run: &PlannedRun, losses: &[f64], outcome: Outcome) -> RunRecord {
    let curve = |split: &str, metric: &str, values: &[f64]| Curve {
        split: split.to_string().into(),
        metric: metric.to_string().into(),
        layer: None,
        epochs: (0..values.len() as u64).collect(),
        steps: (0..values.len() as u64).map(|epoch| 12 * epoch).collect(),
        values: values.to_vec(),
    };
    let accuracies: Vec<f64> = losses.iter().map(|loss| 1.0 / (1.0 + loss)).collect();
    RunRecord {
        key: run.key.clone(),
        stamp: "made by hand".into(),
        seed: run.seed,
        description: String::new(),
        outcome,
        stopped: None,
        parameter_count: 15,
        epochs: 3,
        steps: 36,
        initial_loss: 1.2,
        constant_loss: 1.0986,
        curves: vec![
            curve("train", "running_loss", losses),
            curve("validation", "loss", losses),
            curve("validation", "accuracy", &accuracies),
        ],
        arrays: Vec::new(),
        weights_digest: "00".to_string(),
    }
}

/// Fills every run: loss at the end by cell, the last cell diverged.
fn filled(seeds: usize) -> Results {
    let mut results = empty(seeds);
    for run in &mut results.runs {
        let spread = 1.0 + 0.01 * run.seed as f64;
        let end = [0.5, 0.2, 0.1, 0.4, 0.01][run.cell] * spread;
        let outcome = if run.cell == 4 { diverged() } else { Outcome::Trained };
        run.record = Some(record(run, &[1.2, 0.8, end.max(0.3), end], outcome));
        run.timing = Some(Timing { seconds: 0.25 });
    }
    results
}

fn diverged() -> Outcome {
    Outcome::Diverged { step: 15, quantity: "loss not finite".to_string(), layer: None }
}

/// Writes the report into a new folder and returns the page.
fn page(results: &Results) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = write_report(results, folder.path()).expect("the folder can be written to");
    for file in &report.files {
        assert!(file.is_file(), "{}", file.display());
    }
    fs::read_to_string(folder.path().join("report.md")).expect("the page is there")
}

#[test]
fn the_verdict_names_rate_spread_and_edge() {
    let verdict = verdict(&filled(5));
    let rate = &verdict.learning_rates[0];
    assert_eq!(rate.best_rate, Some(1.0));
    assert_eq!(rate.first_diverged.map(|edge| (edge.rate, edge.diverged)), Some((100.0, 5)));
    assert_eq!(rate.margin_decades, Some(2.0));
    assert_eq!((rate.border, verdict.diverged, verdict.missing), (None, 5, 0));
    assert!(verdict.sentence.starts_with("Best learning rate 1:"), "{}", verdict.sentence);
    assert!(verdict.sentence.contains("diverges from 100 on in 5 of 5 seeds"));
}

/// The diverged cell of `filled` ends at the least loss of all: with the mark of divergence taken
/// away (the control) it would be best.
#[test]
fn a_diverged_run_is_never_best() {
    let mut results = filled(5);
    assert_eq!(verdict(&results).learning_rates[0].best_rate, Some(1.0));
    for run in &mut results.runs {
        if let Some(record) = &mut run.record {
            record.outcome = Outcome::Trained;
        }
    }
    assert_eq!(verdict(&results).learning_rates[0].best_rate, Some(100.0));
}

/// Two of five seeds diverged: they count as worst, so the median is the worst of the others.
#[test]
fn diverged_seeds_stay_in_the_median() {
    let mut results = filled(5);
    for run in results.runs.iter_mut().filter(|run| run.cell == 2 && run.seed < 2) {
        let record = run.record.as_mut().expect("it was filled");
        record.outcome = diverged();
    }
    let median = verdict(&results).learning_rates[0].best_median.expect("there is one");
    assert!((median - 0.1 * 1.04).abs() < 1e-12, "{median}");
}

#[test]
fn equal_results_give_equal_bytes_and_are_not_drawn_twice() {
    let results = filled(3);
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let reports =
        folders.each_ref().map(|folder| write_report(&results, folder.path()).expect("written"));
    assert!(reports[0].files.len() >= 8, "{:?}", reports[0].files);
    for (a, b) in reports[0].files.iter().zip(&reports[1].files) {
        assert!(fs::read(a).expect("there") == fs::read(b).expect("there"), "{}", a.display());
    }
    let again = write_report(&results, folders[0].path()).expect("written");
    assert!(again.unchanged && !reports[0].unchanged);
    // A picture that was taken away, or other results, are drawn again.
    fs::remove_file(folders[0].path().join("curves.png")).expect("it was there");
    assert!(!write_report(&results, folders[0].path()).expect("written").unchanged);
    let other = Results { digest: "other".to_string(), ..results };
    assert!(!write_report(&other, folders[0].path()).expect("written").unchanged);
}

/// Blank paper would be equal bytes too: a chart has ink, and more than its frame.
#[test]
fn pictures_are_drawn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_report(&filled(3), folder.path()).expect("written");
    for name in ["learning_rate.png", "curves.png", "accuracy.png"] {
        let file = fs::File::open(folder.path().join(name)).expect("it is there");
        let decoder = png::Decoder::new(std::io::BufReader::new(file));
        let mut reader = decoder.read_info().expect("it is a picture");
        let mut pixels = vec![0; reader.output_buffer_size().expect("it fits")];
        let frame = reader.next_frame(&mut pixels).expect("it is whole");
        assert!(frame.width >= 1200 && frame.height >= 600, "{name}");
        let colors: std::collections::BTreeSet<&[u8]> = pixels.chunks_exact(3).collect();
        assert!(colors.len() > 100, "{name}: {} colors", colors.len());
    }
}

#[test]
fn tables_hold_every_run_and_every_point() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut results = filled(2);
    results.runs[3].record = None;
    let record = results.runs[9].record.as_mut().expect("it was filled");
    record.curves[1].values[3] = f64::NAN;
    write_report(&results, folder.path()).expect("written");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it is there");
    let runs = read("runs.csv");
    assert_eq!(runs.lines().count(), 1 + 10);
    assert!(runs.lines().nth(4).is_some_and(|line| line.contains(",missing,")), "{runs}");
    let curves = read("curves.csv");
    assert_eq!(curves.lines().count(), 1 + 9 * 3 * 4);
    assert!(curves.contains(",NaN"), "what is not a number is written as such");
    assert!(!curves.contains("0.25") && read("timings.csv").contains("0.25"));
}

/// Corners: nothing trained, everything diverged, one seed, one epoch, zeros and giants.
#[test]
fn no_corner_breaks_the_report() {
    assert!(page(&empty(1)).contains("No run has a result yet (5 runs planned)."));

    let mut all_diverged = filled(2);
    for run in &mut all_diverged.runs {
        let record = run.record.as_mut().expect("it was filled");
        record.outcome = diverged();
        record.curves.iter_mut().for_each(|curve| curve.values.fill(f64::INFINITY));
    }
    assert!(page(&all_diverged).contains("All 10 runs diverged"));

    for values in [[0.0; 4], [1e300; 4], [1e-320, 1e-310, 0.0, 1e-300], [f64::NAN; 4]] {
        let mut extreme = filled(1);
        for run in &mut extreme.runs {
            run.record = Some(record(run, &values, Outcome::Trained));
        }
        assert!(page(&extreme).starts_with("# Which rate is best?"));
    }

    let mut short = filled(1);
    for run in &mut short.runs {
        run.record = Some(record(run, &[1.0], Outcome::Stalled));
    }
    let short = page(&short);
    assert!(short.contains("5 of 5 runs stalled"), "{short}");
    assert!(short.contains("One seed a cell"), "{short}");
}

/// A curve of a layer at the first step and at the end.
fn norm_of(layer: u64, values: [f64; 2]) -> Curve {
    Curve {
        split: "train".into(),
        metric: "gradient_norm".into(),
        layer: Some(layer),
        epochs: [0, 3].into(),
        steps: [0, 36].into(),
        values: values.to_vec(),
    }
}

/// Rates within each of twelve other cells, labels longer than their place, norms of gradients
/// that vanish and explode, a stability limit: every chart is there, and the page tells of it.
#[test]
fn many_axes_long_labels_and_gradients_are_drawn() {
    let chain = "Momentum(0.9), L2(0.0001), L1(0.00001), ClipNorm(1.0), ClipValue(0.5)";
    let axes = format!(
        "LearningRate(Log(from: 0.01, to: 1.0, points: 3)), Chain([[{chain}], [], [Momentum(0.9)]]),
         Batch([8, 16, 32, 64])"
    );
    let mut results = planned(&axes, 2);
    for run in &mut results.runs {
        let mut record = record(run, &[1.2, 0.5, 0.3, 0.2], Outcome::Trained);
        record.curves.push(norm_of(0, [1e-9, 0.0]));
        record.curves.push(norm_of(2, [1.0, f64::INFINITY]));
        let sharpness = Curve { metric: "sharpness".into(), ..norm_of(0, [8.0, 4.0]) };
        record.curves.push(Curve { layer: None, ..sharpness });
        run.record = Some(record);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = write_report(&results, folder.path()).expect("written");
    let names: Vec<_> = report.files.iter().filter_map(|file| file.file_name()).collect();
    for name in ["learning_rate.png", "curves.png", "gradients.png", "accuracy.png"] {
        assert!(names.contains(&std::ffi::OsStr::new(name)), "{name} is missing: {names:?}");
    }
    let page = fs::read_to_string(folder.path().join("report.md")).expect("the page is there");
    assert!(page.contains("| 2 | 1e-9 | 1 | 1e-9 | 0 | inf | – |"), "{page}");
    assert!(page.contains("| 8 | 0.25 | 4 | 0.5 |"), "{page}");
    assert!(report.verdict.contains("best of 12 combinations of the other axes"));
}

/// Forty rates and a thousand seeds take seconds, not minutes, and a bootstrap.
#[test]
fn a_thousand_seeds_are_summed_up() {
    let axes = "LearningRate(Log(from: 0.0001, to: 10.0, points: 40))";
    let mut results = planned(axes, 1000);
    for run in &mut results.runs {
        let end = 0.1 + 0.01 * (run.cell as f64 - 20.0).abs() + 0.001 * (run.seed % 7) as f64;
        run.record = Some(record(run, &[1.2, end], Outcome::Trained));
    }
    let verdict = verdict(&results);
    let best = verdict.learning_rates[0].best_rate;
    assert_eq!(verdict.learning_rates[0].interval.map(|ends| ends.map(Some)), Some([best; 2]));
}

/// Without a learning rate the sentence names the cells that never came to anything.
#[test]
fn the_verdict_names_cells_that_fail_in_every_seed() {
    let mut results = planned("Momentum(List([0.0, 0.5, 0.9]))", 2);
    for run in &mut results.runs {
        let outcome = if run.cell == 2 { diverged() } else { Outcome::Trained };
        run.record = Some(record(run, &[1.2, 0.2 + 0.1 * run.cell as f64], outcome));
    }
    let sentence = verdict(&results).sentence;
    assert!(sentence.starts_with("Best of 3 cells: momentum 0: median validation loss"));
    assert!(sentence.ends_with("2 of 6 runs diverged (in every seed: 0.9)."), "{sentence}");
}

/// Each cell lacks a run, but of another seed: there is nothing to pair, however equal the counts.
#[test]
fn only_equal_seeds_are_paired() {
    let mut results = filled(3);
    assert!(verdict(&results).learning_rates[0].interval.is_some());
    for run in &mut results.runs {
        if run.seed == run.cell as u64 % 3 {
            run.record = None;
        }
    }
    let rate = &verdict(&results).learning_rates[0];
    assert_eq!((rate.best_rate, rate.interval, rate.within_one_error), (Some(1.0), None, None));
}

/// Scripts read this: a change of it belongs into the changelog.
#[test]
fn the_table_of_runs_keeps_its_form() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut results = filled(1);
    results.runs.iter_mut().for_each(|run| run.key = format!("key{}", run.position).into());
    results.runs[1].record = None;
    write_report(&results, folder.path()).expect("written");
    let table = fs::read_to_string(folder.path().join("runs.csv")).expect("it is there");
    let lines: Vec<&str> = table.lines().collect();
    let head = "position,key,learning_rate,seed,outcome,diverged_step,diverged_quantity,\
                diverged_layer,stopped,epochs,steps,parameters,initial_loss,constant_loss,judged,\
                train_running_loss_final,train_running_loss_best,train_running_loss_best_epoch,\
                validation_loss_final,validation_loss_best,validation_loss_best_epoch,\
                validation_accuracy_final,validation_accuracy_best,validation_accuracy_best_epoch,\
                weights_digest";
    assert_eq!(lines[0], head);
    let trained = "0,key0,0.01,0,trained,,,,,3,36,15,1.2,1.0986,0.5,0.5,0.5,2,0.5,0.5,2,\
                   0.6666666666666666,0.6666666666666666,2,00";
    assert_eq!(lines[1], trained);
    assert_eq!(lines[2], format!("1,key1,0.1,0,missing{}", ",".repeat(20)));
    assert!(
        lines[5].starts_with("4,key4,100,0,diverged,15,loss not finite,,,3,36,15,1.2,1.0986,inf,")
    );
}

/// A validation loss that ends above its start is named though no run counts as diverged; without
/// such a cell (the control) nothing is said.
#[test]
fn a_loss_that_ends_above_its_start_is_named() {
    let mut results = filled(3);
    assert!(!page(&results).contains("ends above its value before the first step"));
    for run in results.runs.iter_mut().filter(|run| run.cell == 3) {
        run.record = Some(record(run, &[1.2, 5.0, 4.0, 3.0], Outcome::Trained));
    }
    let page = page(&results);
    assert!(page.contains("ends above its value before the first step"), "{page}");
    assert!(page.contains("in 1 cell: 10. The training loss"), "{page}");
}
