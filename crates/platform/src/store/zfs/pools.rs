//! Pools: which there are, and which one is ours.

use crate::command::{Cmd, Program};
use crate::store::{ACTIVE_PROPERTY, Pool, PoolHealth, Pools, StoreError};

use super::error::Attempt;
use super::{ZfsStore, unreadable, zfs};

impl Pools for ZfsStore {
    fn pools(&self) -> Result<Vec<Pool>, StoreError> {
        let cmd = Cmd::new(Program::Zpool).args(["list", "-H", "-o", "name,health"]);
        let out = self.run(&cmd, Attempt { action: "list the pools", subject: "the pools", target: None })?;
        let mut pools = read_pools(&out.stdout).map_err(|problem| unreadable(&cmd, problem))?;
        // Of a pool that is not usable, zfs(8) would fail, or wait for its devices.
        let usable = pools.iter().filter(|pool| pool.health.is_usable()).map(|pool| pool.name.as_str());
        let get = zfs("get").args(["-Hp", "-o", "name,value,source", ACTIVE_PROPERTY]).args(usable);
        if pools.iter().any(|pool| pool.health.is_usable()) {
            let attempt = Attempt { action: "look for the active pool", subject: "the pools", target: None };
            let out = self.run(&get, attempt)?.stdout;
            for line in String::from_utf8_lossy(&out).lines() {
                let Some((name, value)) = line
                    .split_once('\t')
                    .and_then(|(name, rest)| Some((name, rest.strip_suffix("\tlocal")?)))
                else {
                    continue;
                };
                if let Some(pool) = pools.iter_mut().find(|pool| pool.name.as_str() == name) {
                    pool.active = Some(value.to_owned());
                }
            }
        }
        Ok(pools)
    }
}

fn read_pools(output: &[u8]) -> Result<Vec<Pool>, String> {
    let text = String::from_utf8_lossy(output);
    let pool = |line: &str| {
        let (name, health) = line.split_once('\t').ok_or_else(|| line.to_owned())?;
        let health = match health {
            "ONLINE" => PoolHealth::Online,
            "DEGRADED" => PoolHealth::Degraded,
            other => PoolHealth::Other(other.to_owned()),
        };
        Ok(Pool { name: name.parse().map_err(|_| line.to_owned())?, health, active: None })
    };
    // Without pools, zpool(8) says so in a sentence even if asked for a table: zpool_do_list of zfs-fuse.
    text.lines().filter(|line| *line != "no pools available").map(pool).collect()
}
