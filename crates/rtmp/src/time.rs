//! Media time that does not wrap.

/// A step back by nearly 2^31: not by as little as this many milliseconds (4 h 39 m) less.
const NEARLY: i32 = 1 << 24;

/// Follows the 32 bits of the wire: a step of less than 2^31 ms is taken as what it is, forwards or backwards. FFmpeg wraps at 31 bits,
/// which shows as a step back by nearly 2^31, and is followed too.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<i64>,
}

impl Clock {
    /// Milliseconds of a message. Before zero there is nothing: what steps back there is at zero.
    pub(crate) fn at(&mut self, timestamp: u32) -> u64 {
        let time = match self.last {
            None => timestamp.into(),
            Some(last) => {
                let [.., a, b, c, d] = last.to_be_bytes();
                let step = timestamp
                    .wrapping_sub(u32::from_be_bytes([a, b, c, d]))
                    .cast_signed();
                if step < i32::MIN + NEARLY {
                    last + i64::from(step.wrapping_sub(i32::MIN))
                } else {
                    last + i64::from(step)
                }
            }
        };
        self.last = Some(time);
        u64::try_from(time).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_time_goes_on_where_32_bits_wrap() {
        let mut clock = Clock::default();
        let around: Vec<u64> = [0xffff_fff0, 0xffff_fffe, 4, 0xffff_ffff, 20]
            .map(|timestamp| clock.at(timestamp))
            .into();
        let wrap = 1 << 32;
        assert_eq!(around, [wrap - 16, wrap - 2, wrap + 4, wrap - 1, wrap + 20]);
    }

    #[test]
    fn r11_time_goes_on_where_ffmpeg_wraps_at_31_bits() {
        let mut clock = Clock::default();
        let around: Vec<u64> = [0, 0x7fff_fff0, 4, 0x7fff_fffb, 20, 60_000]
            .map(|timestamp| clock.at(timestamp))
            .into();
        let wrap = 1 << 31;
        assert_eq!(
            around,
            [0, wrap - 16, wrap + 4, wrap - 5, wrap + 20, wrap + 60_000]
        );
    }

    #[test]
    fn time_before_zero_is_zero_and_is_come_back_from() {
        let mut clock = Clock::default();
        let times: Vec<u64> = [5, 0xffff_fff0, 7]
            .map(|timestamp| clock.at(timestamp))
            .into();
        assert_eq!(times, [5, 0, 7]);
    }
}
