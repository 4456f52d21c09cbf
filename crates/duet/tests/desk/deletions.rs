//! `duet deletes` and `confirm`: the brake on mass deletions.

use crate::screen::shown;
use crate::stage::commands::ask;
use crate::stage::small_project::set;
use insta::assert_snapshot;

#[tokio::test(flavor = "multi_thread")]
async fn mass_deletions_wait_for_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let stage = set(folder.path()).await;
    let folder = folder.path();
    assert_snapshot!(shown(folder, &["deletes"]), @"0| No deletions wait.");
    assert_snapshot!(shown(folder, &["deletes", "confirm", "--yes"]), @"0| No deletions wait.");
    let doomed: Vec<_> = stage.customers().await.into_values().take(30).collect();
    for row in &doomed {
        let (company, account) = (&row["dataAreaId"], &row["CustomerAccount"]);
        let path = format!(
            "CustomersV3(dataAreaId='{}',CustomerAccount='{}')?cross-company=true",
            company.as_str().unwrap(),
            account.as_str().unwrap()
        );
        stage.finops.delete(&path).await.unwrap();
    }
    let before = stage.accounts().await.len();
    assert!(ask(folder, &["sync"]).status.success());
    assert_eq!(
        stage.accounts().await.len(),
        before,
        "nothing is deleted yet"
    );
    assert_snapshot!(shown(folder, &["deletes"]), @"
    0| MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 84

    To let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.
    ");
    assert_snapshot!(shown(folder, &["deletes", "--json"]), @r#"
    0| [
      {
        "map": "customers",
        "side": "left",
        "reported": 0,
        "missing": "more than 20 of 84"
      }
    ]
    "#);
    assert_snapshot!(shown(folder, &["deletes", "confirm"]), @"
    2| MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 84

    To let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.
    error[DUET5091]: These records will be deleted on the other side as well, and nobody confirmed it; nothing was done
     |
     = help: add `--yes`

    More about it: duet explain DUET5091
    ");
    assert_snapshot!(shown(folder, &["deletes", "confirm", "--yes", "--by", "alba"]), @"
    0| What the next comparison of key sets finds missing in 1 table will be deleted. Nothing runs now; the next `duet run` or `duet sync` carries it out.
    MAP        DELETED ON  REPORTED  FOUND MISSING
    customers  left               0  more than 20 of 84

    To let them pass: duet deletes confirm. To keep the other side's records: `duet deletes --help`.
    ");
    assert!(ask(folder, &["sync"]).status.success());
    assert_eq!(stage.accounts().await.len(), before - doomed.len());
}
