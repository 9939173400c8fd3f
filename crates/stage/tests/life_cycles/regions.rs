//! The quotas of an account in a region: what counts, where, and for how long.

use model::ErrorCode;
use stage::Settings;

use crate::steps::{
    Act, Run, after, check_with, closed, fault, faulty_publish, join, open, publish, silent,
    subscribe, up, who,
};

fn narrow() -> Settings {
    Settings {
        publishers_per_region_max: 2,
        subscriptions_per_region_max: 3,
        ..Settings::default()
    }
}

/// Does the acts that a table begins with.
fn run(acts: &[Act]) -> Run {
    let mut run = Run::new(narrow());
    for act in acts {
        run.act(act.clone());
    }
    run
}

/// The reply to an act, in words.
fn reply(run: &mut Run, act: Act) -> String {
    let words = run.act(act);
    let is_reply = |word: &&String| word.starts_with("admitted") || word.starts_with("refused");
    words.iter().find(is_reply).cloned().unwrap_or_default()
}

#[test]
fn publishers_of_an_account_count_on_all_its_stages_in_a_region() {
    check_with(
        narrow(),
        &[
            (open(), ""),
            (Act::OpenOther("second"), ""),
            (Act::OpenOther("abroad"), ""),
            (Act::OpenOther("foreign"), ""),
            (
                publish(1, who("ana")),
                "session 1 starts; ana JOINED; admitted 1",
            ),
            // Media that is not up yet has its place.
            (
                publish(2, who("ben").on("second")),
                "session 2 starts; ben JOINED; admitted 2",
            ),
            (
                publish(3, who("cleo")),
                "cleo JOINED; cleo PUBLISH_ERROR QUOTA_EXCEEDED; cleo LEFT; refused QuotaExceeded",
            ),
            (
                publish(4, who("cleo").on("abroad")),
                "session 3 starts; cleo JOINED; admitted 3",
            ),
            (
                publish(5, who("cleo").on("foreign")),
                "session 4 starts; cleo JOINED; admitted 4",
            ),
            // One's own publish is no obstacle to its successor.
            (
                publish(6, who("ana")),
                "ana LEFT; ana JOINED; admitted 1; close c1 token-reused",
            ),
            (
                publish(7, who("cleo").on("second")),
                "cleo JOINED; cleo PUBLISH_ERROR QUOTA_EXCEEDED; cleo LEFT; refused QuotaExceeded",
            ),
        ],
    );
}

#[test]
fn a_subscriber_of_two_publishers_has_two_subscriptions_in_the_region() {
    let settings = Settings {
        publishers_per_region_max: 3,
        ..narrow()
    };
    check_with(
        settings,
        &[
            (open(), ""),
            (Act::OpenOther("abroad"), ""),
            (
                publish(1, who("ana")),
                "session 1 starts; ana JOINED; admitted 1",
            ),
            (up(1), "ana PUBLISH_STARTED"),
            (publish(2, who("ben")), "ben JOINED; admitted 1"),
            (up(2), "ben PUBLISH_STARTED"),
            (publish(11, who("dora")), "dora JOINED; admitted 1"),
            (up(11), "dora PUBLISH_STARTED"),
            (
                subscribe(3, who("cleo"), "ana"),
                "cleo JOINED; admitted 1 from c1",
            ),
            (subscribe(4, who("cleo"), "ben"), "admitted 1 from c2"),
            (subscribe(5, who("ana"), "ben"), "admitted 1 from c2"),
            (
                subscribe(6, who("ben"), "ana"),
                "ben SUBSCRIBE_ERROR ana QUOTA_EXCEEDED; refused QuotaExceeded",
            ),
            // Who receives somebody already needs room for one more.
            (
                subscribe(12, who("ana"), "dora"),
                "ana SUBSCRIBE_ERROR dora QUOTA_EXCEEDED; refused QuotaExceeded",
            ),
            // One that takes the place of another needs no room.
            (
                subscribe(7, who("cleo"), "ana"),
                "admitted 1 from c1; close c3 token-reused",
            ),
            (
                subscribe(8, who("eva"), "ana"),
                "eva JOINED; eva SUBSCRIBE_ERROR ana QUOTA_EXCEEDED; eva LEFT; refused QuotaExceeded",
            ),
            (
                publish(9, who("ana").on("abroad")),
                "session 2 starts; ana JOINED; admitted 2",
            ),
            (up(9), "ana PUBLISH_STARTED"),
            (
                subscribe(10, who("ben").on("abroad"), "ana"),
                "ben JOINED; admitted 2 from c9",
            ),
        ],
    );
}

#[test]
fn whatever_ends_a_publish_makes_room_for_one_and_no_more() {
    // ana publishes by c1 on the first stage, ben by c2 on the second; then one thing ends what ana has.
    let gone: [&[Act]; 9] = [
        &[closed(1)],
        &[silent(1)],
        &[up(1), fault(1, ErrorCode::BitrateExceeded)],
        &[Act::Disconnect("ana")],
        &[Act::Delete, open()],
        // Media that does not come up in 30 seconds, and another's that did.
        &[up(2), after(30)],
        // A newer join without a publish, then its end.
        &[join(3, who("ana")), join(4, who("ana")), closed(4)],
        // Ended twice is ended once.
        &[closed(1), closed(1), up(1), Act::Disconnect("ana")],
        &[
            publish(3, who("ana")),
            publish(4, who("ana")),
            faulty_publish(5, who("ana"), ErrorCode::InvalidVideoCodec),
            closed(1),
            closed(4),
        ],
    ];
    for (way, gone) in gone.iter().enumerate() {
        let mut run = run(&[
            open(),
            Act::OpenOther("second"),
            publish(1, who("ana")),
            publish(2, who("ben").on("second")),
        ]);
        let ask = |run: &mut Run, connection, name| {
            let asked = publish(connection, who(name).on("second"));
            reply(run, asked).starts_with("admitted")
        };
        assert!(!ask(&mut run, 10, "cleo"), "the region is full");
        for act in *gone {
            run.act(act.clone());
        }
        assert!(ask(&mut run, 11, "cleo"), "way {way} makes room");
        assert!(!ask(&mut run, 12, "dora"), "way {way} makes room for one");
    }
}

#[test]
fn whatever_ends_a_subscription_makes_room_for_it_and_no_more() {
    // ana and ben publish by c1 and c2; cleo receives both by c3 and c4, ana receives ben by c5. Then something ends, and
    // so many places are free.
    let gone: [(&[Act], usize); 9] = [
        (&[closed(3)], 1),
        (&[silent(3), closed(4)], 2),
        (&[up(3), fault(3, ErrorCode::InternalServerException)], 1),
        (&[Act::Disconnect("cleo")], 2),
        // Subscriptions end with the publish that they receive.
        (&[closed(1), publish(6, who("ana")), up(6)], 1),
        (&[closed(2), publish(6, who("ben")), up(6)], 2),
        (&[up(3), up(4), after(30)], 1),
        (&[subscribe(6, who("cleo"), "ana")], 0),
        (
            &[
                Act::Delete,
                open(),
                publish(6, who("ana")),
                up(6),
                publish(7, who("ben")),
                up(7),
            ],
            3,
        ),
    ];
    for (way, (gone, room)) in gone.iter().enumerate() {
        let mut run = run(&[
            open(),
            publish(1, who("ana")),
            up(1),
            publish(2, who("ben")),
            up(2),
            subscribe(3, who("cleo"), "ana"),
            subscribe(4, who("cleo"), "ben"),
            subscribe(5, who("ana"), "ben"),
        ]);
        let full = reply(&mut run, subscribe(10, who("dora"), "ana"));
        assert_eq!(full, "refused QuotaExceeded");
        for act in *gone {
            run.act(act.clone());
        }
        let asked = (11..).zip(["eva", "finn", "gus", "hal"]);
        let admitted = asked
            .map(|(connection, name)| reply(&mut run, subscribe(connection, who(name), "ana")))
            .filter(|reply| reply.starts_with("admitted"))
            .count();
        assert_eq!(admitted, *room, "way {way}");
    }
}

#[test]
fn the_end_of_all_stages_makes_room_for_as_many_as_before() {
    let mut run = run(&[
        open(),
        Act::OpenOther("second"),
        publish(1, who("ana")),
        up(1),
        publish(2, who("ben").on("second")),
        subscribe(3, who("cleo"), "ana"),
        Act::DeleteAll,
        open(),
    ]);
    let replies = [
        publish(4, who("ana")),
        up(4),
        publish(5, who("ben")),
        publish(6, who("cleo")),
        subscribe(7, who("dora"), "ana"),
        subscribe(8, who("eva"), "ana"),
        subscribe(9, who("finn"), "ana"),
        subscribe(10, who("gus"), "ana"),
    ]
    .map(|act| reply(&mut run, act));
    let (refused, from) = ("refused QuotaExceeded", "admitted 3 from c4");
    assert_eq!(
        replies,
        [
            "admitted 3",
            "",
            "admitted 3",
            refused,
            from,
            from,
            from,
            refused
        ]
    );
}
