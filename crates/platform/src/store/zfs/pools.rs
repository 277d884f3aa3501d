//! Pools: which there are, and which one is ours.

use ioc_model::name::DatasetName;
use ioc_model::property::parse_bool;

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

    /// One run where all pools answer; pools of which some do not are looked at one after another.
    fn active(&self) -> Result<Option<DatasetName>, StoreError> {
        let get = zfs("get").args(["-Hp", "-d", "0", "-o", "name,value,source", ACTIVE_PROPERTY]);
        let attempt = Attempt { action: "look for the active pool", subject: "the pools", target: None };
        if let Ok(out) = self.run(&get, attempt) {
            return Ok(read_active(&out.stdout));
        }
        let active = self.pools()?.into_iter().find(|pool| {
            pool.health.is_usable() && pool.active.as_deref().and_then(parse_bool) == Some(true)
        });
        Ok(active.map(|pool| pool.name))
    }
}

/// The first pool that says yes, in lines of name, value and source.
fn read_active(output: &[u8]) -> Option<DatasetName> {
    String::from_utf8_lossy(output).lines().find_map(|line| {
        let mut fields = line.split('\t');
        let (name, value, source) = (fields.next()?, fields.next()?, fields.next()?);
        let pool: DatasetName = name.parse().ok()?;
        // Snapshots and volumes at the top are none.
        (source == "local" && pool.parent().is_none() && parse_bool(value) == Some(true)).then_some(pool)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_pool_is_the_first_that_says_so_itself() {
        let active = |text: &str| read_active(text.as_bytes()).map(String::from);
        assert_eq!(active("a\tno\tlocal\nb\tyes\tlocal\nc\tyes\tlocal\n").as_deref(), Some("b"));
        assert_eq!(active("a\t-\t-\nb/x\tyes\tlocal\na@s\tyes\tlocal\n"), None);
        assert_eq!(active("a\tyes\treceived\n"), None);
        assert_eq!(active("no datasets available\n"), None);
    }
}
