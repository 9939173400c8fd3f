//! Processes under measurement: bound to a core, watched through `/proc`, ended when dropped.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::clock;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// Binds a process to one core (`taskset` of util-linux).
pub(crate) fn pin(process: u32, core: u32) -> anyhow::Result<()> {
    let status = Command::new("taskset")
        .args(["-cp", &core.to_string(), &process.to_string()])
        .stdout(Stdio::null())
        .status()
        .context("taskset starts")?;
    anyhow::ensure!(status.success(), "taskset binds the load to core {core}");
    Ok(())
}

/// CPU time of all threads of a process so far, from the scheduler's own account (nanosecond resolution).
pub(crate) fn cpu(process: u32) -> anyhow::Result<Duration> {
    cpu_of(process, |_| true)
}

/// The same of those threads whose name is wanted.
pub(crate) fn cpu_of(process: u32, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<Duration> {
    let total = sum_of(process, "schedstat", is_wanted, |text| {
        text.split_whitespace().next()
    })?;
    Ok(Duration::from_nanos(total))
}

/// How often those threads have gone to sleep so far: as often they had to be woken.
pub(crate) fn sleeps_of(process: u32, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<u64> {
    sum_of(process, "status", is_wanted, |text| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
    })
}

/// The sum of a number that the kernel tells of each of the wanted threads.
fn sum_of(
    process: u32,
    file: &str,
    is_wanted: impl Fn(&str) -> bool,
    find: impl Fn(&str) -> Option<&str>,
) -> anyhow::Result<u64> {
    let mut total = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let task = task?.path();
        // A thread may end between the listing and the reading.
        let (Ok(name), Ok(text)) = (
            std::fs::read_to_string(task.join("comm")),
            std::fs::read_to_string(task.join(file)),
        ) else {
            continue;
        };
        if is_wanted(name.trim_end()) {
            let number = find(&text).with_context(|| format!("{file} has its number"))?;
            total += number.trim().parse::<u64>()?;
        }
    }
    Ok(total)
}

/// Ticks of the clock in which the kernel tells the time of a whole process (`USER_HZ`, the same on all of Linux).
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of a process so far, of threads that have ended too; in steps of 10 ms.
pub(crate) fn cpu_of_all(process: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = text.rsplit_once(')').context("stat has a name")?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let user = times.next().context("stat has user time")??;
    let system = times.next().context("stat has system time")??;
    Ok(Duration::from_millis(
        (user + system) * 1_000 / TICKS_PER_SECOND,
    ))
}

/// A running process. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program on one core (`taskset`); what it prints goes nowhere, its complaints to ours.
    pub(crate) fn start(command: &Command, core: u32) -> anyhow::Result<Self> {
        let mut pinned = Command::new("taskset");
        pinned
            .args(["-c", &core.to_string()])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => pinned.env(name, value),
                None => pinned.env_remove(name),
            };
        }
        let child = pinned.spawn().context("taskset and the program start")?;
        Ok(Self { child })
    }

    /// Waits for the file that a server writes when it is ready; gives the HTTP address in it.
    pub(crate) fn wait_for_facts(&mut self, ready: &Path) -> anyhow::Result<String> {
        self.wait_until(|| ready.exists())?;
        let facts: serde_json::Value = serde_json::from_slice(&std::fs::read(ready)?)?;
        let http = facts["http"]
            .as_str()
            .context("the ready file names the HTTP address")?;
        Ok(http.to_owned())
    }

    /// Waits for a sign that it is ready.
    pub(crate) fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let started = clock::now();
        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended: {status}");
            }
            if started.elapsed() > START_MAX {
                bail!("it is not ready within {START_MAX:?}");
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu(self.id())
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = text
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("status has VmRSS")?;
        let kibibytes: u64 = line
            .split_whitespace()
            .nth(1)
            .context("VmRSS has a value")?
            .parse()?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What it keeps is thrown away; a failure means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
