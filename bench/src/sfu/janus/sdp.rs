//! Two offers, two answers: a viewer's offer to receive and Janus's offer to send are each turned into the answer to the other.

/// Lines of a media section that belong to one side's transport, or to its place in that side's SDP.
const OF_ONE_SIDE: [&str; 13] = [
    "m=",
    "c=",
    "b=",
    "a=mid:",
    "a=ice-",
    "a=fingerprint:",
    "a=setup:",
    "a=candidate:",
    "a=end-of-candidates",
    "a=sendonly",
    "a=recvonly",
    "a=sendrecv",
    "a=rtcp:",
];
/// Names of a sender's streams, which a receiver does not say, and extensions, which are left out.
const OF_SENDER: [&str; 3] = ["a=ssrc", "a=msid", "a=extmap"];

/// The lines of each media section; what stands before them comes first.
fn sections(sdp: &str) -> Vec<Vec<&str>> {
    let mut sections = vec![Vec::new()];
    for line in sdp.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    sections
}

fn is_video(section: &[&str]) -> bool {
    section
        .first()
        .is_some_and(|line| line.starts_with("m=video"))
}

fn value<'a>(section: &[&'a str], attribute: &str) -> Option<&'a str> {
    section.iter().find_map(|line| line.strip_prefix(attribute))
}

/// The payload type of H.264 Constrained Baseline in packetization mode 1.
pub(super) fn h264(sdp: &str) -> Option<u8> {
    let section = sections(sdp)
        .into_iter()
        .find(|section| is_video(section))?;
    section.iter().find_map(|line| {
        let (payload_type, parameters) = line.strip_prefix("a=fmtp:")?.split_once(' ')?;
        let fits = parameters.contains("packetization-mode=1")
            && parameters
                .to_ascii_lowercase()
                .contains("profile-level-id=42e0");
        fits.then(|| payload_type.parse().ok()).flatten()
    })
}

/// What the first video section is called.
pub(super) fn video_mid(sdp: &str) -> Option<String> {
    let section = sections(sdp)
        .into_iter()
        .find(|section| is_video(section))?;
    value(&section, "a=mid:").map(str::to_owned)
}

/// The viewer's answer to what Janus offers.
pub(super) fn answer_to_them(viewer: &str, theirs: &str) -> Option<String> {
    let mine = sections(viewer);
    let video = mine.iter().find(|section| is_video(section))?;
    let offered = sections(theirs);
    let offered = offered.iter().find(|section| is_video(section))?;
    let mid = value(offered, "a=mid:")?;
    let mut answer = head(mid, None);
    answer.push((*offered.first()?).to_owned());
    answer.extend(["c=IN IP4 0.0.0.0", "a=recvonly"].map(str::to_owned));
    answer.push(format!("a=mid:{mid}"));
    answer.extend(transport(&mine, video, "active"));
    answer.extend(
        codecs(offered)
            .filter(|line| !OF_SENDER.iter().any(|start| line.starts_with(start)))
            .map(str::to_owned),
    );
    Some(joined(&answer))
}

/// What the viewer hears: its own sections in their order, of which the first for video is Janus's.
pub(super) fn answer_to_viewer(viewer: &str, theirs: &str) -> Option<String> {
    let mine = sections(viewer);
    let offered_all = sections(theirs);
    let offered = offered_all.iter().find(|section| is_video(section))?;
    let video = mine.iter().position(|section| is_video(section))?;
    let mid = value(mine.get(video)?, "a=mid:")?;
    let mut answer = head(mid, Some("a=ice-lite"));
    for (index, section) in mine.iter().enumerate().skip(1) {
        if index != video {
            let mut words: Vec<&str> = section.first()?.split(' ').collect();
            *words.get_mut(1)? = "0";
            answer.push(words.join(" "));
            answer.extend(["c=IN IP4 0.0.0.0", "a=inactive"].map(str::to_owned));
            answer.push(format!("a=mid:{}", value(section, "a=mid:")?));
            continue;
        }
        answer.push((*offered.first()?).to_owned());
        answer.extend(["c=IN IP4 0.0.0.0", "a=sendonly"].map(str::to_owned));
        answer.push(format!("a=mid:{mid}"));
        answer.extend(transport(&offered_all, offered, "passive"));
        answer.extend(
            codecs(offered)
                .filter(|line| !line.starts_with("a=extmap"))
                .map(str::to_owned),
        );
    }
    Some(joined(&answer))
}

fn head(mid: &str, more: Option<&str>) -> Vec<String> {
    let mut lines: Vec<String> = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
        .map(str::to_owned)
        .into();
    lines.push(format!("a=group:BUNDLE {mid}"));
    lines.extend(more.map(str::to_owned));
    lines
}

/// Ways to a peer: its ICE credentials, fingerprint and candidates, of which some may stand before the sections.
fn transport(all: &[Vec<&str>], section: &[&str], setup: &str) -> Vec<String> {
    let session = all.first().map_or(&[][..], Vec::as_slice);
    let mut lines = vec!["a=rtcp-mux".to_owned(), format!("a=setup:{setup}")];
    for attribute in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"] {
        if let Some(found) = value(section, attribute).or_else(|| value(session, attribute)) {
            lines.push(format!("{attribute}{found}"));
        }
    }
    let candidates = section
        .iter()
        .filter(|line| line.starts_with("a=candidate:"));
    lines.extend(candidates.map(|line| (*line).to_owned()));
    lines.push("a=end-of-candidates".to_owned());
    lines
}

/// What a section says about codecs and streams.
fn codecs<'a>(section: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    section.iter().copied().filter(|line| {
        *line != "a=rtcp-mux" && !OF_ONE_SIDE.iter().any(|start| line.starts_with(start))
    })
}

fn joined(lines: &[String]) -> String {
    lines.join("\r\n") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWER: &str = "v=0\r\no=- 5 6 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=fingerprint:sha-256 AA\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 108 109\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=ice-ufrag:uv\r\na=ice-pwd:pv\r\na=setup:actpass\r\n\
        a=recvonly\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=rtpmap:108 H264/90000\r\n\
        a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E01F\r\n";
    const THEIRS: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=Mountpoint\r\nt=0 0\r\na=group:BUNDLE v\r\na=fingerprint:sha-256 BB\r\n\
        a=ice-lite\r\nm=video 9 UDP/TLS/RTP/SAVPF 108 109\r\nc=IN IP4 192.0.2.2\r\na=sendonly\r\na=mid:v\r\na=rtcp-mux\r\n\
        a=ice-ufrag:uj\r\na=ice-pwd:pj\r\na=setup:actpass\r\na=rtpmap:108 H264/90000\r\na=rtcp-fb:108 nack\r\n\
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=ssrc:7 cname:janus\r\na=candidate:1 1 udp 1 192.0.2.2 2 typ host\r\n";

    #[test]
    fn each_offer_becomes_the_answer_to_the_other() {
        assert_eq!(h264(VIEWER), Some(108));
        assert_eq!(video_mid(VIEWER).as_deref(), Some("1"));

        let to_viewer = answer_to_viewer(VIEWER, THEIRS).unwrap();
        let lines: Vec<&str> = to_viewer.lines().collect();
        assert!(to_viewer.find("m=audio 0 ").unwrap() < to_viewer.find("m=video 9 ").unwrap());
        for line in [
            "a=ice-lite",
            "a=mid:0",
            "a=mid:1",
            "a=sendonly",
            "a=setup:passive",
            "a=ice-ufrag:uj",
            "a=fingerprint:sha-256 BB",
            "a=ssrc:7 cname:janus",
            "a=candidate:1 1 udp 1 192.0.2.2 2 typ host",
        ] {
            assert!(lines.contains(&line), "{line} in {to_viewer}");
        }

        let to_them = answer_to_them(VIEWER, THEIRS).unwrap();
        let lines: Vec<&str> = to_them.lines().collect();
        for line in [
            "a=mid:v",
            "a=recvonly",
            "a=setup:active",
            "a=ice-ufrag:uv",
            "a=fingerprint:sha-256 AA",
            "a=rtcp-fb:108 nack",
            "a=candidate:1 1 udp 1 192.0.2.1 1 typ host",
        ] {
            assert!(lines.contains(&line), "{line} in {to_them}");
        }
        assert!(!to_them.contains("ssrc") && !to_them.contains("audio"));
    }
}
