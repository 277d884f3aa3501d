//! What is known of the host's network.

use std::net::IpAddr;
use std::num::NonZeroU16;

use ioc_platform::host::Host;
use ioc_platform::jails::RunningJail;
use ioc_platform::network::{Gateway, Interface};

use super::jail::JailFacts;
use crate::error::Error;
use crate::plan::Remembered;

/// Interfaces and default routes of the host.
#[derive(Clone, Debug, Default)]
pub struct NetworkFacts {
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Its IPv4 router.
    pub gateway4: Option<IpAddr>,
    /// Its IPv6 router.
    pub gateway6: Option<IpAddr>,
    /// The packet filter for secure bridges.
    pub firewall: FirewallFacts,
    /// Other jails that run without VNET, where their addresses matter.
    pub jails: Vec<RunningJail>,
    gateways: Vec<Gateway>,
}

/// The packet filter for secure bridges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FirewallFacts {
    /// Nobody asked.
    #[default]
    Unknown,
    /// It cannot be used, as the whole sentence says.
    Unusable(String),
    /// It can.
    Usable {
        /// The numbers of its rules.
        numbers: Vec<NonZeroU16>,
    },
}

impl NetworkFacts {
    /// Gathers them.
    pub fn gather(host: &Host) -> Result<Self, Error> {
        let gateways = host.network.gateways()?;
        let router = |v4| gateways.iter().map(|g| g.router).find(|r| r.is_ipv4() == v4);
        Ok(NetworkFacts {
            interfaces: host.network.interfaces()?,
            gateway4: router(true),
            gateway6: router(false),
            firewall: FirewallFacts::default(),
            jails: Vec::new(),
            gateways,
        })
    }

    /// The network without what the start of a jail gave it.
    pub fn without(mut self, memory: &Remembered) -> Self {
        self.interfaces.retain(|interface| !memory.pairs.contains(&interface.name));
        for (name, address) in &memory.addresses {
            for interface in self.interfaces.iter_mut().filter(|interface| interface.name == *name) {
                interface.addresses.retain(|other| other != address);
            }
        }
        for name in memory
            .given
            .iter()
            .filter(|name| !self.interfaces.iter().any(|i| i.name == **name))
            .collect::<Vec<_>>()
        {
            self.interfaces.push(Interface {
                name: name.clone(),
                bridge: false,
                mtu: 0,
                mac: None,
                description: None,
                member_of: None,
                addresses: Vec::new(),
            });
        }
        self
    }

    /// The same with what is known of the packet filter, if `jail` needs it.
    pub fn with_firewall(mut self, host: &Host, jail: &JailFacts) -> Result<Self, Error> {
        let links = jail.network()?.links.0;
        if !jail.vnet || !links.iter().any(|link| link.bridge.as_ref().is_some_and(|bridge| bridge.secure)) {
            return Ok(self);
        }
        self.firewall = match &host.firewall {
            None => FirewallFacts::Unusable("secure bridges need ipfw, which this system has not".to_owned()),
            Some(firewall) => match firewall.unavailable()? {
                Some(why) => FirewallFacts::Unusable(why),
                None => FirewallFacts::Usable { numbers: firewall.numbers()? },
            },
        };
        Ok(self)
    }

    /// The interface of that name.
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|i| i.name == name)
    }

    /// Tells whether the host has that address.
    pub fn has_address(&self, ip: IpAddr) -> bool {
        self.interfaces.iter().any(|i| i.addresses.iter().any(|a| a.ip == ip))
    }

    /// The interface that leads out of the host, for addresses of this family.
    pub fn default_interface(&self, like: IpAddr) -> Option<&str> {
        let gateway = self.gateways.iter().find(|g| g.router.is_ipv4() == like.is_ipv4());
        gateway.or(self.gateways.first()).map(|g| g.interface.as_str())
    }
}
