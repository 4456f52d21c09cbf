//! `$apply`, from the extension for data aggregation.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    ("apply", r#"<'$'? "apply"> EQ applyExpr"#),
    ("applyExpr", "applyTrafo ('/' applyTrafo)*"),
    (
        "applyTrafo",
        "aggregateTrafo | computeTrafo | concatTrafo | groupbyTrafo | joinTrafo | nestTrafo \
         | outerjoinTrafo | preservingTrafo",
    ),
    (
        "preservingTrafo",
        "bottomcountTrafo | bottompercentTrafo | bottomsumTrafo | filterTrafo | identityTrafo \
         | orderbyTrafo | searchTrafo | skipTrafo | topTrafo | topcountTrafo | toppercentTrafo \
         | topsumTrafo | hierarchyTrafo",
    ),
    (
        "hierarchyTrafo",
        "ancestorsTrafo | descendantsTrafo | traverseTrafo | customFunction",
    ),
    ("preservingTrafos", "preservingTrafo ('/' preservingTrafo)*"),
    ("hierarchyTrafos", "hierarchyTrafo ('/' hierarchyTrafo)*"),
    // Aggregation.
    (
        "aggregateTrafo",
        "'aggregate' OPEN BWS aggregateExpr (BWS COMMA BWS aggregateExpr)* BWS CLOSE",
    ),
    (
        "aggregateExpr",
        "(aggrPathPrefix | aggrCastPath) nonprimAggWith aggregateFrom? asAlias \
         | aggregatableExpW aggregateFrom? asAlias | aggregateCount aggregateFrom? asAlias \
         | aggregateCustom (customFrom? asAlias)?",
    ),
    ("aggregatableExpr", "commonExpr"),
    (
        "aggregatableExpW",
        "aggregatableExpr aggregateWith | (aggrCastPath '/')? aggrPrimPath aggregateWith",
    ),
    ("aggregateWith", "RWS 'with' RWS aggregateMethod"),
    ("nonprimAggWith", "RWS 'with' RWS nonprimAggMethod"),
    (
        "aggregateFrom",
        "(RWS 'from' RWS groupingProperties aggregateWith)+",
    ),
    (
        "customFrom",
        "(RWS 'from' RWS groupingProperties aggregateWith?)+",
    ),
    (
        "aggregateMethod",
        "'sum' | 'min' | 'max' | 'average' | nonprimAggMethod",
    ),
    ("nonprimAggMethod", "'countdistinct' | _qualified"),
    (
        "aggregateCount",
        "'$count' | (aggrCastPath '/')? aggrPrimPath count | (aggrPathPrefix | aggrCastPath) count",
    ),
    (
        "aggregateCustom",
        "((aggrPathPrefix | aggrCastPath) '/')? customAggregate",
    ),
    (
        "aggregateFunctionExpr",
        "aggregatableExpW aggregateFrom? | aggrPathPrefix nonprimAggWith aggregateFrom? \
         | aggregateCount aggregateFrom? | aggregateCustom customFrom?",
    ),
    ("asAlias", "RWS 'as' RWS expressionAlias"),
    // Paths through collections, through single values, and through complex ones only.
    ("aggrPathPrefix", "(aggrCastPath '/')? aggrPropPath"),
    ("aggrPropStep", "odataIdentifier ('/' aggrCastPath)?"),
    ("aggrPropPath", "aggrPropStep ('/' aggrPropStep)*"),
    ("aggrPrimPath", "(aggrPropStep '/')* odataIdentifier"),
    ("aggrCastPath", "_named"),
    (
        "nestPropPath",
        "odataIdentifier (('/' _named)? '/' odataIdentifier)*",
    ),
    (
        "snglPropPath",
        "odataIdentifier (('/' aggrCastPath)? '/' odataIdentifier)*",
    ),
    (
        "snglPrimPath",
        "(odataIdentifier ('/' aggrCastPath)? '/')* odataIdentifier",
    ),
    (
        "groupingProperty",
        "(aggrCastPath '/')? (snglPrimPath | snglPropPath)",
    ),
    (
        "groupingProperties",
        "groupingProperty (BWS COMMA BWS groupingProperty)*",
    ),
    ("collectionExpr", "commonExpr"),
    ("currCollectionExpr", "'$these' collectionPathExpr"),
    // Transformations.
    (
        "computeTrafo",
        "'compute' OPEN BWS computeExpr (BWS COMMA BWS computeExpr)* BWS CLOSE",
    ),
    ("computeExpr", "commonExpr asAlias"),
    ("bottomcountTrafo", "'bottomcount' _ranked"),
    ("bottompercentTrafo", "'bottompercent' _ranked"),
    ("bottomsumTrafo", "'bottomsum' _ranked"),
    ("topcountTrafo", "'topcount' _ranked"),
    ("toppercentTrafo", "'toppercent' _ranked"),
    ("topsumTrafo", "'topsum' _ranked"),
    (
        "_ranked",
        "OPEN BWS collectionExpr BWS COMMA BWS commonExpr BWS CLOSE",
    ),
    (
        "concatTrafo",
        "'concat' OPEN BWS applyExpr (BWS COMMA BWS applyExpr)+ BWS CLOSE",
    ),
    (
        "nestTrafo",
        "'nest' OPEN BWS nestApplyExpr BWS CLOSE \
         | 'addnested' OPEN BWS nestPath BWS COMMA BWS nestApplyExpr BWS CLOSE",
    ),
    (
        "nestPath",
        "(aggrCastPath '/')? ((nestPropPath '/')? odataIdentifier ('/' _named)? | nestPropPath)",
    ),
    (
        "nestApplyExpr",
        "applyExpr asAlias (BWS COMMA BWS applyExpr asAlias)*",
    ),
    ("joinTrafo", "'join' _joined"),
    ("outerjoinTrafo", "'outerjoin' _joined"),
    (
        "_joined",
        "OPEN BWS joinProperty asAlias (BWS COMMA BWS applyExpr)? BWS CLOSE",
    ),
    (
        "joinProperty",
        "odataIdentifier ('/' _named)? | annotationInQuery",
    ),
    ("ancestorsTrafo", "'ancestors' _related"),
    ("descendantsTrafo", "'descendants' _related"),
    (
        "_related",
        "OPEN BWS recHierReference BWS COMMA BWS preservingTrafos BWS \
         (COMMA BWS preservingTrafos BWS)? (COMMA BWS [0-9]+ BWS)? (COMMA BWS 'keep start' BWS)? CLOSE",
    ),
    (
        "traverseTrafo",
        "'traverse' OPEN BWS recHierReference BWS COMMA BWS ('preorder' | 'postorder') BWS \
         (COMMA BWS preservingTrafos BWS)? (COMMA BWS orderbyItem (BWS COMMA BWS orderbyItem)* BWS)? \
         CLOSE",
    ),
    (
        "recHierReference",
        "rootExpr BWS COMMA BWS recHierQualifier BWS COMMA BWS recHierPropertyPath",
    ),
    ("recHierPropertyPath", "(aggrCastPath '/')? aggrPrimPath"),
    ("filterTrafo", "'filter' OPEN BWS boolCommonExpr BWS CLOSE"),
    (
        "searchTrafo",
        "'search' OPEN BWS (searchExpr | searchExpr-incomplete) BWS CLOSE",
    ),
    (
        "groupbyTrafo",
        "'groupby' OPEN BWS groupbyList (BWS COMMA BWS applyExpr)? BWS CLOSE",
    ),
    (
        "groupbyList",
        "OPEN BWS groupbyElement (BWS COMMA BWS groupbyElement)* BWS CLOSE",
    ),
    (
        "groupbyElement",
        "groupingProperty | rollupLevels | rollupRecursive",
    ),
    (
        "rollupLevels",
        "'rollup' OPEN BWS (rollupUnnamedHier | rollupNamedHier) BWS CLOSE",
    ),
    (
        "rollupUnnamedHier",
        "groupingProperty (BWS COMMA BWS groupingProperty)+",
    ),
    (
        "rollupRecursive",
        "'rolluprecursive' OPEN BWS recHierReference BWS (COMMA BWS hierarchyTrafos BWS)? CLOSE",
    ),
    ("identityTrafo", "'identity'"),
    ("topTrafo", "'top' OPEN BWS [0-9]+ BWS CLOSE"),
    ("skipTrafo", "'skip' OPEN BWS [0-9]+ BWS CLOSE"),
    (
        "orderbyTrafo",
        "'orderby' OPEN orderbyItem (BWS COMMA BWS orderbyItem)* CLOSE",
    ),
    ("customFunction", "_qualified functionExprParameters"),
    (
        "isdefinedExpr",
        "'isdefined' OPEN BWS firstMemberExpr BWS CLOSE",
    ),
];
