//! What sign-in libraries read before they ask for a token: where the endpoints of a tenant are.
//!
//! MSAL and what is built on it (azure-identity) read a tenant's `OpenID` configuration, and unless
//! told otherwise ask first which hosts belong to the authority.

use axum::body::Bytes;
use axum::http::{Response, StatusCode};
use serde_json::json;

use super::json_response;

/// What a path asks for.
enum Asked<'p> {
    /// The endpoints of a tenant, of version 2 or 1.
    Configuration { tenant: &'p str, version: &'p str },
    /// The hosts of the authority.
    Instances,
    /// The keys that tokens are signed with.
    Keys,
}

fn asked(path: &str) -> Option<Asked<'_>> {
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    match rest {
        "v2.0/.well-known/openid-configuration" => Some(Asked::Configuration {
            tenant,
            version: "/v2.0",
        }),
        ".well-known/openid-configuration" => Some(Asked::Configuration {
            tenant,
            version: "",
        }),
        "discovery/instance" => Some(Asked::Instances),
        "discovery/v2.0/keys" | "discovery/keys" => Some(Asked::Keys),
        _ => None,
    }
}

/// Whether a path asks about the authority.
pub(crate) fn is_endpoint(path: &str) -> bool {
    asked(path).is_some()
}

/// Answers a question about the authority, which is the stand-in itself.
pub(crate) fn answer(path: &str, origin: &str) -> Option<Response<Bytes>> {
    let body = match asked(path)? {
        Asked::Configuration { tenant, version } => json!({
            "issuer": format!("{origin}/{tenant}{version}"),
            "authorization_endpoint": format!("{origin}/{tenant}/oauth2{version}/authorize"),
            "token_endpoint": format!("{origin}/{tenant}/oauth2{version}/token"),
            "device_authorization_endpoint": format!("{origin}/{tenant}/oauth2{version}/devicecode"),
            "jwks_uri": format!("{origin}/{tenant}/discovery{version}/keys"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "offline_access"],
            "tenant_region_scope": "NA",
        }),
        Asked::Instances => {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            json!({
                "tenant_discovery_endpoint":
                    format!("{origin}/common/v2.0/.well-known/openid-configuration"),
                "api-version": "1.1",
                "metadata": [{
                    "preferred_network": host, "preferred_cache": host, "aliases": [host],
                }],
            })
        }
        // Tokens are not signed here.
        Asked::Keys => json!({"keys": []}),
    };
    Some(json_response(StatusCode::OK, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_tells_its_endpoints() {
        let path = "/contoso/v2.0/.well-known/openid-configuration";
        let body = answer(path, "https://localhost:1").unwrap().into_body();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["token_endpoint"],
            "https://localhost:1/contoso/oauth2/v2.0/token"
        );
        assert!(is_endpoint("/common/discovery/instance"));
        assert!(!is_endpoint("/api/data/v9.2/accounts"));
    }
}
