//! Archives made byte by byte, as no sound program would make them.

/// An archive in the making.
#[derive(Clone, Default)]
pub(super) struct Tar(Vec<u8>);

impl Tar {
    pub(super) fn new() -> Self {
        Tar::default()
    }

    /// A header in GNU's format whose name is taken as it is; `change` may set more.
    pub(super) fn header(mut self, name: &str, kind: u8, change: impl FnOnce(&mut tar::Header)) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(0);
        header.set_entry_type(tar::EntryType::new(kind));
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        change(&mut header);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self
    }

    /// Bytes as they are, padded to a block.
    pub(super) fn content(mut self, content: &[u8]) -> Self {
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn file(self, name: &str, content: &[u8]) -> Self {
        self.header(name, b'0', |h| h.set_size(content.len() as u64)).content(content)
    }

    pub(super) fn directory(self, name: &str) -> Self {
        self.header(name, b'5', |_| {})
    }

    pub(super) fn symlink(self, name: &str, text: &str) -> Self {
        self.linking(name, b'2', text)
    }

    pub(super) fn hard_link(self, name: &str, to: &str) -> Self {
        self.linking(name, b'1', to)
    }

    fn linking(self, name: &str, kind: u8, text: &str) -> Self {
        self.header(name, kind, |h| h.set_link_name_literal(text).unwrap())
    }

    /// A header of its own whose content is text, such as a long name.
    pub(super) fn extension(self, kind: u8, content: &[u8]) -> Self {
        self.header("extension", kind, |h| h.set_size(content.len() as u64)).content(content)
    }

    /// Records for the next member.
    pub(super) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        self.extension(b'x', &pax_records(records))
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }

    /// The archive with its end mark.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// `LENGTH KEY=VALUE\n`, with a length that counts its own digits.
pub(super) fn pax_records(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while rest + length.to_string().len() != length {
            length += 1;
        }
        bytes.extend(format!("{length} {key}=").bytes());
        bytes.extend(*value);
        bytes.push(b'\n');
    }
    bytes
}
