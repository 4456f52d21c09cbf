//! Expressions. The published rules recurse to the right at every operator; here a chain of
//! operators is a repetition, which accepts the same texts without the depth.

use super::Rule;

/// The calls of the protocol's own functions: rule, function, least and most arguments.
pub(super) const METHODS: &[(&str, &str, usize, usize)] = &[
    ("ceilingMethodCallExpr", "ceiling", 1, 1),
    ("concatMethodCallExpr", "concat", 2, 2),
    ("containsMethodCallExpr", "contains", 2, 2),
    ("dateMethodCallExpr", "date", 1, 1),
    ("dayMethodCallExpr", "day", 1, 1),
    ("distanceMethodCallExpr", "geo.distance", 2, 2),
    ("endsWithMethodCallExpr", "endswith", 2, 2),
    ("floorMethodCallExpr", "floor", 1, 1),
    ("fractionalsecondsMethodCallExpr", "fractionalseconds", 1, 1),
    ("geoLengthMethodCallExpr", "geo.length", 1, 1),
    ("hasSubsequenceMethodCallExpr", "hassubsequence", 2, 2),
    ("hasSubsetMethodCallExpr", "hassubset", 2, 2),
    ("hourMethodCallExpr", "hour", 1, 1),
    ("indexOfMethodCallExpr", "indexof", 2, 2),
    ("intersectsMethodCallExpr", "geo.intersects", 2, 2),
    ("lengthMethodCallExpr", "length", 1, 1),
    ("matchesPatternMethodCallExpr", "matchesPattern", 2, 2),
    ("maxDateTimeMethodCallExpr", "maxdatetime", 0, 0),
    ("minDateTimeMethodCallExpr", "mindatetime", 0, 0),
    ("minuteMethodCallExpr", "minute", 1, 1),
    ("monthMethodCallExpr", "month", 1, 1),
    ("nowMethodCallExpr", "now", 0, 0),
    ("roundMethodCallExpr", "round", 1, 1),
    ("secondMethodCallExpr", "second", 1, 1),
    ("startsWithMethodCallExpr", "startswith", 2, 2),
    ("substringMethodCallExpr", "substring", 2, 3),
    ("timeMethodCallExpr", "time", 1, 1),
    ("toLowerMethodCallExpr", "tolower", 1, 1),
    ("toUpperMethodCallExpr", "toupper", 1, 1),
    (
        "totalOffsetMinutesMethodCallExpr",
        "totaloffsetminutes",
        1,
        1,
    ),
    ("totalsecondsMethodCallExpr", "totalseconds", 1, 1),
    ("trimMethodCallExpr", "trim", 1, 1),
    ("yearMethodCallExpr", "year", 1, 1),
];

/// The definition of a call.
pub(super) fn method(function: &str, least: usize, most: usize) -> String {
    let more = "BWS COMMA BWS commonExpr";
    match (least, most) {
        (0, _) => format!("\"{function}\" OPEN BWS CLOSE"),
        (least, most) => format!(
            "\"{function}\" OPEN BWS commonExpr ({more}){{{},{}}} BWS CLOSE",
            least - 1,
            most - 1
        ),
    }
}

pub(super) const RULES: &[Rule] = &[
    ("boolCommonExpr", "commonExpr"),
    (
        "commonExpr",
        "_group-of-terms (RWS (\"and\" | \"or\") RWS _group-of-terms)*",
    ),
    // After `has`, and after `in` with a list, only `and` and `or` may follow.
    (
        "_group-of-terms",
        "_term (RWS _operator RWS _term)* (hasExpr | RWS \"in\" RWS listExpr)?",
    ),
    (
        "_operator",
        r#""add" | "sub" | "mul" | "div" | "divby" | "mod" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "in""#,
    ),
    ("_term", "('-' BWS | \"not\" RWS)* _operand"),
    (
        "_operand",
        "primitiveLiteral | arrayOrObject | rootExpr | functionExpr | methodCallExpr | parenExpr \
         | castExpr | isofExpr | firstMemberExpr",
    ),
    ("parenExpr", "OPEN BWS commonExpr BWS CLOSE"),
    (
        "listExpr",
        "OPEN BWS (primitiveLiteral BWS (COMMA BWS primitiveLiteral BWS)*)? CLOSE",
    ),
    ("negateExpr", "'-' BWS commonExpr"),
    ("notExpr", "\"not\" RWS boolCommonExpr"),
    ("andExpr", "RWS \"and\" RWS boolCommonExpr"),
    ("orExpr", "RWS \"or\" RWS boolCommonExpr"),
    ("eqExpr", "RWS \"eq\" RWS commonExpr"),
    ("neExpr", "RWS \"ne\" RWS commonExpr"),
    ("ltExpr", "RWS \"lt\" RWS commonExpr"),
    ("leExpr", "RWS \"le\" RWS commonExpr"),
    ("gtExpr", "RWS \"gt\" RWS commonExpr"),
    ("geExpr", "RWS \"ge\" RWS commonExpr"),
    ("inExpr", "RWS \"in\" RWS (listExpr | commonExpr)"),
    ("hasExpr", "RWS \"has\" RWS enumLiteral"),
    ("addExpr", "RWS \"add\" RWS commonExpr"),
    ("subExpr", "RWS \"sub\" RWS commonExpr"),
    ("mulExpr", "RWS \"mul\" RWS commonExpr"),
    ("divExpr", "RWS \"div\" RWS commonExpr"),
    ("divbyExpr", "RWS \"divby\" RWS commonExpr"),
    ("modExpr", "RWS \"mod\" RWS commonExpr"),
    (
        "isofExpr",
        "\"isof\" OPEN BWS (commonExpr BWS COMMA BWS)? optionallyQualifiedTypeName BWS CLOSE",
    ),
    (
        "castExpr",
        "\"cast\" OPEN BWS (commonExpr BWS COMMA BWS)? optionallyQualifiedTypeName BWS CLOSE",
    ),
    // Paths.
    (
        "rootExpr",
        "'$root/' odataIdentifier (collectionNavigationExpr | singleNavigationExpr \
         | functionExprParameters _navigationExpr?)?",
    ),
    // Whatever may follow a value inside an expression, of whatever kind it is.
    (
        "_navigationExpr",
        "collectionNavigationExpr | singleNavigationExpr | complexColPathExpr | complexPathExpr \
         | primitivePathExpr",
    ),
    (
        "firstMemberExpr",
        "memberExpr | inscopeVariableExpr ('/' memberExpr)? | currCollectionExpr",
    ),
    ("memberExpr", "(_named '/')? directMemberExpr"),
    (
        "directMemberExpr",
        "propertyPathExpr | boundFunctionExpr | annotationExpr",
    ),
    ("propertyPathExpr", "odataIdentifier _navigationExpr?"),
    (
        "annotationExpr",
        "annotationInQuery (collectionPathExpr | singleNavigationExpr | complexPathExpr \
         | primitivePathExpr)?",
    ),
    (
        "inscopeVariableExpr",
        "implicitVariableExpr | parameterAlias | lambdaVariableExpr",
    ),
    ("implicitVariableExpr", "'$it' | '$this'"),
    (
        "collectionNavigationExpr",
        "('/' _named)? collectionNavNoCastExpr",
    ),
    (
        "collectionNavNoCastExpr",
        "(simpleKey | compoundKey | _keySegmentsInExpr) singleNavigationExpr? \
         | filterExpr collectionNavigationExpr? | collectionPathExpr",
    ),
    // A key that is a segment of its own; with punctuation in it, it would swallow the expression.
    (
        "_keySegmentsInExpr",
        "('/' ([A-Za-z0-9._~-] | pct-encoded)+!)+",
    ),
    ("singleNavigationExpr", "'/' memberExpr"),
    ("filterExpr", "'/$filter' OPEN boolCommonExpr CLOSE"),
    (
        "complexColPathExpr",
        "collectionPathExpr | '/' _named collectionPathExpr?",
    ),
    (
        "collectionPathExpr",
        "count (OPEN expandCountOption (SEMI expandCountOption)* CLOSE)? \
         | filterExpr collectionPathExpr? | '/' anyExpr | '/' allExpr | '/' boundFunctionExpr \
         | '/' annotationExpr | '/aggregate' OPEN BWS aggregateFunctionExpr BWS CLOSE",
    ),
    (
        "complexPathExpr",
        "'/' directMemberExpr | '/' _named ('/' directMemberExpr)?",
    ),
    (
        "primitivePathExpr",
        "'/' (annotationExpr | boundFunctionExpr)?",
    ),
    ("boundFunctionExpr", "functionExpr"),
    (
        "functionExpr",
        // `any` and `all` stand behind a path and are no functions.
        "~((\"any\" | \"all\") OPEN) _named functionExprParameters _navigationExpr?",
    ),
    (
        "functionExprParameters",
        "OPEN (BWS functionExprParameter (BWS COMMA BWS functionExprParameter)*)? BWS CLOSE",
    ),
    (
        "functionExprParameter",
        "parameterName EQ (parameterAlias | parameterValue)",
    ),
    (
        "anyExpr",
        "\"any\" OPEN BWS (lambdaVariableExpr BWS COLON BWS lambdaPredicateExpr)? BWS CLOSE",
    ),
    (
        "allExpr",
        "\"all\" OPEN BWS lambdaVariableExpr BWS COLON BWS lambdaPredicateExpr BWS CLOSE",
    ),
    ("lambdaPredicateExpr", "boolCommonExpr"),
    // Calls.
    (
        "methodCallExpr",
        "indexOfMethodCallExpr | toLowerMethodCallExpr | toUpperMethodCallExpr \
         | trimMethodCallExpr | substringMethodCallExpr | concatMethodCallExpr \
         | lengthMethodCallExpr | matchesPatternMethodCallExpr | yearMethodCallExpr \
         | monthMethodCallExpr | dayMethodCallExpr | hourMethodCallExpr | minuteMethodCallExpr \
         | secondMethodCallExpr | fractionalsecondsMethodCallExpr | totalsecondsMethodCallExpr \
         | dateMethodCallExpr | timeMethodCallExpr | roundMethodCallExpr | floorMethodCallExpr \
         | ceilingMethodCallExpr | distanceMethodCallExpr | geoLengthMethodCallExpr \
         | totalOffsetMinutesMethodCallExpr | minDateTimeMethodCallExpr \
         | maxDateTimeMethodCallExpr | nowMethodCallExpr | caseMethodCallExpr | boolMethodCallExpr",
    ),
    (
        "boolMethodCallExpr",
        "endsWithMethodCallExpr | startsWithMethodCallExpr | containsMethodCallExpr \
         | intersectsMethodCallExpr | hasSubsetMethodCallExpr | hasSubsequenceMethodCallExpr \
         | isdefinedExpr",
    ),
    (
        "caseMethodCallExpr",
        "\"case\" OPEN BWS _branch (COMMA BWS _branch)* CLOSE",
    ),
    ("_branch", "boolCommonExpr BWS COLON BWS commonExpr BWS"),
    // JSON inside URLs.
    ("arrayOrObject", "array | object"),
    (
        "array",
        "begin-array (valueInUrl (value-separator valueInUrl)*)? end-array",
    ),
    (
        "object",
        "begin-object (member (value-separator member)*)? end-object",
    ),
    ("member", "stringInUrl name-separator valueInUrl"),
    ("valueInUrl", "stringInUrl | commonExpr"),
    ("begin-object", r#"BWS ('{' | "%7B") BWS"#),
    ("end-object", r#"BWS ('}' | "%7D")"#),
    ("begin-array", r#"BWS ([\[] | "%5B") BWS"#),
    ("end-array", r#"BWS ([\]] | "%5D")"#),
    ("quotation-mark", r"DQUOTE | '%22'"),
    ("name-separator", "BWS COLON BWS"),
    ("value-separator", "BWS COMMA BWS"),
    ("stringInUrl", "quotation-mark charInJSON* quotation-mark"),
    (
        "charInJSON",
        r#"qchar-unescaped | qchar-JSON-special | escape (quotation-mark | escape | '/' | "%2F" | [bfnrt] | 'u' HEXDIG{4})"#,
    ),
    ("qchar-JSON-special", r"[ :{}\[\]]"),
    ("escape", r#"[\\] | "%5C""#),
];
