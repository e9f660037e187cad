//! Where an application can be reached: read from its Ingresses, HTTPRoutes and Services as the cluster has them.
//!
//! One function for each kind that leads somewhere; each is a function of the object alone. Tests at the end.

use super::cx::Cx;
use super::inventory::{App, reference, text};
use super::objects::{self, Target};
use crate::model::labels::{COMPONENT, label};
use crate::ops::OpError;
use serde_json::{Value, json};

/// The label of Flux at what a Helm release has installed.
const RELEASE: &str = "helm.toolkit.fluxcd.io/name";

/// Where the application can be reached: from outside first.
///
/// # Errors
/// What the API says.
pub(crate) async fn endpoints(cx: &Cx, app: &App) -> Result<Vec<Value>, OpError> {
    let mut found = Vec::new();
    for ingress in app.of_kind(cx, "networking.k8s.io/v1", "Ingress").await? {
        found.extend(of_ingress(&ingress));
    }
    for route in app.of_kind(cx, "gateway.networking.k8s.io/v1", "HTTPRoute").await? {
        let mut gateways = Vec::new();
        for parent in route.pointer("/spec/parentRefs").and_then(Value::as_array).into_iter().flatten() {
            let own = text(&route, "/metadata/namespace");
            let namespace = parent.get("namespace").and_then(Value::as_str).unwrap_or(own);
            let target = Target {
                api_version: "gateway.networking.k8s.io/v1".into(),
                kind: "Gateway".into(),
                namespace: namespace.into(),
                name: text(parent, "/name").into(),
            };
            if let Ok(gateway) = objects::read(cx, target).await? {
                gateways.push((text(parent, "/sectionName").to_string(), gateway));
            }
        }
        found.extend(of_route(&route, &gateways));
    }
    let mut services = app.of_kind(cx, "v1", "Service").await?;
    for release in app.of_kind(cx, "helm.toolkit.fluxcd.io/v2", "HelmRelease").await? {
        let selector = format!("{RELEASE}={}", text(&release, "/metadata/name"));
        for mut service in objects::list(cx, "v1", "Service", "", &selector).await? {
            service["metadata"]["labels"][COMPONENT] = json!(label(&release, COMPONENT));
            services.push(service);
        }
    }
    let on_node = services.iter().any(|s| text(s, "/spec/type") == "NodePort");
    let nodes = if on_node { objects::list(cx, "v1", "Node", "", "").await? } else { Vec::new() };
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    for service in &services {
        match text(service, "/spec/type") {
            "LoadBalancer" | "NodePort" => outer.extend(of_service(service, &nodes)),
            _ => inner.extend(of_service(service, &nodes)),
        }
    }
    found.extend(outer);
    found.extend(inner);
    Ok(found)
}

/// An endpoint with the object it was read from.
fn told(object: &Value, endpoint: Value) -> Value {
    let component = label(object, COMPONENT);
    json!({"endpoint": endpoint, "ref": reference(object), "cluster": "local", "component": component})
}

fn list<'o>(object: &'o Value, pointer: &str) -> &'o [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The host or address of an entry of a load balancer's status.
fn address(entry: &Value) -> Option<&str> {
    ["/hostname", "/ip"].into_iter().map(|p| text(entry, p)).find(|t| !t.is_empty())
}

fn of_ingress(ingress: &Value) -> Vec<Value> {
    let balancer = list(ingress, "/status/loadBalancer/ingress").iter().find_map(address);
    let encrypted = |host: &str| {
        list(ingress, "/spec/tls").iter().any(|t| list(t, "/hosts").iter().any(|h| h.as_str() == Some(host)))
    };
    let mut found = Vec::new();
    for rule in list(ingress, "/spec/rules") {
        let named = Some(text(rule, "/host")).filter(|h| !h.is_empty());
        // Without a host it answers for any; where it is, only the balancer can tell.
        let Some(host) = named.or(balancer) else { continue };
        let (protocol, port) = if encrypted(host) { ("https", 443) } else { ("http", 80) };
        for path in list(rule, "/http/paths") {
            let endpoint = json!({
                "protocol": "TCP", "appProtocol": protocol, "host": host, "port": port, "path": text(path, "/path"), "inner": false,
            });
            found.push(told(ingress, endpoint));
        }
    }
    found
}

fn of_route(route: &Value, gateways: &[(String, Value)]) -> Vec<Value> {
    let mut found = Vec::new();
    let hosts: Vec<&str> = list(route, "/spec/hostnames").iter().filter_map(Value::as_str).collect();
    let mut paths: Vec<&str> = list(route, "/spec/rules")
        .iter()
        .flat_map(|r| list(r, "/matches"))
        .map(|m| text(m, "/path/value"))
        .filter(|p| !p.is_empty())
        .collect();
    if paths.is_empty() {
        paths.push("/");
    }
    for (section, gateway) in gateways {
        let addresses: Vec<&str> =
            list(gateway, "/status/addresses").iter().map(|a| text(a, "/value")).collect();
        for listener in list(gateway, "/spec/listeners") {
            let protocol = text(listener, "/protocol");
            let wanted = section.is_empty() || text(listener, "/name") == section;
            if !wanted || !matches!(protocol, "HTTP" | "HTTPS") {
                continue;
            }
            let own = Some(text(listener, "/hostname")).filter(|h| !h.is_empty() && !h.starts_with('*'));
            let at =
                if hosts.is_empty() { own.map_or(addresses.clone(), |h| vec![h]) } else { hosts.clone() };
            for host in at {
                for path in &paths {
                    let endpoint = json!({
                        "protocol": "TCP", "appProtocol": protocol.to_lowercase(), "host": host,
                        "port": listener.get("port"), "path": path, "inner": false,
                    });
                    found.push(told(route, endpoint));
                }
            }
        }
    }
    found
}

fn of_service(service: &Value, nodes: &[Value]) -> Vec<Value> {
    let (name, namespace) = (text(service, "/metadata/name"), text(service, "/metadata/namespace"));
    let within = format!("{name}.{namespace}");
    let kind = text(service, "/spec/type");
    let (hosts, field): (Vec<&str>, &str) = match kind {
        "LoadBalancer" => {
            (list(service, "/status/loadBalancer/ingress").iter().filter_map(address).collect(), "port")
        }
        "NodePort" => (node(nodes).into_iter().collect(), "nodePort"),
        "ExternalName" => (vec![text(service, "/spec/externalName")], "port"),
        _ => (vec![within.as_str()], "port"),
    };
    let mut found = Vec::new();
    for host in hosts {
        for port in list(service, "/spec/ports") {
            let Some(number) = port.get(field).and_then(Value::as_i64) else { continue };
            let or = |pointer: &str, default: &'static str| match text(port, pointer) {
                "" => default.to_string(),
                text => text.to_string(),
            };
            let endpoint = json!({
                "protocol": or("/protocol", "TCP"), "appProtocol": or("/appProtocol", ""), "host": host, "port": number,
                "portName": or("/name", ""), "path": "", "inner": !matches!(kind, "LoadBalancer" | "NodePort"),
            });
            found.push(told(service, endpoint));
        }
    }
    found
}

/// The address of a node, one that is known outside if there is any.
fn node(nodes: &[Value]) -> Option<&str> {
    let of = |kind: &'static str| {
        let all = nodes.iter().flat_map(|n| list(n, "/status/addresses"));
        all.filter(move |a| text(a, "/type") == kind).map(|a| text(a, "/address")).find(|a| !a.is_empty())
    };
    of("ExternalIP").or_else(|| of("InternalIP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The endpoints as URLs.
    fn urls(found: &[Value]) -> Vec<String> {
        let one = |v: &Value| {
            let e = &v["endpoint"];
            let inner = if e["inner"] == true { " (inner)" } else { "" };
            let protocol =
                [text(e, "/appProtocol"), text(e, "/protocol")].into_iter().find(|p| !p.is_empty());
            format!(
                "{}://{}:{}{}{inner}",
                protocol.unwrap_or_default(),
                text(e, "/host"),
                e["port"],
                text(e, "/path")
            )
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn services_are_reached_as_their_type_says() {
        let service = |spec: Value, status: Value| json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec, "status": status});
        let ports = json!([{"name": "http", "port": 80, "nodePort": 30080, "appProtocol": "http"}]);
        let inner = service(json!({"ports": ports}), json!({}));
        assert_eq!(urls(&of_service(&inner, &[])), ["http://web.shop:80 (inner)"]);
        let outer = json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "lb.io"}]}});
        let balanced = service(json!({"type": "LoadBalancer", "ports": ports}), outer);
        assert_eq!(urls(&of_service(&balanced, &[])), ["http://1.2.3.4:80", "http://lb.io:80"]);
        let waiting = service(json!({"type": "LoadBalancer", "ports": ports}), json!({}));
        assert!(of_service(&waiting, &[]).is_empty());
        let on_node = service(json!({"type": "NodePort", "ports": ports}), json!({}));
        let node = json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.9"}, {"type": "ExternalIP", "address": "5.6.7.8"}]}});
        assert_eq!(urls(&of_service(&on_node, &[node])), ["http://5.6.7.8:30080"]);
        assert!(of_service(&on_node, &[]).is_empty());
    }

    #[test]
    fn ingresses_and_routes_lead_to_their_hosts() {
        let ingress = json!({
            "spec": {
                "tls": [{"hosts": ["b.io"]}],
                "rules": [{"host": "a.io", "http": {"paths": [{"path": "/"}, {"path": "/x"}]}}, {"host": "b.io", "http": {"paths": [{"path": "/"}]}}, {"http": {"paths": [{"path": "/y"}]}}],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
        });
        assert_eq!(
            urls(&of_ingress(&ingress)),
            ["http://a.io:80/", "http://a.io:80/x", "https://b.io:443/", "http://1.2.3.4:80/y"]
        );
        let route = json!({"spec": {"hostnames": ["shop.io"], "rules": [{"matches": [{"path": {"value": "/cart"}}]}]}});
        let gateway = json!({
            "spec": {"listeners": [{"name": "web", "protocol": "HTTP", "port": 8080}, {"name": "tls", "protocol": "HTTPS", "port": 443}, {"name": "db", "protocol": "TCP", "port": 5432}]},
            "status": {"addresses": [{"value": "1.2.3.4"}]},
        });
        let all = of_route(&route, &[(String::new(), gateway.clone())]);
        assert_eq!(urls(&all), ["http://shop.io:8080/cart", "https://shop.io:443/cart"]);
        let any = json!({"spec": {"rules": [{}]}});
        assert_eq!(urls(&of_route(&any, &[("web".into(), gateway)])), ["http://1.2.3.4:8080/"]);
    }
}
