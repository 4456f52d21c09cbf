//! Clocks that are wrong: of either side, and Duet's own when it is set back.

use crate::conflicts::latest;
use crate::story::Story;
use async_trait::async_trait;
use duet_engine::failpoint::Failpoints;
use duet_engine::{Clock, Engine, Settings};
use duet_map::side::Side;
use duet_map::value::Row;
use duet_simulation::landscape::{COMPANIES, compile, map_files};
use duet_simulation::system::{Call, Fault};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MINUTES: i64 = 300;
const HOURS: i64 = 10_800;
const YEARS: i64 = 1_000_000_000;

#[tokio::test]
async fn where_the_master_decides_wrong_clocks_lose_nothing() {
    for (left, right) in [(0, 0), (MINUTES, -HOURS), (YEARS, -YEARS), (-YEARS, YEARS)] {
        lose_nothing(str::to_owned, left, right).await;
    }
}

#[tokio::test]
async fn where_the_later_one_wins_a_wrong_clock_of_finance_loses_nothing() {
    lose_nothing(latest, 0, 0).await;
    for wrong in [MINUTES, HOURS, YEARS] {
        lose_nothing(latest, wrong, 0).await;
        lose_nothing(latest, -wrong, 0).await;
    }
    lose_nothing(latest, YEARS, -YEARS).await;
}

#[tokio::test]
async fn where_the_later_one_wins_a_wrong_clock_of_sales_loses_nothing() {
    for wrong in [MINUTES, HOURS, YEARS] {
        lose_nothing(latest, 0, wrong).await;
        lose_nothing(latest, 0, -wrong).await;
    }
    lose_nothing(latest, -YEARS, YEARS).await;
}

/// People at work while the clocks of the sides are wrong by so many seconds.
async fn lose_nothing(policy: fn(&str) -> String, left: i64, right: i64) {
    let now = Timestamp::now();
    let wrong = |seconds| now + SignedDuration::from_secs(seconds);
    let story = Story::begin(policy).await;
    story.pair.left.set_clock(wrong(left));
    story.pair.right.set_clock(wrong(right));
    // Different fields of one record, on both sides at once.
    story.left(Row::new().with("City", "Aarhus"));
    story.right(Row::new().with("name", "Renamed"));
    story.pair.customer("usmf", "US-002", Row::new());
    story.engine.quiesce().await.unwrap();
    story.assert_both_say("Renamed");
    let city = |row: Row, column: &str| row.value(column).as_str().map(str::to_owned);
    let (_, account) = story.pair.account("US-001").unwrap();
    let told = city(account, "address1_city");
    assert_eq!(told.as_deref(), Some("Aarhus"), "{left} {right}");
    assert!(story.conflicts().await.is_empty(), "{left} {right}");
    // One field: a value wins, the other one is kept, whatever the clocks show.
    story.clash().await;
    let (finance, sales) = story.names();
    assert_eq!(finance, sales, "{left} {right}");
    let kept = story.conflicts().await;
    let [conflict] = &kept[..] else {
        panic!("{left} {right}: {kept:#?}")
    };
    let field = &conflict.fields[0];
    assert_eq!(field.left.as_str(), Some("Finance says"));
    assert_eq!(field.right.as_str(), Some("Sales says"));
    // A later edit of the loser passes, though its clock shows an earlier time.
    story.right(Row::new().with("name", "Later"));
    story.engine.quiesce().await.unwrap();
    story.assert_both_say("Later");
    let (second, _) = story.pair.account("US-002").unwrap();
    story.pair.right.delete("accounts", &second);
    story.engine.quiesce().await.unwrap();
    assert_eq!(story.pair.left.rows("CustomersV3").len(), 1);
    story.assert_at_rest().await;
}

/// A clock with hands, on which time passes only while somebody sleeps.
struct Hands {
    shown: Mutex<Timestamp>,
    slept: Mutex<Duration>,
    /// By how much it is set back when somebody sleeps next.
    back: Mutex<SignedDuration>,
}

impl Hands {
    fn at(shown: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            shown: Mutex::new(shown),
            slept: Mutex::default(),
            back: Mutex::default(),
        })
    }

    fn set_back(&self, by: SignedDuration) {
        *self.back.lock().unwrap() = by;
    }

    /// Retries are minutes apart at most, however wrong the clock is.
    fn assert_patient(&self, what: SignedDuration) {
        let slept = *self.slept.lock().unwrap();
        assert!(slept < Duration::from_mins(10), "{what:?}: slept {slept:?}");
    }
}

#[async_trait]
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.shown.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.slept.lock().unwrap() += duration;
        let back = std::mem::take(&mut *self.back.lock().unwrap());
        *self.shown.lock().unwrap() += SignedDuration::try_from(duration).unwrap() - back;
        tokio::task::yield_now().await;
    }
}

/// The customer has a new name, and the other side is busy a few times.
async fn busy() -> Story {
    let story = Story::begin(str::to_owned).await;
    story.left(Row::new().with("OrganizationName", "Waits"));
    story.pair.right.inject(Call::Write, [Fault::Busy; 3]);
    story
}

fn engine(story: &Story, hands: &Arc<Hands>, failpoints: Failpoints) -> Engine {
    let project = compile(map_files(Side::Left, true), COMPANIES.map(str::to_owned)).unwrap();
    let settings = Settings {
        failpoints,
        ..Settings::default()
    };
    story.pair.engine_over(project, settings, hands.clone())
}

const STEPS: [SignedDuration; 3] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(24 * 365),
];

#[tokio::test]
async fn a_retry_does_not_wait_for_a_clock_that_is_set_back() {
    for step in STEPS {
        let story = busy().await;
        let hands = Hands::at(Timestamp::now());
        hands.set_back(step);
        let engine = engine(&story, &hands, Failpoints::default());
        engine.quiesce().await.unwrap();
        story.assert_both_say("Waits");
        hands.assert_patient(step);
        story.assert_at_rest().await;
    }
}

#[tokio::test]
async fn what_a_wrong_clock_postponed_is_tried_after_a_restart_with_the_right_one() {
    for step in STEPS {
        let story = busy().await;
        let wrong = Hands::at(Timestamp::now() + step);
        let dies = Failpoints::new(|point| assert_ne!(point, "after-settle", "it ends here"));
        let died = engine(&story, &wrong, dies);
        assert!(
            tokio::spawn(async move { died.quiesce().await })
                .await
                .is_err()
        );
        let hands = Hands::at(Timestamp::now());
        let engine = engine(&story, &hands, Failpoints::default());
        engine.quiesce().await.unwrap();
        story.assert_both_say("Waits");
        hands.assert_patient(step);
        story.assert_at_rest().await;
    }
}
