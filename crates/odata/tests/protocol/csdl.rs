//! Models in EDMX.

use duet_odata::csdl::{CsdlError, MaxLength, Model, OperationKind, Scale, SchemaItems, TypeRef};
use proptest::prelude::*;

const DOCUMENT: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<!-- a comment -->
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
  <edmx:Reference Uri="http://x/Core.xml"><edmx:Include Namespace="Org.OData.Core.V1" Alias="Core"/></edmx:Reference>
  <edmx:DataServices>
    <Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">
      <EntityType Name="crmbaseentity" Abstract="true"/>
      <EntityType Name="account" BaseType="mscrm.crmbaseentity">
        <Key><PropertyRef Name="accountid"/></Key>
        <Property Name="accountid" Type="Edm.Guid" Nullable="false"/>
        <Property Name="name" Type="Edm.String" Unicode="false" MaxLength="160"/>
        <Property Name="memo" Type="Edm.String" MaxLength="max"/>
        <Property Name="credit" Type="Edm.Decimal" Precision="19" Scale="4"/>
        <Property Name="rate" Type="Edm.Decimal" Scale="variable"/>
        <Property Name="tags" Type="Collection(Edm.String)" Nullable="false"/>
        <Property Name="note" Type="Edm.String" DefaultValue="a &amp; &quot;b&quot;">
          <Annotation Term="Core.Description" Qualifier="q" String="x &lt; y"/>
          <Annotation Term="Core.Computed"/>
        </Property>
        <NavigationProperty Name="primarycontactid" Type="mscrm.contact" Nullable="false" Partner="account_primary">
          <ReferentialConstraint Property="_primarycontactid_value" ReferencedProperty="contactid"/>
          <OnDelete Action="SetNull"/>
        </NavigationProperty>
        <NavigationProperty Name="contacts" Type="Collection(mscrm.contact)" ContainsTarget="true"/>
        <Annotation Term="OData.Community.Keys.V1.AlternateKeys">
          <Collection><Record Type="Ns.Key"><PropertyValue Property="Key" String="accountnumber"/></Record><String>t &amp; u</String></Collection>
        </Annotation>
      </EntityType>
      <EntityType Name="contact" OpenType="true" HasStream="true"><Key><PropertyRef Name="a/b" Alias="ab"/></Key></EntityType>
      <ComplexType Name="Address" OpenType="true"><Property Name="City" Type="Edm.String"/></ComplexType>
      <EnumType Name="NoYes" UnderlyingType="Edm.Byte" IsFlags="true"><Member Name="No"/><Member Name="Yes"/><Member Name="Maybe" Value="7"/><Member Name="Next"/></EnumType>
      <TypeDefinition Name="Money" UnderlyingType="Edm.Decimal" Scale="floating"/>
      <Action Name="Win" IsBound="true"><Parameter Name="it" Type="mscrm.account"/><ReturnType Type="Edm.Int32" Nullable="false"/></Action>
      <Function Name="WhoAmI" IsComposable="true"><ReturnType Type="mscrm.Address"/></Function>
      <Term Name="T" Type="Edm.Boolean" DefaultValue="true" AppliesTo="Property"/>
      <EntityContainer Name="System">
        <EntitySet Name="accounts" EntityType="Microsoft.Dynamics.CRM.account" IncludeInServiceDocument="false">
          <NavigationPropertyBinding Path="primarycontactid" Target="contacts"/>
        </EntitySet>
        <Singleton Name="Me" Type="mscrm.contact"/>
        <ActionImport Name="Win" Action="mscrm.Win"/>
        <FunctionImport Name="WhoAmI" Function="mscrm.WhoAmI" EntitySet="accounts" IncludeInServiceDocument="true"/>
      </EntityContainer>
      <Annotations Target="mscrm.account/name" Qualifier="z"><Annotation Term="Core.Immutable" Bool="true"/></Annotations>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>"#;

#[test]
fn every_part_of_a_model_is_read() {
    let model = Model::read(DOCUMENT.as_bytes()).unwrap();
    assert_eq!(
        model.references[0].includes,
        [("Org.OData.Core.V1".into(), Some("Core".into()))]
    );
    let account = model.type_of_set("accounts").unwrap();
    assert_eq!(model.entity_type("mscrm.account"), Some(account));
    assert_eq!(model.key_of(account), ["accountid"]);
    assert_eq!(model.with_bases(account).len(), 2);
    let name = account.property("name").unwrap();
    assert_eq!(
        (name.unicode, name.length_limit()),
        (Some(false), Some(160))
    );
    assert_eq!(
        account.property("memo").unwrap().max_length,
        Some(MaxLength::Max)
    );
    let credit = account.property("credit").unwrap();
    assert_eq!(
        (credit.precision, credit.scale_limit()),
        (Some(19), Some(4))
    );
    assert_eq!(
        account.property("rate").unwrap().scale,
        Some(Scale::Variable)
    );
    assert_eq!(
        account.property("tags").unwrap().type_ref,
        TypeRef::collection("Edm.String")
    );
    let note = account.property("note").unwrap();
    assert_eq!(note.default_value.as_deref(), Some("a & \"b\""));
    assert_eq!(note.annotations[0].text(), Some("x < y"));
    assert_eq!(note.annotations[1].as_bool(), Some(true));
    let primary = account.navigation_property("primarycontactid").unwrap();
    assert_eq!(
        primary.constraints,
        [("_primarycontactid_value".into(), "contactid".into())]
    );
    assert_eq!(primary.on_delete.as_deref(), Some("SetNull"));
    let key = &account.annotations[0].nodes[0];
    assert_eq!(
        key.children[0].children[0].attribute("String"),
        Some("accountnumber")
    );
    assert_eq!(key.children[1].text, "t & u");
    let enumeration = model.enum_type("mscrm.NoYes").unwrap();
    let values: Vec<i64> = enumeration
        .members
        .iter()
        .map(|member| member.value)
        .collect();
    assert_eq!(values, [0, 1, 7, 8]);
    let schema = &model.schemas[0];
    assert_eq!(schema.operations[0].kind, OperationKind::Action);
    assert_eq!(schema.operations[0].parameters[0].name, "it");
    assert!(schema.operations[1].is_composable);
    assert_eq!(schema.terms[0].applies_to.as_deref(), Some("Property"));
    let container = model.container().unwrap();
    assert_eq!(container.entity_sets[0].bindings.len(), 1);
    assert_eq!(
        container.function_imports[0].entity_set.as_deref(),
        Some("accounts")
    );
    assert_eq!(schema.annotations[0].1[0].qualifier.as_deref(), Some("z"));
}

#[test]
fn a_model_survives_being_written() {
    let model = Model::read(DOCUMENT.as_bytes()).unwrap();
    let xml = model.to_xml();
    let again = Model::read(xml.as_bytes()).unwrap();
    assert_eq!(again, model);
    assert_eq!(again.to_xml(), xml);
}

/// The same model as a part of [`DOCUMENT`], in JSON.
const JSON: &str = r##"{
  "$Version": "4.01",
  "$Reference": {"http://x/Core.xml": {"$Include": [{"$Namespace": "Org.OData.Core.V1", "$Alias": "Core"}]}},
  "N": {
    "$Alias": "n",
    "$Annotations": {"n.A/name": {"@Core.Immutable#q": true}},
    "A": {
      "$Kind": "EntityType", "$BaseType": "n.B", "$OpenType": true, "$Key": ["id", {"ab": "a/b"}],
      "id": {"$Type": "Edm.Guid"},
      "name": {"$Nullable": true, "$MaxLength": 160, "$Unicode": false, "$DefaultValue": "x", "@Core.Description": "d"},
      "credit": {"$Type": "Edm.Decimal", "$Precision": 19, "$Scale": 4},
      "rate": {"$Type": "Edm.Decimal", "$Scale": "variable"},
      "tags": {"$Collection": true},
      "owner": {"$Kind": "NavigationProperty", "$Type": "n.A", "$Partner": "own", "$OnDelete": "SetNull", "$ReferentialConstraint": {"ownerid": "id"}},
      "own": {"$Kind": "NavigationProperty", "$Type": "n.A", "$Collection": true, "$ContainsTarget": true},
      "@Ns.Keys": [{"@type": "#n.Key", "Key": "name", "Deep": {"$Path": "a/b"}}, null, 5]
    },
    "B": {"$Kind": "EntityType", "$Abstract": true},
    "C": {"$Kind": "ComplexType", "City": {}},
    "E": {"$Kind": "EnumType", "$IsFlags": true, "No": 0, "Yes": 1, "Yes@Core.Description": "y"},
    "M": {"$Kind": "TypeDefinition", "$UnderlyingType": "Edm.Decimal"},
    "T": {"$Kind": "Term", "$Type": "Edm.Boolean", "$DefaultValue": true, "$AppliesTo": ["Property", "Term"]},
    "Act": [{"$Kind": "Action", "$IsBound": true, "$Parameter": [{"$Name": "it", "$Type": "n.A"}]}],
    "Fun": [{"$Kind": "Function", "$ReturnType": {"$Type": "n.C", "$Nullable": true}}],
    "Box": {
      "$Kind": "EntityContainer",
      "As": {"$Collection": true, "$Type": "n.A", "$NavigationPropertyBinding": {"owner": "As"}},
      "Me": {"$Type": "n.A"}, "Do": {"$Action": "n.Act"}, "Get": {"$Function": "n.Fun", "$EntitySet": "As"}
    }
  }
}"##;

#[test]
fn the_json_form_is_read_into_the_same_model() {
    let model = Model::from_json(JSON.as_bytes()).unwrap();
    // What XML can say of it comes to the same.
    assert_eq!(Model::read(model.to_xml().as_bytes()).unwrap(), model);
    insta::assert_snapshot!(model.to_xml(), @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
      <edmx:Reference Uri="http://x/Core.xml">
        <edmx:Include Namespace="Org.OData.Core.V1" Alias="Core"/>
      </edmx:Reference>
      <edmx:DataServices>
        <Schema Namespace="N" Alias="n" xmlns="http://docs.oasis-open.org/odata/ns/edm">
          <EntityType Name="A" BaseType="n.B" OpenType="true">
            <Key>
              <PropertyRef Name="id"/>
              <PropertyRef Name="a/b" Alias="ab"/>
            </Key>
            <Property Name="id" Type="Edm.Guid" Nullable="false"/>
            <Property Name="name" Type="Edm.String" MaxLength="160" Unicode="false" DefaultValue="x">
              <Annotation Term="Core.Description" String="d"/>
            </Property>
            <Property Name="credit" Type="Edm.Decimal" Nullable="false" Precision="19" Scale="4"/>
            <Property Name="rate" Type="Edm.Decimal" Nullable="false" Scale="variable"/>
            <Property Name="tags" Type="Collection(Edm.String)" Nullable="false"/>
            <NavigationProperty Name="owner" Type="n.A" Nullable="false" Partner="own">
              <ReferentialConstraint Property="ownerid" ReferencedProperty="id"/>
              <OnDelete Action="SetNull"/>
            </NavigationProperty>
            <NavigationProperty Name="own" Type="Collection(n.A)" ContainsTarget="true"/>
            <Annotation Term="Ns.Keys">
              <Collection>
                <Record Type="n.Key">
                  <PropertyValue Property="Key" String="name"/>
                  <PropertyValue Property="Deep" Path="a/b"/>
                </Record>
                <Null/>
                <Int>5</Int>
              </Collection>
            </Annotation>
          </EntityType>
          <EntityType Name="B" Abstract="true"/>
          <ComplexType Name="C">
            <Property Name="City" Type="Edm.String" Nullable="false"/>
          </ComplexType>
          <EnumType Name="E" IsFlags="true">
            <Member Name="No" Value="0"/>
            <Member Name="Yes" Value="1">
              <Annotation Term="Core.Description" String="y"/>
            </Member>
          </EnumType>
          <TypeDefinition Name="M" UnderlyingType="Edm.Decimal"/>
          <Action Name="Act" IsBound="true">
            <Parameter Name="it" Type="n.A" Nullable="false"/>
          </Action>
          <Function Name="Fun">
            <ReturnType Type="n.C"/>
          </Function>
          <Term Name="T" Type="Edm.Boolean" Nullable="false" DefaultValue="true" AppliesTo="Property Term"/>
          <EntityContainer Name="Box">
            <EntitySet Name="As" EntityType="n.A">
              <NavigationPropertyBinding Path="owner" Target="As"/>
            </EntitySet>
            <Singleton Name="Me" Type="n.A"/>
            <ActionImport Name="Do" Action="n.Act"/>
            <FunctionImport Name="Get" Function="n.Fun" EntitySet="As"/>
          </EntityContainer>
          <Annotations Target="n.A/name">
            <Annotation Term="Core.Immutable" Qualifier="q" Bool="true"/>
          </Annotations>
        </Schema>
      </edmx:DataServices>
    </edmx:Edmx>
    "#);
}

#[test]
fn what_is_no_json_model_is_refused() {
    for text in ["{", "[]", "{}", r#"{"N":{"A":{}}}"#, r#"{"N":{"A":[{}]}}"#] {
        assert!(Model::from_json(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_bare_schema_and_a_byte_order_mark_are_understood() {
    let xml = "\u{FEFF}<Schema Namespace=\"N\"><EntityType Name=\"A\"/></Schema>";
    assert_eq!(
        Model::read(xml.as_bytes()).unwrap().schemas[0].entity_types[0].name,
        "A"
    );
}

#[test]
fn what_is_no_model_is_refused() {
    let shape = |xml: &str| match Model::read(xml.as_bytes()) {
        Err(CsdlError::Shape { what, .. }) => what,
        other => panic!("{xml}: {other:?}"),
    };
    assert!(shape("").contains("Schema"));
    assert!(shape("<html/>").contains("Schema"));
    assert!(shape("<Schema><EntityType/></Schema>").contains("Name"));
    assert!(
        shape("<Schema><EntityType Name='A'><Property Name='b'/></EntityType></Schema>")
            .contains("Type")
    );
    assert!(shape("<Schema><EntityType Name='A'>").contains("ends"));
    assert!(shape("<Schema><EntityType Name='A'/>").contains("ends"));
    let length = "<Schema><ComplexType Name='A'><Property Name='b' Type='c' MaxLength='x'/></ComplexType></Schema>";
    assert!(shape(length).contains("MaxLength"));
    assert!(shape(&format!("<Schema>{}", "<a>".repeat(1000))).contains("deep"));
    assert!(matches!(
        Model::read(&b"<Schema><EntityType Name='A'></Schema>"[..]),
        Err(CsdlError::Xml { .. })
    ));
}

#[test]
fn a_type_that_extends_itself_ends_somewhere() {
    let xml = "<Schema Namespace='N'><EntityType Name='A' BaseType='N.B'/><EntityType Name='B' BaseType='N.A'/></Schema>";
    let model = Model::read(xml.as_bytes()).unwrap();
    let first = model.entity_type("N.A").unwrap();
    assert_eq!(model.with_bases(first).len(), 2);
    assert!(model.key_of(first).is_empty());
}

proptest! {
    #[test]
    fn no_document_panics(text in ".*") {
        SchemaItems::new(text.as_bytes()).for_each(drop);
    }

    #[test]
    fn no_text_like_a_document_panics(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "<Schema Namespace='N'>", "</Schema>", "<EntityType Name='A'>", "</EntityType>", "<Key>",
            "<Property Name='a' Type='b'/>", "&amp;", "&x;", "<![CDATA[x]]>", "<!--", "-->", "<", ">",
            "<Annotation Term='t' String='s'/>", "text", "<EnumType Name='E'><Member Name='m'/></EnumType>",
        ]),
        0..16,
    )) {
        if let Ok(model) = Model::read(words.concat().as_bytes()) {
            prop_assert_eq!(Model::read(model.to_xml().as_bytes()).unwrap(), model);
        }
    }
}
