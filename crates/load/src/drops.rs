//! What the kernel dropped at sockets that were not read fast enough.

use std::collections::BTreeSet;

/// The sum over the UDP sockets with these local ports, since each was made. `None` where the kernel does not tell (it does on Linux).
pub(crate) fn sum(ports: impl Iterator<Item = u16>) -> Option<u64> {
    let ports: BTreeSet<u16> = ports.collect();
    let v4 = std::fs::read_to_string("/proc/net/udp").ok()?;
    let v6 = std::fs::read_to_string("/proc/net/udp6").unwrap_or_default();
    let rows = v4.lines().chain(v6.lines()).filter_map(row);
    let mine = rows.filter(|(port, _)| ports.contains(port));
    Some(mine.map(|(_, drops)| drops).sum())
}

/// Local port and drops of a line: `sl local_address ... drops`.
fn row(line: &str) -> Option<(u16, u64)> {
    let mut words = line.split_ascii_whitespace();
    let (_, port) = words.nth(1)?.rsplit_once(':')?;
    let drops = words.next_back()?.parse().ok()?;
    Some((u16::from_str_radix(port, 16).ok()?, drops))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_and_its_heading_is_not() {
        let heading = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
        let line = " 1234: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0000000000000000 17";
        assert_eq!(row(heading), None);
        assert_eq!(row(line), Some((8_080, 17)));
    }
}
