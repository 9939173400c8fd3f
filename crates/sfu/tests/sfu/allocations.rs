//! What forwarding takes from the heap: nothing for a packet.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use sfu::Output;
use str0m::media::MediaKind::Video;

use crate::client::Packet;
use crate::media::slice;
use crate::network::{H264, Network, settings};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count for each thread, so that tests beside this one are not counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "the only way to see allocations; it hands on what it is given"
)]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is the one that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

const VIEWERS: u64 = 20;
/// Pictures that are forwarded until queues and caches have their sizes, and then while it is counted.
const WARM: u32 = 90;
const COUNTED: u32 = 90;
const PACKETS: usize = 8;

#[test]
fn no_packet_that_is_forwarded_takes_memory() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get(), before + 1);
    let mut net = Network::stage(settings(), VIEWERS);
    let payload = slice(false, 0, 1_000);
    let mut outputs = Vec::with_capacity(1_000);
    let (mut allocations, mut forwarded, mut quiet) = (0, 0, 0);
    for picture in 0..WARM + COUNTED {
        let now = net.now;
        for at in 0..PACKETS {
            let packet = Packet {
                payload: &payload,
                timestamp: 3_000 * (picture + 1),
                marker: at + 1 == PACKETS,
            };
            net.client(1).send(Video, H264, packet, now.mono);
        }
        let packets = net.ingest(1);
        assert_eq!(packets, PACKETS);
        let out = net.sfu.counters().packets_out;
        let before = ALLOCATIONS.get();
        // What has come in is forwarded, and nothing else is due at that moment but what time brings.
        net.sfu.handle_timeout(now);
        while let Some(output) = net.sfu.poll_output() {
            outputs.push(output);
        }
        let after = ALLOCATIONS.get();
        let out = net.sfu.counters().packets_out - out;
        assert_eq!(out, VIEWERS * PACKETS as u64);
        if picture >= WARM {
            allocations += after - before;
            forwarded += out;
            quiet += u32::from(after == before);
        }
        for output in outputs.drain(..) {
            net.deliver(output);
        }
        net.settle();
        for output in net.sent.drain(..) {
            net.sfu.reuse(output.contents);
        }
        net.run(Duration::from_millis(33));
        for output in net.sent.drain(..) {
            net.sfu.reuse(output.contents);
        }
        let is_bytes = |output: &Output| matches!(output, Output::Transmit(_));
        assert!(!net.told.iter().any(is_bytes));
        for client in net.clients.values_mut() {
            client.received.clear();
        }
    }
    // Where layers are chosen in the same round, that takes a little; packets take none.
    assert!(quiet > COUNTED / 2, "{quiet} of {COUNTED} rounds");
    assert!(allocations * 20 < forwarded, "{allocations} of {forwarded}");
}
