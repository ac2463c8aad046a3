// SPDX-License-Identifier: MIT OR Apache-2.0

//! An item with a borrow is added to a list whose items live longer.

use core::ptr::NonNull;

use nmr::inbox::{Inbox, Item, Link};

#[repr(C)]
struct Letter<'a> {
    link: Link,
    text: &'a str,
}

struct Owned<'a>(Box<Letter<'a>>);

unsafe impl Item for Owned<'_> {
    fn into_link(self) -> NonNull<Link> {
        NonNull::from(Box::leak(self.0)).cast()
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        Self(unsafe { Box::from_raw(link.cast().as_ptr()) })
    }
}

fn add<'short>(inbox: &Inbox<Owned<'static>>, text: &'short str) {
    let inbox: &Inbox<Owned<'short>> = inbox;
    inbox.add(Owned(Box::new(Letter {
        link: Link::new(),
        text,
    })));
}

fn main() {
    let inbox = Inbox::new();
    add(&inbox, &String::from("gone"));
    for item in inbox.take_all() {
        println!("{}", item.0.text);
    }
}
