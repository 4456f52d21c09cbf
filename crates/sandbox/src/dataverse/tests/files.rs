//! Files and pictures of rows.

use super::*;

struct Sent {
    status: u16,
    location: Option<String>,
}

impl Stage {
    async fn with_file_column() -> (Self, String) {
        let stage = Self::new().await;
        let columns = "EntityDefinitions(LogicalName='account')/Attributes";
        for (kind, name) in [("File", "new_Contract"), ("Image", "new_Logo")] {
            let column = json!({
                "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"),
                "SchemaName": name,
                "MaxSizeInKB": 1,
            });
            stage.post(columns, column).await.expect(204);
        }
        let id = stage.make("accounts", json!({"name": "A"})).await;
        (stage, format!("accounts({id})"))
    }

    async fn upload(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Sent {
        let mut request = self
            .http
            .patch(self.url(path))
            .bearer_auth(&self.token)
            .header("content-type", "application/octet-stream")
            .body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let location = answer.headers().get("location");
        Sent {
            status: answer.status().as_u16(),
            location: location.map(|value| value.to_str().unwrap().to_owned()),
        }
    }
}

#[tokio::test]
async fn a_file_is_uploaded_downloaded_and_removed() {
    let (stage, row) = Stage::with_file_column().await;
    let column = format!("{row}/new_contract");
    let name = [("x-ms-file-name", "a%20b.txt")];
    let sent = stage.upload(&column, &name, b"hello").await;
    assert_eq!(sent.status, 204);
    let read = stage.get(&row).await.expect(200).json();
    assert_eq!(read["new_contract_name"], "a b.txt");
    assert_eq!(read["new_contract"].as_str().unwrap().len(), 36);
    let whole = stage.get(&format!("{column}/$value")).await.expect(200);
    assert_eq!(whole.text, "hello");
    assert_eq!(whole.header("x-ms-file-name"), Some("a%20b.txt"));
    assert_eq!(whole.header("x-ms-file-size"), Some("5"));
    let range = [("range", "bytes=1-2")];
    let part = stage
        .send("GET", &format!("{column}/$value"), &range, None)
        .await
        .expect(206);
    assert_eq!(part.text, "el");
    assert_eq!(part.header("content-range"), Some("bytes 1-2/5"));
    let behind = [("range", "bytes=5-9")];
    let nothing = stage
        .send("GET", &format!("{column}/$value"), &behind, None)
        .await
        .expect(206);
    assert_eq!(nothing.text, "");
    let property = stage.get(&column).await.expect(200);
    assert_eq!(property.json()["value"], "aGVsbG8=");
    assert!(property.header("content-disposition").is_some());
    stage.delete(&column).await.expect(204);
    stage.get(&format!("{column}/$value")).await.expect(204);
    let read = stage.get(&row).await.json();
    assert_eq!(read["new_contract"], Json::Null);
    assert_eq!(read["new_contract_name"], Json::Null);
}

#[tokio::test]
async fn a_file_comes_in_pieces() {
    let (stage, row) = Stage::with_file_column().await;
    let column = format!("{row}/new_contract");
    let first_headers = [
        ("x-ms-transfer-mode", "chunked"),
        ("x-ms-file-name", "big.bin"),
    ];
    let begun = stage.upload(&column, &first_headers, b"").await;
    assert_eq!(begun.status, 200);
    let location = begun.location.unwrap();
    let piece = |range| [("content-range", range)];
    let first = stage.upload(&location, &piece("bytes 0-2/5"), b"abc").await;
    assert_eq!(first.status, 206);
    let wrong = stage.upload(&location, &piece("bytes 3-4/5"), b"d").await;
    assert_eq!(wrong.status, 400);
    let last = stage.upload(&location, &piece("bytes 3-4/5"), b"de").await;
    assert_eq!(last.status, 204);
    let whole = stage.get(&format!("{column}/$value")).await.expect(200);
    assert_eq!(whole.text, "abcde");
    assert_eq!(whole.header("x-ms-file-name"), Some("big.bin"));
}

#[tokio::test]
async fn a_piece_that_is_missing_is_told() {
    let (stage, row) = Stage::with_file_column().await;
    let first_headers = [("x-ms-transfer-mode", "chunked")];
    let begun = stage
        .upload(&format!("{row}/new_contract"), &first_headers, b"")
        .await;
    let last = [("content-range", "bytes 3-4/5")];
    let sent = stage.upload(&begun.location.unwrap(), &last, b"de").await;
    assert_eq!(sent.status, 400);
}

#[tokio::test]
async fn a_file_has_a_limit() {
    let (stage, row) = Stage::with_file_column().await;
    let sent = stage
        .upload(&format!("{row}/new_contract"), &[], &[0; 1025])
        .await;
    assert_eq!(sent.status, 400);
}

#[tokio::test]
async fn a_picture_is_a_value_in_base64() {
    let (stage, row) = Stage::with_file_column().await;
    let column = format!("{row}/new_logo");
    assert_eq!(stage.upload(&column, &[], b"png").await.status, 204);
    assert_eq!(stage.get(&row).await.json()["new_logo"], "cG5n");
    stage
        .patch(&row, json!({"new_logo": "Z2lm"}))
        .await
        .expect(204);
    let value = stage.get(&format!("{column}/$value")).await.expect(200);
    assert_eq!(value.text, "gif");
    stage
        .patch(&row, json!({"new_logo": "no base64!"}))
        .await
        .expect_error(400, "0x80048d19", "Edm.Binary");
}

#[tokio::test]
async fn a_deleted_row_takes_its_file_along() {
    let (stage, row) = Stage::with_file_column().await;
    stage
        .upload(&format!("{row}/new_contract"), &[], b"x")
        .await;
    stage.delete(&row).await.expect(204);
    let left = stage
        .dataverse
        .inner
        .rows
        .read(|tx| tx.query("SELECT count(*) FROM _files", &[]))
        .unwrap();
    assert_eq!(left, [[crate::rows::Value::Integer(0)]]);
}
