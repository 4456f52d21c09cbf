//! Files: format, permissions, several processes, crashes and full disks.

use super::*;
use crate::error::StoreError;
use crate::store::Store as _;

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let (folder, store) = on_disk();
    journal(&store, ["a", "b"].map(upsert)).await;
    settle(&store, vec![ends(1, APPLIED).inserting(linked("a"))]).await;
    store.reserve_ticks(10).await.unwrap();
    let before = boxes(&store).await;
    drop(store);
    let store = SqliteStore::open(folder.path().join("duet.db")).unwrap();
    assert_eq!(boxes(&store).await, before);
    assert_eq!(due_seqs(&store, 0).await, [(2, vec![])]);
    assert_eq!(store.count_pairs(MAP).await.unwrap(), 1);
    assert_eq!(store.reserve_ticks(1).await.unwrap(), 11);
}

#[tokio::test]
async fn one_handle_claims_and_the_next_one_waits_its_turn() {
    let (folder, store) = on_disk();
    store.claim().await.unwrap();
    store.claim().await.unwrap();
    let second = SqliteStore::open(folder.path().join("duet.db")).unwrap();
    let error = second.claim().await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(store);
    second.claim().await.unwrap();
}
