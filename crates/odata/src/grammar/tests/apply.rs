//! Transformations: texts that each rule accepts and refuses.

use super::Case;

pub(super) const APPLY: &[Case] = &[
    (
        "apply",
        &[
            "$apply=aggregate(Amount with sum as Total)",
            "$apply=groupby((Customer/Country,Product/Name),aggregate($count as Sales))",
            "apply=filter(Amount gt 1)/groupby((rollup(A,B)))",
            "$apply=concat(topcount(2,Amount),aggregate(Amount))",
        ],
        &[
            "$apply=",
            "$apply=nosuch(a)",
            "$apply=aggregate()",
            "$apply=groupby(a)",
        ],
    ),
    (
        "applyExpr",
        &[
            "identity",
            "identity/identity",
            "search(a b)/skip(1)/top(2)",
        ],
        &["", "identity/"],
    ),
    (
        "applyTrafo",
        &["identity", "compute(a add b as c)", "Ns.F(a=1)"],
        &["identity()", ""],
    ),
    (
        "preservingTrafo",
        &["identity", "topsum(a,b)", "orderby(a desc)"],
        &["aggregate(a)"],
    ),
    (
        "hierarchyTrafo",
        &["ancestors($root/A,H,p,identity)", "Ns.F()"],
        &["identity"],
    ),
    ("preservingTrafos", &["identity/top(1)"], &["identity/"]),
    ("hierarchyTrafos", &["Ns.F()/Ns.G()"], &["Ns.F()/"]),
    (
        "aggregateTrafo",
        &["aggregate(a)", "aggregate( a with sum as b , $count as c )"],
        &["aggregate()", "Aggregate(a)"],
    ),
    (
        "aggregateExpr",
        &[
            "a",
            "a with sum as b",
            "a mul b with max as c",
            "a/$count as b",
            "a with countdistinct as b",
            "a with Ns.Custom as b",
            "a with average from b with sum as c",
            "a/b from c as d",
        ],
        &["", "a with", "a with nosuch as b", "a with sum"],
    ),
    ("aggregatableExpr", &["a add b"], &[""]),
    (
        "aggregatableExpW",
        &["a with sum", "a/Ns.T/b with min"],
        &["a", "a sum"],
    ),
    (
        "aggregateWith",
        &[" with sum", " with Ns.M"],
        &["with sum", " WITH sum"],
    ),
    ("nonprimAggWith", &[" with countdistinct"], &[" with sum"]),
    (
        "aggregateFrom",
        &[" from a with sum", " from a,b with sum from c with max"],
        &[" from a", ""],
    ),
    (
        "customFrom",
        &[" from a", " from a with sum from b"],
        &["from a"],
    ),
    (
        "aggregateMethod",
        &["sum", "min", "max", "average", "countdistinct", "Ns.M"],
        &["SUM", "avg"],
    ),
    ("nonprimAggMethod", &["countdistinct", "Ns.M"], &["sum"]),
    (
        "aggregateCount",
        &["$count", "a/$count", "Ns.T/a/$count"],
        &["count", "/$count"],
    ),
    ("aggregateCustom", &["a", "a/b"], &["", "a/"]),
    (
        "aggregateFunctionExpr",
        &[
            "a with sum",
            "$count",
            "a",
            "a with countdistinct from b with sum",
        ],
        &["", "a as b"],
    ),
    ("asAlias", &[" as a"], &["as a", " AS a"]),
    ("aggrPathPrefix", &["a/b", "Ns.T/a"], &["a/", ""]),
    ("aggrPropStep", &["a", "a/Ns.T"], &["", "a/b/c"]),
    ("aggrPropPath", &["a/b/Ns.T/c"], &["/a"]),
    ("aggrPrimPath", &["a", "a/b/c"], &["", "a/"]),
    ("aggrCastPath", &["Ns.T", "T"], &["", "Ns."]),
    ("nestPropPath", &["a", "a/Ns.T/b"], &["", "/a"]),
    ("snglPropPath", &["a/b"], &["a/"]),
    ("snglPrimPath", &["a/Ns.T/b"], &["a//b"]),
    ("groupingProperty", &["a", "Ns.T/a/b"], &["", "a,b"]),
    ("groupingProperties", &["a", "a , b"], &["a,"]),
    ("collectionExpr", &["$these/$count", "5"], &[""]),
    (
        "currCollectionExpr",
        &["$these/$count", "$these/any(d:d)"],
        &["$these", "$THESE/$count"],
    ),
    (
        "computeTrafo",
        &["compute(a as b)", "compute( a as b , c as d )"],
        &["compute(a)", "compute()"],
    ),
    ("computeExpr", &["a add b as c"], &["a as"]),
    (
        "bottomcountTrafo",
        &["bottomcount(2,a)"],
        &["bottomcount(2)"],
    ),
    (
        "bottompercentTrafo",
        &["bottompercent( 50 , a )"],
        &["bottompercent()"],
    ),
    ("bottomsumTrafo", &["bottomsum(10,a)"], &["bottomsum 10,a"]),
    ("topcountTrafo", &["topcount(2,a)"], &["TOPCOUNT(2,a)"]),
    (
        "toppercentTrafo",
        &["toppercent(2,a)"],
        &["toppercent(2,a,b)"],
    ),
    ("topsumTrafo", &["topsum(2,a)"], &["topsum"]),
    (
        "concatTrafo",
        &[
            "concat(identity,identity)",
            "concat(identity/top(1), skip(1))",
        ],
        &["concat(identity)"],
    ),
    (
        "nestTrafo",
        &["nest(identity as a)", "addnested(a/b,identity as c)"],
        &["nest(identity)", "addnested(a)"],
    ),
    ("nestPath", &["a", "a/b/Ns.T", "Ns.T/a"], &["", "/a"]),
    (
        "nestApplyExpr",
        &["identity as a", "identity as a,top(1) as b"],
        &["identity"],
    ),
    (
        "joinTrafo",
        &["join(a as b)", "join(a/Ns.T as b,identity)"],
        &["join(a)", "join()"],
    ),
    ("outerjoinTrafo", &["outerjoin(a as b)"], &["outerjoin(a)"]),
    ("joinProperty", &["a", "a/Ns.T", "@Ns.Term"], &["", "a/b/c"]),
    (
        "ancestorsTrafo",
        &[
            "ancestors($root/A,H,p,filter(a),2,keep start)",
            "ancestors($root/A,H,p,identity)",
        ],
        &["ancestors($root/A,H,p)", "ancestors(A,H,p,identity)"],
    ),
    (
        "descendantsTrafo",
        &["descendants($root/A,H,p,identity,identity,1)"],
        &["descendants()"],
    ),
    (
        "traverseTrafo",
        &[
            "traverse($root/A,H,p,preorder)",
            "traverse($root/A,H,p,postorder,identity,a desc,b)",
        ],
        &["traverse($root/A,H,p,inorder)"],
    ),
    (
        "recHierReference",
        &["$root/A,H,p", "$root/A(1)/B , H , a/b"],
        &["$root/A,H", "A,H,p"],
    ),
    ("recHierPropertyPath", &["a/b", "Ns.T/a"], &[""]),
    (
        "filterTrafo",
        &["filter(a eq 1)"],
        &["filter()", "filter a"],
    ),
    (
        "searchTrafo",
        &["search(a OR b)", "search( 'a' )"],
        &["search()"],
    ),
    (
        "groupbyTrafo",
        &["groupby((a))", "groupby((a,b/c),identity)"],
        &["groupby(a)", "groupby(())"],
    ),
    ("groupbyList", &["(a)", "( a , rollup(b,c) )"], &["()", "a"]),
    (
        "groupbyElement",
        &["a", "rollup(H)", "rolluprecursive($root/A,H,p)"],
        &["", "rollup()"],
    ),
    (
        "rollupLevels",
        &["rollup(a,b)", "rollup(H)"],
        &["rollup()", "rollup(a,)"],
    ),
    ("rollupUnnamedHier", &["a,b", "a/b , c"], &["a", ""]),
    (
        "rollupRecursive",
        &[
            "rolluprecursive($root/A,H,p)",
            "rolluprecursive($root/A,H,p,Ns.F())",
        ],
        &["rolluprecursive(H)"],
    ),
    ("identityTrafo", &["identity"], &["Identity", "identity()"]),
    ("topTrafo", &["top(5)"], &["top()", "top(-1)"]),
    ("skipTrafo", &["skip( 5 )"], &["skip(a)"]),
    (
        "orderbyTrafo",
        &["orderby(a)", "orderby(a desc , b)"],
        &["orderby()"],
    ),
    ("customFunction", &["Ns.F()", "Ns.F(a=1)"], &["F()", "Ns.F"]),
    (
        "isdefinedExpr",
        &["isdefined(a)", "isdefined( a/b )"],
        &["isdefined()", "isdefined(1)"],
    ),
];
