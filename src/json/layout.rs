//! Where blanks, tabs and line feeds stand between the parts of a JSON text:
//! nowhere, or in the style of the library that mosquitto uses (cJSON): objects
//! a member a line behind tabs, lists on one line.

/// The style, and how deep the text stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pretty: bool,
    depth: usize,
}

impl Layout {
    /// Outside of everything.
    pub(super) fn new(pretty: bool) -> Self {
        Self { pretty, depth: 0 }
    }

    /// The beginning of an object.
    pub(super) fn open_object(&mut self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.depth += 1;
        if self.pretty {
            out.push(b'\n');
        }
    }

    /// What stands before the name of a member.
    #[inline]
    pub(super) fn member(self, out: &mut Vec<u8>, first: bool) {
        if !first {
            out.push(b',');
        }
        if self.pretty {
            if !first {
                out.push(b'\n');
            }
            tabs(out, self.depth);
        }
    }

    /// What stands between the name and the value.
    #[inline]
    pub(super) fn colon(self, out: &mut Vec<u8>) {
        out.push(b':');
        if self.pretty {
            out.push(b'\t');
        }
    }

    /// The end of an object.
    pub(super) fn close_object(&mut self, out: &mut Vec<u8>, empty: bool) {
        self.depth = self.depth.saturating_sub(1);
        if self.pretty {
            if !empty {
                out.push(b'\n');
            }
            tabs(out, self.depth);
        }
        out.push(b'}');
    }

    /// The beginning of a list.
    pub(super) fn open_list(&mut self, out: &mut Vec<u8>) {
        out.push(b'[');
        self.depth += 1;
    }

    /// What stands before a value in a list.
    pub(super) fn element(self, out: &mut Vec<u8>, first: bool) {
        if !first {
            out.push(b',');
            if self.pretty {
                out.push(b' ');
            }
        }
    }

    /// The end of a list.
    pub(super) fn close_list(&mut self, out: &mut Vec<u8>) {
        self.depth = self.depth.saturating_sub(1);
        out.push(b']');
    }
}

fn tabs(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b'\t');
}
