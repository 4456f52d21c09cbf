//! The platform's own tables that integration work touches: users, the organisation, and the
//! registration of webhooks (protocol reference A15).

use crate::schema::{
    AlternateKey, Choice, Column, ColumnKind, LookupTarget, ManyToMany, ManyToManyEnd,
    RequiredLevel, Table, TableOrigin,
};

/// The platform's tables.
pub(super) fn tables() -> Vec<Table> {
    vec![
        table(
            "systemuser",
            "SystemUser",
            "systemusers",
            Some("fullname"),
            vec![
                text("fullname", 200),
                text("firstname", 256),
                text("lastname", 256),
                text("domainname", 1024),
                text("internalemailaddress", 100),
                column("applicationid", ColumnKind::Uniqueidentifier),
                column("azureactivedirectoryobjectid", ColumnKind::Uniqueidentifier),
                column("isdisabled", ColumnKind::Boolean),
                lookup("businessunitid", "businessunit", "businessunitid"),
            ],
        ),
        table(
            "team",
            "Team",
            "teams",
            Some("name"),
            vec![text("name", 160)],
        ),
        table(
            "businessunit",
            "BusinessUnit",
            "businessunits",
            Some("name"),
            vec![
                text("name", 160),
                lookup(
                    "parentbusinessunitid",
                    "businessunit",
                    "parentbusinessunitid",
                ),
            ],
        ),
        table(
            "role",
            "Role",
            "roles",
            Some("name"),
            vec![text("name", 100)],
        ),
        table(
            "organization",
            "Organization",
            "organizations",
            Some("name"),
            vec![
                text("name", 160),
                column("expirechangetrackingindays", whole()),
                lookup("basecurrencyid", "transactioncurrency", "basecurrencyid"),
            ],
        ),
        table(
            "serviceendpoint",
            "ServiceEndpoint",
            "serviceendpoints",
            Some("name"),
            vec![
                text("name", 160),
                text("description", 256),
                text("url", 2048),
                column(
                    "contract",
                    choices(&[
                        (1, "One-Way"),
                        (2, "Queue"),
                        (3, "Rest"),
                        (4, "Two-Way"),
                        (5, "Topic"),
                        (6, "Queue (Persistent)"),
                        (7, "Event Hub"),
                        (8, "Webhook"),
                        (9, "Event Grid"),
                    ]),
                ),
                column(
                    "authtype",
                    choices(&[
                        (1, "ACS"),
                        (2, "SAS Key"),
                        (3, "SAS Token"),
                        (4, "Webhook Key"),
                        (5, "Http Header"),
                        (6, "Http Query String"),
                    ]),
                ),
                text("authvalue", 2048),
                column(
                    "messageformat",
                    choices(&[(1, "Binary XML"), (2, "Json"), (3, "Text XML")]),
                ),
                column(
                    "connectionmode",
                    choices(&[(1, "Normal"), (2, "Federated")]),
                ),
                column(
                    "userclaim",
                    choices(&[(1, "None"), (2, "UserId"), (3, "UserInfo")]),
                ),
            ],
        ),
        table(
            "sdkmessage",
            "SdkMessage",
            "sdkmessages",
            Some("name"),
            vec![text("name", 256)],
        ),
        table(
            "sdkmessagefilter",
            "SdkMessageFilter",
            "sdkmessagefilters",
            None,
            vec![
                text("primaryobjecttypecode", 64),
                text("secondaryobjecttypecode", 64),
                lookup("sdkmessageid", "sdkmessage", "sdkmessageid"),
            ],
        ),
        table(
            "sdkmessageprocessingstep",
            "SdkMessageProcessingStep",
            "sdkmessageprocessingsteps",
            Some("name"),
            vec![
                text("name", 256),
                text("description", 256),
                text("configuration", 100_000),
                text("filteringattributes", 100_000),
                column("mode", choices(&[(0, "Synchronous"), (1, "Asynchronous")])),
                column(
                    "stage",
                    choices(&[
                        (10, "Pre-validation"),
                        (20, "Pre-operation"),
                        (40, "Post-operation"),
                    ]),
                ),
                column("rank", whole()),
                column(
                    "supporteddeployment",
                    choices(&[(0, "Server Only"), (1, "Client Only"), (2, "Both")]),
                ),
                column("asyncautodelete", ColumnKind::Boolean),
                lookup("sdkmessageid", "sdkmessage", "sdkmessageid"),
                lookup(
                    "sdkmessagefilterid",
                    "sdkmessagefilter",
                    "sdkmessagefilterid",
                ),
                column(
                    "eventhandler",
                    ColumnKind::Lookup {
                        targets: vec![LookupTarget {
                            table: "serviceendpoint".into(),
                            navigation: "eventhandler_serviceendpoint".into(),
                        }],
                    },
                ),
            ],
        ),
        table(
            "sdkmessageprocessingstepimage",
            "SdkMessageProcessingStepImage",
            "sdkmessageprocessingstepimages",
            Some("name"),
            vec![
                text("name", 256),
                text("entityalias", 256),
                text("attributes", 100_000),
                text("messagepropertyname", 256),
                column(
                    "imagetype",
                    choices(&[(0, "PreImage"), (1, "PostImage"), (2, "Both")]),
                ),
                lookup(
                    "sdkmessageprocessingstepid",
                    "sdkmessageprocessingstep",
                    "sdkmessageprocessingstepid",
                ),
            ],
        ),
        // Dual-write keeps each saved version of a map as a row, the map itself as JSON.
        table(
            "msdyn_dualwriteentitymap",
            "msdyn_dualwriteentitymap",
            "msdyn_dualwriteentitymaps",
            Some("msdyn_name"),
            vec![
                text("msdyn_name", 400),
                text("msdyn_displayname", 400),
                text("msdyn_version", 100),
                memo("msdyn_mapping"),
                memo("msdyn_properties"),
            ],
        ),
        table(
            "asyncoperation",
            "AsyncOperation",
            "asyncoperations",
            Some("name"),
            vec![
                text("name", 160),
                text("message", 100_000),
                text("friendlymessage", 2000),
                text("messagename", 160),
                text("primaryentitytype", 128),
                column("operationtype", whole()),
                column("errorcode", whole()),
                column("correlationid", ColumnKind::Uniqueidentifier),
                column(
                    "statecode",
                    ColumnKind::State {
                        options: named(&[
                            (0, "Ready"),
                            (1, "Suspended"),
                            (2, "Locked"),
                            (3, "Completed"),
                        ]),
                    },
                ),
                column(
                    "statuscode",
                    ColumnKind::Status {
                        options: named(&[
                            (0, "Waiting For Resources"),
                            (10, "Waiting"),
                            (20, "In Progress"),
                            (30, "Succeeded"),
                            (31, "Failed"),
                            (32, "Canceled"),
                        ]),
                    },
                ),
            ],
        ),
    ]
}

/// The platform's own many-to-many relationships.
pub(super) fn many_to_many() -> Vec<ManyToMany> {
    let relationship = |name: &str, intersect: &str, first: &str, second: &str| ManyToMany {
        name: name.into(),
        intersect: intersect.into(),
        first: end(first, name),
        second: end(second, name),
    };
    vec![
        relationship(
            "teammembership_association",
            "teammembership",
            "team",
            "systemuser",
        ),
        relationship(
            "systemuserroles_association",
            "systemuserroles",
            "systemuser",
            "role",
        ),
        relationship("teamroles_association", "teamroles", "team", "role"),
        relationship(
            "accountleads_association",
            "accountleads",
            "account",
            "lead",
        ),
        relationship(
            "contactleads_association",
            "contactleads",
            "contact",
            "lead",
        ),
    ]
}

fn end(table: &str, navigation: &str) -> ManyToManyEnd {
    ManyToManyEnd {
        table: table.into(),
        navigation: navigation.into(),
        column: format!("{table}id"),
    }
}

/// The table that holds the links of a many-to-many relationship.
pub(super) fn intersect(relationship: &ManyToMany) -> Table {
    let name = relationship.intersect.as_str();
    let id = |name: &str| Column {
        read_only: true,
        ..column(name, ColumnKind::Uniqueidentifier)
    };
    let columns = vec![
        id(&format!("{name}id")),
        id(&relationship.first.column),
        id(&relationship.second.column),
        Column {
            read_only: true,
            ..column(super::model::VERSION, ColumnKind::BigInt)
        },
    ];
    Table {
        origin: TableOrigin::Intersect,
        change_tracking: false,
        keys: vec![AlternateKey {
            name: format!("{name}_links"),
            columns: vec![
                relationship.first.column.clone(),
                relationship.second.column.clone(),
            ],
            assumed: false,
        }],
        ..table(name, name, &format!("{name}collection"), None, columns)
    }
}

/// A plain optional column.
pub(super) fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.into(),
        kind,
        required: RequiredLevel::None,
        read_only: false,
        label: None,
        schema_name: None,
        assumed: false,
    }
}

fn text(name: &str, max_length: u32) -> Column {
    column(name, ColumnKind::String { max_length })
}

fn memo(name: &str) -> Column {
    column(
        name,
        ColumnKind::Memo {
            max_length: 1_048_576,
        },
    )
}

fn whole() -> ColumnKind {
    ColumnKind::Integer {
        min: i64::from(i32::MIN),
        max: i64::from(i32::MAX),
    }
}

fn named(options: &[(i64, &str)]) -> Vec<Choice> {
    options
        .iter()
        .map(|(value, label)| Choice {
            value: *value,
            label: (*label).into(),
        })
        .collect()
}

fn choices(options: &[(i64, &str)]) -> ColumnKind {
    ColumnKind::Picklist {
        options: named(options),
    }
}

fn lookup(name: &str, table: &str, navigation: &str) -> Column {
    let target = LookupTarget {
        table: table.into(),
        navigation: navigation.into(),
    };
    column(
        name,
        ColumnKind::Lookup {
            targets: vec![target],
        },
    )
}

fn table(
    logical_name: &str,
    schema_name: &str,
    set: &str,
    primary_name: Option<&str>,
    columns: Vec<Column>,
) -> Table {
    Table {
        logical_name: logical_name.into(),
        schema_name: schema_name.into(),
        entity_set_name: set.into(),
        primary_id: format!("{logical_name}id"),
        primary_name: primary_name.map(Into::into),
        per_company: false,
        change_tracking: matches!(logical_name, "systemuser" | "team" | "businessunit"),
        assumed: false,
        label: None,
        origin: TableOrigin::Published,
        columns,
        keys: Vec::new(),
    }
}
