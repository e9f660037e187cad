//! `net`: addresses, hosts and URLs. An IP address is given as text or as a list of 4 or 16 bytes.

use super::args::{Res, big, functions, text, text_list};
use super::{CallError, Package};
use crate::data::Data;
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

fn shown(data: Option<&Data>) -> String {
    data.map(crate::encode::cue::expression).unwrap_or_default()
}

/// An address, and the zone of one of IPv6; without one, the zone is empty.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    ip: IpAddr,
    zone: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = if self.zone.is_empty() { "" } else { "%" };
        write!(f, "{}{percent}{}", self.ip, self.zone)
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Address, &'static str> {
        let (address, zone) = s.split_once('%').map_or((s, None), |(address, zone)| (address, Some(zone)));
        let ip: IpAddr = address.parse().map_err(|_| "unable to parse IP")?;
        match zone {
            Some("") => Err("zone must be a non-empty string"),
            Some(_) if ip.is_ipv4() => Err("an IPv4 address has no zone"),
            zone => Ok(Address { ip, zone: zone.unwrap_or_default().to_owned() }),
        }
    }
}

fn ip(a: &[Data], i: usize) -> Result<IpAddr, CallError> {
    address(a, i).map(|a| a.ip)
}

fn address(a: &[Data], i: usize) -> Result<Address, CallError> {
    match a.get(i) {
        Some(Data::String(s)) => {
            s.parse().map_err(|why| CallError(format!("ParseAddr({}): {why}", shown(a.get(i)))))
        }
        Some(Data::List(items)) => {
            let byte = |d: &Data| match d {
                Data::Number(n) if n.is_int() => n
                    .to_i64()
                    .and_then(|n| u8::try_from(n).ok())
                    .ok_or_else(|| CallError(format!("invalid IP byte value {n}"))),
                other => Err(format!("invalid IP byte value {}", shown(Some(other))).into()),
            };
            match items.len() {
                4 | 16 => {}
                n => return Err(format!("invalid IP length {n}").into()),
            }
            let bytes = items.iter().map(byte).collect::<Result<Vec<u8>, _>>()?;
            Ok(Address { ip: from_octets(&bytes)?, zone: String::new() })
        }
        other => Err(format!("invalid IP address {}", shown(other)).into()),
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn byte_list(bytes: &[u8]) -> Data {
    Data::List(bytes.iter().map(|b| i64::from(*b).into()).collect())
}

/// The IPv4 address that an IPv6 one may stand for.
fn unmapped(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn is(a: &[Data], what: fn(IpAddr) -> bool) -> Res {
    Ok(what(ip(a, 0)?).into())
}

fn prefix(a: &[Data], i: usize) -> Result<(IpAddr, u8), CallError> {
    let Some(Data::String(s)) = a.get(i) else {
        return Err(format!("invalid CIDR {}", shown(a.get(i))).into());
    };
    let fail = |why: &str| CallError(format!("netip.ParsePrefix({}): {why}", shown(a.get(i))));
    let (address, bits) = s.split_once('/').ok_or_else(|| fail("no '/'"))?;
    let ip: IpAddr = address.parse().map_err(|_| fail("unable to parse IP"))?;
    let digits = bits.bytes().all(|b| b.is_ascii_digit()) && (bits.len() == 1 || !bits.starts_with('0'));
    let n = bits.parse::<u8>().ok().filter(|_| digits).ok_or_else(|| fail("bad bits after slash"))?;
    if n > if ip.is_ipv4() { 32 } else { 128 } {
        return Err(fail("prefix length out of range"));
    }
    Ok((ip, n))
}

fn mask(v4: bool, bits: u8) -> Vec<u8> {
    let len = if v4 { 4 } else { 16 };
    (0..len)
        .map(|i| {
            let ones = u32::from(bits).saturating_sub(8 * i).min(8);
            (0xffu16 << (8 - ones)) as u8
        })
        .collect()
}

fn from_octets(bytes: &[u8]) -> Result<IpAddr, CallError> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(IpAddr::V4(four.into()));
    }
    let sixteen = <[u8; 16]>::try_from(bytes).map_err(|_| CallError("invalid IP length".into()))?;
    Ok(IpAddr::V6(sixteen.into()))
}

fn masked(ip: IpAddr, bits: u8, fill: bool) -> Result<IpAddr, CallError> {
    let mask = mask(ip.is_ipv4(), bits);
    let bytes: Vec<u8> =
        octets(ip).iter().zip(&mask).map(|(b, m)| b & m | if fill { !m } else { 0 }).collect();
    from_octets(&bytes)
}

fn parse_cidr(a: &[Data]) -> Res {
    let (ip, bits) = prefix(a, 0)?;
    let mut out = vec![
        ("prefix_mask", from_octets(&mask(ip.is_ipv4(), bits))?.to_string().into()),
        ("prefix_len", i64::from(bits).into()),
        ("prefix_addr", masked(ip, bits, false)?.to_string().into()),
    ];
    if ip.is_ipv4() {
        out.push(("broadcast_addr", masked(ip, bits, true)?.to_string().into()));
    }
    Ok(Data::Struct(out.into_iter().map(|(l, v)| (l.into(), v)).collect()))
}

fn in_cidr(a: &[Data]) -> Res {
    let (Address { ip, zone }, (network, bits)) = (address(a, 0)?, prefix(a, 1)?);
    // A network has no zone, so an address with one is in none.
    let inside = zone.is_empty()
        && ip.is_ipv4() == network.is_ipv4()
        && masked(ip, bits, false)? == masked(network, bits, false)?;
    Ok(inside.into())
}

fn add(ip: IpAddr, offset: &BigInt) -> Result<IpAddr, CallError> {
    let sum = BigInt::from_bytes_be(Sign::Plus, &octets(ip)) + offset;
    let out =
        |how: &str| CallError(format!("IP address arithmetic resulted in out-of-range address ({how})"));
    if sum.sign() == Sign::Minus {
        return Err(out("underflow"));
    }
    let n = sum.to_u128().ok_or_else(|| out("overflow"))?;
    match ip {
        IpAddr::V4(_) => Ok(IpAddr::V4(u32::try_from(n).map_err(|_| out("overflow"))?.into())),
        IpAddr::V6(_) => Ok(IpAddr::V6(n.into())),
    }
}

/// The offset is added to an address, or to that of a network.
fn add_ip(a: &[Data]) -> Res {
    let offset = big(a, 1)?;
    match (ip(a, 0), prefix(a, 0)) {
        (Err(_), Ok((ip, bits))) => Ok(format!("{}/{bits}", add(ip, &offset)?).into()),
        (ip, _) => Ok(add(ip?, &offset)?.to_string().into()),
    }
}

fn add_cidr(a: &[Data]) -> Res {
    let (ip, bits) = prefix(a, 0)?;
    let host_bits = if ip.is_ipv4() { 32 } else { 128 } - u32::from(bits);
    let offset = big(a, 1)? << host_bits;
    Ok(format!("{}/{bits}", add(ip, &offset)?).into())
}

fn split_host_port(s: &str) -> Res {
    let fail = |why: &str| CallError(format!("address {s}: {why}"));
    let colon = s.rfind(':').ok_or_else(|| fail("missing port in address"))?;
    let (host, port) = (&s[..colon], &s[colon + 1..]);
    if let Some(inner) = s.strip_prefix('[') {
        let end = inner.find(']').ok_or_else(|| fail("missing ']' in address"))? + 1;
        return match s[end + 1..].strip_prefix(':') {
            Some(port) if !port.contains(':') => text_list([&s[1..end], port]),
            Some(_) => Err(fail("too many colons in address")),
            None => Err(fail("missing port in address")),
        };
    }
    if host.contains(':') {
        return Err(fail("too many colons in address"));
    }
    if s.contains('[') || s.contains(']') {
        return Err(fail("unexpected bracket in address"));
    }
    text_list([host, port])
}

fn join_host_port(a: &[Data]) -> Res {
    let host = match a.first() {
        Some(Data::String(s)) => s.to_string(),
        Some(Data::Bytes(b)) => String::from_utf8_lossy(b).into_owned(),
        _ => ip(a, 0)?.to_string(),
    };
    let port = match a.get(1) {
        Some(Data::String(s)) => s.to_string(),
        Some(Data::Bytes(b)) => String::from_utf8_lossy(b).into_owned(),
        Some(Data::Number(n)) if n.is_int() && n.to_i64().is_some() => n.to_string(),
        other => return Err(format!("invalid port {}", shown(other)).into()),
    };
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }.into())
}

fn is_fqdn(s: &str) -> bool {
    let name = s.strip_suffix('.').unwrap_or(s);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            // Two hyphens there say that the label is encoded, which is known of `xn--` only.
            && (l.get(2..4) != Some("--") || l.starts_with("xn--"))
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    !name.is_empty() && name.len() <= 253 && name.split('.').all(label)
}

/// Percent-encodes what is not unreserved and not in `keep`; a space as `+` in queries.
fn escape(s: &str, keep: &str, plus: bool) -> String {
    let mut out = String::with_capacity(s.len());
    for b in s.bytes() {
        match b {
            b' ' if plus => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(b as char),
            b if b.is_ascii() && keep.contains(b as char) => out.push(b as char),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

fn unescape(s: &str, plus: bool) -> Result<String, CallError> {
    let bytes = s.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
                let (Some(high), Some(low)) = (digit(i + 1), digit(i + 2)) else {
                    let rest = String::from_utf8_lossy(&bytes[i..bytes.len().min(i + 3)]);
                    return Err(format!("invalid URL escape \"{rest}\"").into());
                };
                out.push((high * 16 + low) as u8);
                i += 2;
            }
            b'+' if plus => out.push(b' '),
            b => out.push(b),
        }
        i += 1;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Checks a URL as Go's parser does; gives whether it has a scheme.
fn check_url(s: &str) -> Result<bool, CallError> {
    let fail = |why: &str| CallError(format!("parse {s:?}: {why}"));
    if s.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err(fail("net/url: invalid control character in URL"));
    }
    let (rest, fragment) = s.split_once('#').unwrap_or((s, ""));
    let escapes = |part: &str| unescape(part, false).map(|_| ()).map_err(|e| fail(&e.0));
    escapes(fragment)?;
    let (rest, _query) = rest.split_once('?').unwrap_or((rest, ""));
    let scheme_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    let mut has_scheme = false;
    let mut rest = rest;
    if let Some(end) = scheme_end
        && rest[end..].starts_with(':')
        && rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == ':')
    {
        if end == 0 {
            return Err(fail("missing protocol scheme"));
        }
        has_scheme = true;
        rest = &rest[end + 1..];
        if !rest.starts_with('/') {
            // Opaque: `mailto:x`.
            return Ok(true);
        }
    }
    if !has_scheme && rest.split('/').next().is_some_and(|first| first.contains(':')) {
        return Err(fail("first path segment in URL cannot contain colon"));
    }
    let Some(after) = rest.strip_prefix("//") else {
        escapes(rest)?;
        return Ok(has_scheme);
    };
    let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
    escapes(path)?;
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.chars().any(|c| !(c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:%@".contains(c))) {
        return Err(fail("net/url: invalid userinfo"));
    }
    escapes(user)?;
    let port = if host.starts_with('[') {
        let end = host.rfind(']').ok_or_else(|| fail("missing ']' in host"))?;
        check_ip_literal(&host[1..end]).map_err(|why| fail(&why))?;
        &host[end + 1..]
    } else {
        if host.contains('[') {
            return Err(fail("invalid IP-literal"));
        }
        check_host_escapes(host).map_err(|why| fail(&why))?;
        let meant =
            |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:]<>\"%".contains(c);
        if let Some(c) = host.chars().find(|c| !meant(*c)) {
            return Err(fail(&format!("invalid character {:?} in host name", c.to_string())));
        }
        host.rfind(':').map_or("", |i| &host[i..])
    };
    let digits = port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    if !port.is_empty() && !digits {
        return Err(fail(&format!("invalid port \"{port}\" after host")));
    }
    Ok(has_scheme)
}

/// In a host only bytes beyond ASCII may be escaped.
fn check_host_escapes(host: &str) -> Result<(), String> {
    for (i, _) in host.match_indices('%') {
        let escape = host.get(i..i + 3).unwrap_or(&host[i..]);
        let byte = escape.get(1..).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if escape.len() < 3 || byte.is_none_or(|b| b < 0x80) {
            return Err(format!("invalid URL escape \"{escape}\""));
        }
    }
    Ok(())
}

/// What stands in brackets is an address of IPv6, its zone after `%25`.
fn check_ip_literal(literal: &str) -> Result<(), String> {
    let (address, zone) = literal.split_once("%25").map_or((literal, None), |(a, zone)| (a, Some(zone)));
    check_host_escapes(address)?;
    let zone = zone.map(|zone| unescape(zone, false)).transpose().map_err(|e| e.0)?;
    let whole = zone.map_or(address.to_owned(), |zone| format!("{address}%{zone}"));
    match whole.parse::<Address>() {
        Ok(Address { ip: IpAddr::V6(_), .. }) => Ok(()),
        Ok(_) => Err("invalid IP-literal".into()),
        Err(why) => Err(format!("invalid host: ParseAddr({whole:?}): {why}")),
    }
}

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.octets()[0] == 0xff && ip.octets()[1] & 0x0f == 2,
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_global_unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(broadcast || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_link_local(ip))
}

fn to_ip4(a: &[Data]) -> Res {
    match ip(a, 0)? {
        IpAddr::V4(ip) => Ok(byte_list(&ip.octets())),
        IpAddr::V6(_) => Err(format!("cannot convert {} to IPv4", shown(a.first())).into()),
    }
}

fn to_ip16(a: &[Data]) -> Res {
    Ok(byte_list(&match ip(a, 0)? {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }))
}

fn parse_ip(s: &str) -> Res {
    let address = s.parse::<Address>().map_err(|_| CallError(format!("invalid IP address {s:?}")))?;
    Ok(byte_list(&octets(address.ip)))
}

fn compare(a: &[Data]) -> Res {
    // Those of IPv4 come first, and of equal ones that without a zone.
    Ok((address(a, 0)?.cmp(&address(a, 1)?) as i64).into())
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "net",
    functions: functions! {
        /// Whether the text is a URL with a scheme.
        AbsURL(s: STRING) -> BOOL = |a| if check_url(text(a, 0)?)? { Ok(true.into()) } else { Err("URL is not absolute".into()) };
        /// The address `offset` addresses further on.
        AddIP(ip: TOP, offset: INT) -> STRING = add_ip;
        /// The network `offset` networks of its size further on.
        AddIPCIDR(ip: TOP, offset: INT) -> STRING = add_cidr;
        /// -1, 0 or 1: how the addresses compare.
        CompareIP(ip1: TOP, ip2: TOP) -> INT = compare;
        /// Whether the text is a domain name.
        FQDN(s: STRING) -> BOOL = |a| Ok(is_fqdn(text(a, 0)?).into());
        /// Whether it is a global unicast address.
        GlobalUnicastIP(ip: TOP) -> BOOL = |a| is(a, |ip| is_global_unicast(unmapped(ip)));
        /// Whether it is an IP address.
        IP(ip: TOP) -> BOOL = |a| is(a, |_| true);
        /// Whether it is an IP address with the length of a prefix (`10.0.0.0/8`).
        IPCIDR(ip: TOP) -> BOOL = |a| prefix(a, 0).map(|_| true.into());
        /// The address as text.
        IPString(ip: TOP) -> STRING = |a| Ok(address(a, 0)?.to_string().into());
        /// Whether it is an IPv4 address.
        IPv4(ip: TOP) -> BOOL = |a| is(a, |ip| ip.is_ipv4());
        /// Whether it is an IPv6 address.
        IPv6(ip: TOP) -> BOOL = |a| is(a, |ip| ip.is_ipv6());
        /// Whether the address is in a network.
        InCIDR(ip: TOP, cidr: TOP) -> BOOL = in_cidr;
        /// Whether it is an interface-local multicast address.
        InterfaceLocalMulticastIP(ip: TOP) -> BOOL = |a| is(a, |ip| matches!(ip, IpAddr::V6(ip) if ip.octets()[0] == 0xff && ip.octets()[1] & 0x0f == 1));
        /// Host and port as one text, an IPv6 host in brackets.
        JoinHostPort(host: TOP, port: TOP) -> STRING = join_host_port;
        /// Whether it is a link-local multicast address.
        LinkLocalMulticastIP(ip: TOP) -> BOOL = |a| is(a, |ip| is_link_local_multicast(unmapped(ip)));
        /// Whether it is a link-local unicast address.
        LinkLocalUnicastIP(ip: TOP) -> BOOL = |a| is(a, |ip| is_link_local(unmapped(ip)));
        /// Whether it is a loopback address.
        LoopbackIP(ip: TOP) -> BOOL = |a| is(a, |ip| unmapped(ip).is_loopback());
        /// Whether it is a multicast address.
        MulticastIP(ip: TOP) -> BOOL = |a| is(a, |ip| unmapped(ip).is_multicast());
        /// The parts of a network in CIDR form: `prefix_addr`, `prefix_len`, `prefix_mask` and, for IPv4, `broadcast_addr`.
        ParseCIDR(s: STRING) -> STRUCT = parse_cidr;
        /// The bytes of an address.
        ParseIP(s: STRING) -> LIST = |a| parse_ip(text(a, 0)?);
        /// The text escaped as a part of a URL's path.
        PathEscape(s: STRING) -> STRING = |a| Ok(escape(text(a, 0)?, "$&+=:@", false).into());
        /// The text that a part of a URL's path stands for.
        PathUnescape(s: STRING) -> STRING = |a| Ok(unescape(text(a, 0)?, false)?.into());
        /// The text escaped as a part of a URL's query.
        QueryEscape(s: STRING) -> STRING = |a| Ok(escape(text(a, 0)?, "", true).into());
        /// The text that a part of a URL's query stands for.
        QueryUnescape(s: STRING) -> STRING = |a| Ok(unescape(text(a, 0)?, true)?.into());
        /// Host and port of `host:port` or `[host]:port`.
        SplitHostPort(s: STRING) -> LIST = |a| split_host_port(text(a, 0)?);
        /// The address as 16 bytes.
        ToIP16(ip: TOP) -> LIST = to_ip16;
        /// The address as 4 bytes.
        ToIP4(ip: TOP) -> LIST = to_ip4;
        /// Whether the text is a URL.
        URL(s: STRING) -> BOOL = |a| check_url(text(a, 0)?).map(|_| true.into());
        /// Whether it is the unspecified address.
        UnspecifiedIP(ip: TOP) -> BOOL = |a| is(a, |ip| ip.is_unspecified());
    },
    constants: &[("IPv4len", || Data::int(4)), ("IPv6len", || Data::int(16))],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::check;

    #[test]
    fn addresses() {
        check(
            "net",
            r#"
            ParseIP("1.2.3.4") => [1,2,3,4]
            ParseIP("x") => ! invalid IP address "x"
            IP("1.2.3.4") => true
            IP("x") => ! ParseAddr("x"): unable to parse IP
            IP([1, 2, 3]) => ! invalid IP length 3
            IP([1, 2, 3, 400]) => ! invalid IP byte value 400
            IPv4("::ffff:1.2.3.4") => false
            IPv6("::1") => true
            IPCIDR("1.2.3.4/8") => true
            IPCIDR("1.2.3.4/33") => ! netip.ParsePrefix("1.2.3.4/33"): prefix length out of range
            IPString([1, 2, 3, 4]) => "1.2.3.4"
            IPString("::FFFF:1.2.3.4") => "::ffff:1.2.3.4"
            IPString("2001:DB8:0:0:0:0:0:1") => "2001:db8::1"
            ToIP4("4.4.4.4") => [4,4,4,4]
            ToIP4("::1") => ! cannot convert "::1" to IPv4
            ToIP16("1.2.3.4") => [0,0,0,0,0,0,0,0,0,0,255,255,1,2,3,4]
            AddIP("1.2.3.4", 10) => "1.2.3.14"
            AddIP("::1", 5) => "::6"
            AddIP("255.255.255.255", 1) => ! IP address arithmetic resulted in out-of-range address (overflow)
            AddIP("1.2.3.4", -1000000000000) => ! IP address arithmetic resulted in out-of-range address (underflow)
            AddIP("1.2.3.4/24", 256) => "1.2.4.4/24"
            AddIP("::/64", -1) => ! IP address arithmetic resulted in out-of-range address (underflow)
            AddIP("fe80::1%eth0", 1) => "fe80::2"
            AddIP("x/8", 1) => ! ParseAddr("x/8"): unable to parse IP
            IP("fe80::1%eth0") => true
            IP("::1%") => ! ParseAddr("::1%"): zone must be a non-empty string
            IP("1.2.3.4%eth0") => ! ParseAddr("1.2.3.4%eth0"): an IPv4 address has no zone
            IPString("FE80::1%Eth0") => "fe80::1%Eth0"
            ParseIP("fe80::1%eth0") => [254,128,0,0,0,0,0,0,0,0,0,0,0,0,0,1]
            ToIP4("::1%a") => ! cannot convert "::1%a" to IPv4
            CompareIP("fe80::1%a", "fe80::1%b") => -1
            CompareIP("fe80::1%a", "fe80::1") => 1
            InCIDR("fe80::1%a", "fe80::/10") => false
            AddIPCIDR("1.2.3.0/24", 2) => "1.2.5.0/24"
            CompareIP("1.2.3.4", "1.2.3.5") => -1
            CompareIP("1.2.3.4", "::1") => -1
            InCIDR("1.2.3.4", "1.2.0.0/16") => true
            InCIDR("1.3.3.4", "1.2.0.0/16") => false
            InCIDR("1.3.3.4", "x") => ! netip.ParsePrefix("x"): no '/'
            ParseCIDR("10.20.30.40/24") => {"prefix_mask":"255.255.255.0","prefix_len":24,"prefix_addr":"10.20.30.0","broadcast_addr":"10.20.30.255"}
            ParseCIDR("2001:db8::1/32") => {"prefix_mask":"ffff:ffff::","prefix_len":32,"prefix_addr":"2001:db8::"}
            ParseCIDR("0.0.0.0/0") => {"prefix_mask":"0.0.0.0","prefix_len":0,"prefix_addr":"0.0.0.0","broadcast_addr":"255.255.255.255"}
            LoopbackIP("127.0.0.5") => true
            MulticastIP("224.0.0.1") => true
            GlobalUnicastIP("8.8.8.8") => true
            GlobalUnicastIP("127.0.0.1") => false
            UnspecifiedIP("0.0.0.0") => true
            InterfaceLocalMulticastIP("ff01::1") => true
            LinkLocalMulticastIP("224.0.0.5") => true
            LinkLocalUnicastIP("169.254.1.1") => true
            "#,
        );
    }

    #[test]
    fn hosts_and_urls() {
        check(
            "net",
            r#"
            SplitHostPort("a:80") => ["a","80"]
            SplitHostPort("[::1]:80") => ["::1","80"]
            SplitHostPort("a") => ! address a: missing port in address
            SplitHostPort("a:b:c") => ! address a:b:c: too many colons in address
            SplitHostPort("[::1") => ! address [::1: missing ']' in address
            JoinHostPort("a", 80) => "a:80"
            JoinHostPort("::1", "80") => "[::1]:80"
            JoinHostPort([1, 2, 3, 4], "x") => "1.2.3.4:x"
            JoinHostPort("a", 100000000000000000000) => ! invalid port 100000000000000000000
            FQDN("ab--c.de") => false
            FQDN("xn--bcher-kva.de") => true
            FQDN("é.com") => false
            FQDN("a.b.com") => true
            FQDN("a.com.") => true
            FQDN("a..b") => false
            FQDN("a_b.com") => false
            FQDN("-a.com") => false
            FQDN("") => false
            PathEscape("a b/c?d+e:é@&=$") => "a%20b%2Fc%3Fd+e:%C3%A9@&=$"
            QueryEscape("a b/c?d+e:é@&=$~") => "a+b%2Fc%3Fd%2Be%3A%C3%A9%40%26%3D%24~"
            PathUnescape("a%20b+c") => "a b+c"
            PathUnescape("a%2") => ! invalid URL escape "%2"
            QueryUnescape("a%20b+c") => "a b c"
            QueryUnescape("a%zz") => ! invalid URL escape "%zz"
            URL("a") => true
            URL("http://a/b?c#d") => true
            URL("mailto:x") => true
            URL("://x") => ! parse "://x": missing protocol scheme
            URL("http://a b") => ! parse "http://a b": invalid character " " in host name
            URL("http://%41") => ! parse "http://%41": invalid URL escape "%41"
            URL("http://%e9") => true
            URL("http://a^b") => ! parse "http://a^b": invalid character "^" in host name
            URL("http://a<b") => true
            URL("http://[x]") => ! parse "http://[x]": invalid host: ParseAddr("x"): unable to parse IP
            URL("http://[1.2.3.4]") => ! parse "http://[1.2.3.4]": invalid IP-literal
            URL("http://a[b") => ! parse "http://a[b": invalid IP-literal
            URL("http://[fe80::1%25eth0]:80") => true
            URL("http://[::1%e]") => ! parse "http://[::1%e]": invalid URL escape "%e"
            URL("http://u%zz@h") => ! parse "http://u%zz@h": invalid URL escape "%zz"
            URL("http://u<@h") => ! parse "http://u<@h": net/url: invalid userinfo
            URL("http://[::1") => ! parse "http://[::1": missing ']' in host
            URL("http://a:b/") => ! parse "http://a:b/": invalid port ":b" after host
            URL("http://a/%zz") => ! parse "http://a/%zz": invalid URL escape "%zz"
            URL("1:2") => ! parse "1:2": first path segment in URL cannot contain colon
            AbsURL("http://a") => true
            AbsURL("a") => ! URL is not absolute
            "#,
        );
    }
}
