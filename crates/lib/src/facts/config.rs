//! Configurations on disk: reading them, and turning changes into steps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ioc_model::config::{Change, Document, Format, JailConfig, Raw, SourceDefaults, ZfsChange, ZfsDocument};
use ioc_model::name::{DatasetName, JailName, JailPath, JailRef, Part};
use ioc_model::property::{self, Stored, Value};
use ioc_platform::files::Kind;
use ioc_platform::host::Host;
use ioc_platform::store::{DatasetInfo, StoreKind};

use super::jail::JailFacts;
use crate::error::Error;
use crate::ioc::Ioc;
use crate::plan::{Content, Step};
use crate::source::Source;

/// Largest configuration that is read, in bytes.
const MOST: u64 = 1 << 20;

/// Reads the configuration file in `directory`: of the first of the formats that is there; none if there is none.
pub fn read(host: &Host, directory: &Path, whose: &str) -> Result<Option<Document>, Error> {
    read_with(host, directory, whose, Format::file)
}

/// The configuration that the properties of a dataset hold; a new one if they hold none.
pub fn in_properties(info: &DatasetInfo) -> Document {
    let properties = info.properties.iter().filter(|(_, p)| p.local);
    let legacy = ZfsDocument::new(properties.map(|(name, p)| (name.as_str(), p.value.as_str())));
    if legacy.is_empty() { Document::new() } else { Document::Zfs(legacy) }
}

/// Tells whether there is a configuration in `directory`, or in the properties of its dataset.
pub fn exists(host: &Host, directory: &Path, info: &DatasetInfo) -> Result<bool, Error> {
    for format in Format::ORDER {
        let Some(name) = format.file() else { continue };
        if host.files.metadata(directory, &name.parse()?)?.is_some() {
            return Ok(true);
        }
    }
    let properties = info.properties.iter().filter(|(_, p)| p.local);
    Ok(!ZfsDocument::new(properties.map(|(name, p)| (name.as_str(), p.value.as_str()))).is_empty())
}

/// The defaults of a source as they are kept.
struct KeptDefaults {
    document: Document,
    /// The dataset that a change of the document's file or properties is about.
    dataset: DatasetName,
    info: DatasetInfo,
}

/// Reads the defaults of a source: out of a file, else out of the properties of its dataset `.defaults`. Nobody is
/// asked about that one unless its directory is there.
fn kept_defaults(host: &Host, source: &Source, directory: &Path) -> Result<KeptDefaults, Error> {
    let whose = format!("defaults of {}", source.name);
    let in_file =
        |document| KeptDefaults { document, dataset: source.root.clone(), info: DatasetInfo::default() };
    if let Some(document) = read_with(host, directory, &whose, Format::defaults_file)? {
        return Ok(in_file(document));
    }
    if host.files.metadata(directory, &Part::Defaults.name().parse()?)? == Some(Kind::Directory) {
        let dataset = source.root.part(Part::Defaults);
        if let Some(info) = host.store(&dataset).dataset(&dataset)? {
            let document = in_properties(&info);
            if document.format() == Format::Zfs {
                return Ok(KeptDefaults { document, dataset, info });
            }
        }
    }
    Ok(in_file(Document::new()))
}

/// Reads the defaults of a source.
pub fn read_defaults(
    host: &Host,
    source: &Source,
    directory: &Path,
) -> Result<Option<Arc<SourceDefaults>>, Error> {
    let kept = kept_defaults(host, source, directory)?;
    Ok(Some(Arc::new(SourceDefaults::new(kept.document))))
}

/// The defaults of a source as a configuration of their own.
pub fn defaults(ioc: &Ioc, source: &Source) -> Result<JailConfig, Error> {
    let kept = kept_defaults(ioc.host(), source, &source.directory(ioc.host())?)?;
    Ok(JailConfig::of_defaults(&SourceDefaults::new(kept.document)))
}

/// Where the defaults of a source are kept that have this format: a file, or a dataset.
pub fn defaults_place(root: &DatasetName, directory: &Path, format: Format) -> String {
    match format.defaults_file() {
        Some(file) => directory.join(file).display().to_string(),
        None => root.part(Part::Defaults).to_string(),
    }
}

fn read_with(
    host: &Host,
    directory: &Path,
    whose: &str,
    file: fn(Format) -> Option<&'static str>,
) -> Result<Option<Document>, Error> {
    let wrong = |problem: String| Error::Config { subject: whose.to_owned(), problem };
    for format in Format::ORDER {
        let Some(name) = file(format) else { continue };
        let path = name.parse()?;
        let Some(bytes) = host.files.read(directory, &path, MOST)? else {
            // A jail whose configuration lies elsewhere is not one without any.
            if host.files.metadata(directory, &path)? == Some(Kind::Link) {
                return Err(wrong(format!("{name} is a link that leads nowhere in its directory")));
            }
            continue;
        };
        if let Some(document) = Document::read(format, &bytes).map_err(|e| wrong(format!("{name}: {e}")))? {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

/// A change of properties, as steps and in words.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What to do.
    pub steps: Vec<Step>,
    /// What changes: key, text before, text after, as `get` shows them.
    pub report: Vec<(String, String, String)>,
    /// The configuration of the jail then.
    pub config: Option<JailConfig>,
}

/// Turns changes of a jail's properties into steps: one write of its file, in the format it has.
pub fn change_jail(jail: &JailFacts, changes: &[(String, Option<String>)]) -> Result<Changes, Error> {
    let wrong = |problem: String| Error::Set { subject: format!("jail {}", jail.reference.name), problem };
    let mut config = jail.config.clone();
    let done = config.set(&wishes(changes)).map_err(|e| wrong(e.to_string()))?;
    let mut result = Changes::default();
    for changed in &done.config {
        result.report.push((
            changed.key.clone(),
            shown(&jail.config, &changed.key),
            shown(&config, &changed.key),
        ));
    }
    if !done.config.is_empty() {
        let write = Write { directory: &jail.directory, dataset: &jail.dataset, file: Format::file };
        result.steps.extend(write.steps(jail.config.document(), config.document(), &jail.info)?);
    }
    result.steps = writable(&jail.dataset, &jail.info, result.steps);
    for change in done.dataset {
        let previous = jail.info.properties.get(change.property);
        let known = property::find(change.property).and_then(|property| jail.dataset_value(property));
        let before = known.unwrap_or(Value::None);
        let after = change.value.clone().unwrap_or(Value::None);
        let value = change.value.as_ref().and_then(zfs_text);
        let local = previous.filter(|p| p.local).map(|p| p.value.clone());
        if jail.store == StoreKind::Directory && value.is_some() {
            return Err(wrong(format!("{} needs ZFS, the jail is in a directory", change.property)));
        }
        // Setting a quota to what it is fails once the dataset outgrew it. By value: zfs has 0 for no quota.
        if before == after || local == value {
            continue;
        }
        result.report.push((change.property.to_owned(), before.to_string(), after.to_string()));
        result.steps.push(Step::SetProperty {
            dataset: jail.dataset.clone(),
            property: change.property.to_owned(),
            value,
            previous: local,
        });
    }
    result.config = Some(config);
    Ok(result)
}

/// Steps that write a jail's files, where its dataset is read-only as those of iocage's templates are: it takes the
/// changes, and is read-only again.
pub fn writable(dataset: &DatasetName, info: &DatasetInfo, steps: Vec<Step>) -> Vec<Step> {
    let readonly = info.properties.get("readonly").filter(|readonly| readonly.value == "on");
    let writes = steps.iter().any(|step| matches!(step, Step::WriteFile { .. }));
    let Some(readonly) = readonly.filter(|_| writes) else { return steps };
    let local = readonly.local.then(|| readonly.value.clone());
    let set = |value: Option<String>, previous: Option<String>| Step::SetProperty {
        dataset: dataset.clone(),
        property: "readonly".to_owned(),
        value,
        previous,
    };
    let off = Some("off".to_owned());
    let mut all = vec![set(off.clone(), local.clone())];
    all.extend(steps);
    all.push(set(local, off));
    all
}

/// The value that holds, as `get` shows it; of one that cannot be read nothing is known.
fn shown(config: &JailConfig, key: &str) -> String {
    config.show(key).map_or_else(|_| "-".to_owned(), |setting| setting.value.to_string())
}

/// Turns the new name of a jail, and changes that come with it, into steps: one write of its file. Keys that name the
/// jail are changed where the file has them.
pub fn rename_jail(
    jail: &JailFacts,
    name: &JailName,
    changes: &[(String, Option<String>)],
) -> Result<Vec<Step>, Error> {
    let mut config = jail.config.clone();
    config.set(&wishes(changes)).map_err(|e| jail.wrong(e))?;
    let mut document = config.document().clone();
    let entries = document.entries();
    for key in ["id", "name"] {
        let names_it = |raw: &Raw| raw.text().is_ok_and(|text| text == jail.reference.name.as_str());
        if entries.get(key).is_some_and(names_it) {
            let stored = Stored::Text(name.to_string());
            document.set(key, &stored, config.style()).map_err(|e| jail.wrong(e))?;
        }
    }
    if document.text().is_some() && document.text() == jail.config.document().text() {
        return Ok(Vec::new());
    }
    let write = Write { directory: &jail.directory, dataset: &jail.dataset, file: Format::file };
    write.steps(jail.config.document(), &document, &jail.info)
}

/// Turns changes of a source's defaults into steps.
pub fn change_defaults(
    ioc: &Ioc,
    source: &Source,
    changes: &[(String, Option<String>)],
) -> Result<Changes, Error> {
    let directory = source.directory(ioc.host())?;
    let wrong = |problem: String| Error::Set { subject: format!("the defaults of {}", source.name), problem };
    let kept = kept_defaults(ioc.host(), source, &directory)?;
    let before = SourceDefaults::new(kept.document);
    let mut after = before.clone();
    let done = after.set(&wishes(changes)).map_err(|e| wrong(e.to_string()))?;
    if let Some(change) = done.dataset.first() {
        return Err(wrong(format!(
            "{} is a property of each jail's dataset and has no default here",
            change.property
        )));
    }
    let mut result = Changes::default();
    for changed in &done.config {
        let text = |defaults: &SourceDefaults| shown(&JailConfig::of_defaults(defaults), &changed.key);
        result.report.push((changed.key.clone(), text(&before), text(&after)));
    }
    if !done.config.is_empty() {
        let write = Write { directory: &directory, dataset: &kept.dataset, file: Format::defaults_file };
        result.steps = write.steps(before.document(), after.document(), &kept.info)?;
    }
    Ok(result)
}

fn wishes(changes: &[(String, Option<String>)]) -> Vec<Change> {
    changes.iter().map(|(key, value)| Change { key: key.clone(), value: value.clone() }).collect()
}

/// Sizes as exact numbers, as `zfs set` takes and `zfs get -p` prints them; none for no value: then what the dataset
/// inherits applies.
fn zfs_text(value: &Value) -> Option<String> {
    match value {
        Value::None => None,
        Value::Size(size) => Some(size.as_bytes().to_string()),
        other => Some(other.to_string()),
    }
}

/// Where a document is written.
struct Write<'a> {
    directory: &'a Path,
    dataset: &'a DatasetName,
    file: fn(Format) -> Option<&'static str>,
}

impl Write<'_> {
    fn steps(&self, before: &Document, after: &Document, info: &DatasetInfo) -> Result<Vec<Step>, Error> {
        if let Some(text) = after.text() {
            let Some(name) = (self.file)(after.format()) else { return Ok(Vec::new()) };
            let exists = self.directory.join(name).exists();
            return Ok(vec![Step::WriteFile {
                root: self.directory.to_owned(),
                path: name.parse()?,
                content: Content::from(text),
                mode: 0o644,
                previous: before.text().filter(|_| exists).map(Content::from),
            }]);
        }
        let changes = after.zfs_changes().into_iter().map(|change| {
            let (property, value) = match change {
                ZfsChange::Set { name, value } => (name, Some(value)),
                ZfsChange::Inherit { name } => (name, None),
            };
            let previous = info.properties.get(&property).filter(|p| p.local).map(|p| p.value.clone());
            Step::SetProperty { dataset: self.dataset.clone(), property, value, previous }
        });
        Ok(changes.collect())
    }
}

/// A configuration that is ready to be written.
#[derive(Clone, Debug)]
pub struct FinishedConfig {
    /// The file's name and content.
    pub file: (JailPath, Content),
    /// Properties for the jail's dataset.
    pub dataset_properties: BTreeMap<String, String>,
}

/// The configuration of a jail that is being made.
#[derive(Clone, Debug)]
pub struct NewConfig {
    jail: JailRef,
    changes: Vec<(String, Option<String>)>,
    inherited: Option<Document>,
}

impl NewConfig {
    /// An empty one.
    pub fn of(jail: &JailRef) -> Self {
        NewConfig { jail: jail.clone(), changes: Vec::new(), inherited: None }
    }

    /// Starts from a copy of another jail's configuration, less what makes that one itself.
    pub fn copy_from(&mut self, other: &JailFacts) -> Result<(), Error> {
        let mut document = other.config.document().clone();
        const ITSELF: [&str; 7] =
            ["id", "name", "uuid", "template", "host_hostname", "host_hostuuid", "last_started"];
        document.remove_all(&|key| ITSELF.contains(&key) || key.ends_with("_mac"));
        if document.text().is_none() {
            let problem = "its configuration is in ZFS properties; migrate it first".to_owned();
            return Err(Error::Config { subject: format!("jail {}", other.reference.name), problem });
        }
        self.inherited = Some(document);
        Ok(())
    }

    /// Puts a value; later ones win.
    pub fn put(&mut self, key: &str, value: &str) {
        self.changes.push((key.to_owned(), Some(value.to_owned())));
    }

    /// The file to be written, and properties for the dataset. All values are checked here.
    pub fn finish(self, store: StoreKind) -> Result<FinishedConfig, Error> {
        let wrong = |problem: String| Error::Set { subject: format!("jail {}", self.jail.name), problem };
        let document = self.inherited.unwrap_or_default();
        let mut config = JailConfig::new(document, None);
        let done = config.set(&wishes(&self.changes)).map_err(|e| wrong(e.to_string()))?;
        let mut properties = BTreeMap::new();
        for change in done.dataset {
            let Some(value) = change.value.as_ref().and_then(zfs_text) else { continue };
            if store == StoreKind::Directory {
                return Err(wrong(format!(
                    "{} needs ZFS, the jail would be in a directory",
                    change.property
                )));
            }
            properties.insert(change.property.to_owned(), value);
        }
        let mut document = config.document().clone();
        // By it a file is known as one of libioc or ioc rather than of iocage.
        let (id, style) = (Stored::Text(self.jail.name.to_string()), config.style());
        document.set("id", &id, style).map_err(|e| wrong(e.to_string()))?;
        let (Some(name), Some(text)) = (document.format().file(), document.text()) else {
            return Err(wrong("it cannot be written to a file".to_owned()));
        };
        Ok(FinishedConfig { file: (name.parse()?, Content::from(text)), dataset_properties: properties })
    }
}

#[cfg(test)]
mod tests {
    use ioc_platform::store::PropertyValue;

    use super::*;

    fn words(readonly: Option<(&str, bool)>, steps: Vec<Step>) -> Vec<(String, Vec<String>)> {
        let properties = readonly
            .map(|(value, local)| ("readonly".to_owned(), PropertyValue { value: value.to_owned(), local }));
        let info = DatasetInfo { properties: properties.into_iter().collect(), ..DatasetInfo::default() };
        let undo = |step: &Step| step.undo().iter().map(ToString::to_string).collect();
        let steps = writable(&"p/templates/t".parse().unwrap(), &info, steps);
        steps.iter().map(|step| (step.to_string(), undo(step))).collect()
    }

    fn write() -> Step {
        let (path, content) = ("config.json".parse().unwrap(), Content::from("new"));
        let previous = Some(Content::from("old"));
        Step::WriteFile { root: "/t".into(), path, content, mode: 0o644, previous }
    }

    #[test]
    fn what_is_read_only_is_so_again() {
        let steps = words(Some(("on", true)), vec![write()]);
        assert_eq!(steps.len(), 3);
        assert!(steps[0].0.contains("readonly=off") && steps[2].0.contains("readonly=on"), "{steps:?}");
        assert!(steps[0].1[0].contains("readonly=on") && steps[2].1[0].contains("readonly=off"), "{steps:?}");
    }

    #[test]
    fn what_takes_writes_is_left_alone() {
        for readonly in [None, Some(("off", true)), Some(("off", false))] {
            assert_eq!(words(readonly, vec![write()]).len(), 1);
        }
        assert!(words(Some(("on", true)), Vec::new()).is_empty());
    }
}
