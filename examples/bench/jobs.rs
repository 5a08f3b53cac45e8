//! The jobs, and what is to be shown by each.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use wait4::Wait4 as _;

use super::Options;
use super::broker::Broker;
use super::client::{Counter, Publisher};
use super::latency;
use super::measure::{self, Sample};
use super::peer::{self, Peer};
use super::table::{self, Goal, Series};

/// What the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// One message.
    Shot,
    /// Lines from stdin.
    Lines,
    /// A whole file.
    File,
    /// Receives.
    Subscribe,
}

/// A job that both do.
struct Job {
    name: String,
    work: Work,
    tls: bool,
    count: u64,
    runs: usize,
    goal: Goal,
    cpu_goal: bool,
    /// Options of ours, and theirs where they differ.
    options: Vec<&'static str>,
    theirs: Option<Vec<&'static str>>,
    stdin: Option<PathBuf>,
}

impl Job {
    fn new(name: &str, work: Work, goal: Goal, options: &[&'static str]) -> Self {
        Self {
            name: name.to_owned(),
            work,
            tls: false,
            count: 1,
            runs: 7,
            goal,
            cpu_goal: false,
            options: options.to_vec(),
            theirs: None,
            stdin: None,
        }
    }

    fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    fn stream(mut self, count: u64) -> Self {
        self.count = count;
        self.cpu_goal = true;
        self
    }

    fn stdin(mut self, path: &Path) -> Self {
        self.stdin = Some(path.to_owned());
        self
    }

    fn theirs(mut self, options: &[&'static str]) -> Self {
        self.theirs = Some(options.to_vec());
        self
    }

    /// The command of ours, or of theirs.
    fn command(&self, options: &Options, ours: bool, port: u16, folder: &Path) -> Command {
        let (place, program) = match (ours, self.work) {
            (true, Work::Subscribe) => (&options.ours, "mqsub"),
            (true, _) => (&options.ours, "mqpub"),
            (false, Work::Subscribe) => (&options.theirs, "mosquitto_sub"),
            (false, _) => (&options.theirs, "mosquitto_pub"),
        };
        let mut command = Command::new(place.join(program));
        command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        let special = self.theirs.as_ref().filter(|_| !ours);
        command.args(special.unwrap_or(&self.options));
        if self.tls {
            command.arg("--cafile").arg(folder.join("cert.pem"));
        }
        command
    }
}

/// The first table: nothing but the program and a peer that never makes it wait.
pub(crate) fn against_the_peer(options: &Options, folder: &Path) -> anyhow::Result<()> {
    peer::certificate(folder)?;
    let mut plain = Peer::start(None)?;
    let mut tls = Peer::start(Some(folder))?;
    let list = peer_jobs(options, folder)?;
    let mut out = io::stdout();
    writeln!(out, "Against a peer that answers at once:\n\n{}", table::HEAD)?;
    for job in list.iter().filter(|job| options.wants(&job.name)) {
        let peer = if job.tls { &mut tls } else { &mut plain };
        let mut series = [Series::default(), Series::default()];
        for run in 0..job.runs {
            // Who goes first takes turns as well.
            for side in [run % 2, 1 - run % 2] {
                let sample = against(options, job, side == 0, peer, folder)?;
                series[side].0.push(sample);
            }
        }
        let rows = table::rows(&job.name, job.goal, job.cpu_goal, job.count, &series[0], &series[1]);
        write!(out, "{rows}")?;
    }
    writeln!(out)?;
    Ok(())
}

fn peer_jobs(options: &Options, folder: &Path) -> anyhow::Result<Vec<Job>> {
    let share = if options.quick { 5 } else { 1 };
    let runs = if options.quick { 3 } else { 7 };
    let shots = if options.quick { 50 } else { 500 };
    let (lines, messages) = (300_000 / share, 1_000_000 / share);
    let many = write_lines(&folder.join("lines"), lines)?;
    let one = write_lines(&folder.join("line"), 1)?;
    let file = folder.join("file");
    let megabytes: u64 = 200 / share;
    {
        let mut writer = BufWriter::new(File::create(&file)?);
        for piece in 0..megabytes * 1_000_000 / 8 {
            writer.write_all(&piece.to_le_bytes())?;
        }
        writer.flush()?;
    }
    let shot = |name: &str, options: &[&'static str]| {
        Job::new(
            name,
            Work::Shot,
            Goal::Time(1.0),
            &[&["-t", "bench", "-m", "42"], options].concat(),
        )
        .runs(shots)
    };
    let stream = |name: &str, rate: f64, options: &[&'static str]| {
        let job = Job::new(
            name,
            Work::Lines,
            Goal::Rate(rate),
            &[&["-t", "bench", "-l"], options].concat(),
        );
        job.stdin(&many).stream(lines).runs(runs)
    };
    // The filter asks the peer for so many messages of so many bytes.
    let large: &[&str] = if options.quick {
        &["-t", "bench/200000/64", "-C", "200000"]
    } else {
        &["-t", "bench/1000000/64", "-C", "1000000"]
    };
    let small: &[&str] = if options.quick {
        &["-t", "bench/60000/64", "-C", "60000"]
    } else {
        &["-t", "bench/300000/64", "-C", "300000"]
    };
    let receive = |name: &str, rate: f64, filter: &[&'static str], options: &[&'static str]| {
        let count = if filter == large { messages } else { lines };
        let job = Job::new(name, Work::Subscribe, Goal::Rate(rate), &[filter, options].concat());
        job.stream(count).runs(runs)
    };
    let file_text: &'static str = Box::leak(file.display().to_string().into_boxed_str());
    let whole = ["-t", "bench", "-q", "1", "-f", file_text];
    Ok(vec![
        shot("one message, QoS 0", &[]),
        shot("one message, QoS 1", &["-q", "1"]),
        Job::new(
            "one line through -l",
            Work::Lines,
            Goal::Time(0.05),
            &["-t", "bench", "-l"],
        )
        .stdin(&one)
        .runs(runs),
        shot("one message, QoS 0, TLS 1.3", &[]).tls(),
        shot("one message, QoS 1, TLS 1.3", &["-q", "1"]).tls(),
        stream("lines, QoS 0", 2.0, &[]),
        stream("lines, QoS 1", 1.5, &["-q", "1"]),
        stream("lines, QoS 2", 1.3, &["-q", "2"]),
        stream("lines, QoS 0, TLS", 1.0, &[]).tls(),
        receive("receive, QoS 0", 1.5, large, &[]),
        receive("receive, QoS 0, -F %j", 2.0, large, &["-F", "%j"]),
        receive("receive, QoS 0, --json", 2.0, large, &["--json"]).theirs(&[large, &["-F", "%j"]].concat()),
        receive("receive, QoS 1", 1.0, small, &["-q", "1"]),
        receive("receive, QoS 2", 1.0, small, &["-q", "2"]),
        Job::new(
            &format!("a file of {megabytes} MB, QoS 1"),
            Work::File,
            Goal::Time(1.0),
            &whole,
        )
        .runs(runs),
    ])
}

/// Writes lines of 38 bytes, and says where.
fn write_lines(path: &Path, count: u64) -> anyhow::Result<PathBuf> {
    let mut writer = BufWriter::new(File::create(path)?);
    for number in 0..count {
        line(&mut writer, number)?;
    }
    writer.flush()?;
    Ok(path.to_owned())
}

fn line(writer: &mut impl io::Write, number: u64) -> io::Result<()> {
    writeln!(writer, "{{\"sensor\":\"hall/7\",\"value\":{number:012}}}")
}

/// One run against the peer.
fn against(options: &Options, job: &Job, ours: bool, peer: &mut Peer, folder: &Path) -> anyhow::Result<Sample> {
    let output = output_file(folder);
    let stdout = (job.work == Work::Subscribe).then_some(output.as_path());
    let mut command = job.command(options, ours, peer.port, folder);
    let mut sample = measure::run(&mut command, job.stdin.as_deref(), stdout)?;
    let tally = peer.tally()?;
    if job.work == Work::Subscribe {
        sample.arrived = measure::lines(&output)?;
    } else {
        sample.arrived = tally.publishes;
        // With a rate, what counts is the time in which it flows: what a program
        // does before the first message and after the last is no part of it.
        if let Goal::Rate(_) = job.goal {
            sample.time = tally.time;
        }
    }
    Ok(sample)
}

/// In memory, if the system has a place for that: no disk is measured.
fn output_file(folder: &Path) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let name = format!("mqtools-bench-{}", std::process::id());
    if memory.is_dir() {
        memory.join(name)
    } else {
        folder.join(name)
    }
}

/// The second table: as a user has it, through a real mosquitto.
pub(crate) fn through_a_broker(options: &Options, folder: &Path) -> anyhow::Result<()> {
    let share = if options.quick { 5 } else { 1 };
    let runs = if options.quick { 3 } else { 7 };
    let count: u64 = 100_000 / share;
    let lines = write_lines(&folder.join("lines"), count)?;
    let broker = Broker::start(&options.broker, folder)?;
    let mut out = io::stdout();
    writeln!(out, "Through a real mosquitto:\n\n{}", table::HEAD)?;
    let counter = Counter::new(broker.port, "bench")?;
    let shots = if options.quick { 50 } else { 500 };
    let shot = |name: &str, options: &[&'static str]| {
        Job::new(
            name,
            Work::Shot,
            Goal::Time(1.0),
            &[&["-t", "bench", "-m", "42"], options].concat(),
        )
        .runs(shots)
    };
    let stream = |name: &str, options: &[&'static str]| {
        let job = Job::new(
            name,
            Work::Lines,
            Goal::Rate(1.0),
            &[&["-t", "bench", "-l"], options].concat(),
        );
        job.stdin(&lines).stream(count).runs(runs)
    };
    for job in [
        shot("broker: one message, QoS 0", &[]),
        shot("broker: one message, QoS 1", &["-q", "1"]),
        stream("broker: lines, QoS 0", &[]),
        stream("broker: lines, QoS 1", &["-q", "1"]),
        stream("broker: lines, QoS 2", &["-q", "2"]),
    ] {
        if !options.wants(&job.name) {
            continue;
        }
        let mut series = [Series::default(), Series::default()];
        for run in 0..job.runs {
            for side in [run % 2, 1 - run % 2] {
                let mut command = job.command(options, side == 0, broker.port, folder);
                let mut sample = measure::run(&mut command, job.stdin.as_deref(), None)?;
                let (arrived, time) = counter.take(job.count);
                sample.arrived = arrived;
                if let Goal::Rate(_) = job.goal {
                    sample.time = time;
                }
                series[side].0.push(sample);
            }
        }
        let rows = table::rows(&job.name, job.goal, job.cpu_goal, job.count, &series[0], &series[1]);
        write!(out, "{rows}")?;
    }
    for qos in 0..3 {
        let name = format!("broker: receive, QoS {qos}");
        if !options.wants(&name) {
            continue;
        }
        let mut series = [Series::default(), Series::default()];
        for run in 0..runs {
            for side in [run % 2, 1 - run % 2] {
                series[side]
                    .0
                    .push(receive(options, side == 0, &broker, qos, count, folder)?);
            }
        }
        write!(
            out,
            "{}",
            table::rows(&name, Goal::Rate(1.0), true, count, &series[0], &series[1])
        )?;
    }
    if options.wants("broker: latency") {
        let text = latency::compare(options, &broker)?;
        writeln!(
            out,
            "\nA line in, a line out, at 1,000 messages a second through mosquitto:\n\n{text}"
        )?;
    }
    writeln!(out)?;
    Ok(())
}

/// One run of a subscriber, fed through the broker.
fn receive(
    options: &Options,
    ours: bool,
    broker: &Broker,
    qos: u8,
    count: u64,
    folder: &Path,
) -> anyhow::Result<Sample> {
    let payload = [b'x'; 64];
    let level = qos.to_string();
    let output = output_file(folder);
    let (place, program) = if ours {
        (&options.ours, "mqsub")
    } else {
        (&options.theirs, "mosquitto_sub")
    };
    let mut command = Command::new(place.join(program));
    command.args(["-h", "127.0.0.1", "-t", "feed", "-q", &level]);
    // One more: the retained message tells that the subscription stands.
    command.args(["-p", &broker.port.to_string(), "-C", &(count + 1).to_string()]);
    let mut publisher = Publisher::new(broker.port)?;
    publisher.publish("feed", b"ready", 1, true, 1)?;
    let mut child = command.stdin(Stdio::null()).stdout(File::create(&output)?).spawn()?;
    let patience = Instant::now();
    while fs::metadata(&output)?.len() == 0 {
        if patience.elapsed() > Duration::from_secs(10) {
            let _ = child.kill();
            bail!("{program} shows no message");
        }
        thread::sleep(Duration::from_millis(1));
    }
    let start = Instant::now();
    publisher.publish("feed", &payload, qos, false, count)?;
    let used = child.wait4()?;
    Ok(Sample {
        time: start.elapsed(),
        cpu: used.rusage.utime + used.rusage.stime,
        peak: used.rusage.maxrss,
        arrived: measure::lines(&output)?.saturating_sub(1),
        succeeded: used.status.success(),
    })
}

/// The memory of a stream does not depend on its length: ours alone, through
/// pipes.
pub(crate) fn memory(options: &Options, folder: &Path) -> anyhow::Result<()> {
    let mut out = io::stdout();
    let counts: [u64; 2] = if options.quick {
        [100_000, 1_000_000]
    } else {
        [100_000, 10_000_000]
    };
    if !options.wants("memory") {
        return Ok(());
    }
    let mut peer = Peer::start(None)?;
    writeln!(out, "Peak memory of a stream, in MB, by the number of messages:\n")?;
    writeln!(out, "| stream | {} | {} |\n| --- | --- | --- |", counts[0], counts[1])?;
    for qos in ["0", "1", "2"] {
        let mut peaks = Vec::new();
        for count in counts {
            let mut command = Command::new(options.ours.join("mqpub"));
            command.args([
                "-h",
                "127.0.0.1",
                "-p",
                &peer.port.to_string(),
                "-t",
                "bench",
                "-l",
                "-q",
                qos,
            ]);
            let mut child = command.stdin(Stdio::piped()).spawn()?;
            let mut writer = BufWriter::new(child.stdin.take().context("no input")?);
            for number in 0..count {
                line(&mut writer, number)?;
            }
            drop(writer);
            peaks.push(child.wait4()?.rusage.maxrss as f64 / 1e6);
            let arrived = peer.tally()?.publishes;
            if arrived != count {
                bail!("{arrived} of {count} arrived");
            }
        }
        writeln!(out, "| lines, QoS {qos} | {:.1} | {:.1} |", peaks[0], peaks[1])?;
    }
    for qos in ["0", "1", "2"] {
        let mut peaks = Vec::new();
        for count in counts {
            let mut command = Command::new(options.ours.join("mqsub"));
            let filter = format!("bench/{count}/64");
            command.args(["-h", "127.0.0.1", "-t", &filter, "-q", qos, "-C", &count.to_string()]);
            command.args(["-p", &peer.port.to_string()]);
            let sample = measure::run(&mut command, None, None)?;
            peer.tally()?;
            peaks.push(sample.peak as f64 / 1e6);
        }
        writeln!(out, "| receive, QoS {qos} | {:.1} | {:.1} |", peaks[0], peaks[1])?;
    }
    let _ = fs::remove_file(output_file(folder));
    Ok(())
}
