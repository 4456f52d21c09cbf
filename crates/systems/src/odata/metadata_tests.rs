//! Tables from metadata of every kind that services write.

use super::*;
use duet_map::value::Row;

const METADATA: &str = r#"<?xml version="1.0"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
  <edmx:Reference Uri="core"><edmx:Include Namespace="Org.OData.Core.V1" Alias="Core"/></edmx:Reference>
  <edmx:Reference Uri="cap"><edmx:Include Namespace="Org.OData.Capabilities.V1" Alias="Capabilities"/></edmx:Reference>
  <edmx:DataServices><Schema Namespace="shop" Alias="Self" xmlns="http://docs.oasis-open.org/odata/ns/edm">
    <EnumType Name="Colour"><Member Name="Red" Value="1"/><Member Name="Blue" Value="0"/></EnumType>
    <TypeDefinition Name="Money" UnderlyingType="Edm.Decimal" Precision="9" Scale="2"/>
    <EntityType Name="Thing" Abstract="true">
      <Key><PropertyRef Name="Id"/></Key>
      <Property Name="Id" Type="Edm.Guid" Nullable="false"/>
      <Property Name="changedAt" Type="Edm.DateTimeOffset"><Annotation Term="Core.Computed"/></Property>
    </EntityType>
    <EntityType Name="Customer" BaseType="Self.Thing">
      <Annotation Term="Core.AlternateKeys"><Collection><Record><PropertyValue Property="Key"><Collection>
        <Record><PropertyValue Property="Name" PropertyPath="Number"/><PropertyValue Property="Alias" String="n"/></Record>
      </Collection></PropertyValue></Record></Collection></Annotation>
      <Property Name="Number" Type="Edm.String" MaxLength="20" Nullable="false"/>
      <Property Name="Limit" Type="Self.Money"/>
      <Property Name="Colour" Type="Self.Colour"/>
      <Property Name="Tags" Type="Collection(Edm.String)"/>
      <Property Name="Group_Id" Type="Edm.Guid"/>
      <Property Name="Born" Type="Edm.Date"><Annotation Term="Core.Immutable"/></Property>
      <NavigationProperty Name="Group" Type="shop.Group"><ReferentialConstraint Property="Group_Id" ReferencedProperty="Id"/></NavigationProperty>
      <NavigationProperty Name="Parent" Type="shop.Customer"/>
      <NavigationProperty Name="Currency" Type="shop.Currency"/>
      <NavigationProperty Name="Children" Type="Collection(shop.Customer)"/>
    </EntityType>
    <EntityType Name="Group" BaseType="shop.Thing"/>
    <EntityType Name="Currency"><Key><PropertyRef Name="Code"/></Key><Property Name="Code" Type="Edm.String" Nullable="false"/></EntityType>
    <EntityType Name="Line"><Key><PropertyRef Name="Order"/><PropertyRef Name="Pos"/></Key>
      <Property Name="Order" Type="Edm.String" Nullable="false"/><Property Name="Pos" Type="Edm.Int64" Nullable="false"/></EntityType>
    <EntityType Name="Keyless"><Property Name="Name" Type="Edm.String"/></EntityType>
    <EntityContainer Name="All">
      <Annotation Term="Capabilities.BatchSupported" Bool="false"/>
      <EntitySet Name="Customers" EntityType="Self.Customer">
        <NavigationPropertyBinding Path="Parent" Target="Customers"/>
        <Annotation Term="Capabilities.ChangeTracking"><Record><PropertyValue Property="Supported" Bool="true"/></Record></Annotation>
      </EntitySet>
      <EntitySet Name="Groups" EntityType="shop.Group"/>
      <EntitySet Name="Currencies" EntityType="shop.Currency"/>
      <EntitySet Name="Lines" EntityType="shop.Line"/>
      <EntitySet Name="Keyless" EntityType="shop.Keyless"/>
      <EntitySet Name="Ghosts" EntityType="shop.Ghost"/>
    </EntityContainer>
    <Annotations Target="Self.All/Lines">
      <Annotation Term="Capabilities.InsertRestrictions"><Record><PropertyValue Property="Insertable" Bool="false"/></Record></Annotation>
      <Annotation Term="Capabilities.DeleteRestrictions"><Record><PropertyValue Property="Deletable"><Bool>false</Bool></PropertyValue></Record></Annotation>
    </Annotations>
  </Schema></edmx:DataServices>
</edmx:Edmx>"#;

fn hints() -> Hints {
    Hints {
        default_modified_columns: vec!["changedAt".into()],
        ..Hints::default()
    }
}

fn tables() -> Tables {
    Tables::of(&Model::read(METADATA.as_bytes()).unwrap(), &hints())
}

fn table(name: &str) -> Arc<Table> {
    Arc::clone(tables().0[&name.to_lowercase()].as_ref().unwrap())
}

#[test]
fn columns_have_their_types_and_what_is_said_of_them() {
    let table = table("customers");
    let columns: Vec<String> = table
        .schema
        .columns
        .values()
        .map(|column| {
            let flag = |on: bool, word: &'static str| if on { word } else { "" };
            format!(
                "{} {}{}{}{}",
                column.name,
                column.ty.kind(),
                flag(column.required, " required"),
                flag(column.create, " create"),
                flag(column.update, " update")
            )
        })
        .collect();
    insta::assert_snapshot!(columns.join("\n"), @r"
    Born date create
    changedAt date and time
    Colour enumeration create update
    Currency@Code text create update
    Group lookup create update
    Group_Id guid create update
    Id guid create
    Limit decimal create update
    Number text required create update
    Parent lookup create update
    ");
    assert_eq!(
        table.schema.column("Limit").unwrap().ty,
        ColumnType::Decimal {
            scale: Some(2),
            min: Some("-9999999.99".parse().unwrap()),
            max: Some("9999999.99".parse().unwrap()),
        }
    );
    assert_eq!(
        table.schema.column("Colour").unwrap().ty,
        ColumnType::Enum {
            name: "Colour".into(),
            members: vec!["Blue".into(), "Red".into()],
        }
    );
}

#[test]
fn keys_tracking_and_permissions_are_read_from_wherever_they_stand() {
    let customers = table("Customers");
    assert_eq!(customers.schema.primary_key, ["Id"]);
    assert!(customers.schema.is_unique(&["number"]));
    assert!(customers.deltas);
    assert_eq!(customers.modified.as_deref(), Some("changedAt"));
    assert!(customers.guid_key().is_some());
    let groups = table("Groups");
    assert!(!groups.deltas && groups.schema.tracks_changes);
    let lines = table("Lines");
    assert_eq!(lines.schema.primary_key, ["Order", "Pos"]);
    assert!(!lines.schema.tracks_changes);
    assert_eq!(
        lines.allows,
        Allows {
            insert: false,
            update: true,
            delete: false,
        }
    );
    let model = Model::read(METADATA.as_bytes()).unwrap();
    assert_eq!(batches_announced(&model), Some(false));
}

#[test]
fn a_lookup_stands_in_its_foreign_key_or_behind_its_navigation() {
    let table = table("Customers");
    let place = |name: &str| table.column(name).unwrap().1.clone();
    assert_eq!(
        place("group"),
        Place::ForeignKey {
            property: "Group_Id".into()
        }
    );
    assert_eq!(
        place("parent"),
        Place::Reference {
            navigation: "Parent".into(),
            key: "Id".into()
        }
    );
    assert_eq!(
        place("currency@code"),
        Place::Behind {
            navigation: "Currency".into(),
            key: "Code".into(),
            set: "Currencies".into(),
            wire: Wire::Text,
        }
    );
}

#[test]
fn a_set_that_cannot_be_used_says_why_and_spoils_no_other() {
    let tables = tables();
    let why = |name: &str| tables.0[name].as_ref().unwrap_err().why.clone();
    insta::assert_snapshot!(why("keyless"), @"it has no key");
    insta::assert_snapshot!(
        why("ghosts"),
        @"the service's metadata does not describe its type `shop.Ghost`; report it to the service's operator"
    );
    let mut wrong = hints();
    wrong
        .modified_columns
        .insert("groups".into(), "Nothing".into());
    let tables = Tables::of(&Model::read(METADATA.as_bytes()).unwrap(), &wrong);
    assert!(tables.0["groups"].is_err());
    assert!(tables.0["customers"].is_ok());
}

#[test]
fn one_record_has_one_identifier_however_it_is_spelled() {
    use super::super::key;
    use duet_map::record::RecordId;
    let customers = table("Customers");
    let guid = "7F2D9A3E-51C6-4B0A-9D6E-0123456789AB";
    let spelled = |table: &Table, text: &str| key::canonical(table, text).map(|id| id.0);
    assert_eq!(spelled(&customers, guid), Some(guid.to_lowercase()));
    assert_eq!(
        spelled(&customers, &format!("Id={guid}")),
        Some(guid.to_lowercase())
    );
    let lines = table("Lines");
    assert_eq!(
        spelled(&lines, "Pos=7,Order='O''1/ä'").as_deref(),
        Some("Order='O''1/ä',Pos=7")
    );
    for wrong in [
        "7",
        "Order='1'",
        "Order='1',Pos=1,X=2",
        "Order='1',X=2",
        "",
        "x(",
    ] {
        assert_eq!(spelled(&lines, wrong), None, "{wrong}");
    }
    let row = Row::new().with("order", "O'1").with("pos", 7);
    let id = key::of_row(&lines, &row).unwrap();
    assert_eq!(id, RecordId("Order='O''1',Pos=7".into()));
    let link = key::link(&lines, &id).unwrap().into_text();
    assert_eq!(link, "Lines(Order='O''1',Pos=7)");
    assert_eq!(key::of_row(&lines, &Row::new().with("Order", "O")), None);
    let currencies = table("Currencies");
    assert_eq!(spelled(&currencies, "Code='EUR'").as_deref(), Some("'EUR'"));
}
