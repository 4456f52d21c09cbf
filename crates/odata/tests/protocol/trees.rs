//! Random trees of expressions, for round trips.

use duet_odata::Literal;
use duet_odata::expr::{BinaryOp, Expr, Function, Json, Lambda, LambdaKind, Path, PathSegment};
use duet_odata::url::{KeyPredicate, KeyValue};
use proptest::prelude::*;

/// Names that are no words of the language, in ASCII and beyond.
pub(crate) fn name() -> impl Strategy<Value = String> {
    "[A-Z_é][a-zA-Z0-9_]{0,6}".prop_filter("a word of the language", |name| {
        !matches!(
            name.to_ascii_lowercase().as_str(),
            "inf"
                | "nan"
                | "true"
                | "false"
                | "null"
                | "not"
                | "and"
                | "or"
                | "in"
                | "has"
                | "eq"
                | "ne"
                | "gt"
                | "ge"
                | "lt"
                | "le"
                | "add"
                | "sub"
                | "mul"
                | "div"
                | "divby"
                | "mod"
                | "any"
                | "all"
                | "asc"
                | "desc"
                | "case"
                | "cast"
                | "isof"
                | "date"
                | "time"
                | "day"
                | "now"
                | "year"
                | "trim"
                | "hour"
                | "as"
                | "with"
                | "from"
                | "binary"
                | "second"
                | "minute"
                | "month"
                | "length"
                | "concat"
                | "round"
                | "floor"
                | "indexof"
                | "tolower"
                | "toupper"
                | "ceiling"
        )
    })
}

pub(crate) fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Int),
        (any::<i64>(), 1_u32..10).prop_map(|(digits, scale)| Literal::Decimal(
            rust_decimal::Decimal::new(digits, scale)
        )),
        any::<i32>().prop_map(|value| Literal::Double(f64::from(value) * 1.5)),
        "[ -~ü']{0,8}".prop_map(Literal::String),
        any::<u128>().prop_map(|bits| Literal::Guid(uuid::Uuid::from_u128(bits))),
        (-9999_i16..9999, 1_i8..13, 1_i8..28)
            .prop_map(|(y, m, d)| Literal::Date(jiff::civil::date(y, m, d))),
        (0_i8..24, 0_i8..60, 0_i8..60)
            .prop_map(|(h, m, s)| Literal::TimeOfDay(jiff::civil::time(h, m, s, 0))),
        (name(), name()).prop_map(|(space, member)| Literal::Enum {
            type_name: Some(format!("{space}.E")),
            members: member,
        }),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(Literal::Binary),
    ]
}

/// Keys of one value: one with names is spelt like a call.
fn key() -> impl Strategy<Value = KeyPredicate> {
    let value = prop_oneof![
        literal().prop_map(KeyValue::Literal),
        name().prop_map(KeyValue::Alias)
    ];
    value.prop_map(KeyPredicate::Single)
}

fn plain_path() -> impl Strategy<Value = Path> {
    let start = prop_oneof![
        4 => name().prop_map(|name| vec![PathSegment::Name(name)]),
        1 => (name(), key()).prop_map(|(name, key)| vec![PathSegment::Name(name), PathSegment::Key(key)]),
        1 => Just(vec![PathSegment::Name("$it".to_owned())]),
    ];
    let step = prop_oneof![
        name().prop_map(PathSegment::Name),
        (name(), name()).prop_map(|(space, name)| PathSegment::Cast(format!("{space}.{name}"))),
        (name(), name())
            .prop_map(|(space, name)| PathSegment::Annotation(format!("{space}.{name}"))),
    ];
    (start, proptest::collection::vec(step, 0..3)).prop_map(|(mut segments, more)| {
        segments.extend(more);
        Path { segments }
    })
}

fn json(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Json> {
    let value = prop_oneof![
        "[ -~ü]{0,6}".prop_map(|text| Json::Value(Literal::String(text))),
        any::<i64>().prop_map(|value| Json::Value(Literal::Int(value))),
        inner
            .prop_filter("a literal is a value", |expr| {
                !matches!(expr, Expr::Literal(_) | Expr::Json(_))
            })
            .prop_map(|expr| Json::Expr(Box::new(expr))),
    ];
    prop_oneof![
        proptest::collection::vec(value.clone(), 0..3).prop_map(Json::Array),
        proptest::collection::vec(("[ -~]{0,4}", value), 0..3).prop_map(Json::Object),
    ]
}

fn call(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    let functions = proptest::sample::select(vec![
        Function::Contains,
        Function::Substring,
        Function::Now,
        Function::ToLower,
        Function::GeoDistance,
        Function::Round,
    ]);
    (functions, proptest::collection::vec(inner, 3)).prop_map(|(function, mut args)| {
        args.truncate(function.arity().1);
        Expr::Call { function, args }
    })
}

pub(crate) fn expression() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        literal().prop_map(Expr::Literal),
        plain_path().prop_map(Expr::Path),
        name().prop_map(Expr::Alias),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let ops = proptest::sample::select(vec![
            BinaryOp::Eq,
            BinaryOp::Ne,
            BinaryOp::Gt,
            BinaryOp::Le,
            BinaryOp::Has,
            BinaryOp::Add,
            BinaryOp::Sub,
            BinaryOp::Mul,
            BinaryOp::DivBy,
            BinaryOp::Mod,
        ]);
        let list = prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Expr::List),
            name().prop_map(Expr::Alias),
            plain_path().prop_map(Expr::Path),
        ];
        let condition = proptest::option::of((name(), inner.clone().prop_map(Box::new)));
        prop_oneof![
            (ops, inner.clone(), inner.clone()).prop_map(|(op, a, b)| Expr::binary(op, a, b)),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.clone().prop_map(|expr| Expr::Not(Box::new(expr))),
            inner.clone().prop_map(|expr| Expr::Negate(Box::new(expr))),
            (inner.clone(), list).prop_map(|(value, list)| Expr::In {
                value: Box::new(value),
                list: Box::new(list),
            }),
            call(inner.clone()),
            proptest::collection::vec((inner.clone(), inner.clone()), 1..3).prop_map(Expr::Case),
            (any::<bool>(), proptest::option::of(inner.clone()), name()).prop_map(
                |(test, value, name)| Expr::TypeCall {
                    test,
                    value: value.map(Box::new),
                    type_name: format!("Edm.{name}"),
                }
            ),
            json(inner.clone()).prop_map(Expr::Json),
            (plain_path(), condition).prop_map(|(mut path, condition)| {
                path.segments.push(PathSegment::Lambda(Lambda {
                    kind: LambdaKind::Any,
                    condition,
                }));
                Expr::Path(path)
            }),
            (
                name(),
                name(),
                proptest::collection::vec((name(), inner), 0..3)
            )
                .prop_map(|(space, name, args)| Expr::Path(Path {
                    segments: vec![PathSegment::Function {
                        name: format!("{space}.{name}"),
                        args
                    }],
                })),
        ]
    })
}
