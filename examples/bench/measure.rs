//! A process from start to end, and the machine it runs on.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

use super::Options;

/// What one run of a program took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// What the job is about: the whole process, or from the first message to
    /// the last.
    pub(crate) time: Duration,
    /// User and system.
    pub(crate) cpu: Duration,
    /// In bytes.
    pub(crate) peak: u64,
    /// Messages at the other end.
    pub(crate) arrived: u64,
    /// It ended with status 0.
    pub(crate) succeeded: bool,
}

/// Runs a command to its end; `arrived` is for the caller to fill in.
pub(crate) fn run(command: &mut Command, stdin: Option<&Path>, stdout: Option<&Path>) -> anyhow::Result<Sample> {
    command.stdin(match stdin {
        Some(path) => File::open(path)?.into(),
        None => Stdio::null(),
    });
    command.stdout(match stdout {
        Some(path) => File::create(path)?.into(),
        None => Stdio::null(),
    });
    command.stderr(Stdio::inherit());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let used = child.wait4()?;
    Ok(Sample {
        time: start.elapsed(),
        cpu: used.rusage.utime + used.rusage.stime,
        peak: used.rusage.maxrss,
        arrived: 0,
        succeeded: used.status.success(),
    })
}

/// How many lines a file has.
pub(crate) fn lines(path: &Path) -> anyhow::Result<u64> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; 64 * 1024];
    let mut count = 0;
    loop {
        match std::io::Read::read(&mut file, &mut piece)? {
            0 => return Ok(count),
            length => count += memchr::memchr_iter(b'\n', &piece[..length]).count() as u64,
        }
    }
}

/// The machine, and the versions that are compared.
pub(crate) fn machine(options: &Options) -> anyhow::Result<String> {
    let version = |path: &Path| -> anyhow::Result<String> {
        let output = Command::new(path).arg("--version").stderr(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sizes: Vec<String> = ["mqpub", "mqsub"]
        .iter()
        .filter_map(|tool| {
            let size = fs::metadata(options.ours.join(tool)).ok()?.len();
            Some(format!("{tool} {:.1} MB", size as f64 / 1e6))
        })
        .collect();
    Ok(format!(
        "{cores} cores of {}, Linux {}\n{}; {}\n{}\n",
        model.unwrap_or("an unknown processor"),
        kernel.trim(),
        version(&options.ours.join("mqpub"))?,
        sizes.join(", "),
        version(&options.theirs.join("mosquitto_pub"))?,
    ))
}
