//! Lost requests, lost answers, lost cursors, and a side that is not there at first.

use crate::pair::{Pair, synced};
use duet_map::side::Side;
use duet_map::value::{Row, Value};
use duet_simulation::system::{Call, Fault, ModelSystem};

#[tokio::test]
async fn lost_requests_and_answers_lose_and_double_nothing() {
    let (pair, engine) = synced().await;
    for number in 10..30 {
        pair.customer("usmf", &format!("US-0{number}"), Row::new());
    }
    pair.right.inject(
        Call::Write,
        [
            Fault::LostAnswer,
            Fault::LostRequest,
            Fault::Busy,
            Fault::None,
        ]
        .into_iter()
        .cycle()
        .take(24),
    );
    engine.quiesce().await.unwrap();
    assert_eq!(pair.right.rows("accounts").len(), 21);
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_key_that_the_other_side_allocates_comes_back_and_is_allocated_once() {
    let pair = Pair::shaped(ModelSystem::allocating, |right| right);
    let engine = pair.engine();
    engine.sync().await.unwrap();
    pair.right.create(
        "accounts",
        Row::new()
            .with("name", "From sales")
            .with("customertypecode", Value::Int(3))
            .with("msdyn_company", pair.company("usmf")),
    );
    pair.left.inject(Call::Write, [Fault::LostAnswer]);
    engine.quiesce().await.unwrap();
    assert_eq!(
        pair.left.rows("CustomersV3").len(),
        1,
        "a lost answer creates no second record"
    );
    assert!(pair.account("auto-1").is_some(), "the number came back");
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_notice_finds_its_way_when_the_cursor_is_lost() {
    let (pair, engine) = synced().await;
    let (account, _) = pair.account("US-001").unwrap();
    pair.right.edit(
        "accounts",
        &account,
        Row::new().with("name", "Told by a hook"),
    );
    pair.right.inject(Call::Changes, [Fault::Expired]);
    assert_eq!(engine.notice(Side::Right, b"accounts").await.unwrap(), 1);
    engine.quiesce().await.unwrap();
    let customer = pair
        .left
        .find_by("CustomersV3", "CustomerAccount", "US-001")
        .unwrap()
        .1;
    assert_eq!(
        customer.value("OrganizationName").as_str(),
        Some("Told by a hook")
    );
    pair.assert_balanced().await;
}

#[tokio::test]
async fn an_old_cursor_reads_the_table_whole_and_notices_deletions() {
    let (pair, engine) = synced().await;
    let (account, _) = pair.account("US-001").unwrap();
    let before = pair.writes();
    pair.right.delete("accounts", &account);
    pair.right.inject(Call::Changes, [Fault::Expired]);
    // The next read of any right table finds its cursor expired.
    engine.quiesce().await.unwrap();
    engine.sync().await.unwrap();
    engine.quiesce().await.unwrap();
    assert!(pair.left.rows("CustomersV3").is_empty());
    assert_eq!(pair.writes(), (before.0 + 1, before.1));
    pair.assert_balanced().await;
}

#[tokio::test]
async fn a_side_that_is_down_at_the_first_sync_is_waited_for() {
    let pair = Pair::shaped(ModelSystem::listing_once, |right| right);
    pair.customer("usmf", "US-001", Row::new());
    pair.left.inject(Call::Snapshot, [Fault::LostRequest; 30]);
    let engine = pair.engine();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let arrived = async {
        while pair.account("US-001").is_none() {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    let (ran, ()) = tokio::join!(engine.run(stopped), arrived);
    ran.unwrap();
    pair.assert_balanced().await;
}
