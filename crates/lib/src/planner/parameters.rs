//! The kernel parameters of a jail, from its properties.

use ioc_model::config::Origin;
use ioc_model::property::{self, Kind, Sharing, Value};
use ioc_platform::jails::{JailSys, Parameter, ParameterValue};

use super::network;
use crate::error::Error;
use crate::facts::jail::JailFacts;

/// Properties that are not passed one to one: those below, and the permissions `allow_*`.
const SPECIAL: [&str; 8] =
    ["vnet", "ip4", "ip6", "ip4_addr", "ip6_addr", "host_hostname", "host_hostuuid", "devfs_ruleset"];

/// A parameter and why it is passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The parameter.
    pub parameter: Parameter,
    /// Somebody asked for it: its value is not a default of ours.
    pub asked: bool,
}

/// The parameters of `jail` on a host with this UUID, and with this devfs ruleset.
pub fn of_jail(jail: &JailFacts, host_uuid: &str, ruleset: u16) -> Result<Vec<Wanted>, Error> {
    let mut wanted = Vec::new();
    let mut push = |name: &str, value, origin| {
        let parameter = Parameter { name: name.to_owned(), value };
        wanted.push(Wanted { parameter, asked: origin != Origin::BuiltIn });
    };
    for property in property::all() {
        let facts = property.facts();
        let plain = facts.kind == Kind::Config && !SPECIAL.contains(&facts.name);
        let Some(kernel) = facts.kernel.filter(|_| plain && !facts.name.starts_with("allow_")) else {
            continue;
        };
        // ip4.saddrsel and the like: the kernel refuses IP restrictions on VNET jails.
        if jail.vnet && kernel.parameter.starts_with("ip") {
            continue;
        }
        let setting = jail.show(facts.name)?;
        if facts.name == property::ENFORCE_STATFS.name() {
            let setting = jail.config.enforce_statfs().map_err(|e| jail.wrong(e))?;
            push(kernel.parameter, ParameterValue::Number(setting.value as i32), setting.origin);
        } else if let Some(value) = as_parameter(&setting.value) {
            push(kernel.parameter, value, setting.origin);
        }
    }
    for (name, setting) in jail.config.permissions().map_err(|e| jail.wrong(e))? {
        push(&name, ParameterValue::Flag(setting.value), setting.origin);
    }
    push("host.hostuuid", ParameterValue::Text(jail.host_uuid(host_uuid)?), Origin::Local);
    push("devfs_ruleset", ParameterValue::Number(i32::from(ruleset)), Origin::Local);
    if !jail.vnet {
        addresses(jail, &mut push)?;
    }
    Ok(wanted)
}

/// Addresses restrict the jail; without any, `ip4` and `ip6` say what it has instead.
fn addresses(jail: &JailFacts, push: &mut impl FnMut(&str, ParameterValue, Origin)) -> Result<(), Error> {
    let (v4, v6) = network::kernel_addresses(jail)?;
    match jail.get(&property::IP4)? {
        Sharing::New if !v4.is_empty() => push("ip4.addr", ParameterValue::Ip4(v4), Origin::Local),
        other => push("ip4", ParameterValue::Sys(sharing(other)), Origin::Local),
    }
    match jail.get(&property::IP6)? {
        Sharing::New if !v6.is_empty() => push("ip6.addr", ParameterValue::Ip6(v6), Origin::Local),
        other => push("ip6", ParameterValue::Sys(sharing(other)), Origin::BuiltIn),
    }
    Ok(())
}

fn sharing(sharing: Sharing) -> JailSys {
    match sharing {
        Sharing::New => JailSys::New,
        Sharing::Inherit => JailSys::Inherit,
        Sharing::Disable => JailSys::Disable,
    }
}

/// A value as the kernel takes it; none if it is not set.
fn as_parameter(value: &Value) -> Option<ParameterValue> {
    match value {
        Value::Bool(flag) => Some(ParameterValue::Flag(*flag)),
        Value::Int(number) => i32::try_from(*number).ok().map(ParameterValue::Number),
        Value::Text(text) => Some(match text.as_str() {
            "new" => ParameterValue::Sys(JailSys::New),
            "inherit" => ParameterValue::Sys(JailSys::Inherit),
            "disable" => ParameterValue::Sys(JailSys::Disable),
            _ => ParameterValue::Text(text.clone()),
        }),
        Value::None | Value::Size(_) | Value::List(_) => None,
    }
}
