//! How each step is taken back.

use super::Step;
use super::step::snapshots_of;

impl Step {
    /// The steps that take back exactly what this one did; empty where nothing is left to take back, because the
    /// step changes nothing that lasts, or because its effect ends with that of an earlier step.
    ///
    /// Steps that only ever take something away (`destroy`, `stop`) have no undo: their plans are finished instead.
    pub fn undo(&self) -> Vec<Step> {
        use Step::*;
        match self.clone() {
            CreateNamespace { dataset } => vec![DestroyNamespace { dataset }],
            CreateDataset { dataset, .. } | CloneSnapshot { target: dataset, .. } => {
                vec![DestroyDataset { dataset }]
            }
            MakeBase { dataset, .. } => vec![RemoveBase { dataset }],
            // What is received has the snapshot that was sent, until the copy is done.
            Copy(order) => {
                let received = order.tag.map(|tag| DestroySnapshot { snapshot: order.to.at(tag) });
                std::iter::once(DestroyDataset { dataset: order.to }).chain(received).collect()
            }
            CreateSnapshot { snapshot, descendants } => {
                snapshots_of(&snapshot, &descendants).map(|snapshot| DestroySnapshot { snapshot }).collect()
            }
            Promote { dataset, former_origin } => {
                vec![Promote { dataset: former_origin, former_origin: dataset }]
            }
            Rename { from, to } => vec![Rename { from: to, to: from }],
            SetProperty { dataset, property, value, previous } => {
                vec![SetProperty { dataset, property, value: previous, previous: value }]
            }
            MountDataset { dataset } => vec![UnmountDataset { dataset }],
            UnmountDataset { dataset } => vec![MountDataset { dataset }],
            WriteFile { root, path, content, mode, previous } => match previous {
                Some(old) => vec![WriteFile { root, path, content: old, mode, previous: Some(content) }],
                None => vec![RemoveFile { root, path, previous: Some(content) }],
            },
            RemoveFile { root, path, previous: Some(content) } => {
                vec![WriteFile { root, path, content, mode: 0o644, previous: None }]
            }
            MakeDirectory { root, path, .. } => vec![RemoveDirectory { root, path }],
            MakeLink { root, path, .. } => vec![RemoveFile { root, path, previous: None }],
            Mount(spec) => vec![Unmount { target: spec.root.join(spec.target.relative()) }],
            Detach(spec) => vec![Mount(spec)],
            CreateJail(spec) => vec![RemoveJail { jail: spec.name, patience_secs: 10 }],
            AttachDataset { jail, dataset } => vec![DetachDataset { jail, dataset }],
            MountDelegated { jail, root, datasets, .. } => {
                vec![UnmountDelegated { jail, root, datasets, patience_secs: 10 }]
            }
            ModifyJail { jail, parameters, previous } => {
                vec![ModifyJail { jail, parameters: previous, previous: parameters }]
            }
            Remember { jail, state, previous: Some(previous) } => {
                vec![Remember { jail, state: previous, previous: Some(state) }]
            }
            Remember { jail, previous: None, .. } => vec![Forget { jail }],
            DefineRuleset { number, .. } => vec![RemoveRuleset { number }],
            ApplyFirewall(spec) => vec![RemoveFirewall { number: spec.number }],
            CreateBridge(bridge) => vec![RemoveBridge { name: bridge.name }],
            CreatePair(pair) => vec![DestroyInterface { name: pair.host }],
            AddAddress { interface, address } => vec![RemoveAddress { interface, address }],
            RemoveAddress { interface, address } => vec![AddAddress { interface, address }],
            ApplyLimits { jail, previous, .. } if previous.is_empty() => vec![ClearLimits { jail }],
            ApplyLimits { jail, rules, previous } => {
                vec![ApplyLimits { jail, rules: previous, previous: rules }]
            }
            GiveInterface(interface) => vec![TakeInterface(interface)],
            DestroyNamespace { .. }
            | DestroyDataset { .. }
            | RemoveBase { .. }
            | DestroySnapshot { .. }
            | Rollback { .. }
            | RemoveFile { previous: None, .. }
            | RemoveDirectory { .. }
            | Populate { .. }
            | Assign { .. }
            | MakePasswordDatabase { .. }
            | Unpack { .. }
            | Unmount { .. }
            | RemoveJail { .. }
            | DetachDataset { .. }
            | UnmountDelegated { .. }
            | RunHook { .. }
            | RunCommand { .. }
            | Forget { .. }
            | RemoveRuleset { .. }
            | RemoveFirewall { .. }
            | RemoveBridge { .. }
            | DestroyInterface { .. }
            | JoinBridge { .. }
            | MoveIntoJail(_)
            | TakeInterface(_)
            | SetupLoopback { .. }
            | AddDefaultRoute(_)
            | ClearLimits { .. } => Vec::new(),
        }
    }
}
