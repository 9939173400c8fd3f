//! What the media plane would find on this machine, looked at without starting it: for `downstage doctor`.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::SockRef;

use crate::{address, worker};

/// How long a batch may take over loopback.
const LOOPBACK_PATIENCE: Duration = Duration::from_secs(1);
/// A datagram of the batch, as long as a media packet.
const SEGMENT_BYTES: usize = 1_200;
const SEGMENTS: usize = 4;

/// The ports of one worker, bound as it would bind them. They are free again when this is dropped.
#[derive(Debug)]
pub struct Ports {
    /// The UDP socket, which does not block.
    pub udp: UdpSocket,
    /// The TCP listener, which does not block.
    pub tcp: TcpListener,
    /// What its answers would offer to clients.
    pub candidates: Vec<SocketAddr>,
}

impl Ports {
    /// Binds them. Fails where one is taken, or the machine does not have the address.
    pub fn bind(listen: SocketAddr, external_addresses: &[IpAddr]) -> io::Result<Self> {
        let (udp, tcp) = worker::bind_both(listen)?;
        let candidates = address::advertised(udp.local_addr()?, external_addresses)?;
        Ok(Self {
            udp,
            tcp,
            candidates,
        })
    }

    /// The kernel's buffers of the UDP socket in bytes, for receiving and for sending.
    pub fn buffers(&self) -> io::Result<(usize, usize)> {
        let socket = SockRef::from(&self.udp);
        Ok((socket.recv_buffer_size()?, socket.send_buffer_size()?))
    }
}

/// Bytes of kernel buffer that a worker asks for, each way.
pub const KERNEL_BUFFER_BYTES: usize = worker::KERNEL_BUFFER_BYTES;

/// What the kernel takes off the processor in sending and receiving UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Datagrams that one call can send (`UDP_SEGMENT`); 1 is one at a time.
    pub segments_sent: usize,
    /// Datagrams that one call can receive (`UDP_GRO`); 1 is one at a time.
    pub segments_received: usize,
    /// Whether a batch over loopback came out as the datagrams that went in.
    pub is_batch_sound: bool,
}

/// Looks what the kernel offers, by a batch over loopback of the family.
pub fn offload(is_ipv6: bool) -> io::Result<Offload> {
    let loopback: IpAddr = if is_ipv6 {
        Ipv6Addr::LOCALHOST.into()
    } else {
        Ipv4Addr::LOCALHOST.into()
    };
    let sender = UdpSocket::bind((loopback, 0))?;
    let state = UdpSocketState::new(UdpSockRef::from(&sender))?;
    let segments_sent = state.max_gso_segments();
    Ok(Offload {
        segments_sent,
        segments_received: state.gro_segments(),
        is_batch_sound: segments_sent > 1 && batch(&sender, &state, loopback)?,
    })
}

/// Sends a batch in one call and counts what comes out of it, whole or in pieces.
fn batch(sender: &UdpSocket, state: &UdpSocketState, loopback: IpAddr) -> io::Result<bool> {
    let receiver = UdpSocket::bind((loopback, 0))?;
    let receiving = UdpSocketState::new(UdpSockRef::from(&receiver))?;
    receiver.set_nonblocking(false)?;
    receiver.set_read_timeout(Some(LOOPBACK_PATIENCE))?;
    let contents = [7; SEGMENT_BYTES * SEGMENTS];
    let transmit = Transmit {
        destination: receiver.local_addr()?,
        ecn: None,
        contents: &contents,
        segment_size: Some(SEGMENT_BYTES),
        src_ip: None,
    };
    if state.try_send(UdpSockRef::from(sender), &transmit).is_err() {
        return Ok(false);
    }
    let mut count = 0;
    while count < SEGMENTS {
        let mut buffers = vec![vec![0; 65_536]; BATCH_SIZE];
        let mut slices: Vec<IoSliceMut<'_>> = buffers
            .iter_mut()
            .map(|each| IoSliceMut::new(each))
            .collect();
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let taken = receiving.recv(UdpSockRef::from(&receiver), &mut slices, &mut metas);
        let Ok(filled) = taken else {
            return Ok(false);
        };
        for meta in metas.iter().take(filled) {
            if meta.stride != SEGMENT_BYTES {
                return Ok(false);
            }
            count += meta.len / SEGMENT_BYTES;
        }
    }
    Ok(count == SEGMENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_bound_as_a_worker_binds_them_and_given_back() {
        let ports = Ports::bind("127.0.0.1:0".parse().unwrap(), &[]).unwrap();
        let local = ports.udp.local_addr().unwrap();
        assert_eq!(ports.tcp.local_addr().unwrap(), local);
        assert_eq!(ports.candidates, [local]);
        assert!(ports.buffers().unwrap().0 > 0);
        assert!(Ports::bind(local, &[]).is_err());
        drop(ports);
        let external = [IpAddr::from([203, 0, 113, 7])];
        let again = Ports::bind(local, &external).unwrap();
        assert_eq!(again.candidates, [(external[0], local.port()).into()]);
    }

    // Every kernel that the project is tested on has both since 5.0.
    #[cfg(target_os = "linux")]
    #[test]
    fn linux_sends_and_receives_in_batches() {
        let offload = offload(false).unwrap();
        assert!(
            offload.segments_sent > 1 && offload.is_batch_sound,
            "{offload:?}"
        );
    }
}
