//! Writing a jail down for jail(8).

use ioc_model::name::JailRef;
use ioc_model::property;

use super::start;
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::ioc::Ioc;
use crate::plan::{Hook, Plan};
use crate::planner::jail_conf::{self, JailConf};
use crate::planner::{environment, start::add_hook};

impl Ioc {
    /// A jail.conf(5) that boots the jail without ioc. Changes nothing.
    pub fn jail_conf(&self, jail: &JailRef) -> Result<JailConf, Error> {
        let jail = JailFacts::gather(self, jail)?;
        let start = start::plan_for_export(self, &jail)?;
        let release = start::base_release(self, &jail)?;
        let missing = start::missing_scripts(self.host(), &jail, release.as_ref())?;
        let env = environment::of_hooks(&jail, &[])?;
        let mut stop = Plan::to_finish("stop", &jail.reference.name);
        for hook in [Hook::Prestop, Hook::Stop, Hook::Poststop] {
            add_hook(&mut stop, &jail, hook, &env, &missing)?;
        }
        let clean = jail.get(&property::EXEC_CLEAN)?;
        Ok(jail_conf::write(&jail.kernel_name, &start, &stop, clean))
    }
}
