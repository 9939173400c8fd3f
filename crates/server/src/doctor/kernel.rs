//! What the kernel allows: buffers, batches, open files.

use media::probe::{self, KERNEL_BUFFER_BYTES};

use super::Report;

/// Open files that a busy server needs: its HTTP connections, and the TCP connections of one media worker.
const FILES_WANTED: u64 = 16_384;
/// With fewer not even a small stage works.
const FILES_MIN: u64 = 1_024;

/// Judges the buffers that a media socket got, in bytes; Linux counts each byte twice for its own records.
pub(super) fn buffers(got: std::io::Result<(usize, usize)>, report: &mut Report) {
    let name = "socket buffers";
    let (receive, send) = match got {
        Ok(got) => got,
        Err(error) => return report.warn(name, error.to_string(), "look at the socket options"),
    };
    let detail = format!(
        "{} KiB to receive, {} KiB to send",
        receive >> 10,
        send >> 10
    );
    if receive >= KERNEL_BUFFER_BYTES && send >= KERNEL_BUFFER_BYTES {
        report.ok(name, detail);
    } else {
        let remedy = format!(
            "bursts of a busy server get lost: sysctl -w net.core.rmem_max={KERNEL_BUFFER_BYTES} \
             net.core.wmem_max={KERNEL_BUFFER_BYTES}"
        );
        report.warn(name, detail, remedy);
    }
}

/// Whether datagrams leave and come in batches.
pub(super) fn offload(is_ipv6: bool, report: &mut Report) {
    let name = "UDP batches";
    let remedy = "each packet costs a call of its own: use Linux 5.0 or newer, and look whether `ethtool -k` shows \
                  tx-udp-segmentation (without it the kernel still cuts batches, late)";
    match probe::offload(is_ipv6) {
        Ok(found) if found.is_batch_sound => report.ok(
            name,
            format!(
                "up to {} datagrams a send, {} a receive (UDP_SEGMENT, UDP_GRO)",
                found.segments_sent, found.segments_received
            ),
        ),
        Ok(found) if found.segments_sent > 1 => {
            report.warn(name, "a batch over loopback did not arrive whole", remedy);
        }
        Ok(_) => report.warn(name, "the kernel has no UDP_SEGMENT", remedy),
        Err(error) => report.warn(name, error.to_string(), remedy),
    }
}

/// Whether there are enough file descriptors.
pub(super) fn open_files(report: &mut Report) {
    let name = "open files";
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(limit) = soft_limit(&limits) else {
        return report.ok(name, "the limit cannot be told here");
    };
    let detail = format!("{limit} at most");
    let remedy = "each connection is one: raise it (`ulimit -n`, LimitNOFILE= in systemd) to 65536";
    if limit >= FILES_WANTED {
        report.ok(name, detail);
    } else if limit >= FILES_MIN {
        report.warn(name, detail, remedy);
    } else {
        report.fail(name, detail, remedy);
    }
}

/// The soft limit of open files, from the text that Linux gives.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" {
        Some(u64::MAX)
    } else {
        soft.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn small_buffers_are_a_warning() {
        for (got, status) in [
            ((KERNEL_BUFFER_BYTES, KERNEL_BUFFER_BYTES), Status::Ok),
            ((2 * KERNEL_BUFFER_BYTES, 425_984), Status::Warning),
        ] {
            let mut report = Report::default();
            buffers(Ok(got), &mut report);
            assert_eq!(report.checks[0].status, status);
        }
    }

    #[test]
    fn the_limit_of_open_files_is_read_from_its_line() {
        let text = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max processes             1                    1                    processes\n\
                 Max open files            {soft:<20} 1048576              files\n"
            )
        };
        assert_eq!(soft_limit(&text("1024")), Some(1_024));
        assert_eq!(soft_limit(&text("unlimited")), Some(u64::MAX));
        assert_eq!(soft_limit(""), None);
    }
}
