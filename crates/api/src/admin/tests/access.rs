//! Who may administer (T21, T22).

use std::time::Duration;

use super::*;

#[tokio::test]
async fn t21_no_route_opens_without_the_key() {
    let basic = "Basic dGhlLWtleS1vZi1hbGwtd29ybGRz";
    let bearer = format!("Bearer {ADMIN}");
    let query = format!("?key={ADMIN}&access_token={ADMIN}");
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[], ""),
        (&[("authorization", "Bearer wrong")], ""),
        (&[("authorization", "Bearer ")], ""),
        (&[("authorization", ADMIN)], ""),
        (&[("authorization", basic)], ""),
        (
            &[("authorization", &bearer), ("authorization", &bearer)],
            "",
        ),
        (&[("cookie", &bearer), ("x-api-key", ADMIN)], ""),
        (&[], &query),
    ];
    for (headers, query) in cases {
        let world = World::new().await;
        world.stage(ANA).await;
        let told = world.told.lock().unwrap().len();
        for (method, path, body) in ROUTES {
            let target = format!("{path}{query}");
            let answer = world.ask(method, &target, headers, body).await;
            assert_eq!(answer.status, 401, "{target} {headers:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
        assert_eq!(world.told.lock().unwrap().len(), told);
        assert_eq!(world.store.stage_all().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_route_is_told_only_to_who_has_the_key() {
    let world = World::new().await;
    for path in ["/_downstage/nothing", "/_downstage/state/more"] {
        assert_eq!(world.ask("GET", path, &[], "").await.status, 401, "{path}");
    }
    for (method, path, status) in [
        ("GET", "nothing", 404),
        ("GET", "state/more", 404),
        ("GET", "reset", 405),
        ("POST", "state", 405),
        ("GET", "state?histroy=true", 400),
        ("GET", "state?history=1", 400),
        ("POST", "reset?really", 400),
        ("POST", "seed?x=y", 400),
        ("POST", "token?x=y", 400),
        ("POST", "ingest", 405),
        ("GET", "ingest?configuration=all", 400),
    ] {
        let answer = world.administer(method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["message"].is_string());
    }
}

#[tokio::test]
async fn t21_guesses_are_stopped_for_a_while_and_the_key_is_not() {
    let world = World::new().await;
    for _ in 0..10 {
        let wrong = [("authorization", "Bearer wrong")];
        let answer = world.ask("GET", "/_downstage/state", &wrong, "").await;
        assert_eq!(answer.status, 401);
    }
    let answer = world.administer("GET", "state", "").await;
    assert_eq!(answer.status, 429, "nothing is compared any more");
    assert_eq!(answer.headers["retry-after"], "1");
    world.advance(Duration::from_secs(1));
    for _ in 0..100 {
        assert_eq!(world.administer("GET", "state", "").await.status, 200);
    }
}

#[tokio::test]
async fn t22_pages_of_browsers_are_kept_out_and_no_answer_lets_them_in() {
    let world = World::new().await;
    let bearer = format!("Bearer {ADMIN}");
    for origin in ["https://evil.example", "http://localhost:7400", "null"] {
        let headers = [("authorization", bearer.as_str()), ("origin", origin)];
        for (method, path, body) in ROUTES {
            let answer = world.ask(method, path, &headers, body).await;
            assert_eq!(answer.status, 403, "{path} {origin}");
        }
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        let answer = world
            .ask("OPTIONS", "/_downstage/reset", &preflight, "")
            .await;
        assert_eq!(answer.status, 403);
    }
    for (method, path, body) in ROUTES {
        let answer = world.administer(method, path.trim_start_matches("/_downstage/"), body);
        let answer = answer.await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        let mut names = answer.headers.keys();
        assert!(!names.any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn the_key_opens_nothing_of_the_api() {
    let world = World::new().await;
    let request = Request::post("/ListStages")
        .header("authorization", format!("Bearer {ADMIN}"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(world.send(request).await.status, 403);
}
